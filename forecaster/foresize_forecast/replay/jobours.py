"""Our sizes on the Jobs track: the code that sizes a run in a cluster, told at each row what it would know there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.replay.jobpeers import PIECES, Attempt
from foresize_forecast.replay.jobruns import Job
from foresize_forecast.runs.attempt import RunPlan, after_failure, steady
from foresize_forecast.runs.digest import REACT_S, Pace, RunDigest, digest
from foresize_forecast.runs.headroom import KILL_PRICE
from foresize_forecast.runs.nextrun import RunHistory, judged, size
from foresize_forecast.runs.slots import HOUR_S
from foresize_forecast.series import FloatArray, IntArray

OURS = "foresize"
OURS_ONE_SIZE = "foresize, one size"
"""What is left of it where no running pod is resized."""


class Foresize:
    """Our sizes: the plan of the runs that have ended, renewed whenever one more has."""

    def __init__(self, price: float = KILL_PRICE, react_s: int = REACT_S, *, in_place: bool = True) -> None:
        """With `in_place`, running pods are resized; without, an attempt has one size."""
        self.name, self.in_place = OURS if in_place else OURS_ONE_SIZE, in_place
        self._price, self._react_s = price, react_s
        self._plans: dict[tuple[int, float], RunPlan] = {}
        self._digests: tuple[RunDigest, ...] = ()
        self._ends: FloatArray = np.empty(0)
        self._job: Job | None = None

    def attempt(self, job: Job, run: int) -> Attempt:
        """The first attempt at a run."""
        if job is not self._job:
            self._learn(job)
        return _Ours(self, job, job.runs[run].started_s, 0.0, ())

    def _learn(self, job: Job) -> None:
        pace = self.pace(job)
        order = job.ended_before(np.inf)
        self._ends = np.array([job.ended_s(run) for run in order])
        self._plans, self._digests, self._job = {}, (), job
        for run in order:
            each = job.runs[run]
            plan = self.plan(job, int(self.ended(np.array([each.started_s]))[0]), each.started_s)
            known = judged(digest(each.started_s, each.usage, pace), plan, each.usage, self._price)
            self._digests = (*self._digests, known)

    def pace(self, job: Job) -> Pace:
        """The rows of a Job in terms of the clock that sizes it."""
        return Pace(job.step_s, self._react_s)

    def ended(self, times_s: FloatArray) -> IntArray:
        """How many runs had ended by each time."""
        count: IntArray = np.searchsorted(self._ends, times_s, side="right").astype(np.int64)
        return count

    def plan(self, job: Job, ended: int, started_s: float) -> RunPlan:
        """The plan after so many runs, of a run that starts at this time."""
        key = (ended, started_s // HOUR_S)
        if key not in self._plans:
            history = RunHistory(self.pace(job), job.declared_bytes, self._digests[:ended])
            self._plans[key] = size(history, started_s, self._price)
        return self._plans[key]


@dataclass(frozen=True, slots=True)
class _Ours:
    """An attempt of ours.

    Attributes:
        sizer: whose plans it follows.
        job: whose run it is.
        started_s: of the first attempt, Unix seconds.
        lost_s: what the attempts before it took.
        kills: of those, as (seconds, bytes).
    """

    sizer: Foresize
    job: Job
    started_s: float
    lost_s: float
    kills: tuple[tuple[float, float], ...]

    def sizes(self, usage: FloatArray) -> FloatArray:
        pace = self.sizer.pace(self.job)
        rows = np.arange(usage.size) if self.sizer.in_place else np.zeros(usage.size, dtype=np.int64)
        ended = self.sizer.ended(self.started_s + self.lost_s + pace.step_s * rows.astype(np.float64))
        wanted = np.empty(usage.size)
        for count in np.unique(ended).tolist():
            those = np.flatnonzero(ended == count)
            plan = self._plan(count)
            seen = usage[: those[-1] + 1]
            wanted[those] = plan.wanted(seen)[those] if self.sizer.in_place else plan.one_size_bytes
        return np.repeat(steady(wanted, pace), PIECES)

    def _plan(self, ended: int) -> RunPlan:
        plan = self.sizer.plan(self.job, ended, self.started_s)
        for at_s, size_bytes in self.kills:
            plan = after_failure(plan, at_s, size_bytes)
        return plan

    def after_kill(self, piece: int, size: float) -> _Ours:
        at_s = piece * self.job.step_s / PIECES
        return replace(self, lost_s=self.lost_s + at_s, kills=(*self.kills, (at_s, size)))
