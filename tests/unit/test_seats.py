"""Nodes and pods from their JSON, as a scheduler counts them."""

from __future__ import annotations

from typing import Any

import pytest

from builders import mi, size
from foresize.cluster.seats import amount, node, replacement, seat, volume_terms
from foresize_forecast.placement import (
    Node,
    NodeTerm,
    PodTerm,
    Requirement,
    Spread,
    Taint,
    Toleration,
)

Json = dict[str, Any]
IN_SHOP = frozenset({"shop"})


def pod(**spec: Any) -> Json:
    """A pod on node-1 with one container of 64 MiB and a tenth of a CPU."""
    asked = {"requests": {"memory": "64Mi", "cpu": "100m"}, "limits": {"memory": "128Mi"}}
    containers = [{"name": "app", "resources": asked}]
    metadata = {"namespace": "shop", "name": "web-1", "uid": "u", "labels": {"app": "web", "hash": "x"}}
    return {"metadata": metadata, "spec": {"nodeName": "node-1", "containers": containers, **spec}}


@pytest.mark.parametrize(
    ("resource", "text", "expected"),
    [("cpu", "1500m", 1500), ("cpu", "2", 2000), ("memory", "1Ki", 1024), ("pods", "110", 110), ("cpu", "0.1m", 1)],
)
def test_quantities_are_whole_numbers(resource: str, text: str, expected: int) -> None:
    """CPU in thousandths, all else as it is, rounded up."""
    assert expected == amount(resource, text)


def test_a_node_is_read() -> None:
    """Labels, what it has for pods, taints and whether it is cordoned."""
    spec = {"unschedulable": True, "taints": [{"key": "a", "effect": "NoSchedule"}]}
    item = {"metadata": {"name": "n", "labels": {"zone": "z"}}, "spec": spec}
    status = {"status": {"allocatable": {"memory": "1Gi", "cpu": "4", "pods": "10"}}}

    expected = Node(
        "n",
        {"zone": "z"},
        {"memory": mi(1024), "cpu": 4000, "pods": 10},
        (Taint("a", "NoSchedule"),),
        unschedulable=True,
    )
    assert expected == node(item | status)


def test_what_a_pod_asks_for_is_added_up() -> None:
    """Sidecars run beside init containers and containers; limits stand for requests; overhead and GPUs count.

    Before: sidecar 50 and init 120 -> 170 MiB, together: app 64 and sidecar 50 -> 114 MiB; the higher and 10 overhead.
    CPU: 100m of app and 300m of the sidecar's limit.
    """
    sidecar = {"name": "s", "restartPolicy": "Always", "resources": {"limits": {"memory": "50Mi", "cpu": "300m"}}}
    init = {"name": "i", "resources": {"requests": {"memory": "120Mi"}}}
    gpu = {"name": "gpu", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    asked = pod(initContainers=[sidecar, init], overhead={"memory": "10Mi"})
    asked["spec"]["containers"].append(gpu)

    assert {"memory": mi(180), "cpu": 400, "nvidia.com/gpu": 1} == dict(seat(asked).requests)


def test_all_of_a_pods_conditions_are_read() -> None:
    """Node selector and affinity, tolerations, pods to be with and apart from, spread, ports, priority."""
    exists = {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}
    node_affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [exists]}}
    web = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "host"}
    elsewhere = {**web, "namespaces": ["bank"], "namespaceSelector": {}}
    found = seat(
        pod(
            affinity={
                "nodeAffinity": node_affinity,
                "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [elsewhere]},
                "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [web]},
            },
            nodeSelector={"os": "linux"},
            tolerations=[{"key": "a", "operator": "Exists"}],
            topologySpreadConstraints=[
                {**web, "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule", "matchLabelKeys": ["hash", "none"]},
                {**web, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
            ],
            containers=[{"name": "app", "ports": [{"containerPort": 8080}, {"containerPort": 80, "hostPort": 80}]}],
            priority=7,
        )
    )
    of_web = (Requirement("app", "In", ("web",)),)

    assert (NodeTerm((Requirement("disk", "Exists"),)),) == found.node_terms
    assert {"os": "linux"} == found.node_selector
    assert (Toleration("a", "Exists"),) == found.tolerations
    assert (PodTerm("host", of_web, frozenset({"bank"}), ()),) == found.affinity
    assert (PodTerm("host", of_web, IN_SHOP),) == found.anti_affinity
    assert (Spread("host", 2, (*of_web, Requirement("hash", "In", ("x",)))),) == found.spread
    assert ({("0.0.0.0", "TCP", 80)}, 7, "node-1") == (found.host_ports, found.priority, found.node)  # noqa: S104


@pytest.mark.parametrize(
    ("spec", "unknown"),
    [
        ({"schedulerName": "mine"}, "its scheduler is mine"),
        ({"resourceClaims": [{"name": "gpu"}]}, "it claims devices (resourceClaims)"),
        ({"schedulerName": "default-scheduler"}, ""),
    ],
)
def test_what_cannot_be_judged_is_named(spec: Json, unknown: str) -> None:
    """Another scheduler, or devices that claims ask for."""
    assert unknown == seat(pod(**spec)).unknown


def test_a_replacement_has_no_node_and_the_size_of_a_new_pod() -> None:
    """Sized containers get their request at creation, the others keep theirs; what the old pod held does not count."""
    old = pod()
    old["spec"]["containers"].append({"name": "other", "resources": {"requests": {"memory": "6Mi"}}})
    old["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    held = {"name": "app", "resources": {"requests": {"memory": "900Mi"}}}
    old["status"] = {"containerStatuses": [held], "phase": "Running"}
    found = seat(replacement(old, {"app": size(200, 300)}))

    assert ("", mi(206), False) == (found.node, found.requests["memory"], found.terminating)
    assert mi(906) == seat(old).requests["memory"]


def test_a_volume_keeps_its_pod_where_it_can_be_reached() -> None:
    """Its node affinity, and its zone where it has one; two zones are written in one label."""
    here = [{"key": "host", "operator": "In", "values": ["n"]}]
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": here}]}}
    volume = {"metadata": {"labels": {"topology.kubernetes.io/zone": "a__b"}}, "spec": {"nodeAffinity": affinity}}

    assert [
        (NodeTerm((Requirement("host", "In", ("n",)),)),),
        (NodeTerm((Requirement("topology.kubernetes.io/zone", "In", ("a", "b")),)),),
    ] == list(volume_terms(volume))
    assert [] == list(volume_terms({"metadata": {}, "spec": {}}))
