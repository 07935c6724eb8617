"""What a policy selects, and what surrounds it: the only reader of workloads, namespaces, nodes and autoscalers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from kubernetes.utils import parse_quantity

from foresize.cluster import autoscalers, nodes
from foresize.cluster.autoscalers import Autoscaler, Scaler
from foresize.cluster.barepods import bare
from foresize.cluster.references import by_scale, controller
from foresize.cluster.workloads import BATCH_VERSION, BUILT_IN, BUILT_IN_VERSION, Workload, opted_out, read
from foresize.config.labels import matches
from foresize.config.policy import Policy
from foresize.config.quantities import memory_bytes
from foresize.kube.kubeapi import Api, Forbidden, NotFound
from foresize_forecast.pods import PodView, Room

logger = logging.getLogger(__name__)

Json = dict[str, Any]
LISTED = {
    **{(BUILT_IN_VERSION, kind): plural for kind, plural in BUILT_IN.items()},
    (BATCH_VERSION, "CronJob"): "cronjobs",
}
"""Kinds that are listed whole, with their plurals: a selector finds them; what a list does not have is not there."""
MOST_BARE_PODS = 300
"""In all: names that never come again would each leave a MemoryForecast."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was there at one moment.

    Attributes:
        workloads: by (namespace, `Kind/name`).
        ignored_namespaces: those that opted out.
        limit_ranges: by namespace: bounds of a container.
        quotas: by namespace: what is left.
        node_allocatable_bytes: by node.
        node_cannot_resize: by node, why pods cannot be resized there; nodes where they can are not named.
        node_types: by node, what kind of machine it is, where a label tells.
        autoscalers: what else acts on memory.
        scalers: by (namespace, `Kind/name`), what else says how many replicas there are.
        missing: by policy uid, why its reference leads nowhere.
        covered: by uid of a ClusterMemoryPolicy, the namespaces that it is about.
        groups: by uid of a policy that groups pods by a label, what it groups.
    """

    workloads: Mapping[tuple[str, str], Workload] = field(default_factory=dict)
    ignored_namespaces: frozenset[str] = frozenset()
    limit_ranges: Mapping[str, Room] = field(default_factory=dict)
    quotas: Mapping[str, Room] = field(default_factory=dict)
    node_allocatable_bytes: Mapping[str, int] = field(default_factory=dict)
    node_cannot_resize: Mapping[str, str] = field(default_factory=dict)
    node_types: Mapping[str, str] = field(default_factory=dict)
    autoscalers: tuple[Autoscaler, ...] = ()
    scalers: Mapping[tuple[str, str], Scaler] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    covered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Workload, ...]] = field(default_factory=dict)

    def namespaces(self, policy: Policy) -> frozenset[str]:
        """The namespaces whose workloads a policy may be about."""
        if policy.namespace_selector is None:
            return frozenset({policy.namespace})
        return self.covered.get(policy.uid, frozenset())


def selected(policy: Policy, inventory: Inventory) -> list[Workload]:
    """The workloads that a policy is about, by namespace and name."""
    if policy.target.group_by:
        return list(inventory.groups.get(policy.uid, ()))
    namespaces = inventory.namespaces(policy)
    mine = [workload for workload in inventory.workloads.values() if workload.namespace in namespaces]
    ref = policy.target.ref
    if ref is not None:
        return [workload for workload in mine if (workload.kind, workload.name) == (ref.kind, ref.name)]
    selector = policy.target.selector or {}
    chosen = [each for each in mine if _may_select(policy, each) and matches(selector, each.labels)]
    return sorted(chosen, key=lambda each: each.key)


def _may_select(policy: Policy, workload: Workload) -> bool:
    if workload.is_bare_pod:
        return policy.target.bare_pods
    return (workload.api_version, workload.kind) in LISTED


def with_bare_pods(inventory: Inventory, policies: Sequence[Policy], pods: Iterable[PodView]) -> Inventory:
    """The same, with the pods that nothing owns of the policies that ask for them: the oldest, as far as there is room.

    Args:
        inventory: what there is beside them.
        policies: all that can be followed.
        pods: those that live.
    """
    about = frozenset[str]().union(*(inventory.namespaces(each) for each in policies if each.target.bare_pods))
    found = [pod for pod in pods if not pod.owner and pod.namespace in about]
    if len(found) > MOST_BARE_PODS:
        words = "%d pods that nothing owns, of which %d are recommended for: would target.groupBy hold them together?"
        logger.warning(words, len(found), MOST_BARE_PODS)
    oldest = sorted(found, key=lambda pod: (pod.created_s, pod.namespace, pod.name))[:MOST_BARE_PODS]
    return replace(inventory, workloads={**inventory.workloads, **{each.key: each for each in map(bare, oldest)}})


def take_inventory(
    api: Api,
    policies: Sequence[Policy],
    before: Inventory,
    *,
    clusterwide: bool,
    reserved: Collection[str] = (),
) -> Inventory:
    """Read all that the policies may concern, with one LIST for each kind (and namespace, where rights end there).

    A kind that our rights do not cover is left out, with a warning. A referenced workload that cannot be read just now,
    but was before, is taken to be as it was: an outage is no deletion.

    Args:
        api: the way to the API server.
        policies: all that can be followed.
        before: the last inventory.
        clusterwide: whether all namespaces may be read.
        reserved: namespaces that no ClusterMemoryPolicy is about, whatever their labels.

    Raises:
        ApiError: the API server could not be read; nothing is known then.
    """
    about = _namespaces(api, policies)
    covered = {
        policy.uid: frozenset(_covered(policy.namespace_selector, about) - set(reserved))
        for policy in policies
        if policy.namespace_selector is not None
    }
    own = {policy.namespace for policy in policies if policy.namespace}
    reader = _Reader(api, frozenset(own.union(*covered.values())), clusterwide)
    workloads = {each.key: each for of, plural in LISTED.items() for each in reader.listed(of, plural)}
    referred = {
        policy.uid: list(_referred(api, policy, workloads, before, covered.get(policy.uid, {policy.namespace})))
        for policy in policies
    }
    workloads |= {each.key: each for found in referred.values() for each in found if isinstance(each, Workload)}
    listed = {each["metadata"]["name"]: each for each in _listed(api, "/api/v1/nodes")} if policies else {}
    horizontal = reader.horizontal()
    return Inventory(
        workloads=workloads,
        ignored_namespaces=frozenset(name for name in reader.namespaces if opted_out(about.get(name, {}))),
        limit_ranges=reader.rooms("limitranges", _limit_range),
        quotas=reader.rooms("resourcequotas", _quota),
        node_allocatable_bytes={name: nodes.allocatable_bytes(node) for name, node in listed.items()},
        node_cannot_resize={name: why for name, node in listed.items() if (why := nodes.cannot_resize(node))},
        node_types={name: nodes.instance_type(node) for name, node in listed.items()},
        autoscalers=tuple(autoscalers.of_memory(horizontal, reader.vertical())),
        scalers=autoscalers.of_replicas(horizontal),
        missing={uid: each for uid, found in referred.items() if (each := _lost(found))},
        covered=covered,
    )


def _namespaces(api: Api, policies: Sequence[Policy]) -> dict[str, Json]:
    """Metadata by name: of all namespaces where a ClusterMemoryPolicy may be about any, else of the policies' own."""
    if any(policy.namespace_selector is not None for policy in policies):
        return {item["metadata"]["name"]: item["metadata"] for item in _listed(api, "/api/v1/namespaces")}
    found: dict[str, Json] = {}
    for namespace in sorted({policy.namespace for policy in policies}):
        with suppress(Forbidden, NotFound):
            found[namespace] = api.get(f"/api/v1/namespaces/{namespace}")["metadata"]
    return found


