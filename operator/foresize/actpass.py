"""The fast clock's pass: all policies read, every workload looked at and acted on, what was found written down.

Level-based: a pass starts from a LIST of the policies and needs nothing of the pass before it but what is remembered.
One policy's error is its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from foresize import metrics, policystatus
from foresize.admission import Admission
from foresize.announce import Announcer
from foresize.attend import Attendant, Foreseen, Senses
from foresize.creation import births, creating
from foresize.exports import export
from foresize.forecasts import Look
from foresize.guard import Assignment, Overlap, assign
from foresize.kubeapi import Api, ApiError, NotFound
from foresize.managed import Managed, manage
from foresize.podwatch import PodWatch
from foresize.policy import Policy, PolicyProblem, parse
from foresize.policystatus import Findings
from foresize.records import Records
from foresize.refit import Forecasts
from foresize.resize import Refused
from foresize.settings import Settings
from foresize.targets import Inventory, take_inventory
from foresize.workloads import BUILT_IN_VERSION
from foresize_forecast.pods import PodView
from foresize_forecast.prometheus import ContainerOfPod, NewestSamples, Refusal, RefusalKind, Source, newest

logger = logging.getLogger(__name__)

POLICIES = "/apis/foresize.dev/v1alpha1"
SAMPLES_SPAN_S = 300
"""How far back the fast clock looks: its line needs a handful of samples, at any usual scrape interval."""
OUTLOOKS_KEPT = 4
"""Refit intervals after which a forecast is too old to lower anything."""
RETIRED_AFTER_S = 7 * 86_400.0
"""A MemoryForecast is kept this long after its workload has gone: what kills taught survives a recreation."""
NO_SOURCE = Refusal(RefusalKind.NOT_SET, "no Prometheus is set: see the operator's setting --prometheus-url")
Key = tuple[str, str]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the last pass acted on; the pod watch and the slow clock work from it between passes."""

    managed: Mapping[Key, Managed] = field(default_factory=dict)
    assignments: Sequence[Assignment] = ()
    senses: Mapping[Key, Senses] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a pass found, for the policies' statuses."""

    overlaps: Mapping[str, Sequence[Overlap]]
    looks: Mapping[Key, Look]
    errors: Mapping[str, str]
    refusals: Mapping[str, Refusal]
    """By namespace, why there are no newest samples."""


