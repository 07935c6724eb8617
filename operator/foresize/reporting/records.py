"""MemoryForecast objects: what people read of a workload, and what the operator remembers of it.

The memory is written before each action, bound to the object's resourceVersion; the rest only when it says something
new.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foresize.cluster.workloads import GROUP
from foresize.config.quantities import instant_s, timestamp
from foresize.kube.kubeapi import Api, ApiError, Conflict, NotFound
from foresize.reporting.deeds import deeds
from foresize.reporting.events import Regarding
from foresize_forecast.deciding.state import Sleep, WorkloadState
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.moving.disruption import Past, disruptions

logger = logging.getLogger(__name__)

API_VERSION = "foresize.dev/v1alpha1"
REPORT_EVERY_S = 300.0
"""A status that only got newer figures is written this often at most."""
MAX_NAME = 63
NOT_OF_A_NAME = re.compile(r"[^-a-z0-9.]")
Json = dict[str, Any]
Key = tuple[str, str]
"""(namespace, `Kind/name`)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The workload that a MemoryForecast is about, and the policy that owns the object."""

    namespace: str
    api_version: str
    kind: str
    name: str
    policy_name: str
    policy_uid: str
    policy_kind: str = "MemoryPolicy"

    @property
    def key(self) -> Key:
        """As everywhere in the operator."""
        return (self.namespace, f"{self.kind}/{self.name}")


@dataclass(frozen=True, slots=True)
class _Record:
    resource_version: str = ""
    state: WorkloadState = field(default_factory=WorkloadState)
    status: Json = field(default_factory=dict)
    """As written, without the operator's memory."""
    written_at_s: float = 0.0
    owner_uid: str = ""
    uid: str = ""
    """Empty where there is no object yet."""


class Records:
    """All MemoryForecasts, read once and kept: the lease makes this process their only writer.

    Of one workload, one thread at a time calls what changes its record (`Attendant` sees to it); those of different
    workloads come from several threads at once.
    """

    def __init__(self, api: Api, held: Callable[[], bool]) -> None:
        """Nothing is read before `load`; `held` tells whether this process has the lease."""
        self._api = api
        self._held = held
        self._records: dict[Key, _Record] = {}

    def load(self, namespaces: Sequence[str] = ()) -> None:
        """Read what the last operator remembered, of some namespaces (empty: all); called once the lease is held.

        What this process remembered before is dropped: another one may have learnt more since.

        Raises:
            ApiError: it could not be read; nothing has changed.
        """
        found: dict[Key, _Record] = {}
        for scope in [f"/namespaces/{each}" for each in namespaces] or [""]:
            for item in self._api.list(f"/apis/{API_VERSION}{scope}/memoryforecasts"):
                workload = item.get("spec", {}).get("workload", {})
                kind, name = workload.get("kind", ""), workload.get("name", "")
                if item["metadata"]["name"] == object_name(kind, name):  # else it was not made by us
                    found[item["metadata"]["namespace"], f"{kind}/{name}"] = _read(item)
        self._records = found

    def workloads(self) -> set[Key]:
        """Workloads that have a MemoryForecast."""
        return set(self._records)

    def state(self, key: Key) -> WorkloadState:
        """What is remembered of a workload."""
        record = self._records.get(key)
        return record.state if record else WorkloadState()

    def disruptions(self) -> list[Past]:
        """What is remembered of evictions, of all workloads; the rollout of a template counts as one."""
        found = list(self._records.items())
        return [past for key, record in found for past in disruptions(key, record.owner_uid, record.state)]

    def asleep(self) -> dict[Key, Sleep]:
        """Workloads that were scaled to zero, or are about to be woken."""
        sleeps = {key: record.state.sleep for key, record in self._records.copy().items()}
        return {key: sleep for key, sleep in sleeps.items() if sleep is not None and sleep.holds}

    def groups(self, policy_uid: str) -> dict[Key, WorkloadState]:
        """What is remembered of the groups of pods that a policy has made."""
        return {
            key: record.state
            for key, record in self._records.copy().items()
            if record.owner_uid == policy_uid and key[1].startswith(f"{GROUP}/")
        }

    def regarding(self, subject: Subject) -> Regarding:
        """Its object, as an Event names it."""
        return self.about(subject.key)

    def about(self, key: Key) -> Regarding:
        """The object of a workload, as an Event names it."""
        record, (kind, _, name) = self._records.get(key), key[1].partition("/")
        return Regarding(API_VERSION, "MemoryForecast", key[0], object_name(kind, name), record.uid if record else "")

    def keep(self, key: Key, state: WorkloadState) -> None:
        """Remember in this process; `report` or `remember` writes it."""
        self._records[key] = replace(self._records.get(key, _Record()), state=state)

    def ensure(self, subject: Subject) -> None:
        """Create the object where there is none, owned by the policy.

        Raises:
            ApiError: the API server refuses it, or another operator is the writer now.
        """
        if not self._held():
            raise ApiError(0, "another operator holds the lease")
        record = self._records.get(subject.key)
        if record is not None and record.uid and (record.owner_uid == subject.policy_uid or _is_asleep(record.state)):
            return
        path, name = _collection(subject.namespace), object_name(subject.kind, subject.name)
        try:
            known = record is not None and record.uid
            item = self._adopt(subject, name) if known else self._api.create(path, _object(subject, name))
        except Conflict:
            item, record = self._adopt(subject, name), None  # what it holds was learnt before us
        made = _read(item)
        self._records[subject.key] = made if record is None else replace(made, state=record.state)

    def remember(self, subject: Subject, state: WorkloadState) -> None:
        """Write the memory now: what follows may be the last that this process does.

        Raises:
            NotFound: somebody has deleted the object; what it held is forgotten.
            ApiError: it could not be written, so nothing may be done that it would have to remember.
        """
        self.ensure(subject)
        if _is_asleep(state) and self._records[subject.key].owner_uid:
            self._disown(subject)
        self._write(subject, state, self._records[subject.key].status, urgent=True)

    def report(self, subject: Subject, status: Json, now_s: float) -> None:
        """Write what people read, if it is new: what was done at once, figures every few minutes at most."""
        self.ensure(subject)
        record = self._records[subject.key]
        shown = {name: value for name, value in record.status.items() if name != "observedAt"}
        due = now_s - record.written_at_s >= REPORT_EVERY_S or deeds(shown) != deeds(status)
        if shown != status and due:
            with contextlib.suppress(NotFound):  # it was deleted, and is made anew at the next look
                self._write(subject, record.state, {**status, "observedAt": timestamp(now_s)})
                self._records[subject.key] = replace(self._records[subject.key], written_at_s=now_s)

    def forget(self, key: Key) -> None:
        """Delete the object of a workload that is gone for good.

        Raises:
            ApiError: the API server refuses it.
        """
        namespace, workload = key
        kind, _, name = workload.partition("/")
        with contextlib.suppress(NotFound):
            self._api.delete(f"{_collection(namespace)}/{object_name(kind, name)}")
        self._records.pop(key, None)

    def _disown(self, subject: Subject) -> None:
        """What remembers how many replicas a workload had must not be deleted together with its policy."""
        path = f"{_collection(subject.namespace)}/{object_name(subject.kind, subject.name)}"
        self._api.patch(path, {"metadata": {"ownerReferences": None}}, "application/merge-patch+json")
        self._records[subject.key] = replace(self._records[subject.key], owner_uid="")

    def _write(self, subject: Subject, state: WorkloadState, status: Json, *, urgent: bool = False) -> None:
        record = self._records[subject.key]
        name = object_name(subject.kind, subject.name)
        path = f"{_collection(subject.namespace)}/{name}"
        body = _object(subject, name) | {"status": {**status, "state": dump(state)}}
        body["metadata"]["resourceVersion"] = record.resource_version
        try:
            item = self._replaced(path, body, urgent=urgent)
        except NotFound:
            self._records.pop(subject.key, None)
            raise
        made = item["metadata"]
        self._records[subject.key] = replace(
            record, resource_version=made["resourceVersion"], uid=made["uid"], state=state, status=status
        )

    def _replaced(self, path: str, body: Json, *, urgent: bool) -> Json:
        """Where somebody else wrote in between (a label, say), once more on top: the status is ours all the same."""
        try:
            return self._api.replace(f"{path}/status", body, urgent=urgent)
        except Conflict:
            body["metadata"]["resourceVersion"] = self._api.get(path)["metadata"]["resourceVersion"]
            return self._api.replace(f"{path}/status", body, urgent=urgent)

    def _adopt(self, subject: Subject, name: str) -> Json:
        """Make the policy that selects the workload now the owner, so that the memory outlives a renamed policy."""
        path = f"{_collection(subject.namespace)}/{name}"
        wanted = _object(subject, name)
        patch = {"metadata": {"ownerReferences": wanted["metadata"]["ownerReferences"]}, "spec": wanted["spec"]}
        try:
            return self._api.patch(path, patch, "application/merge-patch+json")
        except NotFound:
            return self._api.create(_collection(subject.namespace), wanted)


