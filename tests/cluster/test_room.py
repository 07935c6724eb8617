"""The room that a pod can grow in: LimitRange, quota and node bound it, and what stands in the way is said."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from crowding import allocatable, fill, in_bytes
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from proofs import blocked, resize_by_hand, see_passes
from scenes import MIB, condition, deploy, events, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]


def test_a_limit_range_bounds_every_size(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Its maximum bounds the limit, its ratio keeps the request up; nothing is refused."""
    pod = deploy(cluster, namespace)
    _set_largest(cluster, namespace, "180Mi", ratio="2")
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    after = resized(cluster, pod, lambda limit: limit == 180 * MIB)
    assert in_bytes(sizes(after)[0]) >= 90 * MIB
    assert events(cluster, namespace, "ResizeRefused") == []


def test_a_pod_that_would_break_a_limit_range_is_created_as_its_template_says(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A LimitRange of pods bounds their sum: the running pod is told why it stays, and a new one is not refused."""
    pod = deploy(cluster, namespace)
    rule = {"type": "Pod", "max": {"memory": "180Mi"}}
    cluster.apply(
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [rule]}},
        namespace=namespace,
    )
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    wait_for("the reason", lambda: blocked(cluster, namespace) == "PodOutOfBounds", 30)
    cluster.kubectl("delete", "pod", "--namespace", namespace, pod["metadata"]["name"], "--wait=false")
    uid = pod["metadata"]["uid"]
    born = wait_for(
        "a new pod",
        lambda: [each for each in workloads.pods(cluster, namespace, "web") if each["metadata"]["uid"] != uid],
        20,
    )
    assert sizes(pod) == sizes(born[0])
    assert events(cluster, namespace, "ResizeRefused") == []


def test_a_budget_is_shared_by_forecast_need(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Two Deployments that want 150 MiB and 50 have 120 together: three quarters and a quarter, and it is said."""
    needs = {"web": 150, "api": 50}
    living = {name: deploy(cluster, namespace, name, hold={"HOLD": "16Mi"}, request="32Mi") for name in needs}
    shares = policy(budget="120Mi")
    shares["spec"]["target"] = {"selector": {}}
    cluster.apply(shares, namespace=namespace)
    history = [each for name, pod in living.items() for each in past(pod, needs[name])]
    operator(prometheus(history=history).url)

    def shared() -> bool:
        requests = {name: in_bytes(sizes(now(cluster, pod))[0]) / MIB for name, pod in living.items()}
        return 88 <= requests["web"] <= 94 and 28 <= requests["api"] <= 34

    wait_for("requests of 90 and 30 MiB", shared, 40)
    wait_for("it to be said", lambda: condition(cluster, namespace, "WithinBudget")["status"] == "False", 20)
    told = condition(cluster, namespace, "WithinBudget")
    assert told["reason"] == "Shared"
    assert re.search(r"Deployment/web (5\d|60)%", told["message"]), told["message"]


def test_a_quota_is_never_overdrawn(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The request grows to what the quota leaves, the forecast names it, and no patch is refused."""
    pod = deploy(cluster, namespace)
    _set_quota(cluster, namespace, "100Mi")
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url, inventory_interval="1s")

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    assert sizes(after)[0] == "100Mi"
    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "QuotaExhausted", 20)
    see_passes(started)
    assert events(cluster, namespace, "ResizeRefused") == []


def test_replicas_share_what_a_quota_leaves(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Three pods that all want to grow are given the rest of a quota once, and no patch is refused."""
    pod = deploy(cluster, namespace, replicas=3)
    _set_quota(cluster, namespace, "300Mi")
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    for each in workloads.pods(cluster, namespace, "web"):
        resized(cluster, each, lambda limit: limit > 200 * MIB)
    see_passes(started)

    asked = [in_bytes(sizes(each)[0]) for each in workloads.pods(cluster, namespace, "web")]
    assert 3 * 64 * MIB < sum(asked) <= 300 * MIB
    assert events(cluster, namespace, "ResizeRefused") == []


def test_a_request_grows_as_far_as_its_node_has_room(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """On a full node the limit rises, the request to what is free; once there is room the rest follows by itself."""
    pod = deploy(cluster, namespace)
    fill(cluster, namespace, pod, leaving_bytes=60 * MIB)
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    assert 64 * MIB < in_bytes(sizes(after)[0]) <= 124 * MIB
    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "NodeFull", 20)
    assert "NodeFull: requests should grow by" in wait_for(
        "the policy to say it", lambda: _held_back(cluster, namespace), 20
    )
    cluster.kubectl("delete", "pod/filler", "-n", namespace, "--grace-period=1")
    wait_for("the whole request", lambda: in_bytes(sizes(now(cluster, pod))[0]) > 190 * MIB, 40)
    wait_for("no obstacle", lambda: blocked(cluster, namespace) == "", 20)


def test_a_request_above_every_node_is_never_asked_for(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A minimum that no node can hold is cut to what the node has; the API server has nothing to refuse."""
    pod = deploy(cluster, namespace)
    since = cluster.audit.mark()
    cluster.apply(policy(containers=[{"name": "*", "min": "1Ti", "max": "2Ti"}]), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)

    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    see_passes(started)
    asked = cluster.audit.writes(user=started.user, namespace=namespace, since=since, failed=True)
    assert {200} == {write.code for write in asked if write.resource == "pods/resize"}
    assert 128 * MIB < in_bytes(sizes(now(cluster, pod))[0]) <= allocatable(cluster, pod)


def test_a_resize_that_waits_too_long_is_taken_back(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A size that somebody asked for and the node cannot give is ended after minutes: back to what is in force."""
    pod = deploy(cluster, namespace)
    fill(cluster, namespace, pod, leaving_bytes=60 * MIB)
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 50)).url)
    wait_for("the first look", lambda: forecast(cluster, namespace).get("summary", {}).get("peak"), 40)
    resize_by_hand(cluster, pod, request="500Mi", limit="600Mi")
    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "ResizeDeferred", 20)

    wait_for("the size in force", lambda: _is_taken_back(cluster, pod, 124 * MIB), 20, every_s=1)
    notes = wait_for("an Event that says so", lambda: events(cluster, namespace, "ResizeGivenUp"), 20)
    assert "memory back to what is in force" in notes[0]
    assert workloads.restarts(now(cluster, pod)) == 0


