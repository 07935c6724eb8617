"""The steps of a release that write: birth sizes out, templates and pods back to what their owners wrote, each told."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from foresize.cluster.podviews import finished, view
from foresize.cluster.references import find
from foresize.cluster.workloads import Workload
from foresize.config.quantities import people
from foresize.config.selecting import Ref
from foresize.doors.admission import Admission
from foresize.doors.resize import resize
from foresize.doors.scale import scale
from foresize.doors.template import give_back
from foresize.kube.kubeapi import Api, ApiError
from foresize.kube.lease import Fence
from foresize.passes.managed import owns
from foresize.reporting import events
from foresize.reporting.events import Events
from foresize.reporting.records import Records
from foresize_forecast.pods import PodView, ResizePhase
from foresize_forecast.reasons import Blocked
from foresize_forecast.resizing.giveback import given_back
from foresize_forecast.resizing.podchange import what_is_in_force
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import Size

RESIZE_DEADLINE_S = 30.0
"""A resize is done within a second; one that the kubelet refuses says so within a few."""
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Return:
    """The steps of a release that may write."""

    api: Api
    fence: Fence
    events: Events
    say: Callable[[str], None]

    def run(self, workloads: Sequence[Workload], everywhere: Sequence[str] | None) -> bool:
        """All of them; one that fails keeps no other from its way back.

        Args:
            workloads: to give back.
            everywhere: the namespaces (empty: all) that are left with nothing of ours, also of workloads that are gone;
                None: the others of their namespaces are left as they are.
        """
        complete = self._withdraw(workloads) if everywhere is None else self._withdraw_all(everywhere)
        for workload in workloads:
            try:
                complete &= self._awake(workload)
                complete &= self._template(workload) if workload.templated else self._pods(workload)
            except ApiError as error:
                complete = False
                self.say(f"{words_of(workload)}: {error}")
        return complete

    def _withdraw_all(self, namespaces: Sequence[str]) -> bool:
        admission = Admission(self.api, self.fence)
        admission.load(namespaces)
        refused = {each: admission.retain(each, set()) for each in admission.namespaces()}
        for namespace, why in refused.items():
            if why is not None:
                self.say(f"MemorySizes of {namespace} could not be taken back: {why.message}")
        return not any(refused.values())

    def _withdraw(self, workloads: Sequence[Workload]) -> bool:
        """What new pods are born with goes first: a pod that ends now comes back as its owner wrote it."""
        admission = Admission(self.api, self.fence)
        by_namespace: defaultdict[str, set[str]] = defaultdict(set)
        for workload in workloads:
            by_namespace[workload.namespace].add(workload.key[1])
        complete = True
        if by_namespace:
            admission.load(sorted(by_namespace))
        for namespace, names in by_namespace.items():
            if refused := admission.withdraw(namespace, names):
                complete = False
                self.say(f"MemorySizes of {namespace} could not be taken back: {refused.message}")
        return complete

    def _awake(self, workload: Workload) -> bool:
        """What was scaled to zero for being idle gets its replicas back."""
        records = Records(self.api, lambda: False)
        records.load([workload.namespace])
        sleep = records.asleep().get(workload.key)
        if sleep is None or sleep.uid != workload.uid:
            return True
        if not workload.replicas:
            if refused := scale(self.api, self.fence, workload, 0, sleep.replicas):
                self.say(f"{words_of(workload)}: it stays at zero replicas: {refused.message}")
                return False
            self.say(f"{words_of(workload)}: scaled from 0 to {sleep.replicas}, as before it was idle")
        records.forget(workload.key)
        return True

    def _template(self, workload: Workload) -> bool:
        """A template that was written goes back, and its pods with it: by its rollout, or in place without one."""
        if refused := give_back(self.api, self.fence, workload):
            self.say(f"{words_of(workload)}: its pod template stays as it is: {refused.message}")
            return False
        self.say(f"{words_of(workload)}: its pod template says again what its owner wrote")
        now = find(self.api, workload.namespace, Ref(workload.api_version, workload.kind, workload.name))
        if not isinstance(now, Workload):
            return True
        if now.rollout:
            self.say(f"{words_of(workload)}: new pods roll out with it ({now.rollout})")
            return True
        return self._pods(now)

    def _pods(self, workload: Workload) -> bool:
        if workload.is_group:
            self.say(f"{words_of(workload)}: its runs keep their sizes to their end")
            return True
        if not workload.template:
            self.say(f"{words_of(workload)}: its kind does not tell what its owner wrote: its pods stay as they are")
            return False
        pods, asked, stayed = pods_of(self.api, workload), set(), 0
        for pod in pods:
            found = given_back(pod, workload.template)
            for words in found.kept:
                self.say(f"{words_of(workload)}: pod {pod.name} keeps {words}")
            if found.change is None:
                continue
            why = found.change.message if isinstance(found.change, Blocked) else self._ask(workload, pod, found.change)
            if why is None:
                asked.add(pod.uid)
            else:
                stayed += 1
                self.say(f"{words_of(workload)}: pod {pod.name} keeps its size: {why}")
        stayed += self._settle(workload, asked)
        self.say(f"{words_of(workload)}: {len(pods) - stayed} of {len(pods)} pods have their owner's sizes")
        return not stayed

    def _ask(self, workload: Workload, pod: PodView, change: PodChange) -> str | None:
        """One patch and its Event; why it was refused, else None."""
        if refused := resize(self.api, self.fence, pod, change):
            return refused.message
        words = changes(pod, change.sizes)
        self.say(f"{words_of(workload)}: pod {pod.name}: {words}")
        self.events.normal(events.pod(pod), "MemoryReleased", f"memory request/limit of {words}; foresize release")
        return None

    def _settle(self, workload: Workload, asked: Collection[str]) -> int:
        """Wait until the kubelet has done what was asked; how many of them it refused, which are left as they were."""
        until_s = time.monotonic() + RESIZE_DEADLINE_S
        waiting = set(asked)
        stayed = 0
        while waiting:
            pods = {pod.uid: pod for pod in pods_of(self.api, workload)}
            late = time.monotonic() > until_s
            for pod in [pods[uid] for uid in waiting if uid in pods]:
                if _is_done(pod):
                    waiting.discard(pod.uid)
                elif late or pod.resize.phase in {ResizePhase.ERROR, ResizePhase.INFEASIBLE}:
                    waiting.discard(pod.uid)
                    stayed += 1
                    self._give_up(workload, pod)
            waiting &= pods.keys()
            time.sleep(POLL_S if waiting else 0)
        return stayed

    def _give_up(self, workload: Workload, pod: PodView) -> None:
        """A resize that cannot be is not left lying: autoscalers and the scheduler would count what is not there."""
        why = pod.resize.message or f"the kubelet did not answer within {RESIZE_DEADLINE_S:.0f} s"
        change = what_is_in_force(pod)
        refused = resize(self.api, self.fence, pod, change) if change else None
        also = f"; and the request for it could not be taken back: {refused.message}" if refused else ""
        self.say(f"{words_of(workload)}: pod {pod.name} keeps its size: {why}{also}")
        self.events.warning(events.pod(pod), "ReleaseRefused", f"memory not given back: {why}")


def _is_done(pod: PodView) -> bool:
    return pod.resize.phase is ResizePhase.NONE and all(c.actual == c.size for c in pod.containers)


def pods_of(api: Api, workload: Workload) -> list[PodView]:
    """The living pods of a workload.

    Raises:
        ApiError: they could not be read.
    """
    items = api.list(f"/api/v1/namespaces/{workload.namespace}/pods")
    return [pod for item in items if not finished(item) and owns(workload, pod := view(item)) and not pod.terminating]


def words_of(workload: Workload) -> str:
    """A workload, for a reader."""
    return f"{workload.namespace}/{workload.kind}/{workload.name}"


def changes(pod: PodView, sizes: Mapping[str, Size]) -> str:
    """What a patch changes in a pod, for a reader."""
    return ", ".join(f"{c.name} {_both(c.size)} -> {_both(sizes[c.name])}" for c in pod.containers if c.name in sizes)


def _both(size: Size) -> str:
    return f"{people(size.request_bytes)}/{people(size.limit_bytes)}"
