"""The next day's requests as a few steps: raised before a peak, lowered after it, each change worth its while."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.forecasting.jumps import OFFSET_BYTES, PRIOR, PRIOR_DAY, Tail, held_for
from foresize_forecast.forecasting.outlook import Outlook
from foresize_forecast.series import FloatArray, IntArray
from foresize_forecast.sizes import rounded_up

PEAK_MISS = 0.01
"""The peak that people read is passed on one day in a hundred."""

CHANGE_WORTH = 0.5
"""A change has to save this share of the mean demand for the length of one cooldown. Below it the resize, its Event and
its line in the history cost a reader more than the memory is worth."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `at_s` on the request is `request_bytes`, until the next step."""

    at_s: int
    request_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests over the horizon, and the ceiling that holds throughout it."""

    steps: tuple[Step, ...]
    """In time order, never empty."""
    end_s: int

    def request_at(self, now_s: float) -> int:
        """The request in force at `now_s`; before the first step the first, after the end the last."""
        begun = [step for step in self.steps if step.at_s <= now_s]
        return (begun[-1] if begun else self.steps[0]).request_bytes

    @property
    def highest_bytes(self) -> int:
        """The maximum over the horizon: what a pod gets that is born while nobody watches the clock."""
        return max(step.request_bytes for step in self.steps)


@dataclass(frozen=True, slots=True)
class Forecasted:
    """An outlook with the plan that was made of it, and the tails that its container shares with others.

    Attributes:
        outlook: the forecast.
        plan: of its requests.
        tail: of jumps above its levels, by the hour; what is usual until it has been pooled (`foresee.pool`).
        rise: of days' peaks above what was expected, by the day; the same.
    """

    outlook: Outlook
    plan: Plan
    tail: Tail = PRIOR
    rise: Tail = PRIOR_DAY

    def peak_at(self, miss: float) -> int:
        """What the next day's highest value stays below, but for a probability of `miss`, bytes."""
        level = self.outlook.highest_level + OFFSET_BYTES
        return math.ceil(level * (1 + self.rise.growth_at(miss)) - OFFSET_BYTES)

    @property
    def peak_bytes(self) -> int:
        """What the next day's highest value stays below on 99 days of 100."""
        return self.peak_at(PEAK_MISS)

    def held(self, level_bytes: float, kill_cost_bytes: float) -> float:
        """The size that is cheapest to hold over a level, bytes."""
        return held_for(level_bytes, self.tail, kill_cost_bytes)


def plan(outlook: Outlook, lead_s: int, cooldown_s: int) -> Plan:
    """The cheapest steps that hold the demand, raised `lead_s` before it is due.

    Minimises the sum over steps of level x length, plus `CHANGE_WORTH` x mean demand x cooldown for each change, by
    dynamic programming over the intervals (exact; quadratic in their number).

    Args:
        outlook: its `demand` of shape (time,) is what each interval needs.
        lead_s: how long before an interval its demand must be in force.
        cooldown_s: the shortest time in which a saving counts.

    Worked: demand 60, 200, 60 MiB at a step of 60 s, no lead, cooldown 20 s: mean 106.7, so a change costs 1067 MiB s;
    three steps cost 19 200 + 2 x 1067, one step 36 000: the request goes up and down.
    """
    grid = outlook.grid
    needed = ahead_peaks(outlook.demand, math.ceil(lead_s / grid.step_s))
    change_cost = CHANGE_WORTH * float(np.mean(outlook.demand)) * cooldown_s / grid.step_s
    cuts = _cheapest_cuts(needed, change_cost)
    starts = grid.start_s + grid.step_s * np.array(cuts)
    ends = [*cuts[1:], grid.count]
    steps = tuple(
        Step(int(start_s), rounded_up(float(needed[cut:end].max())))
        for start_s, cut, end in zip(starts, cuts, ends, strict=True)
    )
    return Plan(steps, grid.end_s)


def ahead_peaks(demand: FloatArray, intervals: int) -> FloatArray:
    """Maximum of each interval and the `intervals` after it, shape (time,)."""
    padded = np.concatenate([demand, np.full(intervals, -np.inf)])
    peaks: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, intervals + 1).max(axis=1)
    return peaks


def _cheapest_cuts(needed: FloatArray, change_cost: float) -> list[int]:
    """The first intervals of the cheapest steps; `change_cost` in bytes x intervals.

    A step that begins within a run of equal needs can begin with the run at no more cost, so only runs are looked at.
    """
    runs = np.flatnonzero(np.diff(needed, prepend=np.nan) != 0)
    lengths = np.diff(runs, append=needed.size)
    came_from = _cheapest(needed[runs], lengths.astype(np.float64), change_cost)
    cuts = [int(came_from[-1])]
    while cuts[0] > 0:
        cuts.insert(0, int(came_from[cuts[0]]))
    return [int(runs[cut]) for cut in cuts]


@compiled_as_written
def _cheapest(needed: FloatArray, lengths: FloatArray, change_cost: float) -> IntArray:  # pragma: no cover - compiled
    """For each number of runs the run at which the last of their cheapest steps begins."""
    count = needed.size
    cost = np.zeros(count + 1)
    came_from = np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        level, length, best = 0.0, 0.0, math.inf
        for begin in range(end - 1, -1, -1):
            level = max(level, needed[begin])
            length += lengths[begin]
            total = cost[begin] + level * length + change_cost
            if total <= best:
                best = total
                came_from[end] = begin
        cost[end] = best
    return came_from
