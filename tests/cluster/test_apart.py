"""Replicas whose names come back and that have used far more than the others for days: sized apart, in place."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from crowding import in_bytes, opened
from foresize_dev import backfill, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import birth_sizes, resize_by_hand
from scenes import MIB, STEP_S, forecast, policy, resized, sizes

Json = dict[str, Any]
SMALL = 180
LARGE = 600
BETWEEN = 400 * MIB
"""Above what the small ones need with all head room, below what the large one does."""
OTHERS = {"web-1": "small", "web-2": "small"}
KNOWN = {"history": {"window": "5d", "step": "5m"}}


def test_an_ordinal_that_needs_three_times_as_much_has_it_alone(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Of three ordinals of 128Mi the first needs 600Mi, the others 180: each has its own in place, and nobody restarts.

    A fourth is born with a size that fits any, and one that takes over the first one's role is killed once at most:
    from then on all have the large size again.
    """
    pods = _stateful(cluster, namespace, 3)
    use = {"web-0": LARGE, "web-1": SMALL, "web-2": SMALL}
    cluster.apply(_policy("StatefulSet"), namespace=namespace)
    operator(prometheus(history=list(_past(pods, use))).url)

    wait_for("each to have its size", lambda: _sized(cluster, namespace) == {"web-0": "large", **OTHERS}, 60)
    rows = wait_for("the parts", lambda: forecast(cluster, namespace, "statefulset-web").get("parts"), 30)
    assert ["pod/web-1, pod/web-2", "pod/web-0"] == [row["of"] for row in rows]
    assert 0 == _restarts(cluster, namespace)

    entry = wait_for("an entry in MemorySizes", lambda: birth_sizes(cluster, namespace).get("StatefulSet/web"), 30)
    assert in_bytes(entry["app"]["limit"]) > LARGE * MIB
    cluster.kubectl("scale", "statefulset/web", "--replicas=4", "-n", namespace)
    born = next(pod for pod in _ready(cluster, namespace, 4) if pod["metadata"]["name"] == "web-3")
    assert in_bytes(sizes(born)[1]) > LARGE * MIB

    with suppress(OSError):  # killed before it answers
        workloads.hold(next(pod for pod in pods if pod["metadata"]["name"] == "web-1"), "550Mi")
    wait_for("one size for all again", lambda: set(_sized(cluster, namespace).values()) == {"large"}, 60)
    wait_for("no parts", lambda: "parts" not in forecast(cluster, namespace, "statefulset-web"), 30)
    assert 1 == _restarts(cluster, namespace)


