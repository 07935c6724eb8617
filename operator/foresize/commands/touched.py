"""Which workloads Foresize has sized: by name, or by what it left in the cluster. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foresize.cluster.ownership import is_ours
from foresize.cluster.podviews import view
from foresize.cluster.references import find
from foresize.cluster.workloads import (
    BATCH,
    BATCH_VERSION,
    BUILT_IN,
    BUILT_IN_VERSION,
    GROUP,
    GROUP_VERSION,
    Workload,
    scheduled,
)
from foresize.config.selecting import Ref
from foresize.doors.admission import NAME
from foresize.kube.kubeapi import MANAGER, Api
from foresize.reporting.records import API_VERSION

Json = dict[str, Any]
VERSIONS = {
    **dict.fromkeys(BUILT_IN, BUILT_IN_VERSION),
    **dict.fromkeys(BATCH, BATCH_VERSION),
    GROUP: GROUP_VERSION,
}
"""Of kinds whose names say enough."""


def named(api: Api, namespace: str, kinds: Sequence[str], name: str) -> Workload | str:
    """One workload, or why there is none; of which kind it is, where `kinds` is empty, its MemoryForecast tells.

    Raises:
        ApiError: the API server could not be read.
    """
    forecasts = api.list(f"/apis/{API_VERSION}/namespaces/{namespace}/memoryforecasts")
    known = {ref.kind: ref for ref in map(_ref, forecasts) if ref.name == name}
    why = ""
    for kind in kinds or [*known, *BUILT_IN, *BATCH]:
        found = find(api, namespace, known.get(kind, Ref(VERSIONS.get(kind, BUILT_IN_VERSION), kind, name)))
        if isinstance(found, Workload):
            return found
        why = why or found
    return why


def all_touched(api: Api, namespace: str) -> tuple[list[Workload], list[str]]:
    """All workloads of a namespace (empty: of all) with a MemoryForecast, birth sizes, a template or a pod of ours.

    Returns:
        The workloads, and why others are none any more.

    Raises:
        ApiError: the API server could not be read.
    """
    refs = set(_traces(api, f"/namespaces/{namespace}" if namespace else ""))
    ordered = sorted(refs, key=lambda each: (each[0], each[1].kind, each[1].name))
    found = [(where, find(api, where, ref)) for where, ref in ordered]
    there = [each for _, each in found if isinstance(each, Workload)]
    return there, [each for _, each in found if isinstance(each, str)]


def _traces(api: Api, scope: str) -> Iterator[tuple[str, Ref]]:
    for item in api.list(f"/apis/{API_VERSION}{scope}/memoryforecasts"):
        yield item["metadata"]["namespace"], _ref(item)
    for item in api.list(f"/apis/{API_VERSION}{scope}/memorysizes"):
        if item["metadata"]["name"] == NAME:
            for workload in item.get("spec", {}).get("sizes") or {}:
                yield from _built_in(item, workload)
    above: dict[tuple[str, str], str] = {}
    for kind, plural in (BUILT_IN | BATCH).items():
        for item in api.list(f"/apis/{VERSIONS[kind]}{scope}/{plural}"):
            workload = f"{kind}/{item['metadata']['name']}"
            above[item["metadata"]["namespace"], workload] = _cron_job(item) or workload
            if is_ours(item):
                yield from _built_in(item, _cron_job(item) or workload)
    yield from _of_pods(api, scope, above)


def _of_pods(api: Api, scope: str, above: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, Ref]]:
    """Whose the pods are that we resized; a Job that is gone is told by its name."""
    for item in api.list(f"/api/v1{scope}/pods"):
        if any(map(_is_our_resize, item["metadata"].get("managedFields") or [])):
            owner = view(item).owner
            yield from _built_in(item, above.get((item["metadata"]["namespace"], owner)) or scheduled(owner) or owner)


def _built_in(item: Json, workload: str) -> Iterator[tuple[str, Ref]]:
    """A workload by its `Kind/name`; of somebody else's kinds the API group is not told."""
    kind, _, name = workload.partition("/")
    if kind in VERSIONS:
        yield item["metadata"]["namespace"], Ref(VERSIONS[kind], kind, name)


def _cron_job(job: Json) -> str:
    """The CronJob that made a Job, as `Kind/name`, whatever the Job is called; empty where none did."""
    owners = job["metadata"].get("ownerReferences") or []
    return next(
        (f"CronJob/{each['name']}" for each in owners if each.get("controller") and each["kind"] == "CronJob"), ""
    )


def _is_our_resize(entry: Json) -> bool:
    return (entry.get("manager"), entry.get("subresource")) == (MANAGER, "resize")


def _ref(forecast: Json) -> Ref:
    workload = forecast.get("spec", {}).get("workload", {})
    return Ref(workload.get("apiVersion", BUILT_IN_VERSION), workload.get("kind", ""), workload.get("name", ""))
