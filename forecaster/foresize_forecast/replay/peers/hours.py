"""Peers that look at hours of the day: the same hour of 7 days (CruiseKube's rule), and Attune."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.peers.windows import one_size, trailing_max
from foresize_forecast.replay.trace import Sizes, Told, Trace, Track
from foresize_forecast.series import FloatArray, IntArray, PerContainerAndTime

HOUR_S, DAY_S = 3600, 86_400
HOURS = 24
BURST_SHARE, BURST_RATIO, BURST_FACTOR = 0.95, 3.0, 0.1


@dataclass(frozen=True, slots=True)
class SameHour:
    """The highest usage in the same hour of the last 7 days, this hour so far included.

    CruiseKube asks for this when a pod is created; here it is in force at every step. What CruiseKube does later (p75
    of 30 minutes and a share of the node's spike headroom) depends on the pods of a node and is left out. Before an
    hour has been seen on an earlier day, the highest usage of all so far stands in. Guaranteed: request = limit.
    Burstable: the limit is CruiseKube's, twice the maximum of 7 days.

    Source: truefoundry/CruiseKube 0.1.9, docs/src/arch-algorithm.md.
    """

    name: str = "same hour of 7 days"
    days: int = 7
    limit_ratio: float = 2.0

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force."""
        request = one_size(trace, _same_hour(trace.usage, hour_numbers(trace), self.days)).request
        told(0.5)
        if track is Track.GUARANTEED:
            return Sizes(request, request)
        week = trailing_max(trace.usage, max(1, self.days * DAY_S // trace.grid.step_s))
        limit = one_size(trace, week).request * self.limit_ratio
        told(1.0)
        return Sizes(request, np.maximum(limit, request))


@dataclass(frozen=True, slots=True)
class Attune:
    """Attune: the highest p99 of the 24 hours of the day over 7 days, 30 % more, more again for bursty memory.

    Where the maximum is above 3 times the p95 of all, the size is multiplied by 1 + 0.1 log2(max / p95). Its later
    steps are left out: the confidence factor (1 + 1/c)^2, which multiplies by 4 even at full confidence, and the filter
    that caps a change at 30 %, which says little where changes are free at every step. Burstable: request and limit
    are one; its limit policies need an owner's choice.

    Source: attune-io/attune 0.1.23, docs/architecture/algorithm.md and internal/metrics/profile.go.
    """

    name: str = "Attune"
    days: int = 7
    percentile: float = 0.99
    margin: float = 1.3

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force; request = limit on every track."""
        del track
        window = max(1, self.days * DAY_S // trace.grid.step_s)
        wished = np.full(trace.usage.shape, np.nan)
        hours = hour_numbers(trace) % HOURS
        for row, usage in enumerate(trace.usage):
            _attune(usage, hours, window, self.percentile, wished[row])
            told((row + 1) / len(trace.series))
        return one_size(trace, wished * self.margin)


def hour_numbers(trace: Trace) -> IntArray:
    """The hour of the epoch in which each column's interval begins, shape (time,)."""
    begins = trace.grid.start_s + trace.grid.step_s * np.arange(trace.grid.count, dtype=np.int64)
    numbers: IntArray = begins // HOUR_S
    return numbers


@compiled_as_written
def _same_hour(usage: FloatArray, hours: IntArray, days: int) -> PerContainerAndTime:
    """Highest of the hours 24, 48, ... before and of this one so far; of all so far where those were not measured."""
    found = np.full(usage.shape, np.nan)
    if usage.shape[1] == 0:
        return found
    first = hours[0]
    for row in range(usage.shape[0]):
        highest = np.full(hours[-1] - first + 1, np.nan)
        ever = np.nan
        for column in range(1, usage.shape[1]):
            used, hour = usage[row, column - 1], hours[column - 1] - first
            if not np.isnan(used):
                highest[hour] = np.fmax(highest[hour], used)
                ever = np.fmax(ever, used)
            now = hours[column] - first
            before = np.nan
            for day in range(1, days + 1):
                if now - HOURS * day >= 0:
                    before = np.fmax(before, highest[now - HOURS * day])
            found[row, column] = ever if np.isnan(before) else np.fmax(before, highest[now])
    return found


@compiled_as_written
def _attune(usage: FloatArray, hours: IntArray, window: int, share: float, wished: FloatArray) -> None:
    """Write the size before its margin, shape (time,)."""
    sorted_hours = np.empty((HOURS, window + 1))
    sorted_all = np.empty(window + 1)
    counts = np.zeros(HOURS + 1, dtype=np.int64)
    tops = np.zeros(HOURS)
    for column in range(1, usage.size):
        used, hour = usage[column - 1], hours[column - 1]
        if not np.isnan(used):
            counts[hour] = _insert(sorted_hours[hour], counts[hour], used)
            counts[HOURS] = _insert(sorted_all, counts[HOURS], used)
            tops[hour] = quantile(sorted_hours[hour], counts[hour], share)
        gone = column - 1 - window
        if gone >= 0 and not np.isnan(usage[gone]):
            hour = hours[gone]
            counts[hour] = _remove(sorted_hours[hour], counts[hour], usage[gone])
            counts[HOURS] = _remove(sorted_all, counts[HOURS], usage[gone])
            tops[hour] = quantile(sorted_hours[hour], counts[hour], share) if counts[hour] else 0.0
        if counts[HOURS]:
            top = max(tops.max(), quantile(sorted_all, counts[HOURS], share))
            burst = sorted_all[counts[HOURS] - 1] / quantile(sorted_all, counts[HOURS], BURST_SHARE)
            wished[column] = top * (1 + BURST_FACTOR * np.log2(burst)) if burst > BURST_RATIO else top


@compiled_as_written
def quantile(ordered: FloatArray, count: int, share: float) -> float:
    """Of the first `count` values, which are in order; interpolated."""
    at = share * (count - 1)
    below = int(np.floor(at))
    above = min(below + 1, count - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (at - below))


@compiled_as_written
def _insert(ordered: FloatArray, count: int, value: float) -> int:
    at = _place(ordered, count, value)
    for place in range(count, at, -1):
        ordered[place] = ordered[place - 1]
    ordered[at] = value
    return count + 1


@compiled_as_written
def _remove(ordered: FloatArray, count: int, value: float) -> int:
    for place in range(_place(ordered, count, value), count - 1):
        ordered[place] = ordered[place + 1]
    return count - 1


@compiled_as_written
def _place(ordered: FloatArray, count: int, value: float) -> int:
    """Where the first value is that is not below `value`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
