"""What a resize is: one patch for a pod, of the same quality of service, without a restart."""

from __future__ import annotations

from typing import Any

from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import blocked, past_of, resizes, see_passes
from scenes import MIB, condition, now, past, policy, resized, sizes

Json = dict[str, Any]
SMALL = Memhog({"HOLD": "40Mi"}, request="64Mi", limit="128Mi")


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


def _held_back(cluster: Cluster, namespace: str) -> str:
    """What the policy's Ready condition says of pods that cannot have their size."""
    return str(condition(cluster, namespace, "Ready").get("message", "")).partition("held back: ")[2]
