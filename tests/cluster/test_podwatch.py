import time

import pytest

from foresize.kubeapi import connect
from foresize.podwatch import PodWatch
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


def _in_force(watch: PodWatch, namespace: str) -> Size | None:
    [seen] = watch.pods_of(namespace, "Deployment/greedy")
    return seen.containers[0].actual
