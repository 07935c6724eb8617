"""Two operators on one cluster: one writes, the other waits, and a change of hands repeats nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from foresize_dev import processes, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from proofs import counter, resize_by_hand, resizes, see_passes
from scenes import MIB, deploy, past, policy, resized

MINUTE_S = 60


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


@pytest.mark.timeout(300)
def test_an_api_server_that_is_away_for_a_minute_is_outlived(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """It answers nothing, then nobody is there: the operator loses its lease, is not restarted, and goes on after.

    What is done then is once more right and nothing is done twice; a kill of the minute in between is made up for.
    """
    pod = deploy(cluster, namespace)
    victim = deploy(cluster, namespace, "victim", hold={"HOLD": "10Mi"}, request="20Mi", limit="40Mi")
    cluster.apply(policy(), policy("q", "victim"), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    see_passes(started)
    before, since = started.pid, cluster.audit.mark()

    with _away(cluster, MINUTE_S):
        wait_for("the lease to be lost", lambda: counter(started, "foresize_leader") == 0, 30)
        with suppress(OSError):  # killed before it answers
            workloads.hold(victim, "70Mi")
    wait_for("the lease to be held again", lambda: counter(started, "foresize_leader") == 1, 60)
    resized(cluster, victim, lambda limit: limit == 80 * MIB)
    see_passes(started)
    assert [victim["metadata"]["name"]] == [each.name for each in resizes(cluster, started, namespace, since)]

    resize_by_hand(cluster, pod, request="64Mi", limit="128Mi")
    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    see_passes(started)
    assert 2 == len(resizes(cluster, started, namespace, since))
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
def _away(cluster: Cluster, for_s: float) -> Iterator[None]:
    """The API server stands still for a third of a time, and is gone for the rest of it, as after a node's end."""
    pid = processes.pid_of(cluster.state, "kube-apiserver")
    back_s = time.monotonic() + for_s
    with _frozen(pid):
        yield
        _sleep_until(back_s - for_s * 2 / 3)
        processes.stop(cluster.state, ["kube-apiserver"], 0)
        _sleep_until(back_s)
    cluster.restart_api()


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))


@contextmanager
def _frozen(pid: int | None) -> Iterator[None]:
    """A process and its children stand still, as on a node that hangs."""
    assert pid is not None
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it may have been ended meanwhile
            os.killpg(pid, signal.SIGCONT)
