"""Whether stated intervals hold: how often what came was above what was stated to be above only so often.

Horizons of one namespace miss together, so they count as fewer than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from foresize_forecast.series import BoolArray, FloatArray, IntArray

FEWEST_JUDGED = 500
"""Effective horizons below which a miss rate of a percent or less is shown and not judged."""
TOLERATED = (0.5, 1.5)
"""Miss rate over the stated one, within which a level is honest."""
Z = 1.6449
"""Of the standard normal at 95 %: intervals are at 90 %."""


class Honest(StrEnum):
    """What may be said of a level."""

    YES = "honest"
    OFTEN = "misses too often"
    RARELY = "misses too rarely"
    UNKNOWN = "too few to judge"


class Horizon(NamedTuple):
    """One horizon that a peak was stated for."""

    stated: float
    """Share of horizons that should stay at or below what was stated, for example 0.99."""
    missed: bool
    cluster: str
    """What fails together: a namespace, a VM, a job."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """One stated level.

    Attributes:
        stated: share of horizons that should be covered.
        horizons: how many there were.
        clusters: of how many namespaces, VMs or jobs.
        effective: independent horizons that would tell as much.
        missed: how many were not covered.
        miss_rate: share that was not covered.
        low: lower end of the miss rate's interval at 90 %.
        high: upper end.
        ratio: miss rate over the stated one.
        verdict: whether the level is honest.
    """

    stated: float
    horizons: int
    clusters: int
    effective: float
    missed: int
    miss_rate: float
    low: float
    high: float
    ratio: float
    verdict: Honest


def coverage(horizons: Sequence[Horizon]) -> tuple[Coverage, ...]:
    """Each stated level, the lowest first."""
    levels = sorted({each.stated for each in horizons})
    return tuple(_level(level, [each for each in horizons if each.stated == level]) for level in levels)


def _level(stated: float, horizons: Sequence[Horizon]) -> Coverage:
    names, members = np.unique([each.cluster for each in horizons], return_inverse=True)
    missed = np.array([each.missed for each in horizons], dtype=np.bool_)
    effective = effective_count(missed, members.astype(np.int64))
    rate = float(missed.mean())
    low, high = wilson(rate, effective)
    ratio = rate / (1 - stated)
    return Coverage(
        stated,
        missed.size,
        names.size,
        effective,
        int(missed.sum()),
        rate,
        low,
        high,
        ratio,
        _verdict(ratio, effective),
    )


def effective_count(missed: BoolArray, members: IntArray) -> float:
    """Independent horizons that would tell the miss rate as surely as these do.

    The rate's variance is taken between clusters (a ratio estimate, Cochran, "Sampling Techniques", 6.3 with clusters
    as units); a binomial rate of as many independent horizons has the same. Without misses nothing is known of how they
    would cluster, and the largest clusters count as one each: (sum n)^2 / sum n^2.

    Worked: 4 clusters of 10, one of them with all of 4 misses: rate 0.1, deviations 4 - 1 and three times -1, variance
    (4 / 3) (9 + 3) / 40^2 = 0.01, and 0.1 x 0.9 / 0.01 = 9 of 40.
    """
    sizes = np.bincount(members).astype(np.float64)
    total = float(sizes.sum())
    misses = np.bincount(members, weights=missed.astype(np.float64))
    rate = float(misses.sum()) / total
    if sizes.size < 2 or rate in {0.0, 1.0}:  # noqa: PLR2004 - one cluster has no variance between
        return total**2 / float(sizes @ sizes)
    around: FloatArray = misses - rate * sizes
    variance = sizes.size / (sizes.size - 1) * float(around @ around) / total**2
    return min(total, rate * (1 - rate) / variance) if variance > 0 else total


def wilson(rate: float, count: float) -> tuple[float, float]:
    """The interval of a rate seen in `count` independent tries, which also holds near 0 (E. B. Wilson, 1927)."""
    middle = (rate + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * float(np.sqrt(rate * (1 - rate) / count + Z**2 / (4 * count**2)))
    return max(0.0, middle - half), min(1.0, middle + half)


def _verdict(ratio: float, effective: float) -> Honest:
    if effective < FEWEST_JUDGED:
        return Honest.UNKNOWN
    if ratio > TOLERATED[1]:
        return Honest.OFTEN
    return Honest.RARELY if ratio < TOLERATED[0] else Honest.YES
