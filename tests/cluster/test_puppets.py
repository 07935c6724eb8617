"""What real nodes cannot show here: many pods, and kubelets that do not resize. The nodes are told, not run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from births import Births
from foresize_dev import workloads
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from proofs import birth_sizes, counter, resizes, see_passes, writes
from puppets import INFEASIBLE, Puppet, deployment, puppets
from scenes import condition, forecast, now, past, policy, sizes

Json = dict[str, Any]
SMALL: Json = {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}
GUARANTEED: Json = {part: {"cpu": "100m", "memory": "128Mi"} for part in ("requests", "limits")}
MANY = 300
BURST, RATE_PER_S = 20, 10
"""Resizes that an operator may send at once, and those a second after (docs/limitations.md, Pace); Events likewise."""
UNEVEN_S = 2.0
"""The API server answers late when it is busy: what was sent apart may be answered together."""


@pytest.mark.timeout(300)
def test_three_hundred_pods_are_born_sized_and_resized_within_the_budget(
    cluster: Cluster,
    namespace: str,
    prometheus: StartPrometheus,
    operator: StartOperator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of one policy's: each is created with its size, and then resized once, at ten writes a second."""
    nodes = [Puppet(f"crowd-{number}") for number in range(3)]
    with puppets(cluster, namespace, *nodes):
        cluster.apply(deployment("web", nodes, 1, SMALL), policy(), namespace=namespace)
        [first] = _running(cluster, namespace, "web", 1)
        started = operator(prometheus(history=past(first, 200)).url)
        entry = wait_for("birth sizes", lambda: birth_sizes(cluster, namespace).get("Deployment/web"), 40)
        Births(cluster, namespace).wait_for_size(first, entry["app"])
        cluster.kubectl("scale", "deployment/web", f"--replicas={MANY}", "-n", namespace)
        pods = _running(cluster, namespace, "web", MANY)
        see_passes(started, 2)
        born = [each for each in workloads.pods(cluster, namespace, "web") if not _is(each, first)]
        assert {(entry["app"]["request"], entry["app"]["limit"])} == {sizes(each) for each in born}

        since = cluster.audit.mark()
        cluster.apply(policy(containers=[{"name": "*", "min": "300Mi"}]), namespace=namespace)
        wait_for("all to have the new minimum", lambda: _requests(cluster, namespace) == ["300Mi"] * MANY, 90)
        see_passes(started, 2)

        patches = resizes(cluster, started, namespace, since)
        assert sorted(each["metadata"]["name"] for each in pods) == sorted(each.name for each in patches)
        told = [each for each in writes(cluster, started, namespace, since) if each.resource == "events"]
        for kind in (patches, told):
            assert _most_above_the_rate(kind) <= BURST + RATE_PER_S * UNEVEN_S
        with capsys.disabled():
            print(f"\n{MANY} pods of one policy: {_pass_times(started)}")  # noqa: T201 - figures to read


