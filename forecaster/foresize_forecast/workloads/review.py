"""One look at a workload: every container decided, every pod held against its target, the sizes new pods get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foresize_forecast.deciding import fast, ladder, newshape
from foresize_forecast.deciding.choices import LIMIT_DAYS, REQUEST_DAYS, Evidence
from foresize_forecast.deciding.decide import Verdict, decide
from foresize_forecast.deciding.fast import Recent
from foresize_forecast.deciding.stalls import Waiting, stall
from foresize_forecast.deciding.state import REVISIONS_KEPT, Canary, ContainerState, Shapes, WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.pods import ContainerView, Kill, PodView, Room
from foresize_forecast.reasons import Blocked
from foresize_forecast.resizing import canary
from foresize_forecast.resizing.podchange import PodNeeds, Proven, change
from foresize_forecast.resizing.podroom import PodChange, out_of_bounds
from foresize_forecast.runs.attempt import RunPlan
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, QosClass, Size, WorkloadPolicy
from foresize_forecast.sizing.bounds import clamp
from foresize_forecast.sizing.plan import Forecasted

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is seen of a workload at one moment.

    Attributes:
        now_s: Unix seconds.
        pods: its living pods.
        recent: newest samples by (pod name, container name).
        template: the sizes in its pod template, by container name.
        qos: the class that its template gives.
        bounds: of its containers: its namespace's LimitRange, and the largest node.
        distrust: why its samples cannot be trusted to lower anything; empty if they can.
        first_samples_s: by revision, when its first sample was taken, as far as the history tells.
        waiting: how long containers wait for memory, by (pod name, container name), of those whose limit was lowered
            just now.
        ended: pods that were killed for good and are still there to tell of it.
        init: the sizes of ordinary init containers in its pod template.
        past_kills: of pods that may be gone, by container name.
        share: of the requests that it wants, what its policy's budget gives it.
        revision: of its pod template, memory aside, where its pods are runs; empty where nothing tells.
        needed_by_others: it does nothing, and a node of its pods is foretold to be short.
        names: by pod, what it is known by for longer than it lives (`tiers.names`).
        ample: the nodes of all its pods have memory to spare for a day.
    """

    now_s: float
    pods: tuple[PodView, ...]
    recent: Mapping[tuple[str, str], Recent]
    template: Mapping[str, Size]
    qos: QosClass
    bounds: Room = field(default_factory=Room)
    distrust: str = ""
    first_samples_s: Mapping[str, float] = field(default_factory=dict)
    waiting: Mapping[tuple[str, str], Waiting] = field(default_factory=dict)
    ended: tuple[PodView, ...] = ()
    init: Mapping[str, Size] = field(default_factory=dict)
    past_kills: Mapping[str, tuple[Kill, ...]] = field(default_factory=dict)
    share: float = 1.0
    revision: str = ""
    needed_by_others: bool = False
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ample: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """Replicas that are sized apart, and what a look found of them alone."""

    members: tuple[str, ...]
    """The names that they are known by."""
    pods: frozenset[str]
    """Names of those that live."""
    review: Review
    forecasts: Mapping[str, Forecasted | NoOutlook] = field(default_factory=dict)
    """By container name."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a look found: a verdict for each container that the policy names, and the memory to keep."""

    verdicts: Mapping[str, Verdict]
    state: WorkloadState
    pace: WorkloadPolicy = field(default_factory=WorkloadPolicy)
    """Of the policy that it was made under."""
    init: Mapping[str, Size] = field(default_factory=dict)
    """What ordinary init containers of new pods are born with."""
    plans: Mapping[str, RunPlan] = field(default_factory=dict)
    """Of the next run, where its pods are runs."""
    apart: tuple[Apart, ...] = ()
    """Lowest first; `verdicts` are then for new pods, and for those that are in none of these."""

    turned: str = ""
    """In words, that this look began to size replicas apart, or ended it."""

    def of(self, pod: str) -> Review:
        """What decides for a pod: what was found of those that it is sized with."""
        return next((each.review for each in self.apart if pod in each.pods), self)


