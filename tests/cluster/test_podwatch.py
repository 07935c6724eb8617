import json
import time

import pytest

from foresize.cluster.podviews import view
from foresize.cluster.podwatch import PodWatch
from foresize.kube.kubeapi import connect
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from foresize_forecast.pods import ContainerView, PodView
from foresize_forecast.sizes import MIB, QosClass, Size


def test_a_kill_by_the_kernel_is_told(cluster: Cluster, namespace: str) -> None:
    """A kill by the kernel is told with the limit that killed, then the restart; the pod's size in force is known."""
    told: list[tuple[str, ContainerView]] = []

    def kill(_: PodView, container: ContainerView) -> None:
        told.append(("kill", container))

    def running(_: PodView, container: ContainerView) -> None:
        told.append(("running", container))

    api = connect(str(cluster.kubeconfig))
    watch = PodWatch(api, lambda pod: pod.namespace == namespace, on_kill=kill, on_running=running)
    watch.start()
    try:
        wait_for("the pods to be read", watch.synced, 10)
        cluster.apply(workloads.deployment("greedy", Memhog({"HOLD": "20Mi"}, "40Mi", "60Mi")), namespace=namespace)
        [pod] = workloads.wait_until_ready(cluster, namespace, "greedy")
        with pytest.raises(OSError):  # noqa: PT011 - killed while it answers: a reset, an end of file or a time-out
            workloads.hold(pod, "100Mi")
        wait_for("start, kill and restart", lambda: len(told) >= 3, 20, every_s=0.05)

        assert ["running", "kill", "running"] == [what for what, _ in told[:3]]
        killed = told[1][1].last_kill
        assert killed is not None
        assert 60 * MIB == killed.limit_bytes
        assert abs(time.time() - killed.at_s) < 30
        assert 1 == told[2][1].restarts

        wait_for("the kubelet to tell sizes", lambda: _in_force(watch, namespace) == Size(40 * MIB, 60 * MIB), 10)
        [seen] = watch.pods_of(namespace, "Deployment/greedy")
        assert QosClass.BURSTABLE is seen.qos
        assert watch.requested_by_node()[seen.node] >= 40 * MIB
    finally:
        watch.stop()


def test_who_else_writes_a_pods_memory_is_named(cluster: Cluster, namespace: str) -> None:
    """Whoever changed what we wrote is named for as long as theirs is there; else whoever created the pod."""
    cluster.apply(workloads.deployment("shared", Memhog({"HOLD": "20Mi"}, "40Mi", "60Mi")), namespace=namespace)
    [pod] = workloads.wait_until_ready(cluster, namespace, "shared")
    for manager, limit in (("foresize", "70Mi"), ("krr-enforcer", "80Mi"), ("foresize", "90Mi")):
        containers = [{"name": "app", "resources": {"limits": {"memory": limit}}}]
        change = json.dumps({"spec": {"containers": containers}})
        named = (pod["metadata"]["name"], "--subresource=resize", f"--field-manager={manager}", f"--patch={change}")
        cluster.kubectl("patch", "pod", "--namespace", namespace, *named)
        time.sleep(1.1)  # the API server's record has whole seconds
        wanted = manager if manager != "foresize" else "kube-controller-manager"
        item = cluster.api.get(f"/api/v1/namespaces/{namespace}/pods/{named[0]}")
        assert wanted == view(item).rewriter, limit


def _in_force(watch: PodWatch, namespace: str) -> Size | None:
    [seen] = watch.pods_of(namespace, "Deployment/greedy")
    return seen.containers[0].actual
