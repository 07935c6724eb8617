"""Quantities as the API server's CEL library reads them: what the admission policy calls readable is readable here.

Sources: k8s.io/apimachinery/pkg/api/resource (`ParseQuantity`, `AsInt64`), and quantity.go of
k8s.io/apiserver/pkg/cel/library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

QUANTITY = re.compile(
    r"(?P<sign>[+-]?)0*(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?:(?P<unit>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]+))?"
)
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
DECIMAL_DIGITS = 18
"""As many fit in 64 bits whatever they are: with more, the API server's parser takes its slow path."""
BINARY_DIGITS = 15
"""The same for numbers with a binary unit, before the unit's own digits are taken off."""
MOST = (1 << 63) - 1
WIDEST = 30
"""Powers of ten beyond it are no amount of anything: 10^30 bytes."""
REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class _Parts:
    """A quantity in pieces: the digits before and after the point, and what they are multiplied with."""

    negative: bool
    whole: str
    part: str
    exponent: int
    binary: bool


@lru_cache(REMEMBERED)
def amount(text: str) -> Fraction:
    """The exact value of a quantity, to compare with others: `1.5Ki` -> 1536.

    Raises:
        ValueError: it is none, or beyond all use.
    """
    parts = _parts(text)
    if parts is None or (abs(parts.exponent) > WIDEST and not parts.binary):
        raise ValueError(f"{text!r} is no quantity that can be compared")
    digits = Fraction(int(parts.whole + parts.part), 10 ** len(parts.part))
    unit = Fraction(2 if parts.binary else 10) ** parts.exponent
    return -digits * unit if parts.negative else digits * unit


@lru_cache(REMEMBERED)
def integer(text: str) -> int | None:
    """What `quantity(text).asInteger()` says; None where `isInteger()` is false or it is no quantity.

    Not every whole number is one to the API server: `1.5Gi` and `1000m` are not, nor is what is too long for its
    parser's fast path, such as `123456Gi`. Sizes that the operator writes always are.
    """
    parts = _parts(text)
    if parts is None:
        return None
    if parts.binary:
        digits = BINARY_DIGITS - len(parts.whole) - parts.exponent * 3 // 10 - 1
        readable = not parts.part and digits >= 0
    else:
        digits = DECIMAL_DIGITS - len(parts.whole) - len(parts.part)
        readable = digits >= 0 and len(parts.part) <= parts.exponent <= WIDEST + DECIMAL_DIGITS
    if not readable:
        return None
    value = int(amount(text)) if parts.binary or parts.exponent <= WIDEST else MOST + 1
    return value if abs(value) <= MOST else None


def _parts(text: str) -> _Parts | None:
    found = QUANTITY.fullmatch(text)
    if not text or found is None:
        return None
    unit, power = found["unit"] or "", found["exponent"]
    binary = unit in BINARY
    exponent = int(power) if power else BINARY[unit] if binary else DECIMAL[unit]
    return _Parts(found["sign"] == "-", found["whole"] or "0", found["part"] or "", exponent, binary)
