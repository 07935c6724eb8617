"""What a resize respects: quality of service, LimitRange, quota, node, restarts; and whose pods can be resized."""

from __future__ import annotations

from typing import Any

from foresize_dev import images, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import blocked, past_of, resize_by_hand, resizes, see_passes
from scenes import MIB, condition, deploy, events, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
SMALL = Memhog({"HOLD": "40Mi"}, request="64Mi", limit="128Mi")
UNITS = {"Ki": 1024, "Mi": MIB, "Gi": 1024 * MIB}


def test_all_containers_of_a_pod_are_resized_in_one_patch(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Two containers and a native sidecar: one request to the API server names all three."""
    manifest = workloads.deployment("web", SMALL)
    spec = manifest["spec"]["template"]["spec"]
    spec["containers"].append(_beside("second", ":8081"))
    spec["initContainers"] = [_beside("proxy", ":8082") | {"restartPolicy": "Always"}]
    pod = _ready(cluster, namespace, manifest)
    since = cluster.audit.mark()
    every = ("app", "second", "proxy")
    server = prometheus(
        history=[series for name in every for series in past_of(_replaced(pod), pod, 200, container=name)]
    )
    cluster.apply(policy(), namespace=namespace)
    started = operator(server.url)
    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    see_passes(started)

    [patch] = resizes(cluster, started, namespace, since)
    named = [each["name"] for kind in ("containers", "initContainers") for each in patch.body["spec"][kind]]
    assert [*every] == named
    after = now(cluster, pod)
    assert workloads.restarts(after) == 0


def test_guaranteed_stays_guaranteed(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Request and limit of a Guaranteed pod rise together."""
    manifest = workloads.deployment("web", Memhog({"HOLD": "40Mi"}, request="128Mi", limit="128Mi"))
    for size in _app(manifest)["resources"].values():
        size["cpu"] = "50m"
    pod = _ready(cluster, namespace, manifest)
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    request, limit = sizes(after)
    assert request == limit
    assert after["status"]["qosClass"] == "Guaranteed"


def test_best_effort_is_left_alone_and_said(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A pod that asks for nothing is not resized; its forecast names the obstacle and its policy the way out."""
    pod = _ready(cluster, namespace, workloads.deployment("web", Memhog({"HOLD": "40Mi"})))
    since = cluster.audit.mark()
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)

    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "QoSBestEffort", 30)
    said = wait_for("the policy to say it", lambda: _held_back(cluster, namespace), 10)
    assert "1 pod (QoSBestEffort: a BestEffort pod cannot be resized: give its template a memory request)" in said
    assert resizes(cluster, started, namespace, since) == []


def test_a_container_that_restarts_on_resize_is_left_alone(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Where resizePolicy asks for a restart, nothing is patched and the forecast says why."""
    manifest = workloads.deployment("web", SMALL)
    _app(manifest)["resizePolicy"] = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    pod = _ready(cluster, namespace, manifest)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)

    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "RestartOnResize", 30)
    see_passes(started)
    after = now(cluster, pod)
    assert workloads.restarts(after) == 0
    assert sizes(after) == ("64Mi", "128Mi")


