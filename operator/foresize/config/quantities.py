"""Memory and time as Kubernetes and people write them. Parsing is the client library's."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from kubernetes.utils import parse_quantity

BINARY = (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?")
"""What the API server takes; the client library takes more (`NaN`, `1_0Mi`, blanks)."""
MOST_BYTES = (1 << 63) - 1
"""Kubernetes holds quantities in 64 bits and caps what is above (k8s.io/apimachinery/pkg/api/resource)."""


def memory_bytes(text: str | int) -> int:
    """Bytes of a quantity, rounded up and capped as Kubernetes does: `1.5Gi` -> 1610612736.

    Raises:
        ValueError: it is no quantity, or negative.
    """
    if not NUMBER.fullmatch(str(text)):
        raise ValueError(f"{text!r} is no quantity: write a number with Ki, Mi, Gi, Ti or none, such as 64Mi or 1.5Gi")
    value: Decimal = parse_quantity(str(text))
    if value < 0:
        raise ValueError(f"memory is never negative, got {text!r}")
    return int(min(value, Decimal(MOST_BYTES)).to_integral_value(rounding="ROUND_CEILING"))


def quantity(value_bytes: float) -> str:
    """Exact, in the largest binary unit that divides it: 209715200 -> `200Mi`, 1000 -> `1000`."""
    whole = int(value_bytes)
    for unit, size in BINARY:
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return str(whole)


def people(value_bytes: float | None) -> str:
    """For sentences, three digits: 1610612736 -> `1.5 GiB`; None -> `none`."""
    if value_bytes is None:
        return "none"
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(value_bytes) >= size:
            return f"{float(f'{value_bytes / size:.3g}'):g} {unit}"
    return f"{value_bytes:.0f} B"


def timestamp(instant_s: float) -> str:
    """Unix seconds as Kubernetes writes times."""
    return datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_s(text: str | None) -> float | None:
    """The reverse of `timestamp`, with or without fractions; None stays None."""
    return datetime.fromisoformat(text).timestamp() if text else None


def about(seconds: float) -> str:
    """A time ahead, rounded so that it changes seldom: `<10m`, `40m`, `3h`, `2d`.

    Worked: 2450 s = 40.8 min -> `40m`; 3.9 h -> `3h`; past or now -> `now`.
    """
    if seconds <= 0:
        return "now"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 10:  # noqa: PLR2004 - the smallest step shown
        return "<10m"
    if hours < 1:
        return f"{minutes // 10 * 10}m"
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"  # noqa: PLR2004 - two days
