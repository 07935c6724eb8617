"""How the values of settings are read, and how that is told to people."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from foresize.config.addresses import dask_address, prometheus_url
from foresize.config.durations import seconds
from foresize_forecast.prometheus.promql import parse_matchers

NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label, as Kubernetes names namespaces."""
TENANTS = re.compile(r"[A-Za-z0-9!_.*'()|-]*")
"""What Mimir allows in the name of a tenant, and how several are written."""
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of some settings are read, and how that is told to people."""

    allowed: str
    parse: Callable[[str], Any]


def span(low: str, high: str) -> Kind:
    """A duration within bounds, in seconds."""
    allowed = f"a duration from {low} to {high}"

    def parse(text: str) -> int:
        with suppress(ValueError):
            if seconds(low) <= seconds(text) <= seconds(high):
                return seconds(text)
        raise ValueError(f"{text!r} is not {allowed}, written like 30s or 1h30m")

    return Kind(allowed, parse)


def whole(low: int, high: int) -> Kind:
    """A whole number within bounds."""
    allowed = f"a whole number from {low} to {high}"

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not {allowed}")
        return int(text)

    return Kind(allowed, parse)


def one_of(*choices: str) -> Kind:
    """One of some words."""
    allowed = " or ".join([", ".join(choices[:-1]), choices[-1]])

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is none of {allowed}")
        return text

    return Kind(allowed, parse)


def _switch(text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValueError(f"{text!r} is not true or false")
    return text.lower() in YES


def _namespace(text: str) -> str:
    if not NAMESPACE.fullmatch(text):
        raise ValueError(f"{text!r} is no namespace: 1 to 63 small letters, digits and - are allowed, no - at the ends")
    return text


def _tenant(text: str) -> str:
    if not TENANTS.fullmatch(text):
        raise ValueError(f"{text!r} is no tenant: letters, digits and !-_.*'() are allowed, | between two")
    return text


def _namespaces(text: str) -> tuple[str, ...]:
    names = (part.strip() for part in text.split(","))
    return tuple(sorted({_namespace(name) for name in names if name}))


URL = Kind("an http or https address, or empty", prometheus_url)
DASK = Kind("an address such as `tcp://HOST:8786`, or empty", dask_address)
PATH = Kind("the path of a file, or empty", lambda text: text or None)
FOLDER = Kind("the path of a folder, or empty", lambda text: text or None)
TENANT = Kind("a tenant's name, several with `|` between them, or empty", _tenant)
MATCHERS = Kind('matchers such as `cluster="eu",tenant=~"a|b"`, or empty', parse_matchers)
NAMESPACES = Kind("names with commas between them, or empty", _namespaces)
A_NAMESPACE = Kind("the name of a namespace", _namespace)
PORT = whole(0, 65_535)
SWITCH = Kind("true or false", _switch)
