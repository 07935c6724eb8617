"""Figures of the Jobs track: waste and failed runs, by policy and workload, and ours against a peer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from foresize_forecast.series import FloatArray

GIB_H = float(1 << 30) * 3600
DRAWS = 2000
INTERVAL = (5.0, 95.0)
"""A 90 % interval."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run cost.

    Attributes:
        waste: bytes x seconds that were allocated and not used; of failed attempts all that was allocated, for their
            use came to nothing (as k-Segments' authors count).
        idle: the same, less what failed attempts used (as KS+'s authors count).
        allocated: bytes x seconds, failed attempts included.
        kills: attempts that failed.
        changes: resizes in place, over all attempts.
    """

    waste: float
    idle: float
    allocated: float
    kills: int
    changes: int


Outcomes = Mapping[str, Sequence[Outcome]]
"""By workload, in order of the runs' starts."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over runs; `waste_ratio` is waste over what was allocated, the others are as in `Outcome`."""

    runs: int
    waste_gib_h: float
    waste_ratio: float
    idle_gib_h: float
    failed_runs: int
    failed_attempts: int
    changes_per_run: float


@dataclass(frozen=True, slots=True)
class JobFigures:
    """Sums over all runs, and by workload."""

    total: Sums
    by_workload: Mapping[str, Sums]

    def as_dict(self) -> dict[str, object]:
        """For JSON: the sums, and `by_workload` with the same."""
        each = {name: asdict(sums) for name, sums in self.by_workload.items()}
        return {**asdict(self.total), "by_workload": each}


def figures(found: Outcomes) -> JobFigures:
    """Sums of what was found; a workload without a run is left out."""
    by_workload = {name: _sums(each) for name, each in found.items() if each}
    return JobFigures(_sums([outcome for each in found.values() for outcome in each]), by_workload)


def _sums(found: Sequence[Outcome]) -> Sums:
    waste, allocated = sum(each.waste for each in found), sum(each.allocated for each in found)
    return Sums(
        runs=len(found),
        waste_gib_h=waste / GIB_H,
        waste_ratio=waste / allocated if allocated else 0.0,
        idle_gib_h=sum(each.idle for each in found) / GIB_H,
        failed_runs=sum(each.kills > 0 for each in found),
        failed_attempts=sum(each.kills for each in found),
        changes_per_run=sum(each.changes for each in found) / max(len(found), 1),
    )


@dataclass(frozen=True, slots=True)
class Against:
    """We against one peer; intervals are of 90 %, from a bootstrap over workloads.

    Attributes:
        peer: its name.
        workloads: that were drawn.
        waste: our waste over its, sums over workloads.
        waste_interval: of that.
        idle: the same of `Outcome.idle`.
        idle_interval: of that.
        typical_waste: geometric mean of the same by workload: the largest does not rule it.
        typical_waste_interval: of that.
        failed_runs: ours less its.
        failed_runs_interval: of that.
    """

    peer: str
    workloads: int
    waste: float
    waste_interval: tuple[float, float]
    idle: float
    idle_interval: tuple[float, float]
    typical_waste: float
    typical_waste_interval: tuple[float, float]
    failed_runs: int
    failed_runs_interval: tuple[float, float]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def against(ours: JobFigures, theirs: JobFigures, peer: str, seed: int = 0) -> Against:
    """Our figures beside a peer's: workloads are drawn with replacement, for runs of one are not independent."""
    names = sorted(ours.by_workload)
    drawn = np.random.default_rng(seed).integers(0, len(names), (DRAWS, len(names)))
    waste, idle, failed = (
        np.array([[float(getattr(each.by_workload[name], field)) for name in names] for each in (ours, theirs)])
        for field in ("waste_gib_h", "idle_gib_h", "failed_runs")
    )
    more, logs = failed[0] - failed[1], np.log(waste[0] / waste[1])
    return Against(
        peer=peer,
        workloads=len(names),
        waste=float(waste[0].sum() / waste[1].sum()),
        waste_interval=_interval(waste[0][drawn].sum(axis=1) / waste[1][drawn].sum(axis=1)),
        idle=float(idle[0].sum() / idle[1].sum()),
        idle_interval=_interval(idle[0][drawn].sum(axis=1) / idle[1][drawn].sum(axis=1)),
        typical_waste=float(np.exp(logs.mean())),
        typical_waste_interval=_interval(np.exp(logs[drawn].mean(axis=1))),
        failed_runs=int(more.sum()),
        failed_runs_interval=_interval(more[drawn].sum(axis=1)),
    )


def _interval(draws: FloatArray) -> tuple[float, float]:
    low, high = np.percentile(draws, INTERVAL)
    return float(low), float(high)
