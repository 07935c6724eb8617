"""One look at one workload, and what follows from it: review, remember, resize.

Both the act loop and the pod watch come through here, one at a time for each workload, so that a kill and a pass never
work from two memories. Nothing here computes a size.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock, RLock

from foresize.managed import Managed

from foresize import metrics
from foresize.events import Events
from foresize.forecasts import Look
from foresize.kubeapi import Api
from foresize.lease import Fence
from foresize.quantities import people
from foresize.records import Records
from foresize.resize import resize
from foresize_forecast.fast import Recent
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted
from foresize_forecast.podchange import after_refusal, way_back
from foresize_forecast.podroom import PodChange
from foresize_forecast.pods import PodView
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.sizes import Size
from foresize_forecast.state import Attempt, WorkloadState
from foresize_forecast.workload import Observation, Review, pod_change, review

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Senses:
    """What is known at a tick about all workloads, beside the pods.

    Attributes:
        recent: newest samples by (namespace, pod, container).
        distrust: by namespace, why its samples cannot be trusted to lower anything.
        forecasts: by (namespace, workload), then by container.
        first_samples_s: by (namespace, workload), then by revision.
    """

    recent: Mapping[tuple[str, str, str], Recent] = field(default_factory=dict)
    distrust: Mapping[str, str] = field(default_factory=dict)
    forecasts: Mapping[tuple[str, str], Mapping[str, Forecasted | NoOutlook]] = field(default_factory=dict)
    first_samples_s: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)


class Attendant:
    """Looks at workloads and acts on what it sees."""

    def __init__(self, api: Api, fence: Fence, records: Records, events: Events) -> None:
        self._api = api
        self._fence = fence
        self._records = records
        self._events = events
        self._locks: defaultdict[tuple[str, str], RLock] = defaultdict(RLock)
        self._guard = Lock()

    def attend(self, managed: Managed, pods: tuple[PodView, ...], senses: Senses, only: str | None = None) -> Look:
        """Look at a workload and give its pods what they should have.

        Args:
            managed: the workload under its policy.
            pods: its living pods.
            senses: what is known at this tick.
            only: uid of the one pod to act on, where the pod watch asks; None: all.

        Raises:
            ApiError: what was to be remembered could not be written, so nothing was done.
        """
        with self._lock(managed.key):
            seen = observe(managed, pods, senses, time.time())
            state = self._records.state(managed.key)
            forecasts = senses.forecasts.get(managed.key, {})
            found = review(state if managed.resizes else _untargeted(state), seen, forecasts, managed.policy.workload)
            look = Look(seen, found, forecasts, applies=managed.applies, quiet=managed.quiet)
            if not managed.resizes:
                self._records.keep(managed.key, found.state)
                return look
            return self._act(managed, look, [pod for pod in pods if only in (None, pod.uid)])

    def _act(self, managed: Managed, look: Look, pods: list[PodView]) -> Look:
        changes: dict[str, PodChange] = {}
        blocked: dict[str, Blocked] = {}
        for pod in pods:
            wanted = pod_change(pod, look.review, look.seen, managed.room(pod))
            given_up = way_back(pod, look.seen.now_s)
            if given_up is not None:
                changes[pod.uid] = given_up
                blocked[pod.name] = Blocked(Obstacle.DEFERRED, f"given up for now: {given_up.clipped}")
            elif isinstance(wanted, PodChange):
                changes[pod.uid] = wanted
            elif wanted is not None:
                blocked[pod.name] = wanted
        state = look.review.state
        if changes:
            state, refused = self._send(managed, look, {pod.uid: pod for pod in pods}, changes)
            blocked |= refused
        self._records.keep(managed.key, state)
        return replace(look, review=Review(look.review.verdicts, state), blocked=blocked)

    def _send(
        self, managed: Managed, look: Look, pods: Mapping[str, PodView], changes: Mapping[str, PodChange]
    ) -> tuple[WorkloadState, dict[str, Blocked]]:
        """Remember the intents, then send them, each pod on its own."""
        if why := self._fence.refusal():
            return look.review.state, {pods[uid].name: Blocked(Obstacle.REFUSED, why) for uid in changes}
        state = look.review.state
        for uid, change in changes.items():
            failed = state.attempts.get(uid)
            state = state.with_attempt(
                uid, replace(failed, at_s=look.seen.now_s) if failed else Attempt(look.seen.now_s)
            )
        self._records.remember(managed.subject, state)
        blocked: dict[str, Blocked] = {}
        for uid, change in changes.items():
            state, refusal = self._send_one(managed, look, state, pods[uid], change)
            if refusal:
                blocked[pods[uid].name] = refusal
        return state, blocked

    def _send_one(
        self, managed: Managed, look: Look, state: WorkloadState, pod: PodView, change: PodChange
    ) -> tuple[WorkloadState, Blocked | None]:
        refused = resize(self._api, self._fence, pod, change)
        reason = _reason(look, change)
        metrics.RESIZES.labels(reason, "refused" if refused else "accepted").inc()
        if refused:
            attempt = after_refusal(state.attempts.get(pod.uid), refused.message, look.seen.now_s)
            if not refused.fenced:
                self._events.warning(pod, "ResizeRefused", f"memory not resized: {refused.message}")
            return state.with_attempt(pod.uid, attempt), Blocked(Obstacle.REFUSED, refused.message)
        if change.clipped and pod.resize.message == change.clipped:
            attempt = after_refusal(state.attempts.get(pod.uid), change.clipped, look.seen.now_s)
            self._events.warning(pod, "ResizeGivenUp", f"memory back to what is in force: {change.clipped}")
            return state.with_attempt(pod.uid, attempt), None
        self._events.normal(pod, "MemoryResized", _sentence(managed, look, pod, change))
        return state.with_attempt(pod.uid, Attempt(look.seen.now_s)), None

    def _lock(self, key: tuple[str, str]) -> RLock:
        with self._guard:
            return self._locks[key]


def observe(managed: Managed, pods: tuple[PodView, ...], senses: Senses, now_s: float) -> Observation:
    """Everything seen of a workload, as the brain wants it."""
    names = {pod.name for pod in pods}
    recent = {
        (pod, container): samples
        for (namespace, pod, container), samples in senses.recent.items()
        if namespace == managed.key[0] and pod in names
    }
    return Observation(
        now_s=now_s,
        pods=pods,
        recent=recent,
        template=managed.template,
        qos=managed.qos,
        limit_range=managed.limit_range,
        distrust=managed.distrust or senses.distrust.get(managed.key[0], ""),
        first_samples_s=senses.first_samples_s.get(managed.key, {}),
    )


def _untargeted(state: WorkloadState) -> WorkloadState:
    """The memory without targets: where nothing is applied, each look starts from what the pods really have."""
    return replace(state, containers={name: replace(c, target=None) for name, c in state.containers.items()})


def _reason(look: Look, change: PodChange) -> str:
    return str(next((look.review.verdicts[name].reason for name in change.sizes if name in look.review.verdicts), ""))


def _sentence(managed: Managed, look: Look, pod: PodView, change: PodChange) -> str:
    """What a person reads on the pod: from, to, why, by which policy."""
    parts = []
    for name, size in sorted(change.sizes.items()):
        view, verdict = pod.container(name), look.review.verdicts.get(name)
        before = _both(view.size) if view else "unknown"
        why = verdict.message.rpartition(": ")[2] if verdict else ""
        parts.append(f"{name} {before} -> {_both(size)} ({why})")
    clipped = f"; {change.clipped}" if change.clipped else ""
    return f"request/limit of {', '.join(parts)}{clipped}; MemoryPolicy {managed.subject.policy_name}"


def _both(size: Size) -> str:
    return f"{people(size.request_bytes)}/{people(size.limit_bytes)}"