def _covered(selector: Mapping[str, Any], about: Mapping[str, Json]) -> set[str]:
    """Namespaces that a selector finds; in one that is being deleted nothing can be created any more."""
    return {
        name
        for name, metadata in about.items()
        if "deletionTimestamp" not in metadata and matches(selector, metadata.get("labels") or {})
    }


def _referred(
    api: Api,
    policy: Policy,
    workloads: Mapping[tuple[str, str], Workload],
    before: Inventory,
    namespaces: Collection[str],
) -> Iterator[Workload | str]:
    """What a policy's reference leads to in each of its namespaces: a workload, or why there is none."""
    ref = policy.target.ref
    if ref is None:
        return
    for namespace in sorted(namespaces):
        key = (namespace, f"{ref.kind}/{ref.name}")
        if key in workloads:
            yield workloads[key]
        elif policy.namespace_selector is not None and (ref.api_version, ref.kind) in LISTED:
            yield f"none of its namespaces has a {ref.kind} {ref.name} ({ref.api_version})"
        else:
            yield by_scale(api, namespace, ref, before.workloads.get(key))


def _lost(found: Sequence[Workload | str]) -> str:
    """Why a reference leads nowhere at all; empty where it leads somewhere, or where there is none."""
    words = [each for each in found if isinstance(each, str)]
    return words[0] if words and len(words) == len(found) else ""


