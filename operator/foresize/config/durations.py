"""Durations as policies and flags write them: `14d`, `1h30m`, `45s`."""

from __future__ import annotations

import re

UNITS_S = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
PART = re.compile(r"([0-9]+)([wdhms])")
WHOLE = re.compile(r"(?:[0-9]{1,8}[wdhms])+")
"""As the CRDs have it."""


def seconds(text: str) -> int:
    """Seconds of a duration.

    Raises:
        ValueError: it is none; the text says what one looks like.
    """
    if not isinstance(text, str) or not WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no duration: write numbers with w, d, h, m or s, such as 14d, 1h30m or 45s")
    return sum(int(number) * UNITS_S[unit] for number, unit in PART.findall(text))


def duration(span_s: int) -> str:
    """The shortest way to write it: 5400 -> `1h30m`, 0 -> `0s`."""
    parts, left = [], span_s
    for unit, size in UNITS_S.items():
        if left >= size and unit != "w":
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts) or "0s"