def test_nodes_that_cannot_resize_are_found_out_and_their_pods_get_their_size_anew(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A kubelet before 1.33 and a Windows node: said, never patched; new pods are sized, by eviction if allowed."""
    old = Puppet("old", kubelet="v1.32.11", tells_sizes=False)
    windows = Puppet("windows", system="windows", tells_sizes=False)
    with puppets(cluster, namespace, old, windows):
        made = [deployment("on-old", [old], 2, SMALL), deployment("on-windows", [windows], 2, SMALL)]
        evicts = policy(
            "q",
            "on-windows",
            apply={"atCreation": True, "running": "InPlaceOrEvict"},
            disruption={"after": "1s", "evictionsPerHour": 6},
        )
        cluster.apply(*made, policy("p", "on-old"), evicts, namespace=namespace)
        pods = {name: _running(cluster, namespace, name, 2) for name in ("on-old", "on-windows")}
        since = cluster.audit.mark()
        history = [series for each in pods.values() for series in past(each[0], 200)]
        started = operator(prometheus(history=history).url)

        said = wait_for("it to be said", lambda: _blocked(cluster, namespace, "deployment-on-old"), 40)
        assert "its node's kubelet is v1.32.11: resizing pods needs 1.33" in said["message"]
        assert "a new pod has its size; InPlaceOrEvict would make one" in said["message"]
        ready = wait_for("the policy to say it", lambda: _says(cluster, namespace, "p", "held back: 2 pods"), 20)
        assert "NodeCannotResize" in ready
        entry = wait_for("birth sizes", lambda: birth_sizes(cluster, namespace).get("Deployment/on-old"), 20)
        Births(cluster, namespace).wait_for_size(pods["on-old"][0], entry["app"])
        cluster.kubectl("scale", "deployment/on-old", "--replicas=3", "-n", namespace)
        three = _running(cluster, namespace, "on-old", 3)
        assert 1 == sum(sizes(each) == (entry["app"]["request"], entry["app"]["limit"]) for each in three)

        before = {each["metadata"]["uid"] for each in pods["on-windows"]}
        wait_for("the others to be new", lambda: not before & _uids(cluster, namespace, "on-windows"), 60)
        anew = _running(cluster, namespace, "on-windows", 2)
        entry = birth_sizes(cluster, namespace)["Deployment/on-windows"]
        assert {(entry["app"]["request"], entry["app"]["limit"])} == {sizes(each) for each in anew}
        see_passes(started)
        asked = cluster.audit.writes(user=started.user, namespace=namespace, since=since, failed=True)
        assert [] == [each for each in asked if each.resource == "pods/resize"]
        assert 2 == len([each for each in asked if each.resource == "pods/eviction" and each.code == 201])


def test_a_resize_that_a_kubelet_never_does_is_asked_for_once(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A static memory manager refuses Guaranteed pods: asked, taken back, and left alone, in the kubelet's words."""
    node = Puppet("static", refuses=INFEASIBLE)
    with puppets(cluster, namespace, node):
        cluster.apply(deployment("web", [node], 1, GUARANTEED), policy(), namespace=namespace)
        [pod] = _running(cluster, namespace, "web", 1)
        since = cluster.audit.mark()
        started = operator(prometheus(history=past(pod, 200)).url)

        said = wait_for("it to be said", lambda: _blocked(cluster, namespace, "deployment-web"), 60)
        assert ("NodeCannotResize", INFEASIBLE) == (said["reason"], said["message"])
        see_passes(started)
        assert 2 == len(resizes(cluster, started, namespace, since))
        assert ("128Mi", "128Mi") == sizes(now(cluster, pod))
        state = forecast(cluster, namespace)["state"]["attempts"][pod["metadata"]["uid"]]
        assert state["waitUntil"] - state["at"] > 3600


def _running(cluster: Cluster, namespace: str, app: str, count: int) -> list[Json]:
    return workloads.wait_until_ready(cluster, namespace, app, count, deadline_s=60)


def _is(one: Json, other: Json) -> bool:
    return bool(one["metadata"]["uid"] == other["metadata"]["uid"])


def _requests(cluster: Cluster, namespace: str) -> list[str | None]:
    return [sizes(pod)[0] for pod in workloads.pods(cluster, namespace, "web")]


def _uids(cluster: Cluster, namespace: str, app: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in workloads.pods(cluster, namespace, app)}


def _blocked(cluster: Cluster, namespace: str, name: str) -> Json:
    """What a MemoryForecast says of a node that cannot resize; empty where it does not."""
    rows = forecast(cluster, namespace, name).get("containers", [])
    found: Json = rows[0].get("blocked", {}) if rows else {}
    return found if found.get("reason") == "NodeCannotResize" else {}


def _says(cluster: Cluster, namespace: str, name: str, words: str) -> str:
    message = str(condition(cluster, namespace, "Ready", name).get("message", ""))
    return message if words in message else ""


def _most_above_the_rate(written: list[Write]) -> float:
    """How many more writes than the steady rate allows there were in any span of time."""
    most = ahead = 0.0
    before_s = 0.0
    for at_s in sorted(datetime.fromisoformat(each.at).timestamp() for each in written):
        ahead = max(0.0, ahead - RATE_PER_S * (at_s - before_s)) + 1
        most, before_s = max(most, ahead), at_s
    return most


def _pass_times(started: Operator) -> str:
    """How long each step of a pass took, on average and in total."""
    steps = ("list", "samples", "act", "evict", "write")
    name = "foresize_pass_seconds"
    means = {
        step: counter(started, f"{name}_sum", f'step="{step}"') / counter(started, f"{name}_count", f'step="{step}"')
        for step in steps
    }
    return ", ".join(f"{step} {1000 * mean:.0f} ms" for step, mean in means.items()) + " on average"