def review(
    state: WorkloadState,
    seen: Observation,
    forecasts: Mapping[str, Forecasted | NoOutlook],
    policy: WorkloadPolicy,
) -> Review:
    """Decide every container of a workload.

    Args:
        state: what is remembered of the workload.
        seen: what is seen of it.
        forecasts: by container name; a container that is missing has no forecast yet.
        policy: what its MemoryPolicy asks.
    """
    state = _kept_current(with_kills(state, seen, policy.window_s), seen)
    verdicts: dict[str, Verdict] = {}
    for name in sorted(seen.template):
        asked = policy.container(name)
        if asked is None:
            continue
        forecast = forecasts.get(name, NoOutlook("NotForecastYet", "its first forecast is on the way"))
        policies = (policy, asked.for_qos(seen.qos))
        known = state.container(name)
        verdict, remembered = decide(known, _evidence(name, seen, known), forecast, policies, seen.now_s)
        lowerable = [pod for pod in seen.pods if proven(state, pod.revision, seen.now_s).limit]
        worn = [(pod, view) for pod in lowerable if (view := pod.container(name)) is not None]
        spread = canary.advanced(known.canary, verdict.target.limit_bytes, worn, policy, seen.now_s)
        verdicts[name] = _born_as_others(verdict, spread, policies[1], seen.bounds)
        shapes = _shapes(known, forecast, state, seen)
        state = state.with_container(name, replace(remembered, canary=spread, shapes=shapes))
    return Review(verdicts, state, policy)


def _shapes(
    known: ContainerState, forecast: Forecasted | NoOutlook, state: WorkloadState, seen: Observation
) -> Shapes | None:
    """The container's kind of curve, beside the newest revision that runs."""
    running = {pod.revision for pod in seen.pods} & state.revisions.keys()
    newest = max(running, key=lambda revision: state.revisions[revision], default="")
    if isinstance(forecast, NoOutlook):
        return known.shapes
    since_s = state.revisions.get(newest, seen.now_s)
    return newshape.after_look(known.shapes, forecast.outlook.shape.kind, newest, since_s, seen.now_s)


def _born_as_others(verdict: Verdict, spread: Canary | None, policy: ContainerPolicy, bounds: Room) -> Verdict:
    """New pods get no lower limit than those have that wait for the canary."""
    size, least = verdict.creation, canary.at_birth_bytes(spread)
    if size is None or size.limit_bytes is None or size.limit_bytes >= least:
        return verdict
    request = least if policy.limit is LimitStrategy.EQUAL_REQUEST else size.request_bytes
    return replace(verdict, creation=clamp(Size(request, least), policy, bounds))


def pod_change(pod: PodView, found: Review, seen: Observation, room: Room) -> PodChange | Blocked | None:
    """What one pod needs to have its workload's targets; None where it has them.

    Args:
        pod: one of the workload's.
        found: the review of its workload.
        seen: the observation that the review was made of.
        room: on its node and in its namespace's quota.
    """
    own = found.of(pod.name)
    usage = {
        name: recent.usage_bytes for name in own.verdicts if (recent := seen.recent.get((pod.name, name))) is not None
    }
    needs = PodNeeds(
        targets={name: verdict.target for name, verdict in own.verdicts.items()},
        template=seen.template,
        proven=proven(found.state, pod.revision, seen.now_s),
        usage_bytes=usage,
        room=room,
        attempt=found.state.attempts.get(pod.uid),
        raise_only=bool(seen.distrust),
        now_s=seen.now_s,
        canaries={name: c for name in own.verdicts if (c := own.state.container(name).canary) is not None},
        siblings=next((len(each.pods) for each in found.apart if pod.name in each.pods), len(seen.pods)),
        pace=found.pace,
    )
    return change(pod, needs)


def proven(state: WorkloadState, revision: str, now_s: float) -> Proven:
    """A revision is proven for its request after an hour of its own samples, for its limit after a day."""
    if not revision:
        return Proven(request=True, limit=True)
    days = (now_s - state.revisions.get(revision, now_s)) / DAY_S
    return Proven(request=days >= REQUEST_DAYS, limit=days >= LIMIT_DAYS)


