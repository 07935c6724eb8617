"""Pods about to be created, drawn by chance, with what MemorySizes says of their workload.

For the admission policy and the webhook, which have to make the same of them.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

from foresize.webhook.amounts import amount

Json = dict[str, Any]
HASH, OTHER = "5d9c7b6f4", "7c8d9e"
IGNORE = {"foresize.dev/ignore": "true"}
MEMORY = ("10Mi", "50Mi", "80Mi", "100Mi", "200Mi", "1Gi", "1536Mi", "100M", "128974848", "1e8", "1.5Gi", "0.1Gi", "0")
CPU = (("", ""), ("", ""), ("100m", "100m"), ("0.1", "100m"), ("100m", "200m"), ("1", ""), ("", "1"), ("0", ""))
GOOD = ("10Mi", "60Mi", "100Mi", "200Mi", "200Mi", "3Gi", "104857600", "100M", "1e8", "0.5G", "+70Mi", "070Mi", "70.Mi")
BAD = ("lots", "-1Mi", "0", "1.5Gi", "1000m", "1Ei", "123456Gi", "1e30", "3e-2", "Mi", "1 Mi", "1Mi ", "")
KINDS = ("Deployment", "Deployment", "Rollout", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet")


@dataclass(frozen=True)
class Newborn:
    """A pod, and the entries of MemorySizes that may be about it."""

    pod: Json
    sizes: Json


def drawn(random: Random, number: int = 0) -> Newborn:
    """A pod of a workload `web-<number>`: mostly ordinary, in each respect sometimes not."""
    kind, name = random.choice(KINDS), f"web-{number}"
    containers = [_container(random, f"c{index}") for index in range(random.choice((1, 1, 2, 3)))]
    inits = [
        _container(random, f"i{index}") | random.choice(({}, {"restartPolicy": "Always"}))
        for index in range(random.choice((0, 0, 1, 2)))
    ]
    if random.random() < 0.25:
        _pin(random, [*containers, *inits])
    if random.random() < 0.1:
        for each in (*containers, *inits):
            each["resources"] = {}
    metadata = {"name": f"pod-{number}", **_owned(random, kind, name)}
    spec = {
        "containers": containers,
        "initContainers": inits,
        "automountServiceAccountToken": False,
        "restartPolicy": "Always",
    }
    if random.random() < 0.05:
        spec["resources"] = {"requests": {"memory": "4Gi"}, "limits": {"memory": "4Gi"}}
    if random.random() < 0.08:
        metadata[random.choice(("labels", "annotations"))] = IGNORE | (metadata.get("labels") or {})
    elif random.random() < 0.3:
        metadata["annotations"] = {"note": "x", "foresize.dev/sized-at-creation": "earlier"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    names = [each["name"] for each in (*containers, *inits)]
    sizes = {each: _size(random) for each in names if random.random() < 0.8}
    key = f"{kind}/{name}" if random.random() < 0.75 else f"PodLabel/group={name}.a"
    return Newborn(pod, {key: sizes} if random.random() < 0.95 else {})


def patched(pod: Json, operations: tuple[Json, ...]) -> Json:
    """A pod after the operations of a JSON patch, all of which add."""
    result = deepcopy(pod)
    for each in operations:
        assert each["op"] == "add", each
        *parents, last = each["path"].lstrip("/").split("/")
        where: Any = result
        for part in parents:
            where = where[int(part) if isinstance(where, list) else part]
        where[last] = each["value"]
    return result


def memory_of(pod: Json) -> Json:
    """Request and limit of each container as exact numbers, and all that its resources say besides."""
    found = {}
    for each in (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])):
        resources = each.get("resources") or {}
        found[each["name"]] = {
            kind: {name: amount(str(size)) for name, size in (resources.get(kind) or {}).items()}
            for kind in ("requests", "limits")
        }
    return found


def without_sizes(pod: Json) -> Json:
    """All of a pod but its containers' sizes and what tells of them, and what no two pods have in common."""
    rest = deepcopy(pod)
    for each in (*rest["spec"]["containers"], *(rest["spec"].get("initContainers") or [])):
        each.pop("resources", None)
    for key in ("uid", "creationTimestamp", "namespace", "managedFields"):
        rest["metadata"].pop(key, None)
    return rest


def _container(random: Random, name: str) -> Json:
    """One with sizes that the API server takes: a request is never above its limit."""
    request, limit = random.choice(("", *MEMORY)), random.choice(("", "", *MEMORY))
    if request and limit and amount(request) > amount(limit):
        request, limit = limit, request
    cpu_request, cpu_limit = random.choice(CPU)
    requests = {"memory": request, "cpu": cpu_request, "ephemeral-storage": random.choice(("", "", "1Gi"))}
    limits = {"memory": limit, "cpu": cpu_limit}
    resources = {
        "requests": {kind: size for kind, size in requests.items() if size},
        "limits": {kind: size for kind, size in limits.items() if size},
    }
    return {"name": name, "image": "memhog", "env": [{"name": "A", "value": "1"}], "resources": resources}


def _pin(random: Random, containers: list[Json]) -> None:
    """Make CPU or memory, or both, of all containers what a Guaranteed pod has."""
    for kind in random.choice((("cpu",), ("memory",), ("cpu", "memory"), ("cpu", "memory"))):
        for each in containers:
            size = "100m" if kind == "cpu" else random.choice(MEMORY[:6])
            for part in ("requests", "limits"):
                each["resources"][part][kind] = size


def _owned(random: Random, kind: str, name: str) -> Json:
    """Owner and labels of a pod, as its controller writes them, and now and then otherwise."""
    labels = {"controller-revision-hash": HASH} if random.random() < 0.8 else {}
    owner = {"Deployment": "ReplicaSet", "Rollout": "ReplicaSet", "CronJob": "Job"}.get(kind, kind)
    number = random.choice(("-29384756", "-29384756", "-1234567", "-20261122"))
    suffix = {"Deployment": f"-{HASH}", "Rollout": f"-{HASH}", "CronJob": number}.get(kind, "")
    if kind == "Deployment":
        labels = {"pod-template-hash": random.choice((HASH, HASH, HASH, HASH, OTHER))}
    if kind == "Rollout":
        labels = {"rollouts-pod-template-hash": random.choice((HASH, HASH, HASH, HASH, OTHER))}
    labels["group"] = f"{name}.{random.choice('abc')}"
    controls = {"apiVersion": "apps/v1", "kind": owner, "name": f"{name}{suffix}", "uid": "0", "controller": True}
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "1"}
    if random.random() < 0.05:
        return {"labels": labels}
    if random.random() < 0.05:
        return {"labels": labels, "ownerReferences": [{**controls, "controller": False}]}
    return {"labels": labels, "ownerReferences": random.choice(([controls], [controls], [other, controls]))}


def _size(random: Random) -> Json:
    size: Json = {
        part: random.choice(BAD if random.random() < 0.06 else GOOD)
        for part in ("request", "limit")
        if random.random() < 0.85
    }
    if random.random() < 0.7:
        size["revisions"] = random.choice(([HASH], [HASH], [OTHER, HASH], [OTHER], []))
    return size
