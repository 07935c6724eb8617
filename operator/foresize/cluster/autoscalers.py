"""Who else sizes or scales workloads, out of the objects that say so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
KEDA = "ScaledObject"
"""The kind that owns the HorizontalPodAutoscalers which KEDA makes."""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """Another that acts on memory: a VerticalPodAutoscaler that is not Off, or a HorizontalPodAutoscaler."""

    kind: str
    name: str
    namespace: str
    target: str
    """`Kind/name`."""


@dataclass(frozen=True, slots=True)
class Scaler:
    """Another that says how many replicas a workload has."""

    words: str
    """Its kind and name."""
    from_zero: bool
    """Whether it starts what has none: a HorizontalPodAutoscaler does nothing at zero replicas, KEDA does."""


def of_memory(horizontal: Iterable[Json], vertical: Iterable[Json]) -> Iterator[Autoscaler]:
    """Those that act on memory."""
    for item in horizontal:
        if any(_is_memory(metric) for metric in item.get("spec", {}).get("metrics") or []):
            yield _autoscaler(item, "HorizontalPodAutoscaler", item["spec"]["scaleTargetRef"])
    for item in vertical:
        if _sizes_memory(item.get("spec", {})):
            yield _autoscaler(item, "VerticalPodAutoscaler", item["spec"]["targetRef"])


def of_replicas(horizontal: Iterable[Json]) -> dict[tuple[str, str], Scaler]:
    """By (namespace, `Kind/name`), who scales it by whatever measure."""
    found = {}
    for item in horizontal:
        metadata, target = item["metadata"], item["spec"]["scaleTargetRef"]
        keda = [each["name"] for each in metadata.get("ownerReferences") or [] if each.get("kind") == KEDA]
        words = f"{KEDA} {keda[0]}" if keda else f"HorizontalPodAutoscaler {metadata['name']}"
        found[metadata["namespace"], f"{target['kind']}/{target['name']}"] = Scaler(words, bool(keda))
    return found


def _autoscaler(item: Json, kind: str, target: Mapping[str, str]) -> Autoscaler:
    metadata = item["metadata"]
    return Autoscaler(kind, metadata["name"], metadata["namespace"], f"{target['kind']}/{target['name']}")


def _sizes_memory(spec: Json) -> bool:
    """Whether a VerticalPodAutoscaler acts on the memory of any container: it does unless told otherwise."""
    if (spec.get("updatePolicy") or {}).get("updateMode") == "Off":
        return False
    rows = (spec.get("resourcePolicy") or {}).get("containerPolicies") or []
    # A row with the name * speaks for all containers without one of their own.
    named = rows if any(row.get("containerName") == "*" for row in rows) else [*rows, {}]
    return any(row.get("mode") != "Off" and "memory" in row.get("controlledResources", ["memory"]) for row in named)


def _is_memory(metric: Json) -> bool:
    source = metric.get("resource") or metric.get("containerResource") or {}
    return bool(source.get("name") == "memory")