def creation_sizes(found: Review, seen: Observation, replicas: int, quota: Room) -> dict[str, Size]:
    """What new pods are born with, by container; empty where nothing is known.

    Where a memory quota exists and has no room for all replicas to grow, a pod is born no larger than its template
    says, and as its template says where the pod as a whole would be out of bounds: one that could be created without us
    can be created with us.
    """
    sizes = {name: verdict.creation for name, verdict in found.verdicts.items() if verdict.creation is not None}
    sizes |= found.init
    template = {**seen.init, **seen.template}
    grown = [(sizes[name], template.get(name, sizes[name])) for name in sizes]
    request_growth = sum(max(0, (s.request_bytes or 0) - (t.request_bytes or 0)) for s, t in grown) * max(1, replicas)
    limit_growth = sum(max(0, (s.limit_bytes or 0) - (t.limit_bytes or 0)) for s, t in grown) * max(1, replicas)
    tight_request = quota.quota_request_free_bytes is not None and request_growth > quota.quota_request_free_bytes
    tight_limit = quota.quota_limit_free_bytes is not None and limit_growth > quota.quota_limit_free_bytes
    together = [sizes.get(name, size) for name, size in seen.template.items()]
    if out_of_bounds(together, seen.bounds):
        return {name: template.get(name, size) for name, size in sizes.items()}
    if not (tight_request or tight_limit):
        return sizes
    return {name: _at_most(size, template.get(name, size)) for name, size in sizes.items()}


def _at_most(size: Size, ceiling: Size) -> Size:
    request = _least(size.request_bytes, ceiling.request_bytes)
    limit = _least(size.limit_bytes, ceiling.limit_bytes)
    return Size(request if limit is None or request is None else min(request, limit), limit)


def _least(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else min(one, other)


def _evidence(name: str, seen: Observation, known: ContainerState) -> Evidence:
    views = [(pod, view) for pod in seen.pods if (view := pod.container(name)) is not None]
    present = max((view.size for _, view in views), key=_weight, default=seen.template[name])
    recents = [(view, seen.recent[pod.name, name]) for pod, view in views if (pod.name, name) in seen.recent]
    usage = max((recent.usage_bytes for _, recent in recents), default=None)
    sustained = max((fast.sustained(recent) for _, recent in recents), default=None)
    rising = [reached for _, recent in recents if (reached := fast.ahead(recent)) is not None]
    starts_s = [view.running_since_s for _, view in views if view.running_since_s is not None]
    return Evidence(
        present,
        usage,
        sustained,
        max(rising, default=None),
        max(starts_s, default=None),
        _stall(views, seen, known),
        next((view.heap for _, view in views if view.heap is not None), None),
        seen.bounds,
        seen.distrust,
        seen.share,
        seen.needed_by_others,
        seen.ample,
    )


def _stall(views: Sequence[tuple[PodView, ContainerView]], seen: Observation, known: ContainerState) -> str:
    """What the first of its pods that waits for memory shows, while its limit was lowered just now."""
    if not ladder.is_watched(known, seen.now_s):
        return ""
    measured = (seen.waiting[of] for pod, view in views if (of := (pod.name, view.name)) in seen.waiting)
    shown = (stall(each, known.limit_changed_at_s, seen.now_s) for each in measured)
    return next((words for words in shown if words), "")


def _weight(size: Size) -> tuple[int, int]:
    return (size.limit_bytes or 0, size.request_bytes or 0)


def with_kills(state: WorkloadState, seen: Observation, window_s: int) -> WorkloadState:
    """The ladder climbed for every kill that is told of, also one that happened while nobody watched.

    A pod's status tells of one for as long as the pod is there, the record also of pods that are gone; what is older
    than the window has been forgotten.
    """
    pods = (*seen.pods, *seen.ended)
    told = [(view.name, view.last_kill) for pod in pods for view in pod.containers if view.last_kill is not None]
    told += [(name, kill) for name, kills in seen.past_kills.items() for kill in kills]
    for name, kill in told:
        if seen.now_s - kill.at_s <= window_s:
            state = state.with_container(name, ladder.after_kill(state.container(name), kill))
    return state


def _kept_current(state: WorkloadState, seen: Observation) -> WorkloadState:
    """Revisions seen for the first time are noted, and attempts on pods that are gone forgotten."""
    first_s = dict(state.revisions)
    for pod in seen.pods:
        if pod.revision:
            sampled_s = seen.first_samples_s.get(pod.revision, pod.created_s)
            first_s[pod.revision] = min(first_s.get(pod.revision, sampled_s), pod.created_s, sampled_s)
    newest = dict(sorted(first_s.items(), key=lambda item: item[1])[-REVISIONS_KEPT:])
    living = {pod.uid for pod in seen.pods}
    attempts = {uid: attempt for uid, attempt in state.attempts.items() if uid in living}
    return replace(state, revisions=newest, attempts=attempts)