def test_limits_of_small_ordinals_come_down_and_the_large_ones_does_not(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Three ordinals of 1Gi: those that need 180Mi come down by half at a time, in place; that of 600Mi does not."""
    pods = _stateful(cluster, namespace, 3)
    for pod in pods:  # their template says 128Mi: a revision that is new is not sized below that for a day
        resize_by_hand(cluster, pod, "64Mi", "1Gi")
        resized(cluster, pod, lambda limit: limit == 1024 * MIB)
    cluster.apply(_policy("StatefulSet", rollout={"canary": 0}), namespace=namespace)
    operator(prometheus(history=list(_past(pods, {"web-0": LARGE, "web-1": SMALL, "web-2": SMALL}))).url)

    wait_for("small limits", lambda: _sized(cluster, namespace) == {"web-0": "large", **OTHERS}, 90)
    assert 0 == _restarts(cluster, namespace)
    entry = wait_for("an entry in MemorySizes", lambda: birth_sizes(cluster, namespace).get("StatefulSet/web"), 30)
    assert in_bytes(entry["app"]["limit"]) > LARGE * MIB


def test_a_daemonsets_pod_on_a_busy_node_has_its_size_alone(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Of two nodes one makes its agent need 600Mi: only there it has them, and a new agent is born with as much."""
    with opened(cluster) as second:
        manifest = _manifest("DaemonSet", Memhog({"HOLD": "40Mi"}, request="64Mi", limit="128Mi"))
        del manifest["spec"]["replicas"]
        cluster.apply(manifest, namespace=namespace)
        pods = _ready(cluster, namespace, 2)
        there = next(pod for pod in pods if pod["spec"]["nodeName"] == second)["metadata"]["name"]
        here = next(pod for pod in pods if pod["spec"]["nodeName"] != second)["metadata"]["name"]
        cluster.apply(_policy("DaemonSet"), namespace=namespace)
        operator(prometheus(history=list(_past(pods, {here: SMALL, there: LARGE}))).url)

        wanted = {here: "small", there: "large"}
        wait_for("each to have its size", lambda: _sized(cluster, namespace) == wanted, 60)
        rows = wait_for("the parts", lambda: forecast(cluster, namespace, "daemonset-web").get("parts"), 30)
        assert f"node/{second}" == rows[-1]["of"]
        entry = wait_for("an entry in MemorySizes", lambda: birth_sizes(cluster, namespace).get("DaemonSet/web"), 30)
        assert in_bytes(entry["app"]["limit"]) > LARGE * MIB
        assert 0 == _restarts(cluster, namespace)


def test_a_guaranteed_ordinal_has_one_number_of_its_own(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Its request is its limit before and after, large or small: the class of no pod changes."""
    pods = _stateful(cluster, namespace, 3, request="128Mi", cpu="10m")
    assert {"Guaranteed"} == {pod["status"]["qosClass"] for pod in pods}
    use = {"web-0": LARGE, "web-1": SMALL, "web-2": SMALL}
    cluster.apply(_policy("StatefulSet"), namespace=namespace)
    operator(prometheus(history=list(_past(pods, use))).url)

    wait_for("each to have its size", lambda: _sized(cluster, namespace) == {"web-0": "large", **OTHERS}, 60)
    for pod in workloads.pods(cluster, namespace, "web"):
        request, limit = sizes(pod)
        assert request == limit
        assert "Guaranteed" == pod["status"]["qosClass"]


def _policy(kind: str, **spec: Any) -> Json:
    made = policy(**KNOWN, pace={"lead": "0s", "cooldown": "10s"}, **spec)
    made["spec"]["target"]["ref"]["kind"] = kind
    return made


def _manifest(kind: str, memhog: Memhog) -> Json:
    return workloads.deployment("web", memhog) | {"kind": kind}


def _stateful(cluster: Cluster, namespace: str, replicas: int, request: str = "64Mi", cpu: str = "") -> list[Json]:
    manifest = _manifest("StatefulSet", Memhog({"HOLD": "40Mi"}, request=request, limit="128Mi", replicas=replicas))
    manifest["spec"]["podManagementPolicy"] = "Parallel"
    if cpu:
        resources = manifest["spec"]["template"]["spec"]["containers"][0]["resources"]
        for sizes_of in resources.values():
            sizes_of["cpu"] = cpu
    cluster.apply(manifest, namespace=namespace)
    return _ready(cluster, namespace, replicas)


def _ready(cluster: Cluster, namespace: str, count: int) -> list[Json]:
    return workloads.wait_until_ready(cluster, namespace, "web", count, 60)


def _past(pods: list[Json], use_mib: Mapping[str, int]) -> Iterator[backfill.Series]:
    """Five days of constant use, each pod under its own name."""
    count = 5 * 86_400 // STEP_S
    for pod in pods:
        name = pod["metadata"]["name"]
        who = {"namespace": pod["metadata"]["namespace"], "pod": name, "node": pod["spec"]["nodeName"]}
        values = [float(use_mib[name]) * MIB] * count
        yield from backfill.container_memory(who, "app", time.time() - count * STEP_S, STEP_S, values)


def _sized(cluster: Cluster, namespace: str) -> dict[str, str]:
    """By pod, whether the kernel's limit is what a large or a small one needs; other words where it is neither."""
    found: dict[str, str] = {}
    for pod in workloads.pods(cluster, namespace, "web"):
        with suppress(OSError, KeyError):  # it is being started anew
            limit = workloads.limit_bytes(pod) or 0
            known = {"small": SMALL * MIB < limit < BETWEEN, "large": LARGE * MIB < limit}
            found[pod["metadata"]["name"]] = next((name for name, is_so in known.items() if is_so), f"{limit} bytes")
    return found


def _restarts(cluster: Cluster, namespace: str) -> int:
    return sum(map(workloads.restarts, workloads.pods(cluster, namespace, "web")))
