"""Which pods an eviction would help, because in place they cannot have what they should, or because they leak. Pure.

A wish is not a permission: `disruption` says whether a pod may be evicted now, `placement` whether it would find a
place again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from foresize_forecast.deciding import ladder
from foresize_forecast.deciding.choices import REQUEST_TOLERANCE
from foresize_forecast.deciding.state import Wait, WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook, ShapeKind
from foresize_forecast.moving.disruption import Disruption, Held, next_opening_s
from foresize_forecast.pods import ContainerView, PodView, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.sizes import QosClass, Size, in_mebibytes
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Observation, Review

SHORT_SHARE = 0.1
"""A pod is worth an eviction where it is short of its target by this share of it."""
OVER_SHARE = 0.25
"""The same where it asks for more than a new pod would: it only costs."""
OVER_AFTER_S = 3600.0
"""That waits at least so long: no kill threatens."""
RESTART_LEAD_S = 3600.0
"""How long before it reaches its limit a leaking pod is restarted, where no window says otherwise: budgets, a
PodDisruptionBudget or a full cluster may hold it for a while."""
HALF = 0.5
"""Of its limit: a leaking pod that uses less was restarted lately, or will be fine for as long again."""


class Cause(StrEnum):
    """Why a pod should be evicted. CamelCase, because it is a label of metrics and shown in status."""

    NOT_IN_FORCE = "LimitNotInForce"
    NODE_PRESSURE = "NodePressureAhead"
    LEAK = "LeakReachesLimit"
    IDLE = "Idle"
    NODE_TOO_SMALL = "NodeTooSmall"
    CANNOT_RESIZE = "NodeCannotResize"
    RESTARTS = "RestartOnResize"
    NODE_FULL = "NodeFull"
    CANNOT_LOWER = "CannotLower"


CAUSES = {
    Obstacle.NODE_FULL: Cause.NODE_FULL,
    Obstacle.DEFERRED: Cause.NODE_FULL,
    Obstacle.NODE_TOO_SMALL: Cause.NODE_TOO_SMALL,
    Obstacle.INFEASIBLE: Cause.NODE_TOO_SMALL,
    Obstacle.NODE_CANNOT_RESIZE: Cause.CANNOT_RESIZE,
    Obstacle.NOT_READY_TO_RESIZE: Cause.CANNOT_RESIZE,
    Obstacle.RESTART_ON_RESIZE: Cause.RESTARTS,
}
"""Obstacles that are gone on another node, or with the size that a new pod is created with."""
ANYWAY = {Cause.NODE_PRESSURE, Cause.LEAK, Cause.IDLE}
"""Causes that have nothing to do with the size of the pod that comes instead."""
NOTHING_AT_ALL = {Cause.CANNOT_RESIZE, Cause.RESTARTS}
"""Causes for which not even a limit can be raised in place."""
LOWERING = {
    Obstacle.REFUSED,
    Obstacle.RUNTIME_ERROR,
    Obstacle.NODE_CANNOT_RESIZE,
    Obstacle.NOT_READY_TO_RESIZE,
    Obstacle.RESTART_ON_RESIZE,
}
"""Obstacles to a decrease that a new pod does not meet."""
PHASES = {ResizePhase.DEFERRED: Obstacle.DEFERRED, ResizePhase.INFEASIBLE: Obstacle.INFEASIBLE}


@dataclass(frozen=True, slots=True)
class Wish:
    """A pod that an eviction would help.

    Attributes:
        pod: the pod.
        cause: why.
        obstacle: what a reader is told stands in its way.
        message: the same for people.
        since_s: since when; of several, the longest waits first.
    """

    pod: PodView
    cause: Cause
    obstacle: Obstacle
    message: str
    since_s: float

    @property
    def serves(self) -> bool:
        """Whether its pod is of any use where it is: one that dies at each start protects nobody's work."""
        return self.cause is not Cause.NOT_IN_FORCE


