"""What one look at a workload found -> the status of its MemoryForecast. Pure; `records` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from foresize.config.quantities import about, quantity, timestamp
from foresize.reporting.partrows import hot_row, part_rows
from foresize_forecast.deciding.decide import Verdict
from foresize_forecast.deciding.state import ContainerState, Eviction
from foresize_forecast.forecasting.outlook import NoOutlook, Outlook, Score, ShapeKind
from foresize_forecast.moving.idle import Doing, Idleness, workload_idleness
from foresize_forecast.moving.moves import Wish
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.runs.attempt import Basis, RunPlan
from foresize_forecast.sizes import Size, rounded_up
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Observation, Review

MAX_ROWS = 100
"""Containers in one object: etcd takes 1.5 MiB, and a reader less."""
DAY_S = 86_400
RUNS = "Runs"
"""In the place of a model's name, where the runs before say what the next one needs."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a workload: what was seen, what was decided, what could not be done.

    Attributes:
        seen: the observation.
        review: verdicts and the memory to keep.
        forecasts: by container name.
        applies: whether the policy lets running pods be resized.
        quiet: why nothing is written to this workload (paused, opted out, conflict); empty if something may be.
        blocked: by pod name, what stands in its way.
        plans: by container name, of the next run, where its pods are runs.
        owners: by container name, what its template says without us; a container that is missing: as seen.
        template: what stands in the way of its pod template; None where nothing does, or where none is written.
        wishes: pods that an eviction would help.
        doing: by pod name, whether it does nothing.
        sleep_words: what is to be said of its being scaled to zero, or not.
    """

    seen: Observation
    review: Review
    forecasts: Mapping[str, Forecasted | NoOutlook]
    applies: bool
    quiet: str = ""
    blocked: Mapping[str, Blocked] = field(default_factory=dict)
    plans: Mapping[str, RunPlan] = field(default_factory=dict)
    template: Blocked | None = None
    wishes: tuple[Wish, ...] = ()
    owners: Mapping[str, Size] = field(default_factory=dict)
    doing: Mapping[str, Idleness] = field(default_factory=dict)
    sleep_words: str = ""


def status_of(look: Look) -> Json:
    """Everything a reader sees in a MemoryForecast, without the operator's own memory and without a clock reading.

    The same look gives the same status, so that an object is only written when it says something new.
    """
    rows = [_row(name, verdict, look) for name, verdict in sorted(look.review.verdicts.items())][:MAX_ROWS]
    parts = part_rows(look.review, look.seen, MAX_ROWS - len(rows))
    others = {"parts": parts, "idle": _idle(look), "lastEviction": _last_eviction(look)}
    return {"summary": _summary(look), "containers": rows, **_bare(others)}


def present(name: str, seen: Observation) -> Size:
    """What a container has now: the largest of its pods, its template where it has none."""
    sizes = [view.size for pod in seen.pods if (view := pod.container(name)) is not None]
    return max(sizes, key=lambda size: (size.request_bytes or 0, size.limit_bytes or 0), default=seen.template[name])


def _row(name: str, verdict: Verdict, look: Look) -> Json:
    now, state = present(name, look.seen), look.review.state.container(name)
    wish, template = wanted(verdict, look), {**look.seen.template, **look.owners}.get(name, Size(None, None))
    row: Json = {
        "name": name,
        "request": _quantity(now.request_bytes),
        "limit": _quantity(now.limit_bytes),
        "wantedRequest": _quantity(wish.request_bytes),
        "wantedLimit": _quantity(wish.limit_bytes),
        "templateRequest": _quantity(template.request_bytes),
        "templateLimit": _quantity(template.limit_bytes),
        "reason": str(verdict.reason),
        "message": verdict.message,
        "kills": [_bare({"at": timestamp(kill.at_s), "limit": _quantity(kill.limit_bytes)}) for kill in state.kills],
        "lastChange": _change(state),
        "blocked": _blocked([*look.blocked.values(), *([look.template] if look.template else [])]),
        "heap": _heap(name, look.seen),
        "hot": None if look.plans or look.review.apart else hot_row(name, look.seen),
    }
    forecast = look.forecasts.get(name)
    if isinstance(forecast, Forecasted):
        row |= _forecast(forecast, now)
    return _bare(row | _run(look.plans.get(name)))


def _run(plan: RunPlan | None) -> Json:
    """The peak of the runs that speak for the next one, with its room."""
    if plan is None or plan.basis is Basis.DECLARED:
        return {}
    return {"peak": quantity(rounded_up(plan.peak_bytes)), "model": RUNS}


def _heap(name: str, seen: Observation) -> str | None:
    """The bound that its process keeps its heap to; None where none is known."""
    views = (pod.container(name) for pod in seen.pods)
    return next((view.heap.words for view in views if view is not None and view.heap is not None), None)


def _forecast(forecast: Forecasted, now: Size) -> Json:
    outlook = forecast.outlook
    return {
        "peak": quantity(rounded_up(forecast.peak_bytes)),
        "peakLow": quantity(rounded_up(outlook.highest_level)),
        "peakAt": timestamp(outlook.peak_at_s),
        "model": outlook.model,
        "backtest": _score(outlook.score),
        "baseline": _bare({"model": outlook.baseline, **(_score(outlook.baseline_score) or {})}),
        "shape": str(outlook.shape.kind),
        "historyDays": round(outlook.days, 1),
        "plan": [{"at": timestamp(step.at_s), "request": quantity(step.request_bytes)} for step in forecast.plan.steps],
        **_growth(outlook, now),
    }


def _growth(outlook: Outlook, now: Size) -> Json:
    """How fast it grows and when it meets its limit, for what grows or leaks."""
    rate = outlook.shape.growth_bytes_per_s
    if rate <= 0:
        return {}
    growth: Json = {"growthPerDay": quantity(rounded_up(rate * DAY_S))}
    left = time_to_limit(outlook, now)
    if outlook.shape.kind is ShapeKind.LEAKING and left:
        growth["timeToLimit"] = left
    return growth


def time_to_limit(outlook: Outlook, now: Size) -> str:
    """When what grows meets its limit, at its rate and at those of its fastest and slowest third.

    Empty without growth or limit. Worked: 30 MiB below a limit, at 10 MiB an hour, or 5 to 15: `3h (2h to 6h)`.
    """
    shape = outlook.shape
    if shape.growth_bytes_per_s <= 0 or now.limit_bytes is None:
        return ""
    room = max(0.0, now.limit_bytes - float(outlook.level[0]))
    soonest, latest = (
        about(room / rate) if rate > 0 else "" for rate in (shape.growth_high_bytes_per_s, shape.growth_low_bytes_per_s)
    )
    expected = about(room / shape.growth_bytes_per_s)
    if not soonest or soonest == latest:
        return expected
    return f"{expected} ({soonest} to {latest})" if latest else f"{expected} ({soonest} or more)"


def _summary(look: Look) -> Json:
    """One line for `kubectl get`: the container that weighs most."""
    if not look.review.verdicts:
        return {"state": "NoContainer"}
    name = max(look.review.verdicts, key=lambda each: (present(each, look.seen).request_bytes or 0, each))
    verdict, now = look.review.verdicts[name], present(name, look.seen)
    wish, forecast = wanted(verdict, look), look.forecasts.get(name)
    line: Json = {
        "container": name,
        "request": _quantity(now.request_bytes),
        "wanted": _quantity(wish.request_bytes),
        "limit": _quantity(now.limit_bytes),
        "state": _state(verdict, look),
    }
    if isinstance(forecast, Forecasted):
        outlook = forecast.outlook
        line |= {
            "peak": quantity(rounded_up(forecast.peak_bytes)),
            "peakIn": about(outlook.peak_at_s - look.seen.now_s),
            "model": outlook.model,
            "shape": str(outlook.shape.kind),
        }
    return _bare(line | _run(look.plans.get(name)))


def _state(verdict: Verdict, look: Look) -> str:
    """One word: why nothing is done, what is in the way, or that it is as it should be."""
    if look.quiet:
        return look.quiet
    if look.review.state.sleep is not None and look.review.state.sleep.holds:
        return "Asleep"
    if verdict.wanted is None:
        return "NoForecast"
    if look.template is not None and look.template.obstacle is not Obstacle.TEMPLATE_WAITS:
        return str(look.template.obstacle)
    if not look.applies:
        return "Recommended"
    if look.blocked:
        return str(next(iter(look.blocked.values())).obstacle)
    return "Sized"


def wanted(verdict: Verdict, look: Look) -> Size:
    """What its pods should have: the target where it is applied, else what one would write into a template."""
    if look.applies and not look.quiet:
        return verdict.target
    return verdict.creation or verdict.target


def evicted(look: Look) -> list[Eviction]:
    """What was evicted of a workload; a pod that lives on was not."""
    living = {pod.uid for pod in look.seen.pods if not pod.terminating}
    return [each for each in look.review.state.evictions if each.uid not in living]


def _last_eviction(look: Look) -> Json | None:
    made = evicted(look)
    if not made:
        return None
    last = made[-1]
    told = {"pod": last.pod, "node": last.node, "reason": last.cause, "message": last.message}
    return {"at": timestamp(last.at_s)} | told


def _idle(look: Look) -> Json | None:
    """Whether it does nothing, and how one knows."""
    sleep = look.review.state.sleep
    if sleep is not None and sleep.holds:
        asleep = {"since": timestamp(sleep.at_s), "replicas": sleep.replicas, "message": look.sleep_words}
        words = "it was idle and is scaled to zero"
        return {"idle": True, "reason": str(Doing.IDLE), "message": words, "pods": 0, "asleep": asleep}
    if not look.doing:
        return None
    found, pods = workload_idleness(look.doing), sum(each.idle for each in look.doing.values())
    told: Json = {"idle": found.idle, "reason": str(found.doing), "message": found.message, "pods": pods}
    return told | ({"held": look.sleep_words} if look.sleep_words else {})


def _score(score: Score | None) -> Json | None:
    return (
        None
        if score is None
        else {
            "hours": round(score.hours, 1),
            "cost": quantity(rounded_up(score.cost_bytes)),
            "coverage": round(score.coverage, 4),
            "slack": round(score.slack, 4),
            "exceedances": round(score.exceedances, 2),
        }
    )


def _change(state: ContainerState) -> Json | None:
    change = state.last_change
    return (
        None
        if change is None
        else _bare(
            {
                "at": timestamp(change.at_s),
                "fromRequest": _quantity(change.before.request_bytes),
                "fromLimit": _quantity(change.before.limit_bytes),
                "toRequest": _quantity(change.after.request_bytes),
                "toLimit": _quantity(change.after.limit_bytes),
                "reason": str(change.reason),
                "message": change.message,
            }
        )
    )


def _blocked(blocked: Iterable[Blocked]) -> Json | None:
    first = next(iter(blocked), None)
    if first is None:
        return None
    return _bare({"reason": str(first.obstacle), "message": first.message, "eviction": first.held or None})


def _quantity(value_bytes: int | None) -> str | None:
    return None if value_bytes is None else quantity(value_bytes)


def _bare(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
