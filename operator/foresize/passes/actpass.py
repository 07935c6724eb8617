"""The fast clock's pass: all policies read, every workload looked at and acted on, what was found written down.

Level-based: a pass starts from a LIST of the policies and needs nothing of the pass before it but what is remembered.
One policy's error is its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from foresize import metrics
from foresize.cluster.guard import Assignment, assign
from foresize.cluster.podgroups import take_groups
from foresize.cluster.podwatch import PodWatch
from foresize.cluster.targets import Inventory, take_inventory, with_bare_pods
from foresize.cluster.workloads import BATCH_VERSION, BUILT_IN, BUILT_IN_VERSION
from foresize.config.policy import SYSTEM_NAMESPACES, Policy, PolicyProblem, parse
from foresize.config.policylist import PolicyList
from foresize.config.settings import Settings
from foresize.doors.admission import Admission
from foresize.doors.refused import Refused
from foresize.kube.kubeapi import Api, ApiError
from foresize.passes import policyreport
from foresize.passes.activities import Activities
from foresize.passes.ahead import Ahead
from foresize.passes.attend import Attendant
from foresize.passes.budgets import with_shares
from foresize.passes.creation import births, creating
from foresize.passes.managed import Managed, kept_s, manage
from foresize.passes.measuring import dealt, measure
from foresize.passes.moving import Mover
from foresize.passes.policyreport import Found
from foresize.passes.refit import Forecasts
from foresize.passes.senses import Foreseen, Senses
from foresize.passes.sensing import latest, sense, with_waiting
from foresize.passes.sleeping import Sleeper
from foresize.passes.templating import Templater
from foresize.reporting.announce import Announcer
from foresize.reporting.exports import forget
from foresize.reporting.forecasts import Look
from foresize.reporting.records import Records
from foresize.sources.reader import Reader
from foresize_forecast.deciding import breaker, ladder
from foresize_forecast.pods import PodView
from foresize_forecast.prometheus import NewestSamples

logger = logging.getLogger(__name__)

MOST_SURPRISES = 1000
"""Workloads that were looked for in vain are remembered up to this many, so as not to be looked for again."""
NEVER: tuple[float, frozenset[tuple[str, int]]] = (0.0, frozenset())
Key = tuple[str, str]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the last pass acted on; the pod watch and the slow clock work from it between passes.

    The act loop replaces it whole and nobody changes it: a thread that has read it once may go on with what it read,
    and finds out from the fence and from the workload's lock whether it still may act, and on which memory.
    """

    managed: Mapping[Key, Managed] = field(default_factory=dict)
    assignments: Sequence[Assignment] = ()
    senses: Mapping[Key, Senses] = field(default_factory=dict)