@dataclass(frozen=True, slots=True)
class _Reader:
    """LISTs over the namespaces of all policies."""

    api: Api
    namespaces: frozenset[str]
    clusterwide: bool

    def items(self, prefix: str, plural: str) -> Iterator[Json]:
        if self.clusterwide and self.namespaces:
            for item in _listed(self.api, f"{prefix}/{plural}"):
                if item["metadata"]["namespace"] in self.namespaces:
                    yield item
        else:
            for namespace in sorted(self.namespaces):
                yield from _listed(self.api, f"{prefix}/namespaces/{namespace}/{plural}")

    def listed(self, of: tuple[str, str], plural: str) -> Iterator[Workload]:
        version, kind = of
        for item in self.items(f"/apis/{version}", plural):
            if kind != "ReplicaSet" or not controller(item):
                yield read(item, kind, version)

    def rooms(self, plural: str, read_room: Callable[[Sequence[Json]], Room]) -> dict[str, Room]:
        found: dict[str, list[Json]] = {namespace: [] for namespace in self.namespaces}
        for item in self.items("/api/v1", plural):
            found[item["metadata"]["namespace"]].append(item)
        return {namespace: read_room(items) for namespace, items in found.items()}

    def horizontal(self) -> list[Json]:
        return list(self.items("/apis/autoscaling/v2", "horizontalpodautoscalers"))

    def vertical(self) -> list[Json]:
        try:
            return list(self.items("/apis/autoscaling.k8s.io/v1", "verticalpodautoscalers"))
        except NotFound:
            return []


def _listed(api: Api, path: str) -> list[Json]:
    try:
        return api.list(path)
    except Forbidden as error:
        logger.warning("not allowed to list %s, going on without: %s", path, error.message)
        return []


def _limit_range(items: Sequence[Json]) -> Room:
    """The tightest bounds of a container and of a pod over all LimitRanges of a namespace."""
    limits = [limit for item in items for limit in item.get("spec", {}).get("limits") or []]

    def of(kind: str, name: str) -> list[str]:
        return [each[name]["memory"] for each in limits if each["type"] == kind and "memory" in (each.get(name) or {})]

    def ratio(kind: str) -> float | None:
        return min((float(parse_quantity(each)) for each in of(kind, "maxLimitRequestRatio")), default=None)

    return Room(
        container_min_bytes=max(map(memory_bytes, of("Container", "min")), default=None),
        container_max_bytes=min(map(memory_bytes, of("Container", "max")), default=None),
        limit_ratio_max=ratio("Container"),
        pod_min_bytes=max(map(memory_bytes, of("Pod", "min")), default=None),
        pod_max_bytes=min(map(memory_bytes, of("Pod", "max")), default=None),
        pod_ratio_max=ratio("Pod"),
    )


def _quota(items: Sequence[Json]) -> Room:
    """What the quotas of a namespace leave; one with a scope binds some pods only and is taken as binding all."""
    statuses = [item.get("status", {}) for item in items]

    def left(*names: str) -> int | None:
        free = [
            memory_bytes(status["hard"][name]) - memory_bytes((status.get("used") or {}).get(name, "0"))
            for status in statuses
            for name in names
            if name in (status.get("hard") or {})
        ]
        return min(free, default=None)

    return Room(
        quota_request_free_bytes=left("requests.memory", "memory"), quota_limit_free_bytes=left("limits.memory")
    )