def test_a_limit_range_bounds_every_size(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Its maximum bounds the limit, its ratio keeps the request up; nothing is refused."""
    pod = deploy(cluster, namespace)
    rule = {"type": "Container", "max": {"memory": "180Mi"}, "maxLimitRequestRatio": {"memory": "2"}}
    bounds = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [rule]}}
    cluster.apply(bounds, policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    after = resized(cluster, pod, lambda limit: limit == 180 * MIB)
    assert _bytes(sizes(after)[0]) >= 90 * MIB
    assert events(cluster, namespace, "ResizeRefused") == []


def test_a_quota_is_never_overdrawn(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The request grows to what the quota leaves, the forecast names it, and no patch is refused."""
    pod = deploy(cluster, namespace)
    hard = {"hard": {"requests.memory": "100Mi"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": hard}
    cluster.apply(quota, namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/q"
    wait_for("the quota to be counted", lambda: cluster.api.get(path)["status"].get("used"), 10)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url, inventory_interval="1s")

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    assert sizes(after)[0] == "100Mi"
    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "QuotaExhausted", 20)
    see_passes(started)
    assert events(cluster, namespace, "ResizeRefused") == []


def test_a_request_grows_as_far_as_its_node_has_room(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """On a full node the limit rises, the request to what is free; once there is room the rest follows by itself."""
    pod = deploy(cluster, namespace)
    _fill(cluster, namespace, pod, leaving_bytes=60 * MIB)
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    assert 64 * MIB < _bytes(sizes(after)[0]) <= 124 * MIB
    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "NodeFull", 20)
    assert "NodeFull: requests should grow by" in wait_for(
        "the policy to say it", lambda: _held_back(cluster, namespace), 10
    )
    cluster.kubectl("delete", "pod/filler", "-n", namespace, "--grace-period=1")
    wait_for("the whole request", lambda: _bytes(sizes(now(cluster, pod))[0]) > 190 * MIB, 40)
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
    assert 128 * MIB < _bytes(sizes(now(cluster, pod))[0]) <= _allocatable(cluster, pod)


def test_a_resize_that_waits_too_long_is_taken_back(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A size that somebody asked for and the node cannot give is ended after minutes: back to what is in force."""
    pod = deploy(cluster, namespace)
    _fill(cluster, namespace, pod, leaving_bytes=60 * MIB)
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 50)).url)
    wait_for("the first look", lambda: forecast(cluster, namespace).get("summary", {}).get("peak"), 40)
    resize_by_hand(cluster, pod, request="500Mi", limit="600Mi")
    wait_for("the obstacle", lambda: blocked(cluster, namespace) == "ResizeDeferred", 20)

    _pretend_long_wait(cluster, pod)

    wait_for("the size in force", lambda: _bytes(sizes(now(cluster, pod))[0]) <= 124 * MIB, 20)
    notes = wait_for("an Event that says so", lambda: events(cluster, namespace, "ResizeGivenUp"), 10)
    assert "memory back to what is in force" in notes[0]
    assert workloads.restarts(now(cluster, pod)) == 0


def _beside(name: str, listen: str) -> Json:
    """A container that shares its pod with memhog's first: another port, no probe."""
    container: Json = Memhog({"HOLD": "20Mi", "LISTEN": listen}, "64Mi", "128Mi", name).spec()
    del container["readinessProbe"]
    return container


def _app(manifest: Json) -> Json:
    found: Json = manifest["spec"]["template"]["spec"]["containers"][0]
    return found


def _ready(cluster: Cluster, namespace: str, manifest: Json) -> Json:
    cluster.apply(manifest, namespace=namespace)
    pod: Json = workloads.wait_until_ready(cluster, namespace, "web")[0]
    return pod


def _replaced(pod: Json) -> str:
    """The name of a pod like this one that was there before: an ordinal's name stays."""
    stem, _, last = str(pod["metadata"]["name"]).rpartition("-")
    return f"{stem}-{last}" if last.isdigit() else f"{stem}-bcdfg"


def _bytes(quantity: str | None) -> int:
    """Of a quantity as the operator writes it."""
    assert quantity is not None
    return int(quantity[:-2]) * UNITS[quantity[-2:]] if quantity[-2:] in UNITS else int(quantity)


def _held_back(cluster: Cluster, namespace: str) -> str:
    """What the policy's Ready condition says of pods that cannot have their size."""
    return str(condition(cluster, namespace, "Ready").get("message", "")).partition("held back: ")[2]


def _allocatable(cluster: Cluster, pod: Json) -> int:
    """Memory that its node has for pods."""
    text = cluster.api.get(f"/api/v1/nodes/{pod['spec']['nodeName']}")["status"]["allocatable"]["memory"]
    return _bytes(text)


def _fill(cluster: Cluster, namespace: str, pod: Json, leaving_bytes: int) -> None:
    """Take a node's memory by a request that is never used."""
    path = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{pod['spec']['nodeName']}"
    listed = wait_for("other tests' pods to be gone", lambda: _all_of(namespace, cluster.api.get(path)["items"]), 60)
    taken = sum(
        _bytes(container["resources"].get("requests", {}).get("memory", "0Mi"))
        for each in listed
        if each["status"]["phase"] == "Running"
        for container in each["spec"]["containers"]
    )
    filling = (_allocatable(cluster, pod) - taken - leaving_bytes) // MIB
    container = {
        "name": "filler",
        "image": images.MEMHOG,
        "imagePullPolicy": "Never",
        "resources": {"requests": {"memory": f"{filling}Mi"}},
    }
    spec = {"nodeName": pod["spec"]["nodeName"], "terminationGracePeriodSeconds": 1, "containers": [container]}
    filler = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "filler", "labels": {"app": "filler"}}}
    cluster.apply(filler | {"spec": spec}, namespace=namespace)
    workloads.wait_until_ready(cluster, namespace, "filler")


def _all_of(namespace: str, pods: list[Json]) -> list[Json] | None:
    """These pods, unless one is of another namespace."""
    return pods if all(each["metadata"]["namespace"] == namespace for each in pods) else None


def _pretend_long_wait(cluster: Cluster, pod: Json) -> None:
    """Let the pod's status say that its resize waits since long ago, as it would after minutes."""
    pending = {"type": "PodResizePending", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
    cluster.api.request("PATCH", path, {"status": {"conditions": [pending]}})
