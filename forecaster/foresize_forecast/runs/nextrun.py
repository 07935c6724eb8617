"""The size of the next run of a Job, from the runs before it.

A run is sized twice over. Until its own samples are read, by elapsed time: what the runs before it needed so soon after
their start. From then on by the level it has reached: the steepest rise that any run before it made from such a level,
within the time that a new size takes to come into force. Both have the head room at which room and kills cost least
(`headroom`). So a size is raised ahead of the rise and lowered after it, in place, and a run of ten hours that needs
its peak for ten minutes pays for ten minutes. Where runs rise without warning that costs more kills than it saves: each
run that has ended is judged by the plan it had, and where lowering would have cost more, runs are only raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.runs.attempt import COLD_FACTOR, Basis, RunPlan, steady
from foresize_forecast.runs.digest import LEVELS, Pace, RunDigest, filled
from foresize_forecast.runs.headroom import KILL_PRICE, headroom
from foresize_forecast.runs.schedule import Schedule
from foresize_forecast.runs.slots import Alike, alike, likely_starts_s
from foresize_forecast.series import FloatArray, IntArray

MIN_RUNS = 3
"""With fewer runs before it a run starts at its declared size, and a level says nothing."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """What is known of a Job before a run of it.

    Attributes:
        pace: of all its runs' rows.
        declared_bytes: what its owner wrote.
        runs: those that have ended, in the order in which they did.
    """

    pace: Pace
    declared_bytes: float
    runs: tuple[RunDigest, ...]


def size(history: RunHistory, starts_s: float | None = None, price: float = KILL_PRICE) -> RunPlan:
    """The plan of the next run.

    Args:
        history: the runs before it.
        starts_s: when it starts, Unix seconds, so that runs of the same slot of a schedule may speak for it alone.
        price: what a failed attempt costs, `headroom.KILL_PRICE`.

    Worked: three runs peaked at 100, 100 and 110 MiB in their first row and stayed there. The next starts at 110 + 32.5
    (see `headroom`) + 4 = 146.5 MiB. Once it is seen at 100 MiB, from which no run rose, it has 100 x (1 + 0.001) + 4.
    """
    if len(history.runs) < MIN_RUNS:
        return _declared(history)
    return _planned(
        history, Alike("", history.runs) if starts_s is None else alike(history.runs, starts_s, price), price
    )


def upcoming(
    history: RunHistory,
    now_s: float,
    horizon_s: float,
    price: float = KILL_PRICE,
    schedule: Schedule | None = None,
) -> RunPlan:
    """The plan that is enough for whichever run starts next, where nobody is there to size it when it does.

    Of the hours within the horizon in which a run starts by its schedule, or likely does, the one whose runs need most.

    Args:
        history: the runs before it.
        now_s: Unix seconds.
        horizon_s: for how long the plan has to hold.
        price: what a failed attempt costs.
        schedule: by which runs start; None where nothing tells.

    Worked: 100 MiB each night, 1000 on Sundays, asked on a Friday noon for a day: Saturday's night, 100. Asked on
    Saturday noon: Sunday's, 1000.
    """
    if len(history.runs) < MIN_RUNS:
        return _declared(history)
    starts_s = schedule and schedule.starts_s([run.started_s for run in history.runs], now_s, horizon_s)
    starts_s = starts_s or likely_starts_s(history.runs, now_s, horizon_s)
    choices = [alike(history.runs, each, price) for each in starts_s] or [Alike("", history.runs)]
    return _planned(history, max(choices, key=lambda each: _peak_bytes(each.runs, price)), price)


def _planned(history: RunHistory, chosen: Alike, price: float) -> RunPlan:
    start = _with_room(np.array([run.start for run in chosen.runs]), price)
    factors = _factors(np.array([run.rises for run in chosen.runs]), price)
    message = f"from {len(chosen.runs)} runs {chosen.name}".rstrip()
    lowered, raised = np.sum([run.costs for run in chosen.runs], axis=0)
    return RunPlan(
        basis=Basis.RUNS,
        message=message,
        pace=history.pace,
        start=np.maximum.accumulate(start),
        factors=factors,
        peak_bytes=_peak_bytes(chosen.runs, price),
        lowers=bool(lowered <= raised),
        ceiling_bytes=_ceiling(history),
    )


def _peak_bytes(runs: Sequence[RunDigest], price: float) -> float:
    return float(_with_room(np.array([[run.peak_bytes] for run in runs]), price)[0])


def judged(run: RunDigest, plan: RunPlan, usage: FloatArray, price: float = KILL_PRICE) -> RunDigest:
    """A run that has ended, with what it would have cost under the plan it had: lowered, and only raised.

    Args:
        run: the digest of the run.
        plan: of its first attempt. One that rests on too few runs is no ground for a judgement.
        usage: shape (rows,), bytes, NaN in gaps: what the run needed.
        price: of a kill, in units of what its attempt was given.

    Worked: usage 1, 1, 2, 2 MiB under sizes of 2 costs 2 MiB x rows; under sizes of 1 a kill in the third row, 10 x 3.
    """
    if plan.basis is Basis.DECLARED:
        return run
    lowered, raised = (
        _cost(steady(replace(plan, lowers=lowers).wanted(usage), plan.pace), filled(usage), price)
        for lowers in (True, False)
    )
    return replace(run, costs=(lowered, raised))


def _cost(sizes: FloatArray, usage: FloatArray, price: float) -> float:
    """Bytes x rows: room, or what a kill costs."""
    killed = np.flatnonzero(usage > sizes)
    return price * float(sizes[: killed[0] + 1].sum()) if killed.size else float((sizes - usage).sum())


def _declared(history: RunHistory) -> RunPlan:
    count, pace = len(history.runs), history.pace
    peak = COLD_FACTOR * max((run.peak_bytes for run in history.runs), default=np.inf)
    ceiling = _ceiling(history)
    start = np.full(pace.start_rows, min(ceiling, max(history.declared_bytes, peak)), dtype=np.float64)
    message = f"runs before it: {count}, needed: {MIN_RUNS}; starts as declared"
    return RunPlan(
        Basis.DECLARED, message, pace, start, np.full(LEVELS, np.nan), peak, lowers=True, ceiling_bytes=ceiling
    )


def _ceiling(history: RunHistory) -> float:
    """What was declared, unless a run has needed more."""
    enough = all(run.peak_bytes <= history.declared_bytes for run in history.runs)
    return history.declared_bytes if enough else np.inf


def _with_room(seen: FloatArray, price: float) -> FloatArray:
    """The highest of each column of shape (runs, columns), with head room."""
    highest = seen.max(axis=0)
    runs: IntArray = np.full(highest.shape, seen.shape[0], dtype=np.int64)
    sized: FloatArray = highest + headroom(highest, np.median(seen, axis=0), runs, price)
    return sized


def _factors(rises: FloatArray, price: float) -> FloatArray:
    """Rises with head room, NaN at levels where no run was; the fewer runs were there, the more room."""
    there = rises > 0
    runs = there.sum(axis=0)
    found = np.flatnonzero(runs >= MIN_RUNS)
    ordered = np.sort(np.where(there, rises, np.inf)[:, found], axis=0)
    columns = np.arange(found.size)
    middle = (ordered[(runs[found] - 1) // 2, columns] + ordered[runs[found] // 2, columns]) / 2
    highest = rises[:, found].max(axis=0)
    factors = np.full(rises.shape[1], np.nan)
    factors[found] = highest + headroom(highest, middle, runs[found], price)
    return factors
