"""Scenes for the cluster's tests: a policy, a workload with a past, what the operator wrote about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresize_dev import backfill, workloads
from foresize_dev.api import ApiError
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog

MIB = 1 << 20
STEP_S = 300
RANDOM = "bcdfg"
Json = dict[str, Any]
Ages = NDArray[np.float64]


def policy(name: str = "p", target: str = "web", **spec: Any) -> Json:
    """A MemoryPolicy for Deployment `target`; `spec` is merged over one that applies both ways."""
    wanted = {
        "target": {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}},
        "apply": {"atCreation": True, "running": "InPlace"},
        "history": {"window": "1d", "step": "5m"},
        "horizon": "1h",
        "pace": {"lead": "0s", "cooldown": "10s"},
        "startup": {"ignore": "0s"},
    }
    return {
        "apiVersion": "foresize.dev/v1alpha1",
        "kind": "MemoryPolicy",
        "metadata": {"name": name},
        "spec": {**wanted, **spec},
    }


def deploy(cluster: Cluster, namespace: str, name: str = "web", **memhog: Any) -> Json:
    """A Deployment of one ready pod; returns the pod."""
    given = {"hold": {"HOLD": "40Mi"}, "request": "64Mi", "limit": "128Mi", **memhog}
    cluster.apply(workloads.deployment(name, Memhog(**given)), namespace=namespace)
    return workloads.wait_until_ready(cluster, namespace, name, given.get("replicas", 1))[0]


def past(pod: Json, mebibytes: float | Callable[[Ages], Ages], hours: float = 24) -> list[backfill.Series]:
    """What a pod of the same revision used until now: a constant, or a function of each sample's age in seconds."""
    count = int(hours * 3600 / STEP_S)
    start_s = time.time() - count * STEP_S
    ages_s = STEP_S * np.arange(count, 0, -1, dtype=float)
    values = mebibytes(ages_s) if callable(mebibytes) else np.full(count, float(mebibytes))
    stem = pod["metadata"]["name"].rsplit("-", 1)[0]
    who = {"namespace": pod["metadata"]["namespace"], "pod": f"{stem}-{RANDOM}", "node": pod["spec"]["nodeName"]}
    return backfill.container_memory(who, "app", start_s, STEP_S, [float(each) * MIB for each in values])


def fine_past(pod: Json, step_s: int, long_s: int, mebibytes: Callable[[float], float]) -> list[backfill.Series]:
    """What a pod of the same revision used until now, by the clock, sampled in the middle of each interval."""
    count = long_s // step_s
    start_s = time.time() // step_s * step_s - step_s / 2 - (count - 1) * step_s
    stem = pod["metadata"]["name"].rsplit("-", 1)[0]
    who = {"namespace": pod["metadata"]["namespace"], "pod": f"{stem}-{RANDOM}", "node": pod["spec"]["nodeName"]}
    used = [mebibytes(start_s + at * step_s) * MIB for at in range(count)]
    return backfill.container_memory(who, "app", start_s, step_s, used)


def now(cluster: Cluster, pod: Json) -> Json:
    """The pod as it is now."""
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
    return cluster.api.get(path)


def sizes(pod: Json, container: str = "app") -> tuple[str | None, str | None]:
    """Request and limit in a pod's spec."""
    found = next(each for each in pod["spec"]["containers"] if each["name"] == container)
    resources = found.get("resources", {})
    return resources.get("requests", {}).get("memory"), resources.get("limits", {}).get("memory")


def resized(cluster: Cluster, pod: Json, wanted: Callable[[int], bool], deadline_s: float = 40) -> Json:
    """Wait until the kernel enforces a limit as wanted on the pod's container, and return the pod."""

    def reached() -> Json | None:
        current = now(cluster, pod)
        try:
            limit = workloads.limit_bytes(current)
        except (OSError, KeyError):
            return None
        return current if limit is not None and wanted(limit) else None

    return wait_for(f"another limit in the kernel for {pod['metadata']['name']}", reached, deadline_s, every_s=0.1)


def forecast(cluster: Cluster, namespace: str, name: str = "deployment-web") -> Json:
    """A MemoryForecast's status, empty while there is none."""
    try:
        path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memoryforecasts/{name}"
        return cluster.api.get(path).get("status", {})
    except ApiError:
        return {}


def condition(cluster: Cluster, namespace: str, kind: str, name: str = "p") -> Json:
    """A condition of a MemoryPolicy, empty while there is none."""
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memorypolicies/{name}"
    conditions = cluster.api.get(path).get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def events(cluster: Cluster, namespace: str, reason: str) -> list[str]:
    """The notes of Events of one reason."""
    listed = cluster.api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    return [each.get("note", "") for each in listed if each.get("reason") == reason]
