"""The operator's own passes on an API that writes nothing: what it would do, by the code that would do it.

One refit of the workloads that matter, then one pass; what the pass looked at and what it would have written is the
result. Nothing here decides anything.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from foresize.cluster.guard import Assignment, assign
from foresize.cluster.podgroups import take_groups
from foresize.cluster.podwatch import PodWatch
from foresize.cluster.targets import Inventory, take_inventory, with_bare_pods
from foresize.config.policy import Policy, parse
from foresize.config.policylist import PolicyList
from foresize.config.settings import Settings
from foresize.doors.admission import Admission
from foresize.fitting.fits import FitPool
from foresize.kube.kubeapi import ApiError
from foresize.kube.lease import Fence
from foresize.kube.rehearsedapi import RehearsedApi, Unsent
from foresize.passes.actpass import ActPass
from foresize.passes.attend import Attendant
from foresize.passes.managed import Managed, manage
from foresize.passes.moving import Mover
from foresize.passes.refit import Forecasts
from foresize.passes.sleeping import Sleeper
from foresize.passes.templating import Templater
from foresize.passes.tierrefit import standing_of
from foresize.reporting.announce import Announcer
from foresize.reporting.events import Events
from foresize.reporting.forecasts import Look
from foresize.reporting.records import Records
from foresize.sources.reader import FromPrometheus, Reader

Key = tuple[str, str]
SYNC_DEADLINE_S = 60.0
MOST_FITTED = 500
"""Workloads of other policies, whose jumps bear on the room of these, are fitted as well up to this many in all."""
LONG_TICK_S = 600
"""A pass writes reports for a tick's time at most; here nothing is left for the next one."""
FITTED_ANEW_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would happen.

    Attributes:
        looks: at the workloads of the policies that were asked about.
        managed: the same workloads, with what surrounds them.
        unsent: all writes that a pass would have made, those about other policies' workloads too.
    """

    looks: Mapping[Key, Look]
    managed: Mapping[Key, Managed]
    unsent: Sequence[Unsent]


class _Keeping(Attendant):
    """Attends as ever, and keeps each look instead of reporting it."""

    def __init__(self, api: RehearsedApi, fence: Fence, records: Records, events: Events) -> None:
        super().__init__(api, fence, records, events)
        self.looks: dict[Key, tuple[Managed, Look]] = {}

    def report(self, managed: Managed, look: Look) -> None:
        """Keep it."""
        self.looks[managed.key] = (managed, look)


def rehearse(settings: Settings, api: RehearsedApi, uids: Collection[str]) -> Rehearsed:
    """Run a pass for the policies with these uids.

    Raises:
        ApiError: something that a pass needs cannot be read.
    """
    settings = replace(settings, tick_s=LONG_TICK_S)
    fence = Fence(lambda: True)
    fence.read_kill_switch(api, settings.operator_namespace)
    records, admission = Records(api, lambda: True), Admission(api, fence)
    records.load(settings.namespaces)
    admission.load(settings.namespaces)
    events = Events(api, "rehearsal")
    watch = PodWatch(
        api,
        keep=lambda _: True,
        namespaces=settings.namespaces,
        on_kill=lambda *_: None,
        on_running=lambda *_: None,
    )
    attendant = _Keeping(api, fence, records, events)
    forecasts = Forecasts(remembered=lambda key: records.state(key).runs, slept=lambda key: records.state(key).sleep)
    acts = ActPass(
        settings,
        api,
        source=_reader(settings),
        watch=watch,
        attendant=attendant,
        admission=admission,
        records=records,
        forecasts=forecasts,
        announcer=Announcer(events),
        templater=Templater(api, fence, attendant, records, events),
        mover=Mover(settings, api, fence, attendant=attendant, records=records, admission=admission, events=events),
        sleeper=Sleeper(api, fence, attendant, records, events),
    )
    _synced(watch, api, settings)
    try:
        assignments, inventory = _assignments(settings, api, records, watch, fence.stopped)
        known = {each.workload.key: manage(each, inventory, {}, {}) for each in assignments}
        forecasts.standing = lambda key: standing_of(known[key], watch.pods_of(*key), records.state(key))
        _refit(settings, forecasts, assignments, uids)
        acts.run(fence.stopped)
    finally:
        watch.stop()
        events.close()
    mine = {key: each for key, each in attendant.looks.items() if each[0].policy.uid in uids}
    return Rehearsed(
        {key: look for key, (_, look) in mine.items()}, {key: one for key, (one, _) in mine.items()}, api.unsent
    )


def _assignments(
    settings: Settings, api: RehearsedApi, records: Records, watch: PodWatch, stopped: str
) -> tuple[list[Assignment], Inventory]:
    """Which policy would have which workload, and what surrounds them."""
    parsed = (
        parse(each, allow_kube_system=settings.allow_kube_system)
        for each in PolicyList(api, settings.namespaces).read()
    )
    policies = [each for each in parsed if isinstance(each, Policy)]
    wide, reserved = not settings.namespaces, {settings.operator_namespace}
    inventory = take_inventory(api, policies, Inventory(), clusterwide=wide, reserved=reserved)
    inventory = replace(inventory, groups=take_groups(api, policies, inventory, records.groups))
    inventory = with_bare_pods(inventory, policies, watch.snapshot().values())
    return assign(policies, inventory, stopped)[0], inventory


def _reader(settings: Settings) -> Reader | None:
    """Prometheus alone: nobody looked on before this began."""
    source = settings.source()
    return None if source is None else FromPrometheus(source)


def _refit(settings: Settings, forecasts: Forecasts, assignments: Sequence[Assignment], uids: Collection[str]) -> None:
    """Forecast the workloads that are asked about, and as many others as bear on them."""
    source = _reader(settings)
    if source is None:
        return
    mine = [each for each in assignments if each.policy.uid in uids]
    others = [each for each in assignments if each.policy.uid not in uids]
    pool = FitPool(settings.fit_workers)
    try:
        chosen = [*mine, *others[: max(0, MOST_FITTED - len(mine))]]
        if chosen:
            forecasts.refit(source, pool, chosen, time.time(), FITTED_ANEW_S)
    finally:
        pool.close()


def _synced(watch: PodWatch, api: RehearsedApi, settings: Settings) -> None:
    """Have the watch know all pods."""
    for scope in [f"/namespaces/{each}" for each in settings.namespaces] or [""]:
        api.get(f"/api/v1{scope}/pods", limit="1")  # what may not be read is said at once
    watch.start()
    until_s = time.monotonic() + SYNC_DEADLINE_S
    while not watch.synced():
        if time.monotonic() > until_s:
            watch.stop()
            raise ApiError(0, f"the pods could not be listed within {SYNC_DEADLINE_S:.0f} s")
        time.sleep(0.05)
