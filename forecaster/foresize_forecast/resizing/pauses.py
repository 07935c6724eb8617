"""How long what failed is left alone before it is tried again."""

from __future__ import annotations

MOST_DOUBLINGS = 10


def doubling_s(failures: int, first_s: float, longest_s: float) -> float:
    """The pause after so many failures in a row: the first one's, doubled with each further one, up to the longest.

    Worked: 30 s first and at most an hour: 30, 60, 120 s after one, two and three failures.
    """
    return float(min(first_s * 2 ** min(failures - 1, MOST_DOUBLINGS), longest_s))
