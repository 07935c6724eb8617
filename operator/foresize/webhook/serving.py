"""The certificate in use: whatever is shown to the next connection. A new one needs no new socket."""

from __future__ import annotations

import os
import ssl

from foresize.webhook.certificates import Pair, expires_s, starts_s


class Shown:
    """A TLS context whose certificate changes while it is in use."""

    def __init__(self) -> None:
        """There is no certificate yet, so connections fail."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._pair: Pair | None = None

    @property
    def pair(self) -> Pair | None:
        """What is shown now."""
        return self._pair

    def show(self, pair: Pair) -> bool:
        """Show it to connections made from now on; whether it is another than before.

        Raises:
            OSError: it cannot be used (ssl.SSLError); what was shown before still is.
        """
        if pair == self._pair:
            return False
        # OpenSSL reads files only; these are in memory, and gone when closed.
        file = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            with os.fdopen(file, "wb", closefd=False) as written:
                written.write(pair.certificate + pair.key)
            self.context.load_cert_chain(f"/proc/self/fd/{file}")
        finally:
            os.close(file)
        self._pair = pair
        return True

    def expires_s(self) -> float | None:
        """When what is shown ends, in Unix seconds."""
        return expires_s(self._pair) if self._pair else None

    def starts_s(self) -> float | None:
        """From when on what is shown is good, in Unix seconds."""
        return starts_s(self._pair) if self._pair else None
