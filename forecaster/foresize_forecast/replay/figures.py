"""What a replay shows, as numbers: waste and risk of the sizes that were in force. Pure.

Usage above the limit is a kill, usage above the request an overrun. Only measured intervals count. A container-day is
24 hours of one container from the first interval on; a shorter rest of a day counts by its share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.simulate import DAY_S, Played
from foresize_forecast.series import BoolArray, FloatArray
from foresize_forecast.sizes import MIB

EPISODE_GAP_S = 600
"""Kills less than this apart are one episode: what a person would call one incident."""
LARGE_BYTES = 64 * MIB
"""Below it a container's slack says little: floors and rounding rule. Its waste is told in bytes."""
SLACK_QUANTILE = 0.95
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Figures:
    """One sizer on one trace. Shares are between 0 and 1.

    Attributes:
        container_days: measured time.
        slack: (request - p95 of the day's usage) / request, at least 0, mean over container-days.
        slack_large: the same over container-days with a p95 of `LARGE_BYTES` or more; NaN: there are none.
        slack_bytes: the same as a ratio of sums over all container-days: what a cluster pays.
        waste_small_bytes: mean of (request - p95) over the other container-days; NaN: there are none.
        waste: what was requested and not used over what was requested, both integrated over time.
        kill_episodes: in total.
        kill_minutes: in total.
        kill_free_days: share of container-days without a kill.
        overrun: share of time with usage above the request.
        limit_ratio: sum of limits over sum of the days' peaks, in bytes.
        request_changes: per container-day.
        limit_changes: per container-day.
        requested_bytes: mean sum of all requests.
        limit_bytes: mean sum of all limits.
    """

    container_days: float
    slack: float
    slack_large: float
    slack_bytes: float
    waste_small_bytes: float
    waste: float
    kill_episodes: int
    kill_minutes: float
    kill_free_days: float
    overrun: float
    limit_ratio: float
    request_changes: float
    limit_changes: float
    requested_bytes: float
    limit_bytes: float


@dataclass(frozen=True, slots=True)
class ContainerDays:
    """One entry for each container and day with a measurement; arrays of shape (container-days,).

    Attributes:
        weight: measured share of a day.
        request: time mean, bytes.
        limit: time mean, bytes.
        p95: 95th percentile of the usage, bytes.
        peak: highest usage, bytes.
        killed: whether usage went above the limit.
    """

    weight: FloatArray
    request: FloatArray
    limit: FloatArray
    p95: FloatArray
    peak: FloatArray
    killed: BoolArray


def figures(played: Played, node_bytes: float = np.inf) -> Figures:
    """All figures of a replay; an absent limit counts as `node_bytes`, of which a leak could take all."""
    usage, request = played.trace.usage, played.request
    limit = np.minimum(played.limit, node_bytes)
    step_s = played.trace.grid.step_s
    days = container_days(usage, request, limit, step_s)
    count = float(days.weight.sum())
    slack, slack_large, slack_bytes, waste_small = slack_figures(days)
    kills = usage > limit
    return Figures(
        container_days=count,
        slack=slack,
        slack_large=slack_large,
        slack_bytes=slack_bytes,
        waste_small_bytes=waste_small,
        waste=waste(usage, request),
        kill_episodes=episodes(kills, step_s),
        kill_minutes=float(np.count_nonzero(kills)) * step_s / MINUTE_S,
        kill_free_days=_mean(~days.killed, days.weight),
        overrun=overrun(usage, request),
        limit_ratio=_ratio((days.limit * days.weight).sum(), (days.peak * days.weight).sum()),
        request_changes=_ratio(changes(request), count),
        limit_changes=_ratio(changes(limit), count),
        requested_bytes=float(np.nansum(request, axis=0).mean()),
        limit_bytes=float(np.nansum(limit, axis=0).mean()),
    )


def container_days(usage: FloatArray, request: FloatArray, limit: FloatArray, step_s: int) -> ContainerDays:
    """Cut arrays of shape (containers, time) into days."""
    per_day = max(1, DAY_S // step_s)
    rows = []
    for start in range(0, usage.shape[1], per_day):
        day = slice(start, start + per_day)
        for used, asked, bound in zip(usage[:, day], request[:, day], limit[:, day], strict=True):
            known = ~np.isnan(used)
            if known.any():
                rows.append(_container_day(used[known], asked[known], bound[known], per_day))
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 6).T
    weight, mean_request, mean_limit, p95, peak, killed = columns
    return ContainerDays(weight, mean_request, mean_limit, p95, peak, killed > 0)


def slack_figures(days: ContainerDays) -> tuple[float, float, float, float]:
    """Slack of all, of the large, by bytes; and the waste in bytes of the small ones.

    Worked: requests 200 and 100, p95 150 and 120: slack (0.25 + 0) / 2 = 0.125; by bytes 50 / 300 = 0.167.
    """
    unused = np.maximum(days.request - days.p95, 0.0)
    share = np.divide(unused, days.request, out=np.zeros_like(unused), where=days.request > 0)
    large = days.p95 >= LARGE_BYTES
    return (
        _mean(share, days.weight),
        _mean(share[large], days.weight[large]),
        _ratio((unused * days.weight).sum(), (days.request * days.weight).sum()),
        _mean(unused[~large], days.weight[~large]),
    )


def waste(usage: FloatArray, request: FloatArray) -> float:
    """What was requested and not used, over what was requested.

    Worked: usage 60, 120 and a gap under a request of 100: (40 + 0) / 200 = 0.2.
    """
    known = ~np.isnan(usage)
    return _ratio(np.maximum(request - usage, 0.0)[known].sum(), request[known].sum())


def overrun(usage: FloatArray, request: FloatArray) -> float:
    """Share of the measured time with usage above the request."""
    return _ratio(float(np.count_nonzero(usage > request)), float(np.count_nonzero(~np.isnan(usage))))


def episodes(kills: BoolArray, step_s: int) -> int:
    """Kills, those of one container that are less than `EPISODE_GAP_S` apart counted as one.

    Worked: at a step of 300 s kills in intervals 1, 2 and 4 are two episodes: 1 and 2 are 300 s apart, 2 and 4 are 600.
    """
    count = 0
    for row in kills:
        at = np.flatnonzero(row) * step_s
        count += int(at.size > 0) + int(np.count_nonzero(np.diff(at) >= EPISODE_GAP_S))
    return count


def changes(sizes: FloatArray) -> int:
    """How often a size moved; from or to none counts, none to none does not."""
    before, after = sizes[:, :-1], sizes[:, 1:]
    return int(np.count_nonzero((before != after) & ~(np.isnan(before) & np.isnan(after))))


def _container_day(used: FloatArray, asked: FloatArray, bound: FloatArray, per_day: int) -> tuple[float, ...]:
    return (
        used.size / per_day,
        float(asked.mean()),
        float(bound.mean()),
        float(np.quantile(used, SLACK_QUANTILE)),
        float(used.max()),
        float(np.any(used > bound)),
    )


def _mean(values: FloatArray | BoolArray, weight: FloatArray) -> float:
    return _ratio((values * weight).sum(), weight.sum())


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")
