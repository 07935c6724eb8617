"""Pods that cannot have their size where they are go to another node, within every bound, and once for one cause."""

from __future__ import annotations

import time
from typing import Any

from crowding import SECOND, fill, in_bytes, opened
from foresize_dev import workloads
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from holdup import Holdup, holding
from proofs import see_passes
from scenes import MIB, deploy, events, forecast, past, policy, sizes

Json = dict[str, Any]
MOVES = {"atCreation": True, "running": "InPlaceOrEvict"}
AT_ONCE = {"after": "1s"}
EVICTION = "pods/eviction"
FITS = "fits on 1 node; worst fit is node-2"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def test_a_pod_without_room_on_its_node_moves_to_another_with_its_new_size(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One of two pods on a full node is evicted, once; the new one has its size on the other node; none is killed."""
    pod = _crowded(cluster, namespace)
    since = cluster.audit.mark()
    cluster.apply(policy(apply=MOVES, disruption=AT_ONCE), namespace=namespace)
    with opened(cluster):
        started = operator(prometheus(history=past(pod, 200)).url)
        moved = wait_for("a pod on the other node", lambda: _on(cluster, namespace, SECOND), 60)
        workloads.wait_until_ready(cluster, namespace, "web", 2)
        see_passes(started)

        # 200 MiB and a hundredth; its node had 60 MiB for two pods that lacked 138 each.
        assert in_bytes(sizes(moved)[0]) >= 200 * MIB
        [eviction] = _evictions(cluster, started, namespace, since)
        assert 201 == eviction.code
        assert eviction.body["deleteOptions"]["preconditions"]["uid"]
        assert [0, 0] == [workloads.restarts(each) for each in workloads.pods(cluster, namespace, "web")]
        assert 1 == wait_for("the count", lambda: _policy(cluster, namespace).get("evictionsLastHour"), 20)
        last = wait_for("the report", lambda: forecast(cluster, namespace).get("lastEviction"), 20)
        assert ("NodeFull", "node-1") == (last["reason"], last["node"])
        wait_for("its Event", lambda: any(FITS in note for note in events(cluster, namespace, "PodEvicted")), 20)


def test_what_holds_an_eviction_is_said_and_nothing_is_evicted_twice(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """No place, a closed window, a spent budget, a single replica, a PodDisruptionBudget: each held, and said by name.

    Then the operator is killed between the intent and the eviction, and the next one between the eviction and its
    report: the pod is evicted once.
    """
    solo = deploy(cluster, namespace, "solo")
    pod = _crowded(cluster, namespace)
    before = {each["metadata"]["uid"] for each in workloads.pods(cluster, namespace, "web")}
    cluster.apply(_budget(2), namespace=namespace)
    since = cluster.audit.mark()
    cluster.apply(_everything(), namespace=namespace)
    history = [*past(pod, 200), *past(solo, 200)]
    started = operator(prometheus(history=history).url, inventory_interval="1s")

    _said(cluster, namespace, "NoPlace", "1 has the taint tests=second-node, which it does not tolerate")
    only = "it is the only replica"
    _said(cluster, namespace, "SingleReplica", only, "deployment-solo")
    cluster.apply(_everything(windows=[_closed_window()]), namespace=namespace)
    see_passes(started, 2)  # from the second on it is known
    with opened(cluster):
        _said(cluster, namespace, "WindowClosed", "no window of its policy is open; the next one opens")
        cluster.apply(_everything(evictionsPerHour=0), namespace=namespace)
        _said(cluster, namespace, "BudgetSpent", "0 of 0 evictions an hour of its policy are spent")
        assert [] == _evictions(cluster, started, namespace, since, refused=True)

        cluster.apply(_everything(), namespace=namespace)
        _said(cluster, namespace, "Refused", "The disruption budget web needs 2 healthy pods and has 2 currently")
        assert {429} == {each.code for each in _evictions(cluster, started, namespace, since, refused=True)}
        with holding(cluster, namespace) as holdup:
            holdup.catch(lambda resource: resource == EVICTION)
            cluster.kubectl("delete", "poddisruptionbudget/web", "-n", namespace)
            _die_when_caught(started, holdup)
            [intent] = forecast(cluster, namespace)["state"]["evictions"]
            assert intent["uid"] in before
            assert [] == _evictions(cluster, started, namespace, since)

            holdup.catch(lambda resource: resource != EVICTION and EVICTION in holdup.allowed)
            _start_anew(started)
            _die_when_caught(started, holdup)
            assert [intent["uid"]] == _uids(_evictions(cluster, started, namespace, since))
            _start_anew(started)
            wait_for("a pod on the other node", lambda: _on(cluster, namespace, SECOND), 30)
            workloads.wait_until_ready(cluster, namespace, "web", 2)
            see_passes(started)
        gone = [
            each.body["deleteOptions"]["preconditions"]["uid"]
            for each in _evictions(cluster, started, namespace, since)
        ]
        # The other of the two may have followed; none went twice, and no replacement went.
        assert len(set(gone)) == len(gone)
        assert set(gone) <= before
        wait_for("the count", lambda: _policy(cluster, namespace).get("evictionsLastHour") == len(gone), 20)


def test_a_leak_is_restarted_before_the_kernel_does(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Of two pods that leak and are near their limit one is evicted, then the other: no container is ever killed."""
    pod = deploy(cluster, namespace, hold={"HOLD": "288Mi"}, request="128Mi", limit="300Mi", replicas=2)
    before = {each["metadata"]["uid"] for each in workloads.pods(cluster, namespace, "web")}
    since = cluster.audit.mark()
    cluster.apply(
        policy(apply={"atCreation": True, "running": "InPlace"}, leak={"action": "Restart"}, horizon="6h"),
        namespace=namespace,
    )
    # 13 MiB an hour up to 288 MiB now: of 300 MiB there are 12 left, less than an hour's.
    leak = past(pod, lambda ages_s: 288 - 13 * ages_s / 3600, hours=20)
    started = operator(prometheus(history=leak).url)

    def both_new() -> bool:
        found = workloads.pods(cluster, namespace, "web")
        return len(found) == 2 and not before & {each["metadata"]["uid"] for each in found}

    wait_for("both pods to be new", both_new, 60)
    assert 2 == len(_evictions(cluster, started, namespace, since))


def _crowded(cluster: Cluster, namespace: str, replicas: int = 2, leaving: int = 60) -> Json:
    """Pods of 64 MiB that need 200, on a node with a few mebibytes left; one of them."""
    pod = deploy(cluster, namespace, replicas=replicas)
    fill(cluster, namespace, pod, leaving_bytes=leaving * MIB)
    return pod


def _on(cluster: Cluster, namespace: str, node: str) -> Json | None:
    """A pod of web on a node."""
    found = [pod for pod in workloads.pods(cluster, namespace, "web") if pod["spec"].get("nodeName") == node]
    return found[0] if found else None


def _evictions(
    cluster: Cluster, operator: Operator, namespace: str, since: int, *, refused: bool = False
) -> list[Write]:
    """The evictions that were asked of the API server and accepted; all of them where those refused count too."""
    every = cluster.audit.writes(user=operator.user, namespace=namespace, since=since, failed=refused)
    return [write for write in every if write.resource == EVICTION]


def _uids(evictions: list[Write]) -> list[str]:
    """Of the pods that they were for."""
    return [each.body["deleteOptions"]["preconditions"]["uid"] for each in evictions]


def _die_when_caught(operator: Operator, holdup: Holdup) -> None:
    """Kill it while the API server lets its request wait; the request comes to nothing."""
    wait_for("a request that is held", holdup.caught.is_set, 40, every_s=0.02)
    operator.kill()
    holdup.refuse()


def _start_anew(operator: Operator) -> None:
    operator.forget_lease()
    operator.start()


def _policy(cluster: Cluster, namespace: str) -> Json:
    """The status of policy p."""
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memorypolicies/p"
    found: Json = cluster.api.get(path).get("status", {})
    return found


def _everything(**disruption: Any) -> Json:
    """A policy for all Deployments of a namespace that moves pods at once."""
    made = policy(apply=MOVES, disruption={**AT_ONCE, **disruption})
    made["spec"]["target"] = {"selector": {}}
    return made


def _budget(least: int) -> Json:
    """A PodDisruptionBudget for web."""
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}


def _closed_window() -> Json:
    """A window that opens in three days."""
    day = DAYS[(time.gmtime().tm_wday + 3) % 7]
    return {"days": [day], "start": "00:00", "duration": "10m"}


def _said(cluster: Cluster, namespace: str, reason: str, words: str, name: str = "deployment-web") -> None:
    """Wait until a MemoryForecast says why no pod is evicted, by this word and with these words."""

    def held() -> str:
        [row] = forecast(cluster, namespace, name)["containers"]
        blocked = row.get("blocked", {})
        return str(blocked.get("message", "")) if blocked.get("eviction") == reason else ""

    assert words in wait_for(f"{reason} on {name}", held, 40)
