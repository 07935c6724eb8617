"""Idle by the evidence of a real kubelet: told, moved where a neighbour needs the room, stopped and started again."""

from __future__ import annotations

from typing import Any

from crowding import SECOND, fill, in_bytes, opened
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from proofs import deeds, see_passes
from scenes import MIB, deploy, events, forecast, now, past, policy, sizes

Json = dict[str, Any]
SOON = {"after": "10s"}


def test_a_workload_that_does_nothing_is_told_with_the_evidence(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """CPU, network and memory of a real container say so once the policy's time has passed; nothing is done to it."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(idle=SOON, apply={}), namespace=namespace)
    operator(prometheus(history=past(pod, 40)).url)

    found = wait_for("idleness", lambda: _idle(cluster, namespace), 40)
    assert ("Idle", 1) == (found["reason"], found["pods"])
    assert "in the last 10 s at most 0.0" in found["message"]
    assert wait_for("the Event", lambda: events(cluster, namespace, "WorkloadIdle"), 20)


def test_an_idle_pod_goes_where_its_neighbour_lacks_room(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One of two idle pods is evicted to the other node, once its PodDisruptionBudget lets it, and no further one.

    The pod that lacked room gets it in place, and never notices.
    """
    still = deploy(cluster, namespace, "still", request="200Mi", limit="300Mi", replicas=2)
    web = deploy(cluster, namespace)
    fill(cluster, namespace, web, leaving_bytes=60 * MIB)
    budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": "still"}}}
    named = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "still"}}
    cluster.apply(named | {"spec": budget}, namespace=namespace)
    since = cluster.audit.mark()
    lets_go = policy("q", "still", idle={**SOON, "action": "Evict"}, containers=[{"name": "*", "min": "200Mi"}])
    cluster.apply(policy(), lets_go, namespace=namespace)
    with opened(cluster):
        started = operator(prometheus(history=[*past(web, 200), *past(still, 40)]).url, inventory_interval="1s")
        said = wait_for("what holds it", lambda: events(cluster, namespace, "EvictionHeld"), 60)
        assert any("The disruption budget still needs 2 healthy pods" in note for note in said)
        cluster.kubectl("delete", "poddisruptionbudget/still", "-n", namespace)
        wait_for("room in place", lambda: in_bytes(sizes(now(cluster, web))[0]) >= 200 * MIB, 60)
        pods = workloads.wait_until_ready(cluster, namespace, "still", 2)
        see_passes(started)

        assert [SECOND, "node-1"] == sorted((pod["spec"]["nodeName"] for pod in pods), reverse=True)
        evicted = [each for each in deeds(cluster, started, namespace, since) if each.resource == "pods/eviction"]
        assert 1 == len([each for each in evicted if each.code < 300])
        assert 0 == workloads.restarts(now(cluster, web))
        last = wait_for("the report", lambda: forecast(cluster, namespace, "deployment-still").get("lastEviction"), 20)
        assert ("Idle", "node-1") == (last["reason"], last["node"])
        assert f"it is idle on node-1, and {namespace}/{web['metadata']['name']} lacks room there" in last["message"]


def _idle(cluster: Cluster, namespace: str, name: str = "deployment-web") -> Json | None:
    """What a MemoryForecast says of idleness, once it says that the workload is idle."""
    found = forecast(cluster, namespace, name).get("idle", {})
    return found if found.get("idle") else None
