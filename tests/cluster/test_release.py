"""The way back: running pods get the sizes that their owners wrote, through the same doors, and stay there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foresize_dev import helm, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from proofs import birth_sizes, deeds, see_passes
from releases import CHART, release
from scenes import MIB, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
SWITCH = ("configmap", "foresize-kill-switch", "-n", helm.NAMESPACE)


def _sized(cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator) -> Operator:
    """Two pods of 64Mi/128Mi that the operator has made larger, and birth sizes for the next."""
    pod = deploy(cluster, namespace, replicas=2)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    for each in workloads.pods(cluster, namespace, "web"):
        resized(cluster, each, lambda limit: limit > 200 * MIB)
    wait_for("birth sizes", lambda: birth_sizes(cluster, namespace), 20)
    return started


def test_a_release_under_the_kill_switch_gives_all_back(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Refused while the operator would undo it; then both pods are back, unharmed, by two resizes and no more.

    In the order of an uninstall: kill switch, release, policies deleted. Without the switch nothing changes any more,
    and after `helm uninstall` nothing is left but the CRDs and the workloads, which go on as their owners wrote them.
    """
    started = _sized(cluster, namespace, prometheus, operator)
    code, words = release(cluster, f"{namespace}/web")
    assert (1, True) == (code, "would size it again at once: MemoryPolicy p applies" in words), words

    since = cluster.audit.mark()
    cluster.kubectl("create", *SWITCH, "--from-literal=stop=true")
    try:
        wait_for("birth sizes to go first", lambda: not birth_sizes(cluster, namespace), 20)
        code, words = release(cluster, "--all", "-n", namespace)
        assert code == 0, words
        cluster.kubectl("delete", "memorypolicies", "--all", "-n", namespace)
    finally:
        cluster.kubectl("delete", *SWITCH)
    see_passes(started)

    for pod in workloads.pods(cluster, namespace, "web"):
        assert (sizes(pod), workloads.limit_bytes(pod)) == (("64Mi", "128Mi"), 128 * MIB)
        assert workloads.restarts(pod) == 0
    assert birth_sizes(cluster, namespace) == {}
    written = [write.resource for write in deeds(cluster, started, namespace, since)]
    assert written == ["memorysizes", "pods/resize", "pods/resize"]

    before = {pod["metadata"]["uid"] for pod in workloads.pods(cluster, namespace, "web")}
    started.stop()
    with _uninstalled(cluster) as installed:
        left = cluster.kubectl("get", "--ignore-not-found", "-o", "name", "-f", "-", stdin=installed).split()
        assert {"customresourcedefinition.apiextensions.k8s.io"} == {each.partition("/")[0] for each in left}
        wait_for("its MemoryForecasts to be gone", lambda: not forecast(cluster, namespace), 40)
        cluster.kubectl("scale", "deployment/web", "--replicas=3", "-n", namespace)
        three = workloads.wait_until_ready(cluster, namespace, "web", 3)
    assert {(("64Mi", "128Mi"), 0)} == {(sizes(pod), workloads.restarts(pod)) for pod in three}
    assert before < {pod["metadata"]["uid"] for pod in three}


def test_a_release_after_the_operator_is_gone(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Killed without a word, its policy still there: the release takes the lease, and birth sizes go before pods.

    One pod has 160 MiB in use: its limit cannot go back to 128 MiB, which is told, and nothing is left waiting on it.
    """
    started = _sized(cluster, namespace, prometheus, operator)
    busy, idle = workloads.pods(cluster, namespace, "web")
    workloads.hold(busy, "160Mi")
    wait_for("160 MiB in use", lambda: workloads.used_bytes(busy) > 160 * MIB, 20)
    before = sizes(now(cluster, busy))
    started.kill()
    since = cluster.audit.mark()

    code, words = release(cluster, "--all", "-n", namespace)
    assert code == 1, words
    assert f"{namespace}/Deployment/web: 1 of 2 pods have their owner's sizes" in words
    assert f"pod {busy['metadata']['name']} keeps its size: " in words
    assert sizes(now(cluster, idle)) == ("64Mi", "128Mi")
    assert sizes(now(cluster, busy)) == before
    wait_for("no resize to be waiting", lambda: not _waiting(cluster, busy), 20)
    written = [write.resource for write in deeds(cluster, started, namespace, since)]
    assert written[0] == "memorysizes"
    assert set(written[1:]) == {"pods/resize"}


@contextmanager
def _uninstalled(cluster: Cluster) -> Iterator[str]:
    """The chart is removed, and put back for the tests that follow; gives what it had installed."""
    installed = helm.helm(cluster, "get", "manifest", helm.RELEASE, "--namespace", helm.NAMESPACE)
    helm.uninstall(cluster)
    try:
        yield installed
    finally:
        helm.install(cluster, CHART)


def _waiting(cluster: Cluster, pod: Json) -> list[Json]:
    """What a pod's status says of a resize that is not done."""
    return [each for each in now(cluster, pod)["status"]["conditions"] if each["type"].startswith("PodResize")]
