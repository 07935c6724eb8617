"""The level that is held for a container at each moment: what a model expects, and what the last minutes showed.

This is what the slow and the fast clock do together, played over a whole history, so that a backtest judges a model as
it would really run. Compiled: a fortnight of one container takes a tenth of a millisecond.
"""

from __future__ import annotations

import math

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.series import BoolArray, FloatArray, PerContainerAndTime

HOLD_S = 3600
"""How long the fast clock's level is held: until the next forecasts have surely seen what it saw."""
START_S = 3600
"""After a start a container may do all that it was ever seen to do: it loads, fills and warms up."""
STARTS_AFTER_GAPS = 2
"""Intervals without a sample after which it counts as started anew."""


def recent_peaks(usage: PerContainerAndTime, intervals: int) -> PerContainerAndTime:
    """The highest usage of the `intervals` that end with the newest sample before each one: gaps forget nothing."""
    return _trailing(usage, intervals)


def highest_before(usage: PerContainerAndTime) -> PerContainerAndTime:
    """The highest usage before each interval; NaN before the first."""
    known = np.where(np.isnan(usage), -np.inf, usage)
    highest = np.maximum.accumulate(known, axis=1)
    before = np.full_like(usage, np.nan)
    before[:, 1:] = np.where(np.isneginf(highest[:, :-1]), np.nan, highest[:, :-1])
    return before


def in_force(usage: PerContainerAndTime, base: PerContainerAndTime, step_s: int) -> PerContainerAndTime:
    """The level in force in each interval, from what was known at its start.

    The model's `base`, raised at once to the newest sample and what one more interval like the last would add, held
    for `HOLD_S`; after a start at least the highest usage ever seen, for `START_S`.

    Args:
        usage: bytes, NaN in gaps.
        base: what the model holds, bytes, of the same shape; NaN where it knows nothing yet.
        step_s: seconds of an interval.
    """
    return _in_force(usage, base, highest_before(usage), starting(usage, step_s), max(1, HOLD_S // step_s))


def starting(usage: PerContainerAndTime, step_s: int) -> BoolArray:
    """Whether a container is away or has just started at the start of each interval, shape (containers, time)."""
    return _starting(usage, max(1, START_S // step_s))


@compiled_as_written
def _trailing(usage: FloatArray, intervals: int) -> FloatArray:  # pragma: no cover - compiled
    containers, time = usage.shape
    found = np.full((containers, time), np.nan)
    queue = np.empty(time, np.int64)
    for row in range(containers):
        head = tail = 0
        last = math.nan
        for at in range(1, time):
            used = usage[row, at - 1]
            if not math.isnan(used):
                while tail > head and usage[row, queue[tail - 1]] <= used:
                    tail -= 1
                queue[tail] = at - 1
                tail += 1
                while queue[head] < at - intervals:
                    head += 1
                last = usage[row, queue[head]]
            found[row, at] = last
    return found


@compiled_as_written
def _starting(usage: FloatArray, start: int) -> BoolArray:  # pragma: no cover - compiled
    containers, time = usage.shape
    found = np.zeros((containers, time), np.bool_)
    for row in range(containers):
        gap, started = 0, -start - 1
        for at in range(1, time):
            if math.isnan(usage[row, at - 1]):
                gap += 1
            else:
                if gap >= STARTS_AFTER_GAPS:
                    started = at
                gap = 0
            found[row, at] = gap >= STARTS_AFTER_GAPS or at - started < start
    return found


@compiled_as_written
def _in_force(
    usage: FloatArray, base: FloatArray, highest: FloatArray, starts: BoolArray, hold: int
) -> FloatArray:  # pragma: no cover - compiled
    containers, time = usage.shape
    level = base.copy()
    for row in range(containers):
        fast, fast_until = 0.0, -1
        for at in range(1, time):
            held = base[row, at]
            if starts[row, at] and not (held >= highest[row, at] or math.isnan(highest[row, at])):
                held = highest[row, at]
            if at < fast_until and not held >= fast:
                held = fast
            now = usage[row, at - 1]
            if not math.isnan(now):
                before = usage[row, at - 2] if at > 1 else math.nan
                ahead = now + max(0.0, now - before) if not math.isnan(before) else now
                if not held >= ahead:
                    fast, fast_until, held = ahead, at + hold, ahead
            level[row, at] = held
    return level
