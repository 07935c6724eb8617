"""Nodes with memory to spare: nobody is moved, and what is warm stays warm."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from crowding import in_bytes, opened
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from proofs import resizes, see_passes
from scenes import condition, deploy, fine_past, now, policy

Json = dict[str, Any]
DAY_S, STEP_S = 86_400, 60
HURRY: Json = {
    "pace": {"lead": "20s", "cooldown": "10s"},
    "history": {"window": "4d", "step": f"{STEP_S}s"},
    "horizon": "24h",
}


def hourly(at_s: float) -> float:
    """MiB: twice an hour 120 for five minutes, else 60."""
    return 120 if at_s % 1800 < 300 else 60


USED = {"busy": hourly, "idle": lambda _: 60}


@pytest.mark.timeout(400)
def test_an_hour_of_ample_memory_moves_nobody_and_lowers_limits_at_leisure(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A busy pod goes through an hour's peaks, a minute a second; an idle one may be evicted, and both nodes are open.

    Nobody goes. Requests go down to what is needed, and limits too: but each only after four of its cooldowns.
    """
    pods = {name: deploy(cluster, namespace, name, hold={"HOLD": "60Mi"}, limit="896Mi") for name in ("busy", "idle")}
    since = cluster.audit.mark()
    gives: Json = {"idle": {"after": "10s", "action": "Evict"}}
    cluster.apply(policy("busy", "busy", **HURRY), policy("idle", "idle", **HURRY, **gives), namespace=namespace)
    pasts = [series for name, pod in pods.items() for series in fine_past(pod, STEP_S, 4 * DAY_S, USED[name])]
    with opened(cluster):
        started = operator(prometheus(history=pasts).url, inventory_interval="1s")
        wait_for("word of the nodes", lambda: _told(cluster, namespace) == "EnoughMemory", 60)
        for minute in range(60):
            workloads.hold(pods["busy"], f"{hourly(60.0 * minute):.0f}Mi")
            see_passes(started, 1)
        made = cluster.audit.writes(namespace=namespace, since=since)
        assert [] == [each for each in made if each.resource == "pods/eviction"]
    for name, pod in pods.items():
        after = now(cluster, pod)
        assert (pod["metadata"]["uid"], 0) == (after["metadata"]["uid"], workloads.restarts(after))
        assert not any(each["status"].get("reason") == "Evicted" for each in workloads.pods(cluster, namespace, name))
    patches = [each for each in resizes(cluster, started, namespace, since) if each.name.startswith("idle")]
    lowered = [(_seconds(each.at), limit) for each in patches if (limit := _limit(each.body)) is not None]
    assert len(lowered) > 1
    assert all(later < before for (_, before), (_, later) in pairwise(lowered))
    assert all(later_s - before_s > 39 for (before_s, _), (later_s, _) in pairwise(lowered))


def _told(cluster: Cluster, namespace: str) -> str:
    return str(condition(cluster, namespace, "NodePressure", "idle").get("reason", ""))


def _limit(body: Json) -> int | None:
    """The limit that a resize asks for."""
    found = body["spec"]["containers"][0]["resources"].get("limits", {}).get("memory")
    return None if found is None else in_bytes(found)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
