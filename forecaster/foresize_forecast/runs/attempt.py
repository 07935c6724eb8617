"""How one attempt at a run of a Job is sized: by elapsed time, by what the run has shown, and after a kill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from foresize_forecast.runs.digest import Pace, filled, level_index, levels
from foresize_forecast.series import BoolArray, FloatArray

CHARGE_BYTES = 4 * (1 << 20)
"""The kernel charges memory in batches of 64 pages a CPU: 4 MiB on 16 CPUs that no sample shows (mm/memcontrol.c)."""
COLD_FACTOR = 2.0
"""A run with one or two before it is lowered to this many times the highest that is known: as a kill would double."""
RETRY_FACTOR = 2.0
"""A failed attempt is followed by one of twice its size: any need is reached in its logarithm of attempts."""
RETRY_LEAD_SHARE = 0.1
"""A retry is at its larger size this much earlier than the kill: runs of the same work differ in speed."""
BAND = 0.05
"""A fall by less is not worth a resize."""


class Basis(StrEnum):
    """What a plan rests on."""

    DECLARED = "Declared"
    RUNS = "Runs"
    RETRY = "Retry"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How an attempt at a run is sized.

    Attributes:
        basis: what it rests on.
        message: the same for people.
        pace: of the rows.
        start: shape (start_rows,), bytes: sizes by elapsed time.
        factors: shape (LEVELS,): size over level, NaN where no run before was at such a level.
        peak_bytes: what the highest run needs, with head room; no level below it is sized above it. Infinite before
            the first run has ended, for then there is no reason to lower.
        lowers: whether a run is lowered below its peak after a rise and before it; else it is only raised above.
        ceiling_bytes: no first attempt gets more than was declared, where that was enough for all runs before.
        floor_bytes: what a retry does not go below from `floor_row` on.
        floor_row: elapsed rows.
    """

    basis: Basis
    message: str
    pace: Pace
    start: FloatArray
    factors: FloatArray
    peak_bytes: float
    lowers: bool
    ceiling_bytes: float
    floor_bytes: float = 0.0
    floor_row: int = 0

    @property
    def one_size_bytes(self) -> float:
        """The size of a whole run in a cluster that resizes no running pod."""
        needed = float(self.start[-1]) if self.basis is Basis.DECLARED else self.peak_bytes + CHARGE_BYTES
        return max(min(needed, self.ceiling_bytes), self.floor_bytes)

    def wanted(self, usage: FloatArray) -> FloatArray:
        """The size that each row asks for, shape (rows,), bytes.

        Row k rests on the rows up to k - `pace.lag_rows` and on nothing later. Without a sample for a minute a run has
        what the highest run needs, or what it was declared.

        Args:
            usage: shape (rows,), bytes: the run so far; NaN in gaps.
        """
        rows = np.arange(usage.size)
        blind = self.start[-1] if self.basis is Basis.DECLARED else self.peak_bytes
        needed = np.where(rows < self.start.size, self.start[np.minimum(rows, self.start.size - 1)], blind)
        lag = self.pace.lag_rows
        measured = np.flatnonzero(~np.isnan(usage[:-lag]))
        if measured.size:
            known = usage[measured[0] : -lag]
            needed[measured[0] + lag :] = self._cold(known) if self.basis is Basis.DECLARED else self._warm(known)
        sized = np.minimum(needed + CHARGE_BYTES, self.ceiling_bytes)
        if not self.lowers:
            sized = np.maximum(sized, self.one_size_bytes)
        floor = np.where(rows >= self.floor_row, self.floor_bytes, 0.0)
        wanted: FloatArray = np.maximum(sized, floor)
        return wanted

    def _warm(self, known: FloatArray) -> FloatArray:
        held = filled(known)
        level = levels(held, self.pace)
        factor = np.where(_stale(known, self.pace), np.nan, self.factors[level_index(level)])
        seen_before = np.minimum(level * factor, np.maximum(self.peak_bytes, level))
        lag = self.pace.lag_rows
        past = np.concatenate([np.full(min(lag, level.size), level[0]), level[:-lag]])
        ahead = level + COLD_FACTOR * np.maximum(level - past, 0.0)
        new = np.maximum(self.peak_bytes, ahead)
        sized: FloatArray = np.where(np.isnan(factor), new, seen_before)
        return sized

    def _cold(self, known: FloatArray) -> FloatArray:
        highest: FloatArray = np.maximum(COLD_FACTOR * np.maximum.accumulate(filled(known)), self.peak_bytes)
        return highest


def _stale(known: FloatArray, pace: Pace) -> BoolArray:
    """Rows after a minute without a sample: what the run is at now is not known."""
    rows = np.arange(known.size)
    last = np.maximum.accumulate(np.where(np.isnan(known), 0, rows))
    stale: BoolArray = rows - last >= pace.window_rows
    return stale


def after_failure(plan: RunPlan, at_s: float, allocated_bytes: float) -> RunPlan:
    """The plan of the attempt that follows a kill.

    Up to shortly before the time of the kill the plan did well and is kept; from there on the size is at least twice
    what was not enough, and never less than at an earlier kill. What was declared is tried before anything above it.

    Args:
        plan: of the attempt that failed.
        at_s: seconds from its start to the kill.
        allocated_bytes: its size then.

    Worked: killed at 100 MiB after 600 s: the next attempt has 200 MiB from 540 - 70 = 470 s on, at 10 s rows (10 % and
    7 rows of lag earlier).
    """
    pace = plan.pace
    row = int(at_s * (1 - RETRY_LEAD_SHARE) / pace.step_s) - pace.lag_rows
    twice = max(RETRY_FACTOR * allocated_bytes, plan.floor_bytes)
    floor = plan.ceiling_bytes if allocated_bytes < plan.ceiling_bytes < twice else twice
    earliest = min(max(row, 0), plan.floor_row) if plan.floor_bytes else max(row, 0)
    message = f"killed at {allocated_bytes / (1 << 20):.0f} MiB after {at_s:.0f} s"
    return replace(
        plan, basis=_retry_basis(plan), message=message, floor_bytes=floor, floor_row=earliest,
        ceiling_bytes=max(plan.ceiling_bytes, floor),
    )  # fmt: skip


def steady(wanted: FloatArray, pace: Pace) -> FloatArray:
    """Sizes in force, shape (rows,): what is wanted, without the changes that do not pay.

    Raised at once, by a little more than is wanted, so that a slow rise is not a raise in every row. Lowered where a
    minute has passed since the last change and the fall is worth it.

    Args:
        wanted: shape (rows,), bytes.
        pace: of the rows.

    Worked: wanted 100, 101 at 5 %: 100, then 101 x 1.025 = 103.5; wanted 99 next: 99 > 103.5 x 0.95, kept.
    """
    sizes = np.empty_like(wanted)
    current, changed = float(wanted[0]), 0
    for row, want in enumerate(wanted.tolist()):
        lowers = want < current * (1 - BAND) and row - changed >= pace.window_rows
        if want > current or lowers:
            current, changed = want * (1 + BAND / 2), row
        sizes[row] = current
    return sizes


def _retry_basis(plan: RunPlan) -> Basis:
    return plan.basis if plan.basis is Basis.DECLARED else Basis.RETRY
