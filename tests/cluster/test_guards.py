"""Mistakes and conflicts: each is said in a condition where the user looks, and nothing is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import deeds, see_passes
from scenes import MIB, condition, deploy, forecast, past, policy, resized

Json = dict[str, Any]


def test_two_policies_on_one_workload_are_told_of_each_other(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The older one acts; the newer one's Conflict names it and the way out."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy("old"), namespace=namespace)
    created = cluster.api.get(f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memorypolicies/old")
    wait_for("a later second", lambda: _second(cluster) > created["metadata"]["creationTimestamp"], 5)
    cluster.apply(policy("new", containers=[{"name": "*", "min": "1Gi"}]), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)

    resized(cluster, pod, lambda limit: 200 * MIB < limit < 1024 * MIB)
    conflict = _condition(cluster, namespace, "Conflict", "True", "new")
    assert "OtherPolicy" == conflict["reason"]
    words = "Deployment web is under the older MemoryPolicy old: narrow one of the two targets"
    assert words == conflict["message"]
    assert "Conflict" == _condition(cluster, namespace, "Ready", "False", "new")["reason"]
    shared = _condition(cluster, namespace, "Conflict", "True", "old")
    assert "Deployment web is also selected by MemoryPolicy new, which does nothing there" == shared["message"]


def test_an_autoscaler_by_memory_is_not_fought(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A HorizontalPodAutoscaler on memory: nothing is written, and Conflict tells the way out."""
    pod = deploy(cluster, namespace)
    metric = {"type": "Resource", "resource": {"name": "memory", "target": _average("80")}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [metric]}
    hpa = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "by-memory"}}
    cluster.apply(hpa | {"spec": spec}, policy(), namespace=namespace)
    since = cluster.audit.mark()
    started = operator(prometheus(history=past(pod, 200)).url)

    conflict = _condition(cluster, namespace, "Conflict", "True")
    way_out = "scales it by memory: let it scale by CPU and leave memory to Foresize"
    assert f"HorizontalPodAutoscaler by-memory {way_out}" == conflict["message"]
    wait_for("its forecast to say so", lambda: _state(cluster, namespace) == "Conflict", 20)
    see_passes(started)
    assert "nothing is written" in _condition(cluster, namespace, "Ready", "False")["message"]
    assert deeds(cluster, started, namespace, since) == []


def test_a_vertical_autoscaler_is_not_fought_until_it_is_off(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A VerticalPodAutoscaler that acts: nothing is written, and Conflict names it; once it is off the pod is sized."""
    pod = deploy(cluster, namespace)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    vpa = {"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler", "metadata": {"name": "other"}}
    with _vertical_autoscalers(cluster):
        cluster.apply(vpa | {"spec": {"targetRef": target}}, policy(), namespace=namespace)
        since = cluster.audit.mark()
        started = operator(prometheus(history=past(pod, 200)).url, inventory_interval="1s")

        conflict = _condition(cluster, namespace, "Conflict", "True")
        assert "VerticalPodAutoscaler other sizes it too: set its updateMode to Off" in conflict["message"]
        wait_for("its forecast to say so", lambda: _state(cluster, namespace) == "Conflict", 20)
        see_passes(started)
        assert deeds(cluster, started, namespace, since) == []

        off = {"targetRef": target, "updatePolicy": {"updateMode": "Off"}}
        cluster.apply(vpa | {"spec": off}, namespace=namespace)
        resized(cluster, pod, lambda limit: limit > 200 * MIB)


@contextmanager
def _vertical_autoscalers(cluster: Cluster) -> Iterator[None]:
    """Their kind, without the controllers."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    names = {"kind": "VerticalPodAutoscaler", "plural": "verticalpodautoscalers", "singular": "verticalpodautoscaler"}
    spec = {"group": "autoscaling.k8s.io", "scope": "Namespaced", "names": names, "versions": [version]}
    name = "verticalpodautoscalers.autoscaling.k8s.io"
    # Kubernetes guards its own groups: what is in them has to have been talked about.
    metadata = {
        "name": name,
        "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes/kubernetes/pull/63797"},
    }
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata}
    cluster.apply(crd | {"spec": spec})
    try:
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=20s")
        yield
    finally:
        cluster.kubectl("delete", "crd", name)


