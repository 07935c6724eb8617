"""The next day's requests as a few steps: raised before a peak, lowered after it, each change worth its while."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresize_forecast.outlook import Outlook
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

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
    """An outlook with the plan that was made of it."""

    outlook: Outlook
    plan: Plan


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
        Step(int(start_s), ceil_mib(float(needed[cut:end].max())))
        for start_s, cut, end in zip(starts, cuts, ends, strict=True)
    )
    return Plan(steps, grid.end_s)


def ahead_peaks(demand: FloatArray, intervals: int) -> FloatArray:
    """Maximum of each interval and the `intervals` after it, shape (time,)."""
    padded = np.concatenate([demand, np.full(intervals, -np.inf)])
    peaks: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, intervals + 1).max(axis=1)
    return peaks


def ceil_mib(value_bytes: float) -> int:
    """Rounded up to a whole MiB, at least one: sizes that people read, and no resize for a page."""
    return max(1, math.ceil(value_bytes / MIB)) * MIB


def _cheapest_cuts(needed: FloatArray, change_cost: float) -> list[int]:
    """The first intervals of the cheapest steps; `change_cost` in bytes x intervals."""
    count = needed.size
    cost = np.zeros(count + 1)
    came_from = np.zeros(count + 1, dtype=np.int64)
    for end in range(1, count + 1):
        level = np.maximum.accumulate(needed[:end][::-1])[::-1]
        total = cost[:end] + level * np.arange(end, 0, -1) + change_cost
        came_from[end] = int(np.argmin(total))
        cost[end] = total[came_from[end]]
    cuts = [int(came_from[count])]
    while cuts[0] > 0:
        cuts.insert(0, int(came_from[cuts[0]]))
    return cuts
