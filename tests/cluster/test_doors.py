"""Doors as the operator's own account goes through them, for kinds that no other test takes through."""

from __future__ import annotations

from typing import Any

import pytest

from foresize.cluster.board import Boards
from foresize.cluster.podviews import view
from foresize.cluster.references import find
from foresize.cluster.workloads import Workload
from foresize.config.selecting import Ref
from foresize.doors.scale import scale
from foresize.kube.kubeapi import connect
from foresize.kube.lease import Fence
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.workloads import Memhog
from releases import own_kubeconfig

Json = dict[str, Any]
pytestmark = pytest.mark.usefixtures("chart")


@pytest.mark.parametrize("kind", ["StatefulSet", "ReplicaSet"])
def test_each_kind_is_scaled(cluster: Cluster, namespace: str, kind: str) -> None:
    """Down to nothing and back again; a number that somebody else wrote meanwhile stays."""
    manifest = workloads.deployment("web", Memhog({"HOLD": "1Mi"})) | {"kind": kind}
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"example.com/none": "here"}
    cluster.apply(manifest, namespace=namespace)
    api, always = connect(str(own_kubeconfig(cluster))), Fence(lambda: True)
    found = find(api, namespace, Ref("apps/v1", kind, "web"))
    assert isinstance(found, Workload)

    assert scale(api, always, found, 1, 0) is None
    assert 0 == _replicas(cluster, namespace, kind)
    assert scale(api, always, found, 0, 1) is None
    refused = scale(api, always, found, 5, 0)
    assert refused is not None
    assert "somebody else has scaled it" in refused.message
    assert 1 == _replicas(cluster, namespace, kind)


def test_a_pod_goes_where_its_volume_is(cluster: Cluster, namespace: str) -> None:
    """What would come in an evicted pod's place is bound to the nodes that reach its PersistentVolume."""
    reach = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}]}]
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": {
            **common,
            "capacity": {"storage": "1Mi"},
            "local": {"path": "/nowhere"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": reach}},
        },
    }
    wanted = {**common, "volumeName": namespace, "resources": {"requests": {"storage": "1Mi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": wanted}
    spec = workloads.deployment("web", Memhog({"HOLD": "1Mi"}))["spec"]["template"]["spec"]
    spec |= {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    cluster.apply(volume, claim, pod, namespace=namespace)
    item = cluster.api.get(f"/api/v1/namespaces/{namespace}/pods/web")

    seat = Boards(connect(str(own_kubeconfig(cluster)))).seat_of_replacement(view(item), {})
    cluster.kubectl("delete", "persistentvolume", namespace, "--wait=false")
    assert seat is not None
    [[term]] = seat.volume_terms
    assert "node-1" in str(term)


def _replicas(cluster: Cluster, namespace: str, kind: str) -> int:
    found: Json = cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s/web")
    return int(found["spec"]["replicas"])