def test_a_missing_target_is_named(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Ready is False until the workload is there; then all goes on by itself."""
    cluster.apply(policy(target="late"), namespace=namespace)
    operator(prometheus().url, inventory_interval="1s")
    ready = _condition(cluster, namespace, "Ready", "False")
    assert "TargetNotFound" == ready["reason"]
    assert f"there is no Deployment late (apps/v1) in {namespace}" in ready["message"]

    cluster.apply(workloads.deployment("late", Memhog({"HOLD": "20Mi"}, "32Mi", "64Mi")), namespace=namespace)
    _condition(cluster, namespace, "Ready", "True")


def test_a_kind_that_does_not_exist_is_named(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A misspelt kind is told from a workload that is not there."""
    misspelt = policy()
    misspelt["spec"]["target"]["ref"]["kind"] = "Deploiment"
    cluster.apply(misspelt, namespace=namespace)
    operator(prometheus().url)

    ready = _condition(cluster, namespace, "Ready", "False")
    assert "the API server knows no kind Deploiment in apps/v1" in ready["message"]


def test_a_selector_that_matches_nothing_is_said(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A selector without a workload is a condition, not silence."""
    lost = policy()
    lost["spec"]["target"] = {"selector": {"matchLabels": {"team": "nobody"}}}
    cluster.apply(lost, namespace=namespace)
    operator(prometheus().url)

    assert "NoTarget" == _condition(cluster, namespace, "Ready", "False")["reason"]


def test_a_container_name_that_matches_nothing_is_named(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The condition has the name as written and the names that there are; no container is touched."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(containers=[{"name": "ap"}]), namespace=namespace)
    since = cluster.audit.mark()
    started = operator(prometheus(history=past(pod, 200)).url)

    ready = _condition(cluster, namespace, "Ready", "False")
    assert "NoSuchContainer" == ready["reason"]
    assert "spec.containers name 'ap' matches none of the containers app" == ready["message"]
    see_passes(started)
    assert deeds(cluster, started, namespace, since) == []


def test_a_policy_in_kube_system_is_refused(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """It is not acted on, and its condition names the setting that would allow it."""
    cluster.apply(policy("system"), namespace="kube-system")
    try:
        operator(prometheus().url, namespaces=f"{namespace},kube-system")
        ready = _condition(cluster, "kube-system", "Ready", "False", "system")
    finally:
        cluster.kubectl("delete", "memorypolicy/system", "-n", "kube-system")

    assert "kube-system" in ready["message"]
    assert "--allow-kube-system" in ready["message"]


def test_one_policys_mistake_stops_no_other(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Beside a policy with a lost target and one with a wrong container, a third one works."""
    pod = deploy(cluster, namespace)
    deploy(cluster, namespace, "wrong")
    cluster.apply(
        policy("lost", target="nowhere"),
        policy("typo", target="wrong", containers=[{"name": "x"}]),
        policy(),
        namespace=namespace,
    )
    operator(prometheus(history=past(pod, 200)).url)

    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    _condition(cluster, namespace, "Ready", "True")
    assert "TargetNotFound" == _condition(cluster, namespace, "Ready", "False", "lost")["reason"]
    assert "NoSuchContainer" == _condition(cluster, namespace, "Ready", "False", "typo")["reason"]


def _condition(cluster: Cluster, namespace: str, kind: str, status: str, name: str = "p") -> Json:
    """A condition of a policy, once it has this status."""

    def reached() -> Json | None:
        found = condition(cluster, namespace, kind, name)
        return found if found.get("status") == status else None

    return wait_for(f"{kind}={status} of {name}", reached, 30)


def _state(cluster: Cluster, namespace: str) -> str:
    return str(forecast(cluster, namespace).get("summary", {}).get("state", ""))


def _average(percent: str) -> Json:
    return {"type": "Utilization", "averageUtilization": int(percent)}


def _second(cluster: Cluster) -> str:
    """The API server's clock, as it stamps objects."""
    review = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "clock"}}
    made = cluster.api.request("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", review)
    return str(made["metadata"]["creationTimestamp"])
