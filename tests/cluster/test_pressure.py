"""Ahead of pressure, on two nodes of 1 GiB: peaks that come together on one of them, with Foresize and without."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from crowding import CLOSED, SECOND, opened, taint
from foresize_dev import backfill, helm, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from holdup import holding
from proofs import see_passes
from releases import CHART
from scenes import MIB, RANDOM, condition, events, forecast, policy

Json = dict[str, Any]
DAY_S, STEP_S = 86_400, 60
BASE_MIB, PEAK_MIB, IDLE_MIB = 250, 420, 250
"""Two that are busy and one that is idle use 750 MiB of the 1024 that pods may have; at the peak it would be 1090."""
PEAK_S = 60
BUSY = ("busy-a", "busy-b")
EVICTION = "pods/eviction"
PRESSURE = 'foresize_node_missing_bytes{node="node-1"}'


@pytest.fixture(scope="module")
def cluster(small_cluster: Cluster) -> Cluster:
    return small_cluster


@pytest.fixture(scope="module")
def chart(small_cluster: Cluster) -> str:
    helm.install(small_cluster, CHART)
    return helm.RELEASE


@pytest.mark.timeout(300)
def test_with_foresize_the_idle_pod_goes_first_and_nobody_else_notices(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """While no node has room, nothing goes and what is missing is said; then the idle pod goes, ahead of the peak.

    It comes back on the other node. The busy pods go through their peak: no kill, no restart, no kubelet's eviction.
    """
    peak_s = _soon()
    pods = _crowd(cluster, namespace)
    since = cluster.audit.mark()
    cluster.apply(*_policies(), namespace=namespace)
    started = operator(prometheus(history=_pasts(pods, peak_s)).url, inventory_interval="1s")

    wait_for("word of what is missing", lambda: _reason(cluster, namespace) == "NobodyMayGo", 60)
    told = condition(cluster, namespace, "NodePressure", "idle")["message"]
    assert "node-1 is expected to use" in told
    assert "are missing" in told
    assert wait_for("the metric", lambda: _metric(started, PRESSURE), 20) > 0
    held = wait_for("why it stays", lambda: events(cluster, namespace, "EvictionHeld"), 20)
    assert any("no place for a pod" in note for note in held)
    assert [] == _evictions(cluster, started, namespace, since)
    with opened(cluster):
        wait_for("the idle pod elsewhere", lambda: _node(cluster, namespace, "idle") == SECOND, 60)
        workloads.wait_until_ready(cluster, namespace, "idle")
        for name in BUSY:
            workloads.hold(pods[name], f"{PEAK_MIB}Mi")
        wait_for("the peak", lambda: all(workloads.used_bytes(pods[name]) > 410 * MIB for name in BUSY), 20)
        see_passes(started, 20)  # of a second each: the kubelet has looked, and had every reason to evict without us

        assert [pods["idle"]["metadata"]["uid"]] == _evictions(cluster, started, namespace, since)
        last = wait_for("the report", lambda: forecast(cluster, namespace, "deployment-idle").get("lastEviction"), 20)
        assert ("NodePressureAhead", "node-1") == (last["reason"], last["node"])
        assert [] == _evicted(cluster, namespace)
        for name in BUSY:
            after = _only(cluster, namespace, name)
            assert pods[name]["metadata"]["uid"] == after["metadata"]["uid"]
            assert 0 == workloads.restarts(after)


@pytest.mark.timeout(300)
def test_an_operator_that_dies_evicts_nobody_twice(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Killed between the intent and the eviction, and between the eviction and its report: one pod goes, once."""
    peak_s = _soon()
    pods = _crowd(cluster, namespace)
    uid = pods["idle"]["metadata"]["uid"]
    since = cluster.audit.mark()
    with opened(cluster), holding(cluster, namespace) as holdup:
        holdup.catch(lambda resource: resource == EVICTION)
        cluster.apply(*_policies(), namespace=namespace)
        started = operator(prometheus(history=_pasts(pods, peak_s)).url, inventory_interval="1s")
        assert holdup.caught.wait(60)
        started.kill()
        holdup.refuse()
        [intent] = forecast(cluster, namespace, "deployment-idle")["state"]["evictions"]
        assert (uid, "NodePressureAhead") == (intent["uid"], intent["cause"])
        assert [] == _evictions(cluster, started, namespace, since)

        holdup.catch(lambda resource: resource != EVICTION and EVICTION in holdup.allowed)
        _start_anew(started)
        assert holdup.caught.wait(60)
        started.kill()
        holdup.refuse()
        _start_anew(started)
        wait_for("the idle pod elsewhere", lambda: _node(cluster, namespace, "idle") == SECOND, 60)
        see_passes(started)
        assert [uid] == _evictions(cluster, started, namespace, since)


