"""`foresize release`: pods get the sizes back that their owners wrote, and new ones are born with them.

What sizes new pods is taken out first; then the running ones go back in place, as far as the kubelet lets them. Nobody
may size them meanwhile: a policy that still applies is refused while an operator lives.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from foresize import events, standstill
from foresize.admission import Admission
from foresize.events import Events
from foresize.guard import Assignment
from foresize.kubeapi import Api, ApiError, connect
from foresize.lease import KILL_SWITCH, Fence
from foresize.managed import owns
from foresize.podviews import finished, view
from foresize.quantities import people
from foresize.resize import resize
from foresize.touched import all_touched, named
from foresize.workloads import Workload
from foresize_forecast.giveback import given_back
from foresize_forecast.podchange import what_is_in_force
from foresize_forecast.podroom import PodChange
from foresize_forecast.pods import PodView, ResizePhase
from foresize_forecast.reasons import Blocked
from foresize_forecast.sizes import Size

NOTICE_DEADLINE_S = 120.0
"""An operator notices an opt-out with its next inventory, every 60 s by default, and all else with its next pass."""
RESIZE_DEADLINE_S = 30.0
"""A resize is done within a second; one that the kubelet refuses says so within a few."""
POLL_S = 0.5
Key = tuple[str, str]


class NotReleasedError(Exception):
    """Why nothing was done; `code` is the program's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks.

    Attributes:
        workload: `NAMESPACE/[KIND/]NAME`; empty for all that Foresize has sized.
        namespace: the only one, where all are released; empty: every one.
        operator_namespace: where the operator's Lease and the kill switch are.
        dry_run: tell, and write nothing.
    """

    workload: str = ""
    namespace: str = ""
    operator_namespace: str = "foresize"
    dry_run: bool = False
    kubeconfig: str | None = None


def release(wish: Wish, say: Callable[[str], None]) -> bool:
    """Give back, telling each step; whether all of it went back.

    Raises:
        NotReleasedError: nothing was done, and why.
    """
    try:
        api = connect(wish.kubeconfig)
        workloads = _wanted(api, wish, say)
        namespaces = sorted({each.namespace for each in workloads})
        scope = namespaces if wish.workload or wish.namespace else []
        under = standstill.assignments(api, scope, wish.operator_namespace) if workloads else {}
        if wish.dry_run:
            return _tell(api, workloads, under, say)
        lease = standstill.take(api, wish.operator_namespace)
    except (ApiError, standstill.UnclearError) as error:
        raise NotReleasedError(str(error), 1) from error
    # Where an operator lives, what it has noticed keeps it away, and is looked at before anything is written.
    fence = Fence(lambda: True) if lease is None else Fence(lease.held)
    said = Events(api, "foresize release")
    try:
        for words in _still_applying(workloads, under, wish.operator_namespace, lives=lease is None):
            say(words)
        if lease is None:
            _wait_until_noticed(api, [under[each.key] for each in workloads if each.key in under])
        return _Release(api, fence, said, say).run(workloads)
    except ApiError as error:
        raise NotReleasedError(str(error), 1) from error
    finally:
        said.close()
        if lease is not None:
            lease.stop()


def _wanted(api: Api, wish: Wish, say: Callable[[str], None]) -> list[Workload]:
    if not wish.workload:
        found, missing = all_touched(api, wish.namespace)
        for words in missing:
            say(words)
        return found
    parts = wish.workload.split("/")
    if len(parts) not in {2, 3} or not all(parts):
        raise NotReleasedError(f"{wish.workload!r} is no workload: write NAMESPACE/NAME or NAMESPACE/KIND/NAME", 2)
    only = named(api, parts[0], parts[1:-1], parts[-1])
    if isinstance(only, str):
        raise NotReleasedError(f"{wish.workload}: {only}", 1)
    return [only]


def _still_applying(
    workloads: Sequence[Workload], under: Mapping[Key, Assignment], operator_namespace: str, *, lives: bool
) -> list[str]:
    """What would size a workload again: a refusal where an operator would do it now, else a warning for later."""
    acting = [(each, by) for each in workloads if (by := standstill.acting(under.get(each.key)))]
    if acting and lives:
        named = "; ".join(f"{by} applies to {_words(each)}" for each, by in acting[:5])
        raise NotReleasedError(
            f"the operator would size it again at once: {named}. Pause or delete the policy, label the workload "
            f"foresize.dev/ignore=true, or stop all: kubectl create configmap {KILL_SWITCH} "
            f"--namespace {operator_namespace} --from-literal=stop=true",
            1,
        )
    return [f"{_words(each)}: {by} still applies; an operator that starts sizes it again" for each, by in acting]


def _wait_until_noticed(api: Api, waited_for: Sequence[Assignment]) -> None:
    until_s = time.monotonic() + NOTICE_DEADLINE_S
    for each in waited_for:
        while not standstill.has_noticed(api, each):
            if time.monotonic() > until_s:
                words = f"the operator has not said within {NOTICE_DEADLINE_S:.0f} s that it leaves it alone"
                raise NotReleasedError(f"{_words(each.workload)}: {words}: nothing was changed", 1)
            time.sleep(POLL_S)


def _tell(api: Api, workloads: Sequence[Workload], under: Mapping[Key, Assignment], say: Callable[[str], None]) -> bool:
    """What would be done."""
    for workload in workloads:
        if by := standstill.acting(under.get(workload.key)):
            say(f"{_words(workload)}: {by} applies to it")
        for pod in _pods(api, workload):
            found = given_back(pod, workload.template)
            if isinstance(found.change, PodChange):
                say(f"{_words(workload)}: pod {pod.name}: would change {_changes(pod, found.change.sizes)}")
            elif isinstance(found.change, Blocked):
                say(f"{_words(workload)}: pod {pod.name}: cannot go back: {found.change.message}")
    return True


@dataclass(frozen=True, slots=True)
class _Release:
    """The steps of a release that may write."""

    api: Api
    fence: Fence
    events: Events
    say: Callable[[str], None]

    def run(self, workloads: Sequence[Workload]) -> bool:
        """All of them; one that fails keeps no other from its way back."""
        complete = self._withdraw(workloads)
        for workload in workloads:
            try:
                complete &= self._pods(workload)
            except ApiError as error:
                complete = False
                self.say(f"{_words(workload)}: {error}")
        return complete

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

    def _pods(self, workload: Workload) -> bool:
        if not workload.template:
            self.say(f"{_words(workload)}: its kind does not tell what its owner wrote: its pods stay as they are")
            return False
        pods, asked, stayed = _pods(self.api, workload), set(), 0
        for pod in pods:
            found = given_back(pod, workload.template)
            for words in found.kept:
                self.say(f"{_words(workload)}: pod {pod.name} keeps {words}")
            if found.change is None:
                continue
            why = found.change.message if isinstance(found.change, Blocked) else self._ask(workload, pod, found.change)
            if why is None:
                asked.add(pod.uid)
            else:
                stayed += 1
                self.say(f"{_words(workload)}: pod {pod.name} keeps its size: {why}")
        stayed += self._settle(workload, asked)
        self.say(f"{_words(workload)}: {len(pods) - stayed} of {len(pods)} pods have their owner's sizes")
        return not stayed

    def _ask(self, workload: Workload, pod: PodView, change: PodChange) -> str | None:
        """One patch and its Event; why it was refused, else None."""
        if refused := resize(self.api, self.fence, pod, change):
            return refused.message
        words = _changes(pod, change.sizes)
        self.say(f"{_words(workload)}: pod {pod.name}: {words}")
        self.events.normal(events.pod(pod), "MemoryReleased", f"memory request/limit of {words}; foresize release")
        return None

    def _settle(self, workload: Workload, asked: Collection[str]) -> int:
        """Wait until the kubelet has done what was asked; how many of them it refused, which are left as they were."""
        until_s = time.monotonic() + RESIZE_DEADLINE_S
        waiting = set(asked)
        stayed = 0
        while waiting:
            pods = {pod.uid: pod for pod in _pods(self.api, workload)}
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
        self.say(f"{_words(workload)}: pod {pod.name} keeps its size: {why}{also}")
        self.events.warning(events.pod(pod), "ReleaseRefused", f"memory not given back: {why}")


def _is_done(pod: PodView) -> bool:
    return pod.resize.phase is ResizePhase.NONE and all(c.actual == c.size for c in pod.containers)


def _pods(api: Api, workload: Workload) -> list[PodView]:
    items = api.list(f"/api/v1/namespaces/{workload.namespace}/pods")
    return [pod for item in items if not finished(item) and owns(workload, pod := view(item)) and not pod.terminating]


def _words(workload: Workload) -> str:
    return f"{workload.namespace}/{workload.kind}/{workload.name}"


def _changes(pod: PodView, sizes: Mapping[str, Size]) -> str:
    return ", ".join(f"{c.name} {_both(c.size)} -> {_both(sizes[c.name])}" for c in pod.containers if c.name in sizes)


def _both(size: Size) -> str:
    return f"{people(size.request_bytes)}/{people(size.limit_bytes)}"
