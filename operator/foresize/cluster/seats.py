"""Nodes and pods as their JSON has them -> what a scheduler looks at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kubernetes.utils import parse_quantity

from foresize.cluster.podviews import requested_bytes
from foresize_forecast.placement import (
    Node,
    NodeTerm,
    PodTerm,
    Requirement,
    Seat,
    Selector,
    Spread,
    Taint,
    Toleration,
)
from foresize_forecast.sizes import Size

Json = Mapping[str, Any]
CPU = "cpu"
MEMORY = "memory"
THOUSANDTHS = 1000
EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared, not bound to
SCHEDULER = "default-scheduler"
ZONES = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
"""Labels of a PersistentVolume that its nodes have to share; several values are joined by two underscores."""


def node(item: Json) -> Node:
    """A node as the scheduler sees it."""
    spec, allocatable = item.get("spec") or {}, (item.get("status") or {}).get("allocatable") or {}
    return Node(
        name=item["metadata"]["name"],
        labels=item["metadata"].get("labels") or {},
        allocatable={name: amount(name, text) for name, text in allocatable.items()},
        taints=tuple(
            Taint(each["key"], each.get("effect", ""), each.get("value", "")) for each in spec.get("taints") or []
        ),
        unschedulable=bool(spec.get("unschedulable")),
    )


def seat(pod: Json) -> Seat:
    """A pod as the scheduler sees it, with what it holds of its node."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    namespace, labels = metadata["namespace"], metadata.get("labels") or {}
    affinity = spec.get("affinity") or {}
    wanted = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return Seat(
        namespace=namespace,
        uid=metadata["uid"],
        labels=labels,
        requests=_requests(spec) | {MEMORY: requested_bytes(pod)},
        node=spec.get("nodeName", ""),
        node_selector=spec.get("nodeSelector") or {},
        node_terms=None if wanted is None else node_terms(wanted),
        tolerations=tuple(_toleration(each) for each in spec.get("tolerations") or []),
        affinity=tuple(_pod_terms(affinity.get("podAffinity"), namespace)),
        anti_affinity=tuple(_pod_terms(affinity.get("podAntiAffinity"), namespace)),
        spread=tuple(_spreads(spec, labels)),
        host_ports=frozenset(_host_ports(spec)),
        priority=spec.get("priority") or 0,
        terminating=metadata.get("deletionTimestamp") is not None,
        gated=bool(spec.get("schedulingGates")),
        unknown=_unknown(spec),
    )


def replacement(pod: Json, births: Mapping[str, Size]) -> Json:
    """A pod as its controller would make it anew: no node, nothing held yet, and memory as at its creation.

    Args:
        pod: the pod that it replaces.
        births: by container name, the memory that it is created with.
    """
    spec = pod.get("spec") or {}
    sized = {
        part: [_sized(each, births.get(each["name"])) for each in spec.get(part) or []]
        for part in ("containers", "initContainers")
    }
    anew = {name: value for name, value in spec.items() if name != "nodeName"} | sized
    return {"metadata": {**pod["metadata"], "deletionTimestamp": None}, "spec": anew}


def node_terms(selector: Json) -> tuple[NodeTerm, ...]:
    """The terms of a NodeSelector, of which one has to be met."""
    return tuple(
        NodeTerm(_requirements(each.get("matchExpressions")), _requirements(each.get("matchFields")))
        for each in selector.get("nodeSelectorTerms") or []
    )


def volume_terms(volume: Json) -> Iterator[tuple[NodeTerm, ...]]:
    """Where a PersistentVolume can be reached: its node affinity and its zone."""
    required = ((volume.get("spec") or {}).get("nodeAffinity") or {}).get("required")
    if required:
        yield node_terms(required)
    labels = volume["metadata"].get("labels") or {}
    for zone in ZONES:
        if zone in labels:
            yield (NodeTerm((Requirement(zone, "In", tuple(labels[zone].split("__"))),)),)


@lru_cache(maxsize=4096)
def amount(resource: str, text: str) -> int:
    """A quantity as a whole number: CPU in thousandths, all else in its own unit, rounded up."""
    value = parse_quantity(str(text)) * (THOUSANDTHS if resource == CPU else 1)
    return int(value.to_integral_value(rounding="ROUND_CEILING"))


