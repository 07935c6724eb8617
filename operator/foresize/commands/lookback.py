"""A workload's recent past from Prometheus, and what every model would have cost on it: for `foresize explain`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foresize.cluster.guard import Assignment
from foresize.commands import standstill
from foresize.commands.surroundings import Place, look, within_reach
from foresize.config.settings import SettingsProblem
from foresize.kube.kubeapi import Api, ApiError
from foresize.passes.refit import request_of
from foresize_forecast.forecasting.forecast import Question, Tried, tried
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.prometheus import grid_until, history
from foresize_forecast.series import FloatArray, Grid, History
from foresize_forecast.sizes import ContainerPolicy
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.sizing.wanted import kill_cost_bytes

NO_SOURCE = "no Prometheus is known: give its address with --prometheus, or the operator's namespace"
RUNS = "its pods are runs: their peaks are read one by one, not as a curve (docs/how-it-sizes-jobs.md)"


@dataclass(frozen=True, slots=True)
class Past:
    """What Prometheus has of a workload.

    Attributes:
        grid: the times.
        horizon_s: how far ahead its policy looks.
        usage: by container, the highest of its pods in each interval, bytes; NaN in gaps.
        tried: by container, every model that was tried, the chosen one first.
        asked: by container, its history and what its policy asks of a forecast; for what another overrun would give.
        band: by container, demand and level of the forecast on the intervals after the grid, bytes.
    """

    grid: Grid
    horizon_s: int
    usage: Mapping[str, FloatArray]
    tried: Mapping[str, Sequence[Tried]]
    asked: Mapping[str, tuple[History, Wish]] = field(default_factory=dict)
    band: Mapping[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)


def looked_back(api: Api, place: Place, key: tuple[str, str]) -> Past | str:
    """The past of a workload under its policy, or why it cannot be had."""
    try:
        around = look(api, place)
        namespaces = around.settings.namespaces or (key[0],)
        assignment = standstill.assignments(api, namespaces, place.operator_namespace).get(key)
    except (SettingsProblem, ApiError) as error:
        return str(error)
    if assignment is None:
        return f"no policy has {key[1]} of {key[0]} any more"
    if assignment.workload.runs:
        return RUNS
    asked = assignment.policy.workload
    with within_reach(api, around) as settings:
        source = settings.source()
        if source is None:
            return NO_SOURCE
        grid = grid_until(time.time(), asked.window_s, asked.step_s)
        answer = history(source, [request_of(assignment)], grid)
    if refusal := answer.refusals.get(key):
        return refusal.message
    rows = {
        each.container: row for row, each in enumerate(answer.history.containers) if asked.container(each.container)
    }
    asking = {name: (answer.history.rows([row]), _wish(assignment, name)) for name, row in rows.items()}
    usage = {name: answer.history.usage[row] for name, row in rows.items()}
    models = {name: tried(past, wish.question) for name, (past, wish) in asking.items()}
    made = {name: foresee(past, [wish])[0] for name, (past, wish) in asking.items()}
    band = {
        name: (each.outlook.demand, each.outlook.level) for name, each in made.items() if isinstance(each, Forecasted)
    }
    return Past(grid, asked.horizon_s, usage, models, asking, band)


def _wish(assignment: Assignment, container: str) -> Wish:
    asked = assignment.policy.workload
    policy = (asked.container(container) or ContainerPolicy()).for_qos(assignment.workload.qos)
    question = Question(policy.overrun, asked.horizon_s, kill_cost_bytes(policy))
    return Wish(question, asked.lead_s, asked.cooldown_s)
