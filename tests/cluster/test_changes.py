"""What happens to workloads while they are sized: a container gets another name, a rollout stands still, a drain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from births import Births
from crowding import SECOND, opened
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from proofs import birth_sizes, resize_by_hand, resizes, see_passes
from scenes import MIB, condition, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
FIRST = "node-1"


def test_a_stuck_rollout_is_raised_and_not_lowered_and_a_new_name_starts_anew(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """While a rollout hangs its pods are raised only; a renamed container is born as its template says, then sized."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200, hours=26))
    cluster.apply(policy(history={"window": "2d", "step": "5m"}), namespace=namespace)
    started = operator(server.url, inventory_interval="1s", refit_interval="5s")
    resized(cluster, pod, lambda limit: limit > 200 * MIB)

    _change(cluster, namespace, {"name": "app", "image": "localhost/nowhere:1"})
    wait_for("the rollout to be seen", lambda: _state(cluster, namespace) == "RollingOut", 30)
    resize_by_hand(cluster, pod, request="500Mi", limit="600Mi")
    resized(cluster, pod, lambda limit: limit == 600 * MIB)
    see_passes(started)
    assert ("500Mi", "600Mi") == sizes(now(cluster, pod))
    resize_by_hand(cluster, pod, request="64Mi", limit="128Mi")
    resized(cluster, pod, lambda limit: limit > 200 * MIB)

    since = cluster.audit.mark()
    cluster.kubectl("rollout", "undo", "deployment/web", "-n", namespace)
    renamed = [{"name": "server", "image": pod["spec"]["containers"][0]["image"], "imagePullPolicy": "Never"}]
    renamed[0]["resources"] = pod["spec"]["containers"][0]["resources"]
    renamed[0]["env"] = [{"name": "HOLD", "value": "40Mi"}]
    replace = [{"op": "replace", "path": "/spec/template/spec/containers", "value": renamed}]
    cluster.kubectl("patch", "deployment/web", "-n", namespace, "--type=json", "-p", json.dumps(replace))
    born = wait_for("a pod of the new name alone", lambda: _only(cluster, namespace, "server"), 40)

    wait_for("the new row", lambda: _rows(cluster, namespace) == {"server"}, 30)
    see_passes(started)
    request, limit = sizes(now(cluster, born), "server")
    assert ("64Mi", "128Mi") == (request, limit)
    assert not any(each.name == born["metadata"]["name"] for each in resizes(cluster, started, namespace, since))
    assert "app" not in birth_sizes(cluster, namespace).get("Deployment/web", {})
    wait_for("the policy to be ready", lambda: condition(cluster, namespace, "Ready").get("status") == "True", 20)


def test_a_drained_node_loses_no_size(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A drain ends, one pod at a time as their budget asks; the new pods are born with the forecast's size."""
    with opened(cluster):
        with _cordoned(cluster, FIRST):
            pod = deploy(cluster, namespace, replicas=2)
        drained = workloads.pods(cluster, namespace, "web")
        assert {SECOND} == {each["spec"]["nodeName"] for each in drained}
        cluster.apply(_budget(), policy(), namespace=namespace)
        started = operator(prometheus(history=past(pod, 200)).url)
        for each in drained:
            resized(cluster, each, lambda limit: limit > 200 * MIB)
        entry = wait_for("birth sizes", lambda: birth_sizes(cluster, namespace).get("Deployment/web"), 20)
        Births(cluster, namespace).wait_for_size(pod, entry["app"])
        since = cluster.audit.mark()
        with _cordoned(cluster, SECOND):
            cluster.kubectl("drain", SECOND, "--pod-selector=app=web", "--ignore-daemonsets", "--timeout=110s")
            both = workloads.wait_until_ready(cluster, namespace, "web", 2)
            see_passes(started)

    assert {FIRST} == {each["spec"]["nodeName"] for each in both}
    assert {"app"} == {each["metadata"]["annotations"]["foresize.dev/sized-at-creation"] for each in both}
    assert {(entry["app"]["request"], entry["app"]["limit"])} == {sizes(each) for each in both}
    assert [] == resizes(cluster, started, namespace, since)
    wait_for("the policy to be ready", lambda: condition(cluster, namespace, "Ready").get("status") == "True", 20)


@contextmanager
def _cordoned(cluster: Cluster, node: str) -> Iterator[None]:
    """A node takes no new pods."""
    cluster.kubectl("cordon", node)
    try:
        yield
    finally:
        cluster.kubectl("uncordon", node)


def _budget() -> Json:
    """One pod of web is always there."""
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}


def _change(cluster: Cluster, namespace: str, container: Json) -> None:
    """Change a container of web's template."""
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    cluster.kubectl("patch", "deployment/web", "-n", namespace, "-p", json.dumps(patch))


def _state(cluster: Cluster, namespace: str) -> str:
    return str(forecast(cluster, namespace).get("summary", {}).get("state", ""))


def _only(cluster: Cluster, namespace: str, container: str) -> Json | None:
    """The one pod of web, once it runs this container."""
    found = workloads.pods(cluster, namespace, "web")
    names = [[each["name"] for each in pod["spec"]["containers"]] for pod in found]
    ready = [pod for pod in found if any(each.get("started") for each in pod["status"].get("containerStatuses", []))]
    return found[0] if names == [[container]] and ready else None


def _rows(cluster: Cluster, namespace: str) -> set[str]:
    return {row["name"] for row in forecast(cluster, namespace).get("containers", [])}