def _sized(container: Json, size: Size | None) -> Json:
    if size is None or size.request_bytes is None:
        return container
    resources = container.get("resources") or {}
    requests = {**(resources.get("requests") or {}), MEMORY: str(size.request_bytes)}
    limits = {name: text for name, text in (resources.get("limits") or {}).items() if name != MEMORY}
    if size.limit_bytes is not None:
        limits[MEMORY] = str(size.limit_bytes)
    return {**container, "resources": {**resources, "requests": requests, "limits": limits}}


def _requests(spec: Json) -> dict[str, int]:
    """All that a pod asks for, as kube-scheduler adds it up (component-helpers resource `PodRequests`)."""
    sidecars: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for container in spec.get("initContainers") or []:
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            sidecars += asked
            before |= sidecars
        else:
            before |= sidecars + asked
    together = sum((_asked(each) for each in spec.get("containers") or []), sidecars)
    whole = before | together
    of_pod = (spec.get("resources") or {}).get("requests") or {}
    whole |= Counter()
    found = dict(whole) | {name: amount(name, text) for name, text in of_pod.items()}
    for name, text in (spec.get("overhead") or {}).items():
        found[name] = found.get(name, 0) + amount(name, text)
    return found


def _asked(container: Json) -> Counter[str]:
    """A request that is left out is the limit, as the API server has it."""
    resources = container.get("resources") or {}
    named = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return Counter({name: amount(name, text) for name, text in named.items()})


def _requirements(expressions: Sequence[Json] | None) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(each["key"], each["operator"], tuple(each.get("values") or ())) for each in expressions or ()
    )


def _selector(selector: Json | None) -> Selector:
    if selector is None:
        return None
    exact = tuple(Requirement(key, "In", (value,)) for key, value in (selector.get("matchLabels") or {}).items())
    return exact + _requirements(selector.get("matchExpressions"))


def _toleration(each: Json) -> Toleration:
    return Toleration(
        each.get("key") or "", each.get("operator") or "Equal", each.get("value") or "", each.get("effect") or ""
    )


def _pod_terms(affinity: Json | None, namespace: str) -> Iterator[PodTerm]:
    for term in (affinity or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []:
        named, by_label = term.get("namespaces") or [], term.get("namespaceSelector")
        own = [] if named or by_label is not None else [namespace]
        yield PodTerm(
            term["topologyKey"], _selector(term.get("labelSelector")), frozenset([*named, *own]), _selector(by_label)
        )


def _spreads(spec: Json, labels: Mapping[str, str]) -> Iterator[Spread]:
    for each in spec.get("topologySpreadConstraints") or []:
        if each.get("whenUnsatisfiable") != "DoNotSchedule":
            continue
        selector = _selector(each.get("labelSelector"))
        if selector is not None:
            same = (key for key in each.get("matchLabelKeys") or [] if key in labels)
            selector += tuple(Requirement(key, "In", (labels[key],)) for key in same)
        yield Spread(
            topology=each["topologyKey"],
            max_skew=each["maxSkew"],
            selector=selector,
            min_domains=each.get("minDomains") or 1,
            honors_affinity=each.get("nodeAffinityPolicy", "Honor") == "Honor",
            honors_taints=each.get("nodeTaintsPolicy", "Ignore") == "Honor",
        )


def _host_ports(spec: Json) -> Iterator[tuple[str, str, int]]:
    sidecars = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    containers: Iterable[Json] = [*(spec.get("containers") or []), *sidecars]
    for container in containers:
        for port in container.get("ports") or []:
            if port.get("hostPort"):
                yield port.get("hostIP") or EVERYWHERE, port.get("protocol") or "TCP", port["hostPort"]


def _unknown(spec: Json) -> str:
    """What of a pod's scheduling is not told by nodes and pods."""
    if spec.get("schedulerName", SCHEDULER) != SCHEDULER:
        return f"its scheduler is {spec['schedulerName']}"
    if spec.get("resourceClaims"):
        return "it claims devices (resourceClaims)"
    return ""
