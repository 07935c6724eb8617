"""Which pods are found under which owner."""

from __future__ import annotations

from dataclasses import replace

from builders import NOW_S, container, mi, pod
from foresize.cluster.podstore import Known, Pods
from foresize.cluster.workloads import scheduled
from foresize_forecast.pods import Kill, PodView


def of(owner: str, *, killed: bool = False) -> PodView:
    """A pod of an owner."""
    view = container(last_kill=Kill(NOW_S, mi(64)) if killed else None)
    return pod(view, owner=owner, uid=f"uid-{owner}")


def known(view: PodView, *, finished: bool = False) -> Known:
    """As the watch keeps it."""
    return Known(view.namespace, view.node, 0, view, finished)


def test_a_cronjobs_pods_are_found_under_it() -> None:
    """By the number that its controller puts behind the name of each Job; a Job of another name is its own."""
    pods = Pods()
    nightly, once = of("Job/nightly-29000000"), of("Job/once-7")
    for each in (nightly, once):
        pods.put(each.uid, known(each))

    assert (nightly,) == pods.owned("shop", "CronJob/nightly") == pods.owned("shop", "Job/nightly-29000000")
    assert () == pods.owned("shop", "CronJob/once")
    assert {nightly.uid, once.uid} == set(pods.snapshot())
    pods.drop(nightly.uid)
    assert () == pods.owned("shop", "CronJob/nightly")


def test_what_ended_by_a_kill_is_remembered_while_it_is_there() -> None:
    """A run that failed for good tells of its kill for as long as its pod is kept; one that succeeded tells nothing."""
    pods = Pods()
    lost, won = of("Job/nightly-29000000", killed=True), of("Job/nightly-29000001")
    pods.put(lost.uid, known(replace(lost, ready=True)))
    pods.put(lost.uid, known(lost, finished=True))
    pods.put(won.uid, known(won, finished=True))

    assert ((), (lost,)) == (pods.owned("shop", "CronJob/nightly"), pods.killed())
    pods.drop(lost.uid)
    assert () == pods.killed()


def test_a_number_is_a_schedule_from_eight_digits_on() -> None:
    """As the admission policy takes it, so that both find the same workload."""
    assert ["CronJob/a-b", "", "", ""] == [
        scheduled(each) for each in ("Job/a-b-29000000", "Job/a-2900000", "Job/-29000000", "Deployment/a-29000000")
    ]
