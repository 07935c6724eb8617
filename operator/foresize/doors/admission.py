"""The door to pods that are not born yet: a namespace's MemorySizes, read by the API server at pod creation.

One of the doors to workloads. An entry exists only while an applying policy selects its workload, so what
must not act any more is taken out first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from foresize.config.quantities import quantity
from foresize.doors.refused import Refused
from foresize.kube.kubeapi import Api, ApiError, Conflict, NotFound
from foresize.kube.lease import Fence
from foresize_forecast.sizes import Size

NAME = "foresize"
API_VERSION = "foresize.dev/v1alpha1"
Sizes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What pods of one workload are born with."""

    sizes: Mapping[str, Size]
    """By container name."""
    revisions: Sequence[str] | None
    """Those that may get less than their template says, a pod of another gets the larger of both; None: its kind has
    no revisions."""
    undecided: Collection[str] = ()
    """Containers without a forecast now: what is written for them still holds."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A policy in whose name entries exist: when the last of them is deleted, Kubernetes deletes the sizes with it."""

    name: str
    uid: str
    kind: str = "MemoryPolicy"


@dataclass(slots=True)
class _Written:
    resource_version: str
    sizes: Sizes
    owners: list[Sizes] = field(default_factory=list)
    certain: bool = True
    """Not after a write that failed: it may have been made all the same."""


class Admission:
    """Keeps each namespace's MemorySizes as decided, with at most one write a pass.

    The act loop writes; any thread may ask for an `entry`.
    """

    def __init__(self, api: Api, fence: Fence) -> None:
        self._api = api
        self._fence = fence
        self._written: dict[str, _Written] = {}
        self._lock = Lock()

    def load(self, namespaces: Sequence[str] = ()) -> None:
        """Learn what is written in some namespaces (empty: in all), also by somebody else or by an earlier operator.

        Raises:
            ApiError: it could not be read; nothing has changed.
        """
        with self._lock:
            scopes = [f"/namespaces/{each}" for each in namespaces] or [""]
            listed = [item for scope in scopes for item in self._api.list(f"/apis/{API_VERSION}{scope}/memorysizes")]
            self._written = {
                item["metadata"]["namespace"]: _Written(
                    item["metadata"]["resourceVersion"],
                    item.get("spec", {}).get("sizes") or {},
                    item["metadata"].get("ownerReferences", []),
                )
                for item in listed
                if item["metadata"]["name"] == NAME
            }

    def namespaces(self) -> set[str]:
        """Where entries are written, or may be."""
        return {namespace for namespace, written in self._written.items() if written.sizes or not written.certain}

    def entry(self, workload: tuple[str, str]) -> Sizes:
        """What is written for a workload, by container; empty where nothing is."""
        written = self._written.get(workload[0])
        entry: Sizes = written.sizes.get(workload[1], {}) if written else {}
        return entry

    def retain(self, namespace: str, workloads: set[str]) -> Refused | None:
        """Take out the entries of all workloads but these; the first thing that a pass does."""
        with self._lock:
            written = self._written.get(namespace)
            if written is None or (written.certain and written.sizes.keys() <= workloads):
                return None
            kept = {workload: entry for workload, entry in written.sizes.items() if workload in workloads}
            return self._write(namespace, kept, written.owners, withdraws=True)

    def withdraw(self, namespace: str, workloads: Collection[str]) -> Refused | None:
        """Take out the entries of these workloads, where there are any."""
        written = self._written.get(namespace, _Written("", {}))
        return self.retain(namespace, written.sizes.keys() - set(workloads))

    def publish(self, namespace: str, entries: Mapping[str, Entry], owners: Sequence[Owner]) -> Refused | None:
        """Write what pods of these workloads are born with, where it differs from what is written.

        Entries of workloads that are not named here stay: their look failed, and their last size still holds.
        """
        with self._lock:
            written = self._written.get(namespace)
            before = written.sizes if written else {}
            now = {workload: _updated(before.get(workload, {}), entry) for workload, entry in entries.items()}
            sizes = {workload: entry for workload, entry in {**before, **now}.items() if entry}
            references = [_reference(owner) for owner in sorted(owners, key=lambda owner: (owner.kind, owner.name))]
            if written is None and not sizes:
                return None
            if written is not None and written.certain and (written.sizes, written.owners) == (sizes, references):
                return None
            return self._write(namespace, sizes, references)

    def _write(self, namespace: str, sizes: Sizes, owners: list[Sizes], *, withdraws: bool = False) -> Refused | None:
        if why := self._fence.refusal(withdraws=withdraws):
            return Refused(why, fenced=True)
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/memorysizes"
        body = {
            "apiVersion": API_VERSION,
            "kind": "MemorySizes",
            "metadata": {"name": NAME, "namespace": namespace, "ownerReferences": owners},
            "spec": {"sizes": sizes},
        }
        try:
            answer = self._put(path, body, namespace)
        except ApiError as error:
            known = self._written.get(namespace, _Written("", {}))
            self._written[namespace] = replace(known, certain=False)
            return Refused(error.message)
        self._written[namespace] = _Written(answer["metadata"]["resourceVersion"], sizes, owners)
        return None

    def _put(self, path: str, body: Sizes, namespace: str) -> Sizes:
        """Create or replace; where somebody else wrote in between, once more on top of that."""
        written = self._written.get(namespace)
        try:
            if written is None or not written.resource_version:
                return self._api.create(path, body)
            body["metadata"]["resourceVersion"] = written.resource_version
            return self._api.replace(f"{path}/{NAME}", body)
        except NotFound:
            body["metadata"].pop("resourceVersion", None)
            return self._api.create(path, body)
        except Conflict:
            body["metadata"]["resourceVersion"] = self._api.get(f"{path}/{NAME}")["metadata"]["resourceVersion"]
            return self._api.replace(f"{path}/{NAME}", body)


def _updated(before: Sizes, entry: Entry) -> Sizes:
    """An entry as it is written now: decided anew, kept where nothing is decided, gone where no policy names it."""
    return {name: size for name, size in before.items() if name in entry.undecided} | spec_of(entry)


def spec_of(entry: Entry) -> Sizes:
    """An entry as the admission policy reads it: container -> request, limit, known revisions."""
    return {name: _size(size, entry.revisions) for name, size in sorted(entry.sizes.items())}


def _size(size: Size, revisions: Sequence[str] | None) -> Sizes:
    request = {} if size.request_bytes is None else {"request": quantity(size.request_bytes)}
    limit = {} if size.limit_bytes is None else {"limit": quantity(size.limit_bytes)}
    known = {} if revisions is None else {"revisions": sorted(revisions)}
    return {**request, **limit, **known}


def _reference(owner: Owner) -> Sizes:
    return {"apiVersion": API_VERSION, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
