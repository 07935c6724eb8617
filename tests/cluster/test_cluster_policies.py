"""A policy for many namespaces: whose workloads it sizes, where it gives way, what its deletion leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from births import Births
from foresize_dev import workloads
from foresize_dev.api import ApiError
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from proofs import birth_sizes
from scenes import MIB, deploy, past, policy, resized, sizes

Json = dict[str, Any]
API = "/apis/foresize.dev/v1alpha1"


@pytest.fixture
def neighbour(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A second namespace, in which pods can be created."""
    name = f"{namespace[:50]}-next"
    cluster.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    wait_for("its ServiceAccount", lambda: cluster.api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"), 20)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


def test_a_policy_of_the_cluster_is_followed_in_labelled_namespaces(
    cluster: Cluster, namespace: str, neighbour: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Two namespaces are sized by one policy; one's own policy takes over there; its deletion takes all away."""
    label = {"foresize-test": namespace}
    pods = {each: deploy(cluster, each) for each in (namespace, neighbour)}
    for each in pods:
        cluster.kubectl("label", "namespace", each, f"foresize-test={namespace}")
    cluster.apply(everywhere(namespace, label))
    server = prometheus(history=[row for pod in pods.values() for row in past(pod, 200)])
    operator(server.url, namespaces="", inventory_interval="2s")
    for each, pod in pods.items():
        resized(cluster, pod, lambda limit: limit > 200 * MIB)
        entry = wait_for("an entry in MemorySizes", lambda at=each: birth_sizes(cluster, at).get("Deployment/web"), 20)
        Births(cluster, each).wait_for_size(pod, entry["app"])
        two = workloads.deployment("web", workloads.Memhog({"HOLD": "40Mi"}, "64Mi", "128Mi", replicas=2))
        cluster.apply(two, namespace=each)
        both = workloads.wait_until_ready(cluster, each, "web", 2)
        born = next(one for one in both if one["metadata"]["uid"] != pod["metadata"]["uid"])
        assert "app" == born["metadata"]["annotations"]["foresize.dev/sized-at-creation"]
        assert entry["app"]["limit"] == sizes(born)[1]
    assert ("ClusterMemoryPolicy", namespace) == _owner(cluster, neighbour)

    cluster.apply(policy("own", apply={}), namespace=neighbour)
    wait_for("the namespace's own policy to have it", lambda: _owner(cluster, neighbour)[0] == "MemoryPolicy", 20)
    assert {} == birth_sizes(cluster, neighbour)
    words = f"{neighbour}/Deployment web is under its namespace's own MemoryPolicy own"
    wait_for("the policy's status to say so", lambda: words == _conflict(cluster, namespace), 20)

    cluster.kubectl("label", "namespace", namespace, "foresize-test-")
    wait_for("the namespace without its label to be let go", lambda: not birth_sizes(cluster, namespace), 20)
    cluster.kubectl("label", "namespace", namespace, f"foresize-test={namespace}")
    wait_for("it to be sized again", lambda: birth_sizes(cluster, namespace), 20)

    cluster.kubectl("delete", "clustermemorypolicy", namespace)
    wait_for("its birth sizes to be gone", lambda: not birth_sizes(cluster, namespace), 20)
    wait_for("its MemoryForecast to be gone", lambda: _is_gone(cluster, namespace), 40)
    assert ("MemoryPolicy", "own") == _owner(cluster, neighbour)


def everywhere(name: str, labels: Json) -> Json:
    """A policy of the cluster for all workloads of namespaces with these labels."""
    wanted = policy()["spec"] | {"namespaceSelector": {"matchLabels": labels}, "target": {"selector": {}}}
    return {
        "apiVersion": "foresize.dev/v1alpha1",
        "kind": "ClusterMemoryPolicy",
        "metadata": {"name": name},
        "spec": wanted,
    }


def _owner(cluster: Cluster, namespace: str) -> tuple[str, str]:
    """Kind and name of the policy that a MemoryForecast names."""
    found = cluster.api.get(f"{API}/namespaces/{namespace}/memoryforecasts/deployment-web")["spec"]
    return found["policyKind"], found["policy"]


def _conflict(cluster: Cluster, name: str) -> str:
    status = cluster.api.get(f"{API}/clustermemorypolicies/{name}").get("status", {})
    return next((str(each["message"]) for each in status.get("conditions", []) if each["type"] == "Conflict"), "")


def _is_gone(cluster: Cluster, namespace: str) -> bool:
    """Kubernetes deletes with its owner what a policy of the cluster owns in a namespace."""
    try:
        cluster.api.get(f"{API}/namespaces/{namespace}/memoryforecasts/deployment-web")
    except ApiError:
        return True
    return False
