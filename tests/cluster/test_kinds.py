"""Whose pods are resized: every kind that makes pods, by name or by label."""

from __future__ import annotations

from typing import Any

import pytest

from births import HASH, Births
from foresize.config.quantities import memory_bytes
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import birth_sizes, deeds, past_of, resizes, see_passes
from scenes import MIB, condition, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
VERSIONS = {"Farm": "v1", "Rollout": "v1alpha1"}
SMALL = Memhog({"HOLD": "40Mi"}, request="64Mi", limit="128Mi")


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "ReplicaSet"])
def test_pods_of_each_kind_are_resized(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, kind: str
) -> None:
    """Not only Deployments: whatever makes pods by a template of apps/v1."""
    manifest = workloads.deployment("web", SMALL) | {"kind": kind}
    if kind == "DaemonSet":
        del manifest["spec"]["replicas"]
    pod = _ready(cluster, namespace, manifest)
    targeted = policy()
    targeted["spec"]["target"]["ref"]["kind"] = kind
    cluster.apply(targeted, namespace=namespace)
    operator(prometheus(history=past_of(_replaced(pod), pod, 200)).url)

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    assert workloads.restarts(after) == 0
    name = f"{kind.lower()}-web"
    wait_for("its forecast", lambda: forecast(cluster, namespace, name)["summary"]["state"] == "Sized", 20)