def test_without_foresize_the_kubelet_evicts_who_works(cluster: Cluster, namespace: str) -> None:
    """The two busy pods have their peak at once: one of them is evicted, and not the idle one.

    Last of this module: a kubelet that has evicted keeps new pods away for five minutes.
    """
    _crowd(cluster, namespace)
    for name in BUSY:
        workloads.hold(_only(cluster, namespace, name), f"{PEAK_MIB}Mi")

    evicted = wait_for("an eviction by the kubelet", lambda: _evicted(cluster, namespace), 60)
    assert all(name.startswith("busy") for name in evicted)


def _soon() -> float:
    """When the busy ones' peak comes each day: less than an hour from now, and later than a test lasts."""
    return math.ceil((time.time() + 1500) / STEP_S) * STEP_S


def _crowd(cluster: Cluster, namespace: str) -> dict[str, Json]:
    """Two busy pods and an idle one on the first node, by name."""
    taint(cluster, SECOND, CLOSED)
    hold = {"HOLD": f"{BASE_MIB}Mi"}
    busy = Memhog(hold, request="256Mi", limit="512Mi")
    idle = workloads.deployment("idle", Memhog({"HOLD": f"{IDLE_MIB}Mi"}, request="256Mi", limit="400Mi"))
    idle["metadata"]["annotations"] = {"foresize.dev/evict": "true"}
    cluster.apply(*(workloads.deployment(name, busy) for name in BUSY), idle, namespace=namespace)
    return {name: workloads.wait_until_ready(cluster, namespace, name)[0] for name in (*BUSY, "idle")}


def _policies() -> list[Json]:
    """One for each workload; the idle one may go."""
    hurry: Json = {
        "pace": {"lead": "20s", "cooldown": "10s"},
        "history": {"window": "4d", "step": f"{STEP_S}s"},
        "horizon": "24h",
    }
    gives = {"idle": {"after": "10s", "action": "Evict"}}
    return [*(policy(name, name, **hurry) for name in BUSY), policy("idle", "idle", **hurry, **gives)]


def _pasts(pods: dict[str, Json], peak_s: float) -> list[backfill.Series]:
    """Four days: the busy ones peak for a minute each day, the idle one never moves."""
    found: list[backfill.Series] = []
    for name, pod in pods.items():
        busy = name in BUSY

        def used(at_s: float, *, busy: bool = busy) -> float:
            return PEAK_MIB if busy and (at_s - peak_s) % DAY_S < PEAK_S else BASE_MIB

        found += _past(pod, used)
    return found


def _past(pod: Json, mebibytes: Callable[[float], float]) -> list[backfill.Series]:
    """What a pod of the same revision used until now, sampled in the middle of each interval."""
    count = 4 * DAY_S // STEP_S
    start_s = time.time() // STEP_S * STEP_S - STEP_S / 2 - (count - 1) * STEP_S
    stem = pod["metadata"]["name"].rsplit("-", 1)[0]
    who = {"namespace": pod["metadata"]["namespace"], "pod": f"{stem}-{RANDOM}", "node": pod["spec"]["nodeName"]}
    return backfill.container_memory(
        who, "app", start_s, STEP_S, [mebibytes(start_s + at * STEP_S) * MIB for at in range(count)]
    )


def _only(cluster: Cluster, namespace: str, name: str) -> Json:
    [pod] = workloads.pods(cluster, namespace, name)
    return pod


def _node(cluster: Cluster, namespace: str, name: str) -> str:
    """Where the newest pod of a workload is."""
    found = workloads.pods(cluster, namespace, name)
    return str(found[0]["spec"].get("nodeName", "")) if len(found) == 1 else ""


def _evicted(cluster: Cluster, namespace: str) -> list[str]:
    """Pods that a kubelet has evicted, by its Events: the pods themselves may be gone by now."""
    listed = cluster.api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    return [each["regarding"]["name"] for each in listed if each.get("reason") == "Evicted"]


def _evictions(cluster: Cluster, operator: Operator, namespace: str, since: int) -> list[str]:
    """Uids of the pods whose eviction was asked for and accepted."""
    every = cluster.audit.writes(user=operator.user, namespace=namespace, since=since)
    return [each.body["deleteOptions"]["preconditions"]["uid"] for each in every if each.resource == EVICTION]


def _reason(cluster: Cluster, namespace: str) -> str:
    return str(condition(cluster, namespace, "NodePressure", "idle").get("reason", ""))


def _metric(operator: Operator, name: str) -> float:
    lines = (line.rpartition(" ") for line in operator.metrics().splitlines())
    return next((float(value) for series, _, value in lines if series == name), 0.0)


def _start_anew(operator: Operator) -> None:
    operator.forget_lease()
    operator.start()
