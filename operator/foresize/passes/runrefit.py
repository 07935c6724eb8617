"""The slow clock for runs: the plan of the next one from those before it, by the code that a replay calls. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from foresize.cluster.guard import Assignment
from foresize.cluster.workloads import Workload
from foresize.passes.senses import Foreseen
from foresize_forecast.deciding.state import RUNS_KEPT, RunsKept
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.prometheus import HistoryAnswer, ended_runs
from foresize_forecast.prometheus.podruns import remembered
from foresize_forecast.runs.attempt import Basis
from foresize_forecast.runs.digest import Pace, PastRun, RunDigest
from foresize_forecast.runs.nextrun import MIN_RUNS, RunHistory, upcoming
from foresize_forecast.series import Grid
from foresize_forecast.workloads.runreview import RunsKnown

TOO_FEW = "TooFewRuns"
NO_RUNS = NoOutlook(TOO_FEW, "none of its runs has been measured in the policy's window")


def runs_foreseen(
    assignment: Assignment, answer: HistoryAnswer, kept: Mapping[str, RunsKept], now_s: float
) -> Foreseen:
    """What a refit found of a workload of runs: a plan for each container, or why there is none yet.

    Args:
        assignment: the workload under its policy.
        answer: what was read of it.
        kept: by container, runs that are remembered; of groups of pods alone.
        now_s: Unix seconds.
    """
    workload, pace = assignment.workload, assignment.policy.workload
    grid = answer.history.grid
    read = {
        row.container: ended_runs(fact.pods, grid)
        for row, fact in zip(answer.history.containers, answer.facts, strict=True)
        if (row.namespace, row.workload) == workload.key and pace.container(row.container) is not None
    }
    runs = {name: _known(assignment, name, read.get(name, ()), kept, grid, now_s) for name in read.keys() | kept.keys()}
    unknown = {
        name: NoOutlook(TOO_FEW, each.plan.message)
        for name, each in runs.items()
        if each.plan.basis is Basis.DECLARED and name not in workload.init
    }
    unseen = {name: NO_RUNS for name in workload.template if name not in runs}
    return Foreseen(forecasts=unseen | unknown, distrust=_partial(workload, answer), made_at_s=now_s, runs=runs)


def _partial(workload: Workload, answer: HistoryAnswer) -> str:
    """Why what was read lowers nothing; empty where it may."""
    mine = zip(answer.history.containers, answer.facts, strict=True)
    if not any(fact.partial for row, fact in mine if (row.namespace, row.workload) == workload.key):
        return ""
    return f"Prometheus answered with partial data: {'; '.join(answer.warnings)}"


def init_known(assignment: Assignment, answer: HistoryAnswer, now_s: float) -> dict[str, RunsKnown]:
    """Plans for the ordinary init containers of what is no run itself: each start of a pod is a run of theirs."""
    workload, grid = assignment.workload, answer.history.grid
    return {
        row.container: _known(assignment, row.container, ended_runs(fact.pods, grid), {}, grid, now_s)
        for row, fact in zip(answer.history.containers, answer.facts, strict=True)
        if (row.namespace, row.workload) == workload.key and row.container in workload.init
    }


def _known(  # noqa: PLR0913, PLR0917 - one container's part of all that is known
    assignment: Assignment,
    container: str,
    read: tuple[RunDigest, ...],
    kept: Mapping[str, RunsKept],
    grid: Grid,
    now_s: float,
) -> RunsKnown:
    pace = Pace(grid.step_s)
    past: tuple[PastRun, ...] | None = None
    if assignment.workload.is_group:
        before = kept[container].past if container in kept else ()
        past = remembered(before, read, grid.start_s, RUNS_KEPT)
        read = tuple(run.digest(pace) for run in past)
    until_s = max((run.ended_s for run in read), default=0.0)
    history = RunHistory(pace, _declared_bytes(assignment.workload, container), read)
    plan = upcoming(history, now_s, assignment.policy.workload.horizon_s, schedule=assignment.workload.schedule)
    began_s = sorted((run.started_s for run in read), reverse=True)[:MIN_RUNS]
    return RunsKnown(plan, until_s, past, began_s[-1] if len(began_s) == MIN_RUNS else 0.0)


def _declared_bytes(workload: Workload, container: str) -> float:
    """What its owner wrote: its limit, or its request where it has none."""
    template = workload.template.get(container) or workload.init.get(container)
    return float((template and (template.limit_bytes or template.request_bytes)) or math.inf)
