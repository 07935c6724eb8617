"""Memory and time as Kubernetes and people write them. Parsing is the client library's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from kubernetes.utils import parse_quantity

BINARY = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def memory_bytes(text: str | int) -> int:
    """Bytes of a quantity, rounded up: `1.5Gi` -> 1610612736.

    Raises:
        ValueError: it is no quantity, or negative.
    """
    value: Decimal = parse_quantity(text)
    if value < 0:
        raise ValueError(f"memory is never negative, got {text!r}")
    return int(value.to_integral_value(rounding="ROUND_CEILING"))


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
