"""Requests to the API server as the cluster's admin, for the harness and the tests. JSON in, JSON out."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Json = Any  # what json.loads returns: the caller knows what it asked for
REQUEST_TIMEOUT_S = 20
PATCH_TYPES = {"PATCH": "application/strategic-merge-patch+json"}


class ApiError(RuntimeError):
    """The API server answered with an error; `code` is the HTTP status, the text is its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class Api:
    """A client of one API server that shows a certificate."""

    server: str
    authority: Path
    certificate: Path
    key: Path

    def get(self, path: str) -> Json:
        """The answer to a GET, parsed; text where it is not JSON."""
        return self.request("GET", path)

    def request(self, method: str, path: str, body: object = None, content_type: str = "") -> Json:
        """Send one request.

        Args:
            method: of HTTP. A PATCH is a strategic merge patch unless `content_type` says otherwise.
            path: from /api or /apis on, with its query.
            body: anything that JSON can say.
            content_type: of the body.

        Raises:
            ApiError: the server refused.
            OSError: there is no server.
        """
        request = urllib.request.Request(  # noqa: S310 - the server is our own
            self.server + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": content_type or PATCH_TYPES.get(method, "application/json")},
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S, context=self._tls) as answer:  # noqa: S310
                return _parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                answered = _parsed(error.read())
            message = answered.get("message", "") if isinstance(answered, dict) else str(answered)
            raise ApiError(error.code, message) from None

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        return context


def _parsed(data: bytes) -> Json:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
