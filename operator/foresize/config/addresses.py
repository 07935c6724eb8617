"""Addresses of other programs, as settings give them. Errors never show what may be secret in them."""

from __future__ import annotations

from urllib.parse import urlsplit

from foresize_forecast.prometheus.source import Source


def prometheus_url(text: str) -> str:
    """An http or https address, or nothing.

    Raises:
        ValueError: it is neither; the text shows no password.
    """
    if not text:
        return ""
    try:
        port = urlsplit(Source(text).url).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{_shown(text)!r} is no address such as http://prometheus.monitoring:9090")
    return text


def dask_address(text: str) -> str:
    """The address of a Dask scheduler, its scheme and port written out, or nothing.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"tcp", "tls"} and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        whole = False
    if not whole or "@" in text or parts.path or parts.query or parts.fragment:
        raise ValueError(
            f"{_shown(text)!r} is no address such as tcp://scheduler.dask:8786 or tls://scheduler.dask:8786"
        )
    return text


def _shown(text: str) -> str:
    return text.rpartition("@")[2].partition("?")[0]
