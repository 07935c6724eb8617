"""What comes of kills and of rises, of others who write, and of evictions that are spent: workloads side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from foresize_dev import backfill, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import birth_sizes, blocked, see_passes
from scenes import MIB, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
NEEDS = {"once": 18, "twice": 36, "four": 76, "eight": 150}
"""MiB that Deployments of 24 MiB come to need, 3 s after their start."""
KILLED_AT = {"once": [], "twice": ["24Mi"], "four": ["24Mi", "48Mi"], "eight": ["24Mi", "48Mi", "96Mi"]}
RISE_S = 120
A_ROUND_S = 70
"""Longer than `podchange.CONTEST_GRACE_S`."""


@pytest.fixture
def neighbour(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A second namespace, in which pods can be created."""
    name = f"{namespace[:50]}-next"
    cluster.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    wait_for("its ServiceAccount", lambda: cluster.api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"), 20)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


def test_needs_are_met_by_doublings_and_a_bounded_heap_is_not_fed(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Of 1, 2, 4 and 8 times a limit each is lived with after 0, 1, 2 and 3 kills, side by side, without a history.

    Two that rise alike towards their limit: it is raised for the one, and not for the JVM whose heap has a bound.
    """
    large = Memhog({"HOLD": "500Mi"}, request="510Mi", limit="540Mi")
    bounded = Memhog({**large.hold, "JAVA_TOOL_OPTIONS": "-Xmx1m"}, large.request, large.limit)
    cluster.apply(workloads.deployment("free", large), workloads.deployment("bounded", bounded), namespace=namespace)
    names = ("free", "bounded")
    pods = {name: workloads.wait_until_ready(cluster, namespace, name)[0] for name in names}
    server = prometheus(history=[row for pod in pods.values() for row in _rise(pod, 200, 500)])
    cluster.apply(*(policy(name, name) for name in (*NEEDS, *names)), namespace=namespace)
    started = operator(server.url)
    see_passes(started, 1)
    hungry = (
        workloads.deployment(name, Memhog({"SCHEDULE": f"0s=5Mi,8s={need}Mi"}, request="10Mi", limit="24Mi"))
        for name, need in NEEDS.items()
    )
    cluster.apply(*hungry, namespace=namespace)

    # 300 MiB in a minute: at 800 in one more. A bounded JVM's 1 MiB and 512 beside it are less than it has.
    resized(cluster, pods["free"], lambda limit: limit > 540 * MIB)
    assert 540 * MIB == workloads.limit_bytes(now(cluster, pods["bounded"]))
    heap = wait_for("its heap to be told", lambda: _row(cluster, namespace, "bounded").get("heap"), 20)
    assert "JVM heap of at most 1Mi (-Xmx1m): a limit above 513Mi gives it nothing" == heap

    for name, need in NEEDS.items():
        [pod] = wait_for(f"{name} to live", lambda of=name, least=need: _uses(cluster, namespace, of, least), 60)
        assert len(KILLED_AT[name]) == workloads.restarts(pod)
        assert (24 << len(KILLED_AT[name])) * MIB == workloads.limit_bytes(pod)
        told = wait_for("its kills", lambda of=name: _kills(cluster, namespace, of) == KILLED_AT[of], 20)
        assert told


def test_a_namespaces_own_policy_sizes_its_own_and_who_rewrites_it_is_left_to_it(
    cluster: Cluster, namespace: str, neighbour: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Two workloads of one name in two namespaces, each with a policy: neither's bounds reach the other's.

    Somebody then changes what was written, twice: it is put right once, and the second time left to them, by name.
    """
    pods = {where: deploy(cluster, where) for where in (namespace, neighbour)}
    server = prometheus(history=[row for pod in pods.values() for row in past(pod, 200)])
    cluster.apply(policy(), namespace=namespace)
    cluster.apply(policy(containers=[{"name": "*", "max": "160Mi"}]), namespace=neighbour)
    started = operator(server.url, namespaces=f"{namespace},{neighbour}")
    mine = resized(cluster, pods[namespace], lambda limit: limit > 200 * MIB)
    theirs = resized(cluster, pods[neighbour], lambda limit: limit == 160 * MIB)
    assert ("160Mi", "160Mi") == sizes(theirs)
    entry = wait_for("sizes at creation", lambda: birth_sizes(cluster, neighbour).get("Deployment/web"), 20)
    assert "160Mi" == entry["app"]["limit"]

    written = sizes(mine)
    for again in (True, False):
        _rewrite(cluster, mine)
        _sleep_through_a_round(cluster, namespace, started)
        if again:
            wait_for("it to be put right", lambda: sizes(now(cluster, mine)) == written, 30)
        else:
            wait_for("it to be said", lambda: blocked(cluster, namespace) == "Contested", 30)
    assert "krr-enforcer changes what Foresize writes" in _row(cluster, namespace, "web")["blocked"]["message"]
    see_passes(started)
    assert ("96Mi", "192Mi") == sizes(now(cluster, mine))


def test_what_restarts_on_resize_is_evicted_within_its_budget(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Where a resize restarts it is a disruption: one pod is evicted, and with the budget of one spent the next waits.

    It is not resized in place, and the one that comes instead was created with its size.
    """
    manifest = workloads.deployment("web", Memhog({"HOLD": "40Mi"}, "64Mi", "128Mi", replicas=2))
    manifest["spec"]["template"]["spec"]["containers"][0]["resizePolicy"] = [
        {"resourceName": "memory", "restartPolicy": "RestartContainer"}
    ]
    cluster.apply(manifest, namespace=namespace)
    before = workloads.wait_until_ready(cluster, namespace, "web", 2)
    server = prometheus(history=past(before[0], 200))
    moves = {"atCreation": True, "running": "InPlaceOrEvict"}
    cluster.apply(policy(apply=moves, disruption={"after": "1s", "evictionsPerHour": 1}), namespace=namespace)
    since = cluster.audit.mark()
    started = operator(server.url)

    told = wait_for("the budget to be spent", lambda: _held(cluster, namespace, "BudgetSpent"), 60)
    assert "asks for a restart; not evicted: 1 of 1 evictions an hour of its policy are spent; there is one" in told
    after = workloads.wait_until_ready(cluster, namespace, "web", 2)
    see_passes(started)
    gone = cluster.audit.writes(user=started.user, namespace=namespace, since=since)
    assert ["pods/eviction"] == [each.resource for each in gone if each.resource.startswith("pods/")]
    [born] = [each for each in after if each["metadata"]["uid"] not in {one["metadata"]["uid"] for one in before}]
    [left] = [each for each in after if each is not born]
    assert ("64Mi", "128Mi") == sizes(left)
    assert workloads.limit_bytes(born) > 200 * MIB
    assert [0, 0] == [workloads.restarts(each) for each in after]


def _rise(pod: Json, first_mib: float, last_mib: float) -> list[backfill.Series]:
    """What a running pod used in the last minutes."""
    who = {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"], "node": pod["spec"]["nodeName"]}
    count = RISE_S // 5
    values = [(first_mib + (last_mib - first_mib) * step / count) * MIB for step in range(count)]
    return backfill.container_memory(who, "app", time.time() - RISE_S, 5, values)


def _row(cluster: Cluster, namespace: str, name: str) -> Json:
    rows = forecast(cluster, namespace, f"deployment-{name}").get("containers", [])
    return rows[0] if rows else {}


def _kills(cluster: Cluster, namespace: str, name: str) -> list[str]:
    return [kill["limit"] for kill in _row(cluster, namespace, name).get("kills", [])]


def _uses(cluster: Cluster, namespace: str, name: str, least_mib: int) -> list[Json] | None:
    """The pod of a Deployment, once it holds so much."""
    pods = workloads.pods(cluster, namespace, name)
    try:
        return pods if pods and workloads.used_bytes(pods[0]) >= least_mib * MIB else None
    except (OSError, KeyError):
        return None


def _held(cluster: Cluster, namespace: str, reason: str) -> str:
    told = _row(cluster, namespace, "web").get("blocked", {})
    return str(told["message"]) if told.get("eviction") == reason else ""


def _rewrite(cluster: Cluster, pod: Json) -> None:
    """Change a pod's memory, as a recommender of another make would."""
    resources = {"requests": {"memory": "96Mi"}, "limits": {"memory": "192Mi"}}
    change = json.dumps({"spec": {"containers": [{"name": "app", "resources": resources}]}})
    named = (pod["metadata"]["name"], "--subresource=resize", "--field-manager=krr-enforcer", f"--patch={change}")
    cluster.kubectl("patch", "pod", *named, "-n", pod["metadata"]["namespace"])


def _sleep_through_a_round(cluster: Cluster, namespace: str, started: Operator) -> None:
    """The operator is away; when it comes back, what it asked for last is a minute old."""
    started.stop()
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memoryforecasts/deployment-web"
    attempts = cluster.api.get(path)["status"]["state"]["attempts"]
    aged = {uid: {**each, "at": each["at"] - A_ROUND_S} for uid, each in attempts.items()}
    patch = {"status": {"state": {"attempts": aged}}}
    cluster.api.request("PATCH", f"{path}/status", patch, "application/merge-patch+json")
    started.forget_lease()
    started.start()
