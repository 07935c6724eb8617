"""Nodes that are full, or closed: what makes the cluster's tests of room and of evictions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foresize_dev import images, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from scenes import MIB

Json = dict[str, Any]
UNITS = {"Ki": 1024, "Mi": MIB, "Gi": 1024 * MIB}
SECOND = "node-2"
CLOSED = {"key": "tests", "value": "second-node", "effect": "NoSchedule"}
"""What keeps pods off the second node but in the tests that open it."""


def taint(cluster: Cluster, node: str, *taints: Json) -> None:
    """Give a node these taints and no others."""
    path, patch = f"/api/v1/nodes/{node}", {"spec": {"taints": list(taints)}}
    cluster.api.request("PATCH", path, patch, "application/merge-patch+json")


@contextmanager
def opened(cluster: Cluster) -> Iterator[str]:
    """The second node takes pods."""
    taint(cluster, SECOND)
    try:
        yield SECOND
    finally:
        taint(cluster, SECOND, CLOSED)


def in_bytes(quantity: str | None) -> int:
    """Of a quantity as the operator writes it."""
    assert quantity is not None
    return int(quantity[:-2]) * UNITS[quantity[-2:]] if quantity[-2:] in UNITS else int(quantity)


def allocatable(cluster: Cluster, pod: Json) -> int:
    """Memory that its node has for pods."""
    text = cluster.api.get(f"/api/v1/nodes/{pod['spec']['nodeName']}")["status"]["allocatable"]["memory"]
    return in_bytes(text)


def fill(cluster: Cluster, namespace: str, pod: Json, leaving_bytes: int) -> None:
    """Take a node's memory by a request that is never used."""
    path = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{pod['spec']['nodeName']}"
    listed = wait_for("other tests' pods to be gone", lambda: _all_of(namespace, cluster.api.get(path)["items"]), 60)
    taken = sum(
        in_bytes(container["resources"].get("requests", {}).get("memory", "0Mi"))
        for each in listed
        if each["status"]["phase"] == "Running"
        for container in each["spec"]["containers"]
    )
    filling = (allocatable(cluster, pod) - taken - leaving_bytes) // MIB
    container = {
        "name": "filler",
        "image": images.MEMHOG,
        "imagePullPolicy": "Never",
        "resources": {"requests": {"memory": f"{filling}Mi"}},
    }
    spec = {"nodeName": pod["spec"]["nodeName"], "terminationGracePeriodSeconds": 1, "containers": [container]}
    filler = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "filler", "labels": {"app": "filler"}}}
    cluster.apply(filler | {"spec": spec}, namespace=namespace)
    workloads.wait_until_ready(cluster, namespace, "filler")


def _all_of(namespace: str, pods: list[Json]) -> list[Json] | None:
    """These pods, unless one is of another namespace."""
    return pods if all(each["metadata"]["namespace"] == namespace for each in pods) else None
