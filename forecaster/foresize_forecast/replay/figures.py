"""What a replay shows, as numbers: what sizes waste and what they risk. Pure; every figure is a sum over a `Tally`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.tally import Tally
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

LARGE_BYTES = 64 * MIB
"""Below it a container's slack says little: floors and rounding rule. Its waste is told in bytes."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One sizer on some series. Shares are between 0 and 1; NaN where nothing is there to tell.

    Attributes:
        slack_mean: (request - p95 of the day's usage) / request, at least 0, mean over container-days.
        slack_mean_large: the same over container-days with a p95 of `LARGE_BYTES` or more.
        slack_bytes: the same as a ratio of sums over all container-days: what a cluster pays.
        waste: what was requested and not used over what was requested, both integrated over time.
        small_waste_mib: mean of request - p95 over the container-days below `LARGE_BYTES`, at least 0.
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


def figures(counted: Tally) -> Figures:
    """All figures of a tally."""
    weight = counted.weight
    days = float(weight.sum())
    unused = np.where(weight > 0, np.maximum(counted.request - np.nan_to_num(counted.p95), 0.0), 0.0)
    share = np.divide(unused, counted.request, out=np.zeros_like(unused), where=counted.request > 0)
    large = counted.p95 >= LARGE_BYTES
    return Figures(
        slack_mean=_mean(share, weight),
        slack_mean_large=_mean(share[large], weight[large]),
        slack_bytes=ratio(float((unused * weight).sum()), float((counted.request * weight).sum())),
        waste=ratio(float(counted.unused.sum()), float(counted.requested.sum())),
        small_waste_mib=_mean(unused[~large], weight[~large]) / MIB,
        kill_minutes_per_day=ratio(float(counted.kill_minutes.sum()), days),
        kill_episodes_per_day=ratio(float(counted.kill_episodes.sum()), days),
        kill_free_days=_mean((~counted.killed).astype(np.float64), weight),
        overrun=ratio(float(counted.overrun_minutes.sum()), float(counted.minutes.sum())),
        limit_ratio=ratio(
            float((counted.limit * weight).sum()), float((np.nan_to_num(counted.peak) * weight).sum())
        ),
        request_changes_per_day=ratio(float(counted.request_changes.sum()), days),
        limit_changes_per_day=ratio(float(counted.limit_changes.sum()), days),
    )  # fmt: skip


def ratio(part: float, whole: float) -> float:
    """One over the other; NaN of nothing."""
    return part / whole if whole else float("nan")


def _mean(values: FloatArray, weight: FloatArray) -> float:
    return ratio(float((values * weight).sum()), float(weight.sum()))