def wishes(
    found: Review,
    seen: Observation,
    blocked: Mapping[str, Blocked],
    forecasts: Mapping[str, Forecasted | NoOutlook],
    asked: Disruption,
) -> tuple[WorkloadState, tuple[Wish, ...]]:
    """What evictions would help of one workload, most urgent first, and the memory of who waits for what.

    Args:
        found: the review of the workload.
        seen: the observation that it was made of.
        blocked: by pod name, what stands in the way of a resize.
        forecasts: by container name.
        asked: what the policy asks.
    """
    waits: dict[str, Wait] = {}
    wished: list[Wish] = []
    for pod in seen.pods:
        if pod.terminating or pod.ignored or not pod.node:
            continue
        own = next((each.forecasts for each in found.apart if pod.name in each.pods), forecasts)
        if asked.restarts_leaks and (leaving := _leak(pod, seen, own, asked)) is not None:
            wished.append(leaving)
        elif asked.moves and (words := ladder.trap(pod)):
            wished.append(Wish(pod, Cause.NOT_IN_FORCE, Obstacle.NOT_IN_FORCE, words, pod.created_s))
        elif asked.moves and (wait := _stuck(pod, found, seen, blocked)) is not None:
            waits[pod.uid] = wait
            if (moving := _waited(pod, wait, blocked, asked, seen.now_s)) is not None:
                wished.append(moving)
    order = list(Cause)
    wished.sort(key=lambda wish: (order.index(wish.cause), wish.since_s, wish.pod.name))
    return replace(found.state, waits=waits), tuple(wished)


def born(template: Size, entry: Size, *, known: bool, qos: QosClass) -> Size:
    """What a new pod's container gets at its creation: the rules of the chart's admission policy.

    Args:
        template: as its owner wrote it.
        entry: as it is written for the creation of pods.
        known: whether its revision is proven; one that is not gets at least its template's size.
        qos: the class that its template gives it.
    """
    request, limit = entry.request_bytes, entry.limit_bytes
    if request is None or (not known and template.request_bytes is not None):
        request = max(request or 0, template.request_bytes or 0) or None
    if request is None:
        return template
    if limit is None:
        limit = template.limit_bytes
    elif not known:
        limit = None if template.limit_bytes is None else max(limit, template.limit_bytes)
    if limit is not None and (qos is QosClass.GUARANTEED or request > limit):
        request = limit
    return Size(request, limit)


def no_better(wish: Wish, births: Mapping[str, Size], targets: Mapping[str, Size]) -> Held | None:
    """Why a new pod in its place would be no better off; None where it would be.

    Args:
        wish: the pod and why it should go.
        births: by container name, what a new pod gets.
        targets: by container name, what it should have now.
    """
    if wish.cause in ANYWAY:
        return None
    views = [view for view in wish.pod.containers if view.name in births]
    has, gets = sum(map(_request, views)), sum(births[view.name].request_bytes or 0 for view in views)
    if wish.cause is Cause.CANNOT_LOWER:
        enough = gets <= has * (1 - OVER_SHARE)
    else:
        wants = sum(target.request_bytes or 0 for target in targets.values())
        enough = gets >= wants * (1 - REQUEST_TOLERANCE) and all(
            _holds(births[view.name], targets[view.name]) for view in views if view.name in targets
        )
    if enough:
        return None
    words = f"a new pod would be created with requests of {in_mebibytes(gets)}, and it has {in_mebibytes(has)}"
    return Held("NotSizedAtCreation", f"{words}: that helps nothing")


def _stuck(pod: PodView, found: Review, seen: Observation, blocked: Mapping[str, Blocked]) -> Wait | None:
    """Whether a pod cannot have in place what it should, and since when; None where it can, or nearly has it."""
    before = found.state.waits.get(pod.uid)
    obstacle = _obstacle(pod, blocked)
    cause = CAUSES.get(obstacle) if obstacle is not None and _is_short(pod, found, obstacle) else None
    if cause is None and obstacle in LOWERING and not seen.distrust and _is_over(pod, found):
        cause = Cause.CANNOT_LOWER
    if cause is None:
        # In the pass that gives it a part of its raise nothing stands in its way, though it is as short as before.
        return before if before is not None and obstacle is None and _is_short(pod, found, obstacle) else None
    return Wait(str(cause), before.since_s if before is not None else seen.now_s)


