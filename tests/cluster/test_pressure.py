"""Ahead of pressure, on two nodes of 1 GiB: peaks that come together on one of them, with Foresize and without."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from crowding import CLOSED, SECOND, in_bytes, opened, taint
from foresize_dev import backfill, helm, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from holdup import holding
from proofs import see_passes
from releases import CHART
from scenes import MIB, condition, deploy, events, fine_past, forecast, policy, sizes

Json = dict[str, Any]
DAY_S, STEP_S = 86_400, 60
BASE_MIB, PEAK_MIB, IDLE_MIB = 250, 420, 250
"""Two that are busy and one that is idle use 750 MiB of the 1024 that pods may have; at the peak it would be 1090."""
PEAK_S = 60
BUSY = ("busy-a", "busy-b")
HURRY: Json = {
    "pace": {"lead": "20s", "cooldown": "10s"},
    "history": {"window": "4d", "step": f"{STEP_S}s"},
    "horizon": "24h",
}
Record = Callable[[str, object], None]
EVICTION = "pods/eviction"
PRESSURE = 'foresize_node_missing_bytes{node="node-1"}'


@pytest.fixture(scope="module")
def cluster(small_cluster: Cluster) -> Cluster:
    return small_cluster


@pytest.fixture(scope="module")
def chart(small_cluster: Cluster) -> str:
    helm.install(small_cluster, CHART)
    return helm.RELEASE


def test_a_large_movers_reserve_is_in_its_request(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Two pods of one past, 60 MiB and now and then 210 for a minute: who asks for a reserve has room for that.

    The other one's request is what the forecast asks for, and a quiet pod with the same policy has no more than that.
    """
    names = ("mover", "plain", "quiet")
    pods = {
        name: deploy(cluster, namespace, name, hold={"HOLD": "60Mi"}, request="128Mi", limit="400Mi") for name in names
    }
    reserve = {"pressure": {"reserve": "LargeMovers"}}
    policies = [policy(name, name, **HURRY, **(reserve if name != "plain" else {})) for name in names]
    cluster.apply(*policies, namespace=namespace)
    begun_s = time.time()
    used = dict.fromkeys(names, lambda at_s: _bursts(at_s, begun_s)) | {"quiet": lambda _: 60}
    pasts = [series for name in names for series in fine_past(pods[name], STEP_S, 4 * DAY_S, used[name])]
    operator(prometheus(history=pasts).url, inventory_interval="1s")

    wait_for("the reserve", lambda: _requested(cluster, namespace, "mover") > 200 * MIB, 60)
    for name in ("plain", "quiet"):
        wait_for(f"what {name} needs", lambda name=name: _requested(cluster, namespace, name) < 80 * MIB, 40)
    assert _requested(cluster, namespace, "mover") > 200 * MIB


@pytest.mark.timeout(300)
def test_with_foresize_the_idle_pod_goes_first_and_nobody_else_notices(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, record_property: Record
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

        _tell(cluster, namespace, record_property, ["idle"])
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


def test_without_foresize_the_kubelet_evicts_who_works(
    cluster: Cluster, namespace: str, record_property: Record
) -> None:
    """The two busy pods have their peak at once: one of them is evicted, and not the idle one.

    Last of this module: a kubelet that has evicted keeps new pods away for five minutes.
    """
    _crowd(cluster, namespace)
    for name in BUSY:
        workloads.hold(_only(cluster, namespace, name), f"{PEAK_MIB}Mi")

    evicted = wait_for("an eviction by the kubelet", lambda: _evicted(cluster, namespace), 60)
    assert all(name.startswith("busy") for name in evicted)
    _tell(cluster, namespace, record_property, [])


def _tell(cluster: Cluster, namespace: str, record: Record, moved: list[str]) -> None:
    """What became of everybody, for `bench/pressure.py`."""
    kubelet = sorted({name.rsplit("-", 2)[0] for name in _evicted(cluster, namespace)})
    pods = {name: workloads.pods(cluster, namespace, name) for name in (*BUSY, "idle")}
    restarts = sum(workloads.restarts(each) for found in pods.values() for each in found)
    where = [f"{name} {each['spec'].get('nodeName', 'nowhere')}" for name, found in pods.items() for each in found]
    record("moved ahead by Foresize", ", ".join(moved) or "nobody")
    record("evicted by the kubelet", ", ".join(kubelet) or "nobody")
    record("containers killed", restarts)
    record("pods, and their nodes in the end", ", ".join(where))


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
    gives = {"idle": {"after": "10s", "action": "Evict"}}
    return [*(policy(name, name, **HURRY) for name in BUSY), policy("idle", "idle", **HURRY, **gives)]


def _pasts(pods: dict[str, Json], peak_s: float) -> list[backfill.Series]:
    """Four days: the busy ones peak for a minute each day, the idle one never moves."""
    found: list[backfill.Series] = []
    for name, pod in pods.items():
        busy = name in BUSY

        def used(at_s: float, *, busy: bool = busy) -> float:
            return PEAK_MIB if busy and (at_s - peak_s) % DAY_S < PEAK_S else BASE_MIB

        found += fine_past(pod, STEP_S, 4 * DAY_S, used)
    return found


def _bursts(at_s: float, begun_s: float) -> float:
    """A minute every 281 minutes, and never at this time of the day: no season says that one is due."""
    minute = int(begun_s - at_s) // 60
    return 210 if minute % 281 == 140 and 90 < minute % (DAY_S // 60) < 1350 else 60


def _requested(cluster: Cluster, namespace: str, name: str) -> int:
    return in_bytes(sizes(_only(cluster, namespace, name))[0])


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