def test_pods_of_a_custom_kind_are_resized(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A kind of somebody else with a scale subresource, once the operator may read it."""
    _teach_custom_kind(cluster, namespace)
    template = workloads.deployment("web", SMALL)["spec"]["template"]
    farm = {"apiVersion": "example.dev/v1", "kind": "Farm", "metadata": {"name": "web"}, "spec": {"replicas": 1}}
    cluster.apply(farm, namespace=namespace)
    path = f"/apis/example.dev/v1/namespaces/{namespace}/farms/web"
    uid = cluster.api.get(path)["metadata"]["uid"]
    status = {"status": {"replicas": 1, "selector": "app=web"}}
    cluster.api.request("PATCH", f"{path}/status", status, "application/merge-patch+json")
    owner = {"apiVersion": "example.dev/v1", "kind": "Farm", "name": "web", "uid": uid, "controller": True}
    metadata = {"name": "web-bcdfg", "labels": {"app": "web"}, "ownerReferences": [owner]}
    pod = _ready(
        cluster, namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    )
    targeted = policy()
    targeted["spec"]["target"]["ref"] = {"apiVersion": "example.dev/v1", "kind": "Farm", "name": "web"}
    cluster.apply(targeted, namespace=namespace)
    operator(prometheus(history=past_of("web-bcdfg", pod, 200)).url)

    assert workloads.restarts(resized(cluster, pod, lambda limit: limit > 200 * MIB)) == 0


def test_an_argo_rollouts_pods_are_resized_and_born_sized(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """It makes ReplicaSets as a Deployment does: a new replica has its size also while the operator is dead."""
    _teach_custom_kind(cluster, namespace, "Rollout", "argoproj.io")
    manifest = workloads.deployment("web", SMALL)
    version = f"argoproj.io/{VERSIONS['Rollout']}"
    cluster.apply(manifest | {"apiVersion": version, "kind": "Rollout"}, namespace=namespace)
    path = f"/apis/{version}/namespaces/{namespace}/rollouts/web"
    # Argo writes it as text.
    status = {"status": {"replicas": 1, "selector": "app=web", "observedGeneration": "1"}}
    cluster.api.request("PATCH", f"{path}/status", status, "application/merge-patch+json")
    uid = cluster.api.get(path)["metadata"]["uid"]
    pod = _ready(cluster, namespace, _replicaset_of_a_rollout(manifest, version, uid))
    targeted = policy()
    targeted["spec"]["target"]["ref"] = {"apiVersion": version, "kind": "Rollout", "name": "web"}
    cluster.apply(targeted, namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)

    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    entry = wait_for("an entry in MemorySizes", lambda: birth_sizes(cluster, namespace).get("Rollout/web"), 20)
    Births(cluster, namespace).wait_for_size(pod, entry["app"])
    started.kill()
    cluster.kubectl("scale", f"replicaset/web-{HASH}", "--replicas=2", "-n", namespace)
    both = workloads.wait_until_ready(cluster, namespace, "web", 2)
    born = next(each for each in both if each["metadata"]["uid"] != pod["metadata"]["uid"])
    assert (entry["app"]["request"], entry["app"]["limit"]) == sizes(born)


def _replicaset_of_a_rollout(deployment: Json, version: str, uid: str) -> Json:
    """As Argo's controller makes it: with a hash in its name, and a label of its own that has it."""
    labels = {"app": "web", "rollouts-pod-template-hash": HASH}
    spec = deployment["spec"]
    template = {**spec["template"], "metadata": {"labels": labels}}
    owner = {"apiVersion": version, "kind": "Rollout", "name": "web", "uid": uid, "controller": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": f"web-{HASH}", "labels": labels, "ownerReferences": [owner]},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def test_a_selector_takes_all_that_match(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Workloads with the label are resized, the one without is not, each with a forecast of its own or none."""
    pods = {name: deploy(cluster, namespace, name) for name in ("one", "two", "other")}
    cluster.kubectl("label", "deployment/one", "deployment/two", "team=shop", "-n", namespace)
    since = cluster.audit.mark()
    chosen = policy()
    chosen["spec"]["target"] = {"selector": {"matchLabels": {"team": "shop"}}}
    cluster.apply(chosen, namespace=namespace)
    started = operator(prometheus(history=[series for pod in pods.values() for series in past(pod, 200)]).url)

    for name in ("one", "two"):
        resized(cluster, pods[name], lambda limit: limit > 200 * MIB)
    see_passes(started)
    touched = {write.name for write in resizes(cluster, started, namespace, since)}
    assert {pods[name]["metadata"]["name"] for name in ("one", "two")} == touched
    assert forecast(cluster, namespace, "deployment-other") == {}


@pytest.mark.parametrize(
    "target",
    [{"ref": {"apiVersion": "v1", "kind": "Pod", "name": "lone"}}, {"selector": {}, "barePods": True}],
    ids=["by name", "by selector"],
)
def test_a_bare_pod_is_only_recommended_for(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, target: Json
) -> None:
    """Under a policy that applies all there is it has a forecast, a word why it keeps its size, and no write at all."""
    since = cluster.audit.mark()
    template = workloads.deployment("lone", SMALL)["spec"]["template"]
    lone = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lone", "labels": {"app": "lone"}}}
    cluster.apply(lone | {"spec": template["spec"]}, namespace=namespace)
    [pod] = workloads.wait_until_ready(cluster, namespace, "lone")
    everything = policy(apply={"atCreation": True, "running": "InPlaceOrEvict", "template": True})
    everything["spec"]["target"] = target
    cluster.apply(everything, namespace=namespace)
    started = operator(prometheus(history=past_of("lone", pod, 200)).url)

    def recommended() -> Json | None:
        told = forecast(cluster, namespace, "pod-lone")
        return told if told.get("containers", [{}])[0].get("peak") else None

    told = wait_for("a forecast", recommended, 40)
    assert memory_bytes(told["containers"][0]["wantedLimit"]) > 200 * MIB
    assert ("RecommendOnly", "RecommendOnly") == (
        told["summary"]["state"],
        told["containers"][0]["blocked"]["reason"],
    )
    see_passes(started)
    assert [] == deeds(cluster, started, namespace, since)
    assert ("64Mi", "128Mi") == sizes(now(cluster, pod))
    assert "only recommended for" in condition(cluster, namespace, "Ready")["message"]


def _ready(cluster: Cluster, namespace: str, manifest: Json) -> Json:
    cluster.apply(manifest, namespace=namespace)
    pod: Json = workloads.wait_until_ready(cluster, namespace, "web")[0]
    return pod


def _replaced(pod: Json) -> str:
    """The name of a pod like this one that was there before: an ordinal's name stays."""
    stem, _, last = str(pod["metadata"]["name"]).rpartition("-")
    return f"{stem}-{last}" if last.isdigit() else f"{stem}-bcdfg"


def _teach_custom_kind(cluster: Cluster, namespace: str, kind: str = "Farm", group: str = "example.dev") -> None:
    """A CRD with a scale subresource, and the rights that the chart's rbac.extraWorkloads gives."""
    plural = f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    paths = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version = {
        "name": VERSIONS[kind],
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": anything},
        "subresources": {"status": {}, "scale": paths},
    }
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    cluster.apply(crd)
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{plural}.{group}", "--timeout=20s")
    rules = [{"apiGroups": [group], "resources": [plural, f"{plural}/scale"], "verbs": ["get"]}]
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": plural}, "rules": rules}
    binding = {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": plural},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": plural},
        "subjects": [{"kind": "ServiceAccount", "name": "foresize", "namespace": "foresize"}],
    }
    cluster.apply(role, binding, namespace=namespace)