class ActPass:
    """Runs passes, one after the other."""

    def __init__(  # noqa: PLR0913 - the operator's parts, put together in one place
        self,
        settings: Settings,
        api: Api,
        *,
        source: Source | None,
        watch: PodWatch,
        attendant: Attendant,
        admission: Admission,
        records: Records,
        forecasts: Forecasts,
        announcer: Announcer,
    ) -> None:
        self._settings, self._api, self._source = settings, api, source
        self._watch, self._attendant = watch, attendant
        self._admission, self._records = admission, records
        self._forecasts, self._announcer = forecasts, announcer
        self._inventory = Inventory()
        self._inventory_of: tuple[float, frozenset[tuple[str, int]]] = (0.0, frozenset())
        self._namespaces: set[str] = set()
        self._surprises: set[Key] = set()
        self._gone_since_s: dict[Key, float] = {}
        self.scene = Scene()

    def run(self, stopped: str = "") -> None:
        """One pass.

        Args:
            stopped: by what the kill switch stops all writes to workloads; empty where it does not.

        Raises:
            ApiError: the policies or what surrounds them could not be read; nothing was done.
        """
        now_s = time.time()
        with _timed("list"):
            resources = list(self._resources())
            allowed = self._settings.allow_kube_system
            parsed = [(resource, parse(resource, allow_kube_system=allowed)) for resource in resources]
            policies = [policy for _, policy in parsed if isinstance(policy, Policy)]
            self._refresh(policies, now_s)
            assignments, overlaps = assign(policies, self._inventory, stopped)
        requested = self._watch.requested_by_node()
        self._attendant.spending.nodes_were_read()
        managed = {each.workload.key: manage(each, self._inventory, requested) for each in assignments}
        self._retain(managed)
        with _timed("samples"):
            samples = self._newest({key[0] for key in managed}, now_s)
            senses = {key: self._senses(one, samples, now_s) for key, one in managed.items()}
        self.scene = Scene(managed, assignments, senses)
        looks: dict[Key, Look] = {}
        errors: dict[str, str] = {}
        with _timed("act"):
            for key, one in managed.items():
                try:
                    looks[key] = self._look(one, senses[key], now_s)
                except Exception as error:  # one policy's error never stops another
                    errors[one.policy.uid] = f"{key[1]}: {error}"
                    metrics.PASS_ERRORS.labels("act").inc()
                    logger.exception("%s/%s was not attended to", *key)
        with _timed("write"):
            self._publish(managed, looks)
            self._retire(managed, now_s)
            found = _Found(overlaps, looks, errors, samples.refusals)
            for resource, policy in parsed:
                self._write_status(resource, self._status(policy, resource, found, now_s), now_s)
        _export(looks, samples)

    def is_surprised_by(self, pod: PodView) -> bool:
        """Whether a pod may belong to a workload that a policy selects and that is not known yet.

        Then the next pass lists workloads anew instead of waiting for its interval: what is born may die at once.
        """
        key = (pod.namespace, pod.owner)
        if key in self._inventory.workloads or key in self._surprises or pod.namespace not in self._namespaces:
            return False
        self._surprises.add(key)
        self._inventory_of = (0.0, frozenset())
        return True

    def _resources(self) -> Iterator[Json]:
        scopes = [f"/namespaces/{each}" for each in self._settings.namespaces] or [""]
        for scope in scopes:
            yield from self._api.list(f"{POLICIES}{scope}/memorypolicies")

    def _refresh(self, policies: Sequence[Policy], now_s: float) -> None:
        """Read what surrounds the policies again when it is old or when the policies have changed."""
        taken_s, generations = self._inventory_of
        current = frozenset((policy.uid, policy.generation) for policy in policies)
        if generations != current or now_s - taken_s >= self._settings.inventory_interval_s:
            self._inventory = take_inventory(
                self._api, policies, self._inventory, clusterwide=not self._settings.namespaces
            )
            self._inventory_of = (now_s, current)
            self._attendant.spending.quotas_were_read()
            self._namespaces = {policy.namespace for policy in policies}

    def _newest(self, namespaces: set[str], now_s: float) -> NewestSamples:
        if self._source is None:
            return NewestSamples(now_s, {}, dict.fromkeys(namespaces, NO_SOURCE))
        return newest(self._source, sorted(namespaces), now_s, SAMPLES_SPAN_S)

    def _senses(self, managed: Managed, samples: NewestSamples, now_s: float) -> Senses:
        namespace = managed.key[0]
        recent = {
            (pod.name, view.name): samples.containers[of]
            for pod in self.pods(managed)
            for view in pod.containers
            if (of := ContainerOfPod(namespace, pod.name, view.name)) in samples.containers
        }
        foreseen = self._forecasts.foreseen.get(managed.key, Foreseen())
        return Senses(recent, foreseen, self._distrust(namespace, samples, recent, foreseen, now_s))

    def _distrust(
        self, namespace: str, samples: NewestSamples, recent: Mapping[Any, Any], foreseen: Foreseen, now_s: float
    ) -> str:
        """Why nothing may be lowered: refused, partial, old samples, an old forecast."""
        if namespace in samples.refusals:
            return samples.refusals[namespace].message
        if namespace in samples.partial:
            return f"Prometheus answered with partial data: {'; '.join(samples.warnings)}"
        age_s = min((one.age_s(now_s) for one in recent.values()), default=None)
        if age_s is not None and age_s > self._settings.sample_max_age_s:
            return f"the newest sample is {age_s:.0f} s old"
        if foreseen.made_at_s and now_s - foreseen.made_at_s > OUTLOOKS_KEPT * self._settings.refit_interval_s:
            return f"the forecast is {(now_s - foreseen.made_at_s) / 60:.0f} minutes old"
        return ""

    def pods(self, managed: Managed) -> tuple[PodView, ...]:
        """The living pods of a workload, as the watch knows them now."""
        if managed.workload.api_version == BUILT_IN_VERSION:
            return self._watch.pods_of(*managed.key)
        return tuple(pod for pod in self._watch.snapshot().values() if managed.owns(pod))

    def _look(self, managed: Managed, senses: Senses, now_s: float) -> Look:
        look = self._attendant.attend(managed, lambda: self.pods(managed), senses, now_s)
        self._attendant.report(managed, look)
        self._announcer.tell(self._records.regarding(managed.subject), look)
        return look

    def _retain(self, managed: Mapping[Key, Managed]) -> None:
        """What must not act any more is taken out before anything else is done."""
        wanted = creating(managed)
        for namespace in self._admission.namespaces():
            _warn_of(namespace, self._admission.retain(namespace, wanted.get(namespace, set())))

    def _publish(self, managed: Mapping[Key, Managed], looks: Mapping[Key, Look]) -> None:
        for namespace, born in births(managed, looks, self._admission.entry).items():
            owners = list(born.owners.values())
            _warn_of(namespace, self._admission.publish(namespace, born.entries, owners))

    def _retire(self, managed: Mapping[Key, Managed], now_s: float) -> None:
        """Forget workloads that have been gone for a week; their policy's deletion has Kubernetes do it at once."""
        gone = self._records.workloads() - managed.keys()
        self._gone_since_s = {key: self._gone_since_s.get(key, now_s) for key in gone}
        for key in [key for key, since_s in self._gone_since_s.items() if now_s - since_s > RETIRED_AFTER_S]:
            self._records.forget(key)

    def _status(self, policy: Policy | PolicyProblem, resource: Json, found: _Found, now_s: float) -> Json:
        before = resource.get("status") or {}
        if isinstance(policy, PolicyProblem):
            return policystatus.of_problem(policy, resource["metadata"]["generation"], before, now_s)
        mine = [each for each in self.scene.assignments if each.policy.uid == policy.uid]
        keys = [each.workload.key for each in mine]
        ref = policy.target.ref
        findings = Findings(
            policy,
            mine,
            found.overlaps.get(policy.uid, ()),
            [found.looks[key] for key in keys if key in found.looks],
            self._inventory.missing.get((policy.namespace, ref), "") if ref else "",
            self._refusals(keys, found),
            found.errors.get(policy.uid, ""),
        )
        return policystatus.of_findings(findings, before, now_s)

    def _refusals(self, keys: Sequence[Key], found: _Found) -> list[Refusal]:
        """Why there is no history, or else no newest samples: the second is known at each tick."""
        history = [self._forecasts.refusals[key] for key in keys if key in self._forecasts.refusals]
        return history or [found.refusals[namespace] for namespace, _ in keys[:1] if namespace in found.refusals]

    def _write_status(self, resource: Json, status: Json, now_s: float) -> None:
        metadata = resource["metadata"]
        if not policystatus.is_due(status, resource.get("status") or {}, now_s):
            return
        path = f"{POLICIES}/namespaces/{metadata['namespace']}/memorypolicies/{metadata['name']}/status"
        try:
            self._api.patch(path, {"status": status}, "application/merge-patch+json")
        except NotFound:
            return  # deleted since the LIST
        except ApiError as error:
            logger.warning("status of %s/%s: %s", metadata["namespace"], metadata["name"], error)


def _warn_of(namespace: str, refused: Refused | None) -> None:
    if refused is not None and not refused.fenced:
        logger.warning("MemorySizes of %s: %s", namespace, refused.message)


def _export(looks: Mapping[Key, Look], samples: NewestSamples) -> None:
    export(looks)
    age_s = samples.age_s()
    if age_s is not None:
        metrics.SAMPLE_AGE.set(age_s)


@contextmanager
def _timed(step: str) -> Iterator[None]:
    with metrics.PASS_SECONDS.labels(step).time():
        yield
