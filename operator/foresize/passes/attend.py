"""One look at one workload, and what follows from it: review, remember, resize.

Both the act loop and the pod watch come through here, one at a time for each workload, so that a kill and a pass never
work from two memories. Nothing here computes a size.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock, RLock

from foresize import metrics
from foresize.cluster.guard import RECOMMEND_ONLY
from foresize.config.quantities import people
from foresize.doors.resize import resize
from foresize.kube.kubeapi import Api, NotFound
from foresize.kube.lease import Fence
from foresize.kube.spending import MOST_RESIZES, Spending
from foresize.passes.managed import Managed
from foresize.passes.senses import Senses, observe
from foresize.reporting.events import Events
from foresize.reporting.events import pod as regarding
from foresize.reporting.forecasts import Look, status_of
from foresize.reporting.records import Records
from foresize_forecast.deciding.state import Attempt, WorkloadState
from foresize_forecast.moving.idle import Idleness, pod_idleness
from foresize_forecast.moving.moves import wishes
from foresize_forecast.pods import PodView, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.podchange import attempt, way_back
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.resizing.refusals import after_acceptance, after_refusal, refusal
from foresize_forecast.sizes import Size, WorkloadPolicy
from foresize_forecast.workloads.apart import review_apart
from foresize_forecast.workloads.review import Observation, Review, pod_change, review
from foresize_forecast.workloads.runreview import review_runs, run_change, with_init

logger = logging.getLogger(__name__)

REMEMBERED = 200
"""Characters of a refusal that are kept for each pod: a DaemonSet has thousands, and etcd takes 1.5 MiB an object."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A patch to send: towards the target, or back to what is in force."""

    pod: PodView
    change: PodChange
    gives_up: bool = False


class Attendant:
    """Looks at workloads and acts on what it sees."""

    def __init__(self, api: Api, fence: Fence, records: Records, events: Events) -> None:
        self._api = api
        self._fence = fence
        self._records = records
        self._events = events
        self.spending = Spending()
        self._locks: defaultdict[tuple[str, str], RLock] = defaultdict(RLock)
        self._guard = Lock()

    def attend(
        self,
        managed: Managed,
        pods: Callable[[], tuple[PodView, ...]],
        senses: Senses,
        now_s: float,
        only: str | None = None,
    ) -> Look:
        """Look at a workload and give its pods what they should have.

        Args:
            managed: the workload under its policy.
            pods: tells its living pods; asked once nobody else looks at the workload.
            senses: what is known of it beside them.
            now_s: Unix seconds.
            only: uid of the one pod to act on, where the pod watch asks; None: all.

        Raises:
            ApiError: what was to be remembered could not be written, so nothing was done.
        """
        with self._lock(managed.key):
            seen = observe(managed, pods(), senses, now_s)
            try:
                look = self._attend(managed, seen, senses, only)
            except NotFound:
                # Its MemoryForecast was deleted to have what it held forgotten: looked at again without.
                look = self._attend(managed, seen, senses, only)
            if only is None and managed.resizes and not managed.workload.runs:
                look = with_wishes(managed, look)
            self._records.keep(managed.key, look.review.state)
            return look

    def alone(self, key: tuple[str, str]) -> RLock:
        """What keeps everybody else from looking at a workload, for as long as it is held."""
        return self._lock(key)

    def report(self, managed: Managed, look: Look) -> None:
        """Write what people read of a look, never over what a kill has taught since.

        Raises:
            ApiError: the API server refuses it.
        """
        with self._lock(managed.key):
            self._records.report(managed.subject, status_of(look), look.seen.now_s)

    def _attend(self, managed: Managed, seen: Observation, senses: Senses, only: str | None) -> Look:
        state, forecasts = self._records.state(managed.key), senses.foreseen.forecasts
        if managed.resizes:
            found = _reviewed(managed, state, seen, senses, managed.policy.workload)
        else:
            pace = replace(managed.policy.workload, canary=0)  # nothing is lowered, so nothing is spread
            found = _unapplied(_reviewed(managed, _untargeted(state), seen, senses, pace), state)
        plans = {name: each.plan for name, each in senses.foreseen.runs.items()}
        look = Look(
            seen,
            found,
            forecasts,
            applies=managed.policy.in_place,
            quiet=managed.quiet,
            plans=plans,
            owners=managed.workload.owners,
            doing=_doing(managed, seen, senses),
        )
        if not managed.resizes:
            return replace(look, blocked=_never_sized(managed, seen))
        return self._act(managed, look, [pod for pod in seen.pods if only in {None, pod.uid}])

    def _act(self, managed: Managed, look: Look, pods: list[PodView]) -> Look:
        orders, blocked = self._orders(managed, look, pods)
        if not orders:
            return replace(look, blocked=blocked)
        if why := self._fence.refusal():
            return replace(look, blocked=blocked | {order.pod.name: Blocked(Obstacle.FENCED, why) for order in orders})
        state = look.review.state
        for order in orders:
            made = attempt(order.pod, state.attempts.get(order.pod.uid), order.change, look.seen.now_s)
            state = state.with_attempt(order.pod.uid, made)
        self._records.remember(managed.subject, state)
        for order in orders:
            made, obstacle = self._send(managed, look, order, state.attempts[order.pod.uid])
            state = state.with_attempt(order.pod.uid, made)
            if obstacle is not None:
                blocked[order.pod.name] = obstacle
        return replace(look, review=replace(look.review, state=state), blocked=blocked)

    def _orders(self, managed: Managed, look: Look, pods: list[PodView]) -> tuple[list[_Order], dict[str, Blocked]]:
        """What to send, as much of it as one look may, and what stands in the way of the others."""
        orders: list[_Order] = []
        blocked: dict[str, Blocked] = {}
        for pod in pods:
            if len(orders) == MOST_RESIZES:
                break
            wanted = (run_change if managed.workload.runs else pod_change)(
                pod, look.review, look.seen, self.spending.left(pod, managed.room(pod))
            )
            if (given_up := way_back(pod, look.seen.now_s)) is not None:
                orders.append(_Order(pod, given_up, gives_up=True))
            elif isinstance(wanted, PodChange):
                self.spending.grant(pod, wanted)
                orders.append(_Order(pod, wanted))
            elif wanted is not None:
                blocked[pod.name] = wanted
        return orders, blocked

    def _send(self, managed: Managed, look: Look, order: _Order, made: Attempt) -> tuple[Attempt, Blocked | None]:
        """One patch, its Event, and what to remember of it."""
        pod, change, now_s = order.pod, order.change, look.seen.now_s
        refused = resize(self._api, self._fence, pod, change)
        metrics.RESIZES.labels(_reason(look, order), "refused" if refused else "accepted").inc()
        if refused is not None:
            self._events.warning(regarding(pod), "ResizeRefused", f"memory not resized: {refused.message}")
            return after_refusal(made, refused.message[:REMEMBERED], now_s), Blocked(Obstacle.REFUSED, refused.message)
        if order.gives_up:
            why = pod.resize.message
            self._events.warning(regarding(pod), "ResizeGivenUp", f"memory back to what is in force: {why}")
            return after_refusal(made, why[:REMEMBERED], now_s), _given_up(pod)
        words = _sentence(managed, look, order)
        logger.info("%s/%s: %s", pod.namespace, pod.name, words)
        self._events.normal(regarding(pod), "MemoryResized", words)
        return after_acceptance(made, now_s), None

    def _lock(self, key: tuple[str, str]) -> RLock:
        with self._guard:
            return self._locks[key]


