"""The slow clock for Jobs: the plan of the next run from the runs before it, by the code that a replay calls. Pure."""

from __future__ import annotations

import math

from foresize.attend import Foreseen
from foresize.guard import Assignment
from foresize.workloads import Workload
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.prometheus import HistoryAnswer, RowFacts, ended_runs
from foresize_forecast.runreview import RunsKnown
from foresize_forecast.runs import RunHistory, upcoming
from foresize_forecast.runs_digest import Pace
from foresize_forecast.runs_plan import Basis
from foresize_forecast.series import Grid

TOO_FEW = "TooFewRuns"
NO_RUNS = NoOutlook(TOO_FEW, "none of its runs has been measured in the policy's window")


def runs_foreseen(assignment: Assignment, answer: HistoryAnswer, now_s: float) -> Foreseen:
    """What a refit found of a workload of runs: a plan for each container, or why there is none yet."""
    workload, pace = assignment.workload, assignment.policy.workload
    facts = {
        row.container: fact
        for row, fact in zip(answer.history.containers, answer.facts, strict=True)
        if (row.namespace, row.workload) == workload.key and pace.container(row.container) is not None
    }
    grid = answer.history.grid
    known = {name: _known(_before(workload, name, fact, grid), now_s, pace.horizon_s) for name, fact in facts.items()}
    unknown = {
        name: NoOutlook(TOO_FEW, each.plan.message) for name, each in known.items() if each.plan.basis is Basis.DECLARED
    }
    unseen = {name: NO_RUNS for name in workload.template if name not in known}
    return Foreseen(forecasts=unseen | unknown, made_at_s=now_s, runs=known)


def _before(workload: Workload, container: str, fact: RowFacts, grid: Grid) -> RunHistory:
    """What is known of a container's runs. What its owner wrote is its limit, or its request where it has none."""
    template = workload.template.get(container)
    declared = template and (template.limit_bytes or template.request_bytes)
    return RunHistory(Pace(grid.step_s), float(declared or math.inf), ended_runs(fact.pods, grid))


def _known(history: RunHistory, now_s: float, horizon_s: float) -> RunsKnown:
    until_s = max((run.ended_s for run in history.runs), default=0.0)
    return RunsKnown(upcoming(history, now_s, horizon_s), until_s)
