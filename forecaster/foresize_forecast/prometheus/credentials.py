"""Who asks: token, user and password, headers and certificate, out of files that are read anew for each request.

Secrets that are mounted into a pod change in place. No value of them is in any message: a file's name is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import requests
from requests.auth import AuthBase

from foresize_forecast.prometheus.source import Source

TENANT = "X-Scope-OrgID"
"""How Mimir, Cortex and Loki are told whose data is meant."""
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A name of a header (RFC 9110, token)."""
VALUE = re.compile(r"[\t\x20-\x7e]*")
"""What a header may hold without being taken for two."""


class UnreadableError(Exception):
    """A credential that cannot be sent; the text names its file."""


class Credentials(AuthBase):
    """Signs each request with what the files hold then."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the headers of a source.

        Raises:
            UnreadableError: one cannot be read or sent.
        """
        source = self._source
        if source.tenant:
            request.headers[TENANT] = _sendable(source.tenant, "the tenant")
        for name, value in _headers(source.headers_folder):
            request.headers[name] = value
        if source.token_file:
            request.headers["Authorization"] = f"Bearer {_text(source.token_file, 'token')}"
        elif source.user_file and source.password_file:
            user, password = _text(source.user_file, "user"), _text(source.password_file, "password")
            request = requests.auth.HTTPBasicAuth(user.encode(), password.encode())(request)
        return request


def is_sent(source: Source) -> bool:
    """Whether requests say who asks; a user in the address counts."""
    return bool(source.token_file or source.user_file or source.headers_folder or "@" in source.url)


def _headers(folder: str | None) -> Iterator[tuple[str, str]]:
    """Names and values; what begins with a dot is Kubernetes' own, by which it swaps all files at once."""
    if not folder:
        return
    try:
        files = sorted(file for file in Path(folder).iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise UnreadableError(f"its headers cannot be read ({error})") from error
    for file in files:
        if not HEADER.fullmatch(file.name):
            raise UnreadableError(f"{file} is no name of a header")
        yield file.name, _text(str(file), f"header {file.name}")


def _text(path: str, what: str) -> str:
    try:
        return _sendable(Path(path).read_text(encoding="utf-8").strip(), f"{what} in {path}")
    except OSError as error:
        raise UnreadableError(f"its {what} cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"its {what} in {path} is no text") from error


def _sendable(text: str, what: str) -> str:
    """Text that a header can hold; what cannot be sent is not shown."""
    if not VALUE.fullmatch(text):
        raise UnreadableError(f"{what} has characters that no header can hold, such as a line's end")
    return text