def test_a_refused_resize_is_said_and_tried_again_with_what_is_allowed(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A bound that came after the last look: the API server's words are on the forecast, then the bound is kept."""
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus().url, inventory_interval="25s")
    pod = deploy(cluster, namespace, hold={"HOLD": "10Mi"}, request="20Mi", limit="40Mi")
    see_passes(started, 1)
    _set_largest(cluster, namespace, "70Mi")
    with suppress(OSError):  # killed before it answers
        workloads.hold(pod, "65Mi")

    wait_for("the refusal", lambda: blocked(cluster, namespace) == "Refused", 40)
    [told, *_] = wait_for("an Event that says so", lambda: events(cluster, namespace, "ResizeRefused"), 20)
    assert "maximum memory usage per Container is 70Mi" in told
    resized(cluster, pod, lambda limit: limit == 70 * MIB, deadline_s=90)
    wait_for("no obstacle", lambda: blocked(cluster, namespace) == "", 20)


def _set_largest(cluster: Cluster, namespace: str, largest: str, ratio: str = "") -> None:
    """A LimitRange of containers."""
    rule = {"type": "Container", "max": {"memory": largest}}
    if ratio:
        rule["maxLimitRequestRatio"] = {"memory": ratio}
    bounds = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [rule]}}
    cluster.apply(bounds, namespace=namespace)


def _set_quota(cluster: Cluster, namespace: str, requests: str) -> None:
    """Bound a namespace's memory requests, and wait until what it has is counted."""
    hard = {"hard": {"requests.memory": requests}}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": hard}, namespace=namespace
    )
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/q"
    wait_for("the quota to be counted", lambda: cluster.api.get(path)["status"].get("used"), 10)


def _held_back(cluster: Cluster, namespace: str) -> str:
    """What the policy's Ready condition says of pods that cannot have their size."""
    return str(condition(cluster, namespace, "Ready").get("message", "")).partition("held back: ")[2]


def _is_taken_back(cluster: Cluster, pod: Json, most_bytes: int) -> bool:
    """Whether a pod asks for no more than this.

    Until then its status is made to say that its resize waits since long ago; the kubelet may have written it anew.
    """
    if in_bytes(sizes(now(cluster, pod))[0]) <= most_bytes:
        return True
    pending = {"type": "PodResizePending", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
    cluster.api.request("PATCH", path, {"status": {"conditions": [pending]}})
    return False
