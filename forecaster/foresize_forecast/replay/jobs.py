"""The Jobs track: every run of every Job, sized by us and by the peers from the runs before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from foresize_forecast.headroom import KILL_PRICE
from foresize_forecast.replay.jobpeers import PIECES, Attempt, JobSizer, peers
from foresize_forecast.replay.jobruns import Job, read
from foresize_forecast.replay.trace import Told
from foresize_forecast.runs import RunHistory, RunPlan, after_failure, size, steady
from foresize_forecast.runs_digest import Pace, RunDigest, digest, filled
from foresize_forecast.runs_slots import HOUR_S
from foresize_forecast.series import FloatArray, IntArray

GIB_H = float(1 << 30) * 3600
MOST_ATTEMPTS = 60
OURS = "foresize"
OURS_ONE_SIZE = "foresize, one size"
"""What is left of it where no running pod is resized."""
AGAINST = ("k-Segments selective", "k-Segments partial", "KS+")
DRAWS = 2000
INTERVAL = (5.0, 95.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run cost.

    Attributes:
        waste: bytes x seconds that were allocated and not used; of failed attempts all that was allocated.
        allocated: bytes x seconds, failed attempts included.
        kills: attempts that failed.
        changes: resizes in place, over all attempts.
    """

    waste: float
    allocated: float
    kills: int
    changes: int