def with_wishes(managed: Managed, look: Look) -> Look:
    """The same look, with the pods that an eviction would help, and the memory of who waits for what."""
    asked = managed.policy.disruption
    state, wished = wishes(look.review, look.seen, look.blocked, look.forecasts, asked)
    return replace(look, review=replace(look.review, state=state), wishes=wished)


def _doing(managed: Managed, seen: Observation, senses: Senses) -> dict[str, Idleness]:
    """What each of its pods does; what is not trusted to lower anything shows no idleness either."""
    after_s = managed.policy.idle.after_s
    measured = {} if senses.distrust else senses.activity
    return {pod.name: pod_idleness(pod, measured.get(pod.name), after_s, seen.now_s) for pod in seen.pods}


def _reviewed(
    managed: Managed, state: WorkloadState, seen: Observation, senses: Senses, policy: WorkloadPolicy
) -> Review:
    runs = senses.foreseen.runs
    if managed.workload.runs:
        return with_init(review_runs(state, seen, runs, policy), seen, runs, policy)
    forecasts, tiers = senses.foreseen.forecasts, senses.foreseen.tiers
    if not managed.resizes:  # only in place can replicas be sized apart
        return with_init(review(state, seen, forecasts, policy), seen, runs, policy)
    return with_init(review_apart(state, seen, forecasts, tiers, policy), seen, runs, policy)


def _never_sized(managed: Managed, seen: Observation) -> dict[str, Blocked]:
    """What keeps the pods of a kind that is only recommended for from a size that their policy would apply."""
    if managed.quiet != RECOMMEND_ONLY or not managed.policy.in_place:
        return {}
    return {pod.name: Blocked(Obstacle.RECOMMEND_ONLY, managed.quiet_message) for pod in seen.pods}


def _untargeted(state: WorkloadState) -> WorkloadState:
    """The memory without targets: where nothing is applied, each look starts from what the pods really have."""
    return replace(state, containers={name: replace(c, target=None) for name, c in state.containers.items()})


def _unapplied(found: Review, before: WorkloadState) -> Review:
    """A review whose verdicts are only shown: kills are learnt from, but no change has been made."""
    shown = _untargeted(found.state)
    containers = {
        name: replace(c, last_change=before.container(name).last_change, limit_changed_at_s=0.0)
        for name, c in shown.containers.items()
    }
    return replace(found, state=replace(shown, containers=containers, waits={}))


def _given_up(pod: PodView) -> Blocked:
    """What stood in the way of a resize that was taken back."""
    if pod.resize.phase is ResizePhase.DEFERRED:
        return Blocked(Obstacle.DEFERRED, pod.resize.message)
    return refusal(pod.resize.message)


def _reason(look: Look, order: _Order) -> str:
    if order.gives_up:
        return "GivenUp"
    verdicts = look.review.of(order.pod.name).verdicts
    return str(next(verdict.reason for name, verdict in verdicts.items() if name in order.change.sizes))


def _sentence(managed: Managed, look: Look, order: _Order) -> str:
    """What a person reads on the pod: from, to, why, by which policy."""
    parts = [
        f"{view.name} {_both(view.size)} -> {_both(order.change.sizes[view.name])} ({_why(look, order, view.name)})"
        for view in order.pod.containers
        if view.name in order.change.sizes
    ]
    clipped = f"; {order.change.clipped}" if order.change.clipped else ""
    return f"memory request/limit of {', '.join(parts)}{clipped}; {managed.policy.title}"


def _why(look: Look, order: _Order, container: str) -> str:
    """What moved the target that the pod gets now, be it in an earlier look; else what holds it."""
    decided = look.review.of(order.pod.name)
    change, message = decided.state.container(container).last_change, decided.verdicts[container].message
    if change is not None and change.after == order.change.sizes[container]:
        message = change.message
    return message.partition(": ")[2]


def _both(size: Size) -> str:
    return f"{people(size.request_bytes)}/{people(size.limit_bytes)}"