def object_name(kind: str, name: str) -> str:
    """`<kind>-<name>`, cut and completed with a hash where that is longer than a label may be, or no name at all.

    Worked: ("Deployment", "web") -> "deployment-web"; ("PodLabel", "job=etl") -> "podlabel-job-etl-" and a hash.
    """
    whole = f"{kind.lower()}-{name}"
    plain = NOT_OF_A_NAME.sub("-", whole.lower())
    if plain == whole and len(whole) <= MAX_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{plain[: MAX_NAME - 9].rstrip('-.')}-{digest}"


def _object(subject: Subject, name: str) -> Json:
    owner = {
        "apiVersion": API_VERSION,
        "kind": subject.policy_kind,
        "name": subject.policy_name,
        "uid": subject.policy_uid,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "MemoryForecast",
        "metadata": {"name": name, "namespace": subject.namespace, "ownerReferences": [owner]},
        "spec": {
            "workload": {"apiVersion": subject.api_version, "kind": subject.kind, "name": subject.name},
            "policy": subject.policy_name,
            "policyKind": subject.policy_kind,
        },
    }


def _is_asleep(state: WorkloadState) -> bool:
    return state.sleep is not None and state.sleep.holds


def _read(item: Mapping[str, Any]) -> _Record:
    status = dict(item.get("status", {}))
    stored = status.pop("state", None)
    owners = item["metadata"].get("ownerReferences", [])
    try:
        state, written_at_s = load(stored), instant_s(status.get("observedAt")) or 0.0
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        logger.warning("%s/%s: %s", item["metadata"]["namespace"], item["metadata"]["name"], error)
        state, written_at_s = WorkloadState(), 0.0
    return _Record(
        item["metadata"]["resourceVersion"],
        state,
        status,
        written_at_s,
        owner_uid=owners[0]["uid"] if owners else "",
        uid=item["metadata"]["uid"],
    )


def _collection(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/memoryforecasts"