@dataclass(frozen=True, slots=True)
class WorkloadFigures:
    """Sums over the runs of one workload."""

    runs: int
    waste_gib_h: float
    waste_ratio: float
    failed_runs: int
    failed_attempts: int
    changes_per_run: float


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Sums over all runs, and the same by workload; `waste_ratio` is waste over what was allocated."""

    runs: int
    waste_gib_h: float
    waste_ratio: float
    failed_runs: int
    failed_attempts: int
    changes_per_run: float
    by_workload: Mapping[str, WorkloadFigures]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class Foresize:
    """Our sizes: the plan of the runs that have ended, renewed whenever one more has."""

    def __init__(self, price: float = KILL_PRICE, *, in_place: bool = True) -> None:
        """With `in_place`, running pods are resized; without, an attempt has one size."""
        self.name, self.in_place, self._price = OURS if in_place else OURS_ONE_SIZE, in_place, price
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
        pace = Pace(job.step_s)
        order = job.ended_before(np.inf)
        self._digests = tuple(digest(job.runs[run].started_s, job.runs[run].usage, pace) for run in order)
        self._ends = np.array([job.ended_s(run) for run in order])
        self._plans, self._job = {}, job

    def ended(self, times_s: FloatArray) -> IntArray:
        """How many runs had ended by each time."""
        count: IntArray = np.searchsorted(self._ends, times_s, side="right").astype(np.int64)
        return count

    def plan(self, job: Job, ended: int, started_s: float) -> RunPlan:
        """The plan after so many runs, of a run that starts at this time."""
        key = (ended, started_s // HOUR_S)
        if key not in self._plans:
            history = RunHistory(Pace(job.step_s), job.declared_bytes, self._digests[:ended])
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
        pace = Pace(self.job.step_s)
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


def outcome(attempt: Attempt, job: Job, run: int) -> Outcome:
    """What a run costs under a sizer: an attempt is killed where usage is above its size, and starts again.

    Worked: usage 1, 1, 3 for 10 s each under 2, then 4: the kill comes at 20 s, after 20 s of 2 and, as the size of the
    sample that kills counts too, 2 s more: 44. The second attempt wastes (4 - 1) x 20 + (4 - 3) x 10 = 70. Sum 114.
    """
    usage = job.runs[run].usage
    peaks = np.repeat(filled(usage), PIECES)
    mean = np.repeat(filled(job.runs[run].mean), PIECES)
    piece_s = job.step_s / PIECES
    waste = allocated = 0.0
    kills = changes = 0
    while kills < MOST_ATTEMPTS:
        sizes = attempt.sizes(usage)
        killed = np.flatnonzero(peaks > sizes)
        last = int(killed[0]) + 1 if killed.size else sizes.size
        spent = float(sizes[:last].sum()) * piece_s
        allocated += spent
        changes += int(np.count_nonzero(np.diff(sizes[:last])))
        if not killed.size:
            return Outcome(waste + spent - float(mean.sum()) * piece_s, allocated, kills, changes)
        waste += spent
        kills += 1
        attempt = attempt.after_kill(last - 1, float(sizes[last - 1]))
    raise ValueError(f"{job.name}: run {run} was killed {MOST_ATTEMPTS} times, last at {sizes[last - 1]:.0f} bytes")


def outcomes(jobs: Sequence[Job], sizer: JobSizer, told: Told) -> dict[str, list[Outcome]]:
    """Of every run of every Job, by workload."""
    found: dict[str, list[Outcome]] = {}
    for place, job in enumerate(jobs):
        found[job.name] = [outcome(sizer.attempt(job, run), job, run) for run in range(len(job.runs))]
        told((place + 1) / len(jobs))
    return found


def figures(found: Mapping[str, Sequence[Outcome]]) -> JobFigures:
    """Sums of what was found."""
    by_workload = {name: WorkloadFigures(*_sums(each)) for name, each in found.items()}
    return JobFigures(*_sums([outcome for each in found.values() for outcome in each]), by_workload)


def _sums(found: Sequence[Outcome]) -> tuple[int, float, float, int, int, float]:
    waste, allocated = sum(each.waste for each in found), sum(each.allocated for each in found)
    failed = sum(each.kills > 0 for each in found)
    changes = sum(each.changes for each in found) / max(len(found), 1)
    ratio = waste / allocated if allocated else 0.0
    return len(found), waste / GIB_H, ratio, failed, sum(each.kills for each in found), changes


@dataclass(frozen=True, slots=True)
class Ratio:
    """Our waste over a peer's, and its 90 % interval from a bootstrap over workloads."""

    against: str
    waste: float
    low: float
    high: float
    workloads: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def ratio(ours: JobFigures, peer: JobFigures, against: str, draws: int = DRAWS, seed: int = 0) -> Ratio:
    """Our waste over a peer's: sums over workloads, drawn with replacement."""
    names = sorted(ours.by_workload)
    mine = np.array([ours.by_workload[name].waste_gib_h for name in names])
    theirs = np.array([peer.by_workload[name].waste_gib_h for name in names])
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    low, high = np.percentile(mine[drawn].sum(axis=1) / theirs[drawn].sum(axis=1), INTERVAL)
    return Ratio(against, float(mine.sum() / theirs.sum()), float(low), float(high), len(names))


@dataclass(frozen=True, slots=True)
class Played:
    """The track's figures by policy, and our ratios to the peers of the target."""

    policies: Mapping[str, JobFigures]
    ratios: tuple[Ratio, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "policies": {name: each.as_dict() for name, each in self.policies.items()},
            "ratios": [each.as_dict() for each in self.ratios],
        }


def play(source: Path | Sequence[Job], told: Told, sizers: Callable[[], Sequence[JobSizer]] | None = None) -> Played:
    """The Jobs track over a folder of traces, or over Jobs that were read already.

    Raises:
        ValueError: the folder has no such traces.
    """
    jobs = read(source) if isinstance(source, Path) else tuple(source)
    chosen = sizers() if sizers else (Foresize(), Foresize(in_place=False), *peers())
    policies = {}
    for place, sizer in enumerate(chosen):
        found = outcomes(jobs, sizer, lambda share, place=place: told((place + share) / len(chosen)))  # type: ignore[misc]
        policies[sizer.name] = figures(found)
    ours = policies.get(OURS)
    ratios = tuple(ratio(ours, policies[name], name) for name in AGAINST if ours and name in policies)
    return Played(policies, ratios)
