"""What a replay shows, as numbers: what sizes waste and what they risk. Pure.

Every figure is a sum over series divided by another one, so that any choice of series, a resampled one as well, has its
figures from the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from foresize_forecast.replay.tally import Tally
from foresize_forecast.series import BoolArray, FloatArray, IntArray
from foresize_forecast.sizes import MIB

LARGE_BYTES = 64 * MIB
"""Below it a container's slack says little: floors and rounding rule. Its waste is told in bytes."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One sizer on some series. Shares are between 0 and 1; NaN where there is nothing to tell.

    Attributes:
        slack_mean: (request - p95 of the day's usage) / request, at least 0, mean over container-days.
        slack_mean_large: the same over container-days with a p95 of `LARGE_BYTES` or more.
        slack_bytes: the same as a ratio of sums over all container-days: what a cluster pays.
        waste: what was requested and not used over what was requested, both integrated over time.
        small_waste_mib: mean of request - p95, at least 0, over the container-days below `LARGE_BYTES`.
        kill_minutes_per_day: per container-day.
        kill_episodes_per_day: per container-day.
        kill_free_days: share of container-days without a kill.
        overrun: share of time with usage above the request.
        limit_ratio: sum of limits over sum of the days' peaks, in bytes.
        request_changes_per_day: per container-day.
        limit_changes_per_day: per container-day.
    """

    slack_mean: float
    slack_mean_large: float
    slack_bytes: float
    waste: float
    small_waste_mib: float
    kill_minutes_per_day: float
    kill_episodes_per_day: float
    kill_free_days: float
    overrun: float
    limit_ratio: float
    request_changes_per_day: float
    limit_changes_per_day: float


NAMES = tuple(field.name for field in fields(Figures))
HIGHER_IS_BETTER = frozenset({"kill_free_days"})


@dataclass(frozen=True, slots=True)
class Sums:
    """The two sums that each figure is a ratio of, shape (figures, series), in the order of `NAMES`."""

    parts: FloatArray
    wholes: FloatArray

    def rows(self, chosen: IntArray | BoolArray) -> Sums:
        """Of some of the series."""
        return Sums(self.parts[:, chosen], self.wholes[:, chosen])

    def figures(self) -> Figures:
        """Of all the series."""
        return Figures(*ratios(self.parts.sum(axis=1), self.wholes.sum(axis=1)).tolist())


def sums(counted: Tally) -> Sums:
    """What the figures of a tally are made of."""
    weight = counted.weight
    p95, peak = np.nan_to_num(counted.p95), np.nan_to_num(counted.peak)
    unused = np.maximum(counted.request - p95, 0.0)
    share = np.divide(unused, counted.request, out=np.zeros_like(unused), where=counted.request > 0)
    large = weight * (p95 >= LARGE_BYTES)
    small = weight - large
    days = weight.sum(axis=1)
    pairs = {
        "slack_mean": ((share * weight).sum(axis=1), days),
        "slack_mean_large": ((share * large).sum(axis=1), large.sum(axis=1)),
        "slack_bytes": ((unused * weight).sum(axis=1), (counted.request * weight).sum(axis=1)),
        "waste": (counted.unused, counted.requested),
        "small_waste_mib": ((unused * small).sum(axis=1) / MIB, small.sum(axis=1)),
        "kill_minutes_per_day": (counted.kill_minutes, days),
        "kill_episodes_per_day": (counted.kill_episodes, days),
        "kill_free_days": ((~counted.killed * weight).sum(axis=1), days),
        "overrun": (counted.overrun_minutes, counted.minutes),
        "limit_ratio": ((counted.limit * weight).sum(axis=1), (peak * weight).sum(axis=1)),
        "request_changes_per_day": (counted.request_changes, days),
        "limit_changes_per_day": (counted.limit_changes, days),
    }
    return Sums(np.array([pairs[name][0] for name in NAMES]), np.array([pairs[name][1] for name in NAMES]))


def figures(counted: Tally) -> Figures:
    """All figures of a tally."""
    return sums(counted).figures()


def ratios(parts: FloatArray, wholes: FloatArray) -> FloatArray:
    """One over the other; NaN where that is of nothing."""
    empty = np.full(np.broadcast_shapes(parts.shape, wholes.shape), np.nan)
    found: FloatArray = np.divide(parts, wholes, out=empty, where=wholes != 0)
    return found
