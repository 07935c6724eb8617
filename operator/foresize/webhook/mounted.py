"""A certificate that somebody else keeps, such as cert-manager: two files of a mounted Secret, read again and again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from foresize.webhook.certificates import SERVING_CERTIFICATE, SERVING_KEY, Pair
from foresize.webhook.serving import Shown

logger = logging.getLogger(__name__)

EVERY_S = 10.0
"""The kubelet takes up to a minute to bring a changed Secret into a pod."""


class Mounted:
    """The folder that it is mounted at."""

    def __init__(self, folder: Path, shown: Shown, clock_s: Callable[[], float] = time.time) -> None:
        """Nothing is read before `run`."""
        self._folder, self._shown, self._clock_s = folder, shown, clock_s

    def ready(self) -> bool:
        """Whether a certificate is shown that has not expired."""
        expires_s = self._shown.expires_s()
        return expires_s is not None and expires_s > self._clock_s()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Show what is there now; what cannot be used leaves the last one in place."""
        try:
            files = (self._folder / name for name in (SERVING_CERTIFICATE, SERVING_KEY))
            if self._shown.show(Pair(*(file.read_bytes() for file in files))):
                logger.info("certificate: shown is the one of %s", self._folder)
        except (OSError, ValueError) as error:
            logger.warning("certificate: %s", error)