class ActPass:
    """Runs passes, one after the other, in the act loop's thread.

    Others may read the `scene`, ask for `pods` and whether a pod is a surprise, and announce a look.
    """

    def __init__(  # noqa: PLR0913 - the operator's parts, put together in one place
        self,
        settings: Settings,
        api: Api,
        *,
        source: Reader | None,
        watch: PodWatch,
        attendant: Attendant,
        admission: Admission,
        records: Records,
        forecasts: Forecasts,
        announcer: Announcer,
        templater: Templater,
        mover: Mover,
        sleeper: Sleeper,
    ) -> None:
        self._settings, self._api, self._source = settings, api, source
        self._watch, self._attendant = watch, attendant
        self._admission, self._records = admission, records
        self._forecasts, self._announcer = forecasts, announcer
        self._templater, self._sleeper, self._ahead = templater, sleeper, Ahead(source, watch, mover)
        self._activities = Activities(source)
        self._inventory = Inventory()
        self._inventory_of = NEVER
        self._namespaces: set[str] = set()
        self._surprises: set[Key] = set()
        self._surprised = threading.Event()
        self._gone_since_s: dict[Key, float] = {}
        self._policies = PolicyList(api, settings.namespaces)
        self.scene = Scene()
        self.moved_at_s = time.monotonic()
        """When a pass last got on, by the monotonic clock: one that waits for every answer is slow, not stuck."""

    def run(self, stopped: str = "") -> None:
        """One pass.

        Args:
            stopped: by what the kill switch stops all writes to workloads; empty where it does not.

        Raises:
            ApiError: the policies or what surrounds them could not be read; nothing was done.
        """
        now_s = time.time()
        with _timed("list"):
            resources = self._policies.read()
            allowed = self._settings.allow_kube_system
            parsed = [(resource, parse(resource, allow_kube_system=allowed)) for resource in resources]
            policies = [policy for _, policy in parsed if isinstance(policy, Policy)]
            self._refresh(policies, now_s)
            assignments, overlaps = assign(policies, self._inventory, stopped)
        requested, daemons = self._watch.requested_by_node(), self._watch.requested_by_daemons()
        self._attendant.spending.nodes_were_read()
        managed = {each.workload.key: manage(each, self._inventory, requested, daemons) for each in assignments}
        self._retain(managed)
        with _timed("samples"):
            samples = latest(self._source, {key[0] for key in managed}, now_s)
            alarm = breaker.alarm(map(self._records.state, self._records.workloads()), now_s)
            senses = {key: self._senses(one, samples, alarm) for key, one in managed.items()}
            lowered = [key for key in managed if ladder.watches(self._records.state(key), now_s)]
            senses |= with_waiting(self._source, {key: self.pods(managed[key]) for key in lowered}, senses, now_s)
            senses |= with_shares(managed, senses, self.pods, self._records.state, now_s)
            senses = self._activities.known(managed, senses, now_s)
        self.scene = Scene(managed, assignments, senses)
        looks: dict[Key, Look] = {}
        errors: dict[str, str] = {}
        with _timed("act"):
            for key, one in managed.items():
                with self._kept_apart(one, errors):
                    looks[key] = self._attendant.attend(one, partial(self.pods, one), senses[key], time.time())
                    looks[key] = self._templater.attend(one, looks[key], time.time())
                    looks[key] = self._sleeper.attend(one, looks[key], time.time())
            self._sleeper.wake_abandoned(managed, time.time())
        with _timed("evict"):
            looks = self._moved(managed, looks)
        with _timed("write"):
            self._publish(managed, looks)
            self._report(managed, looks, errors)
            self._retire(managed, now_s)
            known = (self._forecasts.refusals, samples.refusals, alarm, self._ahead.nodes, samples.note, samples.held)
            found = Found(self._inventory, assignments, overlaps, looks, errors, *known)
            self._write_statuses(parsed, found, now_s)
        most = self._settings.metrics_containers
        measure(looks, samples, dealt(managed, senses, looks), most, stopped=bool(alarm))

    def rest(self) -> None:
        """Nothing is managed until the next pass: another operator may have taken over."""
        self.scene = Scene()
        forget()

    def announce(self, managed: Managed, look: Look) -> None:
        """Tell what a look did, on the workload's MemoryForecast."""
        self._announcer.tell(self._records.regarding(managed.subject), look)

    def is_surprised_by(self, pod: PodView) -> bool:
        """Whether a pod may belong to a workload that a policy selects and that is not known yet.

        Then the next pass lists workloads anew instead of waiting for its interval: what is born may die at once.
        """
        key = (pod.namespace, pod.owner)
        if pod.owner.partition("/")[0] not in BUILT_IN or pod.namespace not in self._namespaces:
            return False
        if key in self._inventory.workloads or key in self._surprises:
            return False
        if len(self._surprises) >= MOST_SURPRISES:
            self._surprises.clear()
        self._surprises.add(key)
        self._surprised.set()
        return True

    def _refresh(self, policies: Sequence[Policy], now_s: float) -> None:
        """Read what surrounds the policies again when it is old or when the policies have changed."""
        taken_s, generations = self._inventory_of
        current = frozenset((policy.uid, policy.generation) for policy in policies)
        surprised = self._surprised.is_set()
        if surprised or generations != current or now_s - taken_s >= self._settings.inventory_interval_s:
            self._surprised.clear()
            self._inventory_of = NEVER  # what fails is tried again at the next pass
            self._admission.load(self._settings.namespaces)
            wide, reserved = not self._settings.namespaces, self._reserved()
            found = take_inventory(self._api, policies, self._inventory, clusterwide=wide, reserved=reserved)
            found = replace(found, groups=take_groups(self._api, policies, found, self._records.groups))
            self._inventory = with_bare_pods(found, policies, self._watch.snapshot().values())
            self._inventory_of = (now_s, current)
            self._attendant.spending.quotas_were_read()
            self._namespaces = {name for policy in policies for name in self._inventory.namespaces(policy)}

    def _reserved(self) -> set[str]:
        """Namespaces that no ClusterMemoryPolicy is about: a policy of their own may be."""
        system = () if self._settings.allow_kube_system else SYSTEM_NAMESPACES
        return {self._settings.operator_namespace, *system}

    def pods(self, managed: Managed) -> tuple[PodView, ...]:
        """The living pods of a workload, as the watch knows them now."""
        if managed.workload.api_version in {BUILT_IN_VERSION, BATCH_VERSION}:
            return self._watch.pods_of(*managed.key)
        return tuple(pod for pod in self._watch.pods_within(managed.key[0]) if managed.owns(pod))

    def _senses(self, managed: Managed, samples: NewestSamples, alarm: str) -> Senses:
        foreseen = self._forecasts.foreseen.get(managed.key, Foreseen())
        senses = sense(managed.key[0], self.pods(managed), samples, foreseen, self._settings)
        ended = tuple(pod for pod in self._watch.killed() if managed.workload.runs and managed.owns(pod))
        needed, ample = managed.key in self._ahead.idle, managed.key in self._ahead.ample
        distrust = alarm or senses.distrust
        return replace(senses, distrust=distrust, ended=ended, needed_by_others=needed, ample=ample)

    @contextmanager
    def _kept_apart(self, managed: Managed, errors: dict[str, str]) -> Iterator[None]:
        """One workload's error is its policy's own, and never stops another's look."""
        try:
            yield
        except ApiError as error:
            errors[managed.policy.uid] = f"{managed.key[1]}: {error}"
            metrics.PASS_ERRORS.labels("act").inc()
            logger.warning("%s/%s was not attended to: %s", *managed.key, error)
        except Exception as error:
            errors[managed.policy.uid] = f"{managed.key[1]}: {error}"
            metrics.PASS_ERRORS.labels("act").inc()
            logger.exception("%s/%s was not attended to", *managed.key)
        self.moved_at_s = time.monotonic()

    def _moved(self, managed: Mapping[Key, Managed], looks: dict[Key, Look]) -> dict[Key, Look]:
        """Evict what should go; what goes wrong there keeps nothing else from being written."""
        try:
            return self._ahead.run(managed, looks, self._inventory, time.time())
        except Exception:
            metrics.PASS_ERRORS.labels("evict").inc()
            logger.exception("nothing was evicted")
            return looks

    def _report(self, managed: Mapping[Key, Managed], looks: Mapping[Key, Look], errors: dict[str, str]) -> None:
        """Write what people read, for a tick's time at most: what is left has its turn in the next pass."""
        until_s = time.monotonic() + self._settings.tick_s
        for key, look in looks.items():
            if time.monotonic() < until_s:
                with self._kept_apart(managed[key], errors):
                    self._attendant.report(managed[key], look)
            with self._kept_apart(managed[key], errors):
                self.announce(managed[key], look)

    def _retain(self, managed: Mapping[Key, Managed]) -> None:
        wanted = creating(managed)  # what must not act any more is taken out before anything else is done
        for namespace in self._admission.namespaces():
            _warn_of(namespace, self._admission.retain(namespace, wanted.get(namespace, set())))

    def _publish(self, managed: Mapping[Key, Managed], looks: Mapping[Key, Look]) -> None:
        for namespace, born in births(managed, looks, self._admission.entry).items():
            owners = list(born.owners.values())
            _warn_of(namespace, self._admission.publish(namespace, born.entries, owners))

    def _retire(self, managed: Mapping[Key, Managed], now_s: float) -> None:
        """Forget workloads that have been gone for long; their policy's deletion has Kubernetes do it at once."""
        gone = self._records.workloads() - managed.keys()
        self._gone_since_s = {key: self._gone_since_s.get(key, now_s) for key in gone}
        for key in [key for key, since_s in self._gone_since_s.items() if now_s - since_s > kept_s(key)]:
            try:
                self._records.forget(key)
            except ApiError as error:
                logger.warning("the MemoryForecast of %s/%s was not deleted: %s", *key, error)

    def _write_statuses(
        self, parsed: Sequence[tuple[Json, Policy | PolicyProblem]], found: Found, now_s: float
    ) -> None:
        ready = Counter({True: 0, False: 0})
        for resource, policy in parsed:
            ready[policyreport.write(self._api, resource, policy, found, now_s)] += 1
            self.moved_at_s = time.monotonic()
        for value, count in ready.items():
            metrics.POLICIES.labels(str(value).lower()).set(count)


def _warn_of(namespace: str, refused: Refused | None) -> None:
    if refused is not None and not refused.fenced:
        logger.warning("MemorySizes of %s: %s", namespace, refused.message)


def _timed(step: str) -> AbstractContextManager[object]:
    return metrics.PASS_SECONDS.labels(step).time()
