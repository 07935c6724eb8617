"""What is kept of a run of a Job that has ended: how it started, its peak, and how fast it rose from each level.

A run is some kilobytes however long it was, and runs are compared without their input sizes, which a cluster does not
know: the level that a run has reached says what kind of input it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from foresize_forecast.series import FloatArray, IntArray

REACT_S = 60
"""Longest way of a sample from the container to a size in force: a scrape interval, a look and a resize."""
LEVEL_S = 60
"""A level is the highest of this long: usage that swings within a minute is at one level."""
LEVEL_RATIO = 1.02
LOWEST_LEVEL_BYTES = float(1 << 20)
LEVELS = 840
"""Levels are 2 % apart, from 1 MiB to 16 TiB: 24 ln 2 / ln 1.02."""
LIKE_LEVELS = 5
"""A level is like those this many steps around it: 10 %."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows of a run in terms of the clock that sizes it.

    A sample bears on sizes from `lag_rows` rows later on: the row in which it was measured has ended, and
    `react_s` have passed. A level is the highest of the last minute (`window_rows`).
    """

    step_s: int
    react_s: int = REACT_S

    def __post_init__(self) -> None:
        if self.step_s <= 0 or self.react_s < 0:
            raise ValueError(f"step_s is above 0 and react_s not below, got {self.step_s} and {self.react_s}")

    @property
    def lag_rows(self) -> int:
        """Rows from a sample to the first size that it bears on."""
        return math.ceil(self.react_s / self.step_s) + 1

    @property
    def window_rows(self) -> int:
        """Rows of the level: a minute of them."""
        return max(1, LEVEL_S // self.step_s)

    @property
    def start_rows(self) -> int:
        """Rows that are sized by elapsed time, until the run's own samples say more."""
        return self.lag_rows + self.window_rows


@dataclass(frozen=True, slots=True)
class RunDigest:
    """A run that has ended.

    Attributes:
        started_s: Unix seconds.
        ended_s: Unix seconds.
        start: shape (start_rows,), bytes: the highest usage up to each of the first rows.
        peak_bytes: the highest of all.
        rises: shape (LEVELS,): the highest usage within `lag_rows` after the run was at this level, over the level; 0
            where the run never was.
        costs: what it would have cost, lowered after its rises, and only raised (`runs.judged`); 0 where that is not
            known.
    """

    started_s: float
    ended_s: float
    start: FloatArray
    peak_bytes: float
    rises: FloatArray
    costs: tuple[float, float] = (0.0, 0.0)


class PastRun(NamedTuple):
    """What is left of a run whose samples are gone: enough for the size of a whole run.

    Attributes:
        started_s: Unix seconds.
        ended_s: Unix seconds.
        peak_bytes: the highest usage.
    """

    started_s: float
    ended_s: float
    peak_bytes: float

    def digest(self, pace: Pace) -> RunDigest:
        """As if it had been at its peak from the start; how it rose is not known."""
        start = np.full(pace.start_rows, self.peak_bytes)
        return RunDigest(self.started_s, self.ended_s, start, self.peak_bytes, np.zeros(LEVELS))


def digest(started_s: float, usage: FloatArray, pace: Pace) -> RunDigest:
    """What is kept of a run.

    Args:
        started_s: Unix seconds.
        usage: shape (rows,), bytes, at least one row: the highest sample of each. NaN is a gap: what was measured
            before it still holds.
        pace: of the rows.

    Raises:
        ValueError: no row was measured.
    """
    known = filled(usage)
    running = np.maximum.accumulate(known)
    start = running[np.minimum(np.arange(pace.start_rows) + 1, running.size - 1)]
    ended_s = started_s + pace.step_s * usage.size
    return RunDigest(started_s, ended_s, start, float(running[-1]), _rises(known, pace))


def filled(usage: FloatArray) -> FloatArray:
    """Usage without gaps: the last measured value holds, the first one before it."""
    measured = np.flatnonzero(~np.isnan(usage))
    if measured.size == 0:
        raise ValueError(f"a run needs a measured row, got {usage.size} without")
    last = np.searchsorted(measured, np.arange(usage.size), side="right") - 1
    values: FloatArray = usage[measured[np.maximum(last, 0)]].astype(np.float64)
    return values


def levels(usage: FloatArray, pace: Pace) -> FloatArray:
    """The level of a run at each row: the highest of the last minute, shape (rows,)."""
    width = pace.window_rows
    padded = np.concatenate([np.full(width - 1, -np.inf), usage])
    highest: FloatArray = sliding_window_view(padded, width).max(axis=1)
    return highest


def level_index(level: FloatArray) -> IntArray:
    """The place of a level in tables of shape (LEVELS,)."""
    steps = np.log(np.maximum(level, LOWEST_LEVEL_BYTES) / LOWEST_LEVEL_BYTES) / np.log(LEVEL_RATIO)
    place: IntArray = np.minimum(steps.astype(np.int64), LEVELS - 1)
    return place


def _rises(usage: FloatArray, pace: Pace) -> FloatArray:
    """The steepest rise from each level, spread over the levels like it."""
    lag = pace.lag_rows
    ahead = sliding_window_view(np.concatenate([usage[1:], np.zeros(lag)]), lag).max(axis=1)
    level = np.maximum(levels(usage, pace), 1.0)
    found = np.zeros(LEVELS)
    np.maximum.at(found, level_index(level), np.maximum(ahead / level, 1.0))
    padded = np.concatenate([np.zeros(LIKE_LEVELS), found, np.zeros(LIKE_LEVELS)])
    spread: FloatArray = sliding_window_view(padded, 2 * LIKE_LEVELS + 1).max(axis=1)
    return spread