def _waited(pod: PodView, wait: Wait, blocked: Mapping[str, Blocked], asked: Disruption, now_s: float) -> Wish | None:
    """A wish, once a pod has waited for long enough; where it can never fit, at once."""
    obstacle, cause = _obstacle(pod, blocked), Cause(wait.cause)
    if obstacle is None:
        return None
    patience_s = {Cause.NODE_TOO_SMALL: 0.0, Cause.CANNOT_LOWER: max(OVER_AFTER_S, asked.after_s)}
    if now_s - wait.since_s < patience_s.get(cause, asked.after_s):
        return None
    told = blocked[pod.name].message if pod.name in blocked else pod.resize.message
    return Wish(pod, cause, obstacle, told, wait.since_s)


def _obstacle(pod: PodView, blocked: Mapping[str, Blocked]) -> Obstacle | None:
    """What stands in its way: of a patch that is to come, or of one that is under way."""
    if pod.name in blocked:
        return blocked[pod.name].obstacle
    return PHASES.get(pod.resize.phase)


def _is_short(pod: PodView, found: Review, obstacle: Obstacle | None) -> bool:
    """Whether it has a tenth less than it should; of limits too where not even those can be raised."""
    verdicts = found.of(pod.name).verdicts
    views = [(view, verdicts[view.name].target) for view in pod.containers if view.name in verdicts]
    wants = sum(target.request_bytes or 0 for _, target in views)
    if wants - sum(_request(view) for view, _ in views) >= max(1, SHORT_SHARE * wants):
        return True
    if obstacle is None or CAUSES.get(obstacle) not in NOTHING_AT_ALL:
        return False
    return any(not _holds(view.size, target, SHORT_SHARE) for view, target in views)


def _is_over(pod: PodView, found: Review) -> bool:
    """Whether a new pod would ask for a quarter less."""
    views = [(view, found.verdicts[view.name].creation) for view in pod.containers if view.name in found.verdicts]
    has = sum(_request(view) for view, _ in views)
    gets = sum((size or view.size).request_bytes or 0 for view, size in views)
    return has - gets >= max(1, OVER_SHARE * has)


def _leak(
    pod: PodView,
    seen: Observation,
    forecasts: Mapping[str, Forecasted | NoOutlook],
    asked: Disruption,
) -> Wish | None:
    """A pod whose leak reaches its limit before there is another chance to restart it."""
    if seen.distrust:
        return None
    opens_s = next_opening_s(asked.windows, seen.now_s)
    lead_s = RESTART_LEAD_S + (0.0 if opens_s is None else opens_s - seen.now_s)
    for view in pod.containers:
        left_s = _left_s(pod, view, seen, forecasts.get(view.name))
        if left_s is not None and left_s <= min(lead_s, asked.horizon_s):
            minutes, limit = round(left_s / 60), in_mebibytes(_limit(view))
            words = f"{view.name} leaks, and reaches its limit of {limit} in {minutes} minutes"
            return Wish(pod, Cause.LEAK, Obstacle.LEAKS, words, seen.now_s + left_s)
    return None


def _left_s(
    pod: PodView, view: ContainerView, seen: Observation, forecast: Forecasted | NoOutlook | None
) -> float | None:
    """When a container's own use reaches its limit at the fastest rate of its workload's leak; None: it does not."""
    limit, recent = _limit(view), seen.recent.get((pod.name, view.name))
    if not isinstance(forecast, Forecasted) or limit is None or recent is None:
        return None
    shape = forecast.outlook.shape
    rate = max(shape.growth_bytes_per_s, shape.growth_high_bytes_per_s)
    if shape.kind is not ShapeKind.LEAKING or rate <= 0 or recent.usage_bytes < HALF * limit:
        return None
    return max(0.0, (limit - recent.usage_bytes) / rate)


def _holds(size: Size, target: Size, share: float = REQUEST_TOLERANCE) -> bool:
    """Whether a limit is as high as the target's, but for a share; none is as high as any."""
    if size.limit_bytes is None or target.limit_bytes is None:
        return True
    return size.limit_bytes >= target.limit_bytes * (1 - share)


def _request(view: ContainerView) -> int:
    """What is in force; a request that waits is none."""
    return (view.actual or view.size).request_bytes or 0


def _limit(view: ContainerView) -> int | None:
    return (view.actual or view.size).limit_bytes
