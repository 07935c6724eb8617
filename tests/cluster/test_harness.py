import time
from pathlib import Path

import pytest

from foresize_dev import backfill, workloads
from foresize_dev import cluster as clusters
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog

MI = 1 << 20


def test_resize_reaches_the_kernel(cluster: Cluster, namespace: str) -> None:
    """A limit changed in place is the kernel's limit a moment later, and the container is not restarted."""
    cluster.apply(workloads.deployment("web", Memhog({"HOLD": "40Mi"}, "64Mi", "100Mi")), namespace=namespace)
    [pod] = workloads.wait_until_ready(cluster, namespace, "web")

    assert workloads.limit_bytes(pod) == 100 * MI
    assert workloads.used_bytes(pod) >= 40 * MI

    resize(cluster, pod, "150Mi")
    wait_for("the kernel's limit of 150 Mi", lambda: workloads.limit_bytes(pod) == 150 * MI, 10, every_s=0.01)
    [after] = workloads.pods(cluster, namespace, "web")

    assert workloads.restarts(after) == 0


def test_audit_log_names_the_writer(cluster: Cluster, namespace: str) -> None:
    """What was written, by whom and to what is in the audit log; what was only read is not."""
    mark = cluster.audit.mark()
    cluster.api.get(f"/api/v1/namespaces/{namespace}/pods")
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note"}}, namespace=namespace)
    [write] = cluster.audit.writes(user="admin", namespace=namespace, since=mark)

    assert (write.user, write.verb, write.resource, write.name) == ("admin", "create", "configmaps", "note")
    assert cluster.audit.writes(user="admin", namespace=namespace, since=cluster.audit.mark()) == []


def test_kernel_kills_above_the_limit(cluster: Cluster, namespace: str) -> None:
    """A container that takes more than its limit is OOM-killed by the kernel and started again."""
    cluster.apply(workloads.deployment("greedy", Memhog({"HOLD": "20Mi"}, "40Mi", "40Mi")), namespace=namespace)
    [pod] = workloads.wait_until_ready(cluster, namespace, "greedy")
    with pytest.raises(OSError):  # noqa: PT011 - killed while it answers: a reset, an end of file or a time-out
        workloads.hold(pod, "80Mi")

    def killed() -> str | None:
        [now] = workloads.pods(cluster, namespace, "greedy")
        state = now["status"]["containerStatuses"][0]["lastState"]
        return str(state["terminated"]["reason"]) if state else None

    assert wait_for("the container to be killed", killed, 20) == "OOMKilled"


def test_prometheus_has_past_and_present(cluster: Cluster, namespace: str, prometheus: StartPrometheus) -> None:
    """Prometheus answers with the past it was given and with what the kubelet says of a running container."""
    cluster.apply(workloads.deployment("web", Memhog({"HOLD": "40Mi"}, "64Mi", "100Mi")), namespace=namespace)
    [pod] = workloads.wait_until_ready(cluster, namespace, "web")
    day_ago = time.time() - 86_400
    dead = {"namespace": namespace, "pod": "web-before", "node": "node-1"}
    past = backfill.container_memory(dead, "app", day_ago, 300, [50 * MI, float("nan"), 70 * MI])
    server = prometheus(history=past)
    query = f'{backfill.WORKING_SET}{{namespace="{namespace}",pod="web-before",container="app"}}'
    [first] = server.query(query, at_s=day_ago + 1)
    [third] = server.query(query, at_s=day_ago + 601)

    assert (float(first["value"][1]), float(third["value"][1])) == (50 * MI, 70 * MI)

    live = f'{backfill.WORKING_SET}{{namespace="{namespace}",pod="{pod["metadata"]["name"]}",container="app"}}'
    [now] = server.wait_for_samples(f"{live} >= {40 * MI}")  # the kubelet's own samples may be older than the pod

    assert float(now["value"][1]) <= 60 * MI
    assert now["metric"]["node"] == "node-1"


def test_second_cluster_is_refused(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """A second cluster is refused with the ports that are taken, and the one that runs is left alone."""
    cluster.apply(workloads.deployment("web", Memhog({"HOLD": "20Mi"})), namespace=namespace)
    [pod] = workloads.wait_until_ready(cluster, namespace, "web")
    with pytest.raises(clusters.MachineError, match="in use: 6443"):
        clusters.start(clusters.Options(state=tmp_path / "second"))
    [after] = workloads.wait_until_ready(cluster, namespace, "web")

    assert (after["metadata"]["uid"], workloads.restarts(after)) == (pod["metadata"]["uid"], 0)


def resize(cluster: Cluster, pod: dict[str, object], limit: str) -> None:
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/resize"
    sizes = {"containers": [{"name": "app", "resources": {"limits": {"memory": limit}}}]}
    cluster.api.request("PATCH", path, {"spec": sizes})
