"""`foresize release`: pods get the sizes back that their owners wrote, and new ones are born with them.

What sizes new pods is taken out first; then the running ones go back in place, as far as the kubelet lets them. Nobody
may size them meanwhile: a policy that still applies is refused while an operator lives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foresize.cluster.guard import Assignment
from foresize.cluster.workloads import Workload, spoken
from foresize.commands import standstill
from foresize.commands.returning import Return, changes, pods_of, words_of
from foresize.commands.touched import all_touched, named
from foresize.kube.kubeapi import Api, ApiError, connect
from foresize.kube.lease import KILL_SWITCH, Fence
from foresize.reporting.events import Events
from foresize_forecast.reasons import Blocked
from foresize_forecast.resizing.giveback import given_back
from foresize_forecast.resizing.podroom import PodChange

NOTICE_DEADLINE_S = 120.0
"""An operator notices an opt-out with its next inventory, every 60 s by default, and all else with its next pass."""
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
        return Return(api, fence, said, say).run(workloads, None if wish.workload else scope)
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
    parts = spoken(wish.workload)
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
        named = "; ".join(f"{by} applies to {words_of(each)}" for each, by in acting[:5])
        raise NotReleasedError(
            f"the operator would size it again at once: {named}. Pause or delete the policy, label the workload "
            f"foresize.dev/ignore=true, or stop all: kubectl create configmap {KILL_SWITCH} "
            f"--namespace {operator_namespace} --from-literal=stop=true",
            1,
        )
    return [f"{words_of(each)}: {by} still applies; an operator that starts sizes it again" for each, by in acting]


def _wait_until_noticed(api: Api, waited_for: Sequence[Assignment]) -> None:
    until_s = time.monotonic() + NOTICE_DEADLINE_S
    for each in waited_for:
        while not standstill.has_noticed(api, each):
            if time.monotonic() > until_s:
                words = f"the operator has not said within {NOTICE_DEADLINE_S:.0f} s that it leaves it alone"
                raise NotReleasedError(f"{words_of(each.workload)}: {words}: nothing was changed", 1)
            time.sleep(POLL_S)


def _tell(api: Api, workloads: Sequence[Workload], under: Mapping[Key, Assignment], say: Callable[[str], None]) -> bool:
    """What would be done."""
    for workload in workloads:
        if by := standstill.acting(under.get(workload.key)):
            say(f"{words_of(workload)}: {by} applies to it")
        if workload.templated:
            say(f"{words_of(workload)}: its pod template would say again what its owner wrote, and roll out new pods")
            continue
        for pod in pods_of(api, workload):
            found = given_back(pod, workload.template)
            if isinstance(found.change, PodChange):
                say(f"{words_of(workload)}: pod {pod.name}: would change {changes(pod, found.change.sizes)}")
            elif isinstance(found.change, Blocked):
                say(f"{words_of(workload)}: pod {pod.name}: cannot go back: {found.change.message}")
    return True
