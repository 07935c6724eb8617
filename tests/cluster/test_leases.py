"""Two operators on one cluster: one writes, the other waits, and a change of hands repeats nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from foresize_dev import processes
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from proofs import counter, resize_by_hand, resizes, see_passes
from scenes import MIB, deploy, past, policy, resized


def test_only_the_holder_of_the_lease_writes(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Of two operators one waits; it takes over when the other dies, and goes on without a second patch."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    since = cluster.audit.mark()
    cluster.apply(policy(), namespace=namespace)
    first = operator(server.url)
    with _another(first) as second:
        resized(cluster, pod, lambda limit: limit > 200 * MIB)
        see_passes(first)
        assert (1, 0) == (counter(first, "foresize_leader"), counter(second, "foresize_leader"))
        assert counter(second, "foresize_api_writes_total") == 0

        first.kill()
        wait_for("the second to take over", lambda: counter(second, "foresize_leader") == 1, 30)
        see_passes(second)
        assert 1 == len(resizes(cluster, second, namespace, since))


def test_an_operator_that_was_frozen_does_not_write_over_its_heir(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Stopped for longer than its lease and woken again, it finds that it lost the lease before it writes."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    cluster.apply(policy(), namespace=namespace)
    first = operator(server.url)
    with _another(first) as second:
        resized(cluster, pod, lambda limit: limit > 200 * MIB)
        see_passes(first)
        with _frozen(first.pid):
            wait_for("the second to take over", lambda: counter(second, "foresize_leader") == 1, 30)
            see_passes(second)
            since = cluster.audit.mark()
            resize_by_hand(cluster, pod, request="64Mi", limit="128Mi")
            resized(cluster, pod, lambda limit: limit > 200 * MIB)
        wait_for("the first to see that it lost", lambda: counter(first, "foresize_leader") == 0, 20)
        written = counter(first, "foresize_api_writes_total")
        see_passes(second)

        assert 1 == len(resizes(cluster, second, namespace, since))
        assert written == counter(first, "foresize_api_writes_total")


def test_an_api_server_that_stands_still_is_outlived(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The operator loses its lease, is not restarted, takes the lease again and goes on where it was."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    before = started.pid

    with _frozen(processes.pid_of(cluster.state, "kube-apiserver")):
        wait_for("the lease to be lost", lambda: counter(started, "foresize_leader") == 0, 30)
    wait_for("the lease to be held again", lambda: counter(started, "foresize_leader") == 1, 60)
    since = cluster.audit.mark()
    resize_by_hand(cluster, pod, request="64Mi", limit="128Mi")

    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    see_passes(started)
    assert 1 == len(resizes(cluster, started, namespace, since))
    assert before == started.pid


@contextmanager
def _another(first: Operator) -> Iterator[Operator]:
    """A second operator with the settings of the first."""
    second = Operator(first.cluster, dict(first.settings), name="operator-2").start()
    try:
        yield second
    finally:
        second.stop()


@contextmanager
def _frozen(pid: int | None) -> Iterator[None]:
    """A process and its children stand still, as on a node that hangs."""
    assert pid is not None
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(pid, signal.SIGCONT)
