"""Which limit the kernel holds a container to, as far as the pod's own story tells."""

from __future__ import annotations

from typing import Any

from builders import NOW_S, container, mi, pod, size
from foresize.cluster.inforce import carried
from foresize_forecast.pods import ContainerView, Kill, PodView

SMALL, LARGE = size(10, 40), size(10, 80)


def app(present: Any = SMALL, *, restarts: int = 0, runs: bool = True, kill: Kill | None = None) -> ContainerView:
    """Container app, as its status tells of it."""
    started_s = NOW_S + 10.0 * restarts if runs else None
    return container(present=present, restarts=restarts, running_since_s=started_s, last_kill=kill)


def story(*told: ContainerView) -> ContainerView:
    """The container at the end of what was told of its pod, in this order."""
    before: PodView | None = None
    for each in told:
        before = carried(before, pod(each))
    assert before is not None
    return before.containers[0]


def test_a_limit_that_changes_while_its_container_runs_is_in_force() -> None:
    """The runtime itself has told it: a kill afterwards met the new limit."""
    end = story(app(), app(LARGE), app(LARGE, runs=False, kill=Kill(NOW_S + 9, mi(80))))

    assert (None, 0) == (end.held_bytes, end.vain_kills)
    assert Kill(NOW_S + 9, mi(80)) == end.last_kill


def test_a_limit_that_changes_between_two_runs_is_not_and_its_kills_are_the_old_ones() -> None:
    """Asked of a container that was dead by then: it is killed at 40 MiB again and again, whatever its status says."""
    first = app(kill=Kill(NOW_S + 1, mi(40)), restarts=1)
    died = app(LARGE, runs=False, kill=Kill(NOW_S + 11, mi(80)), restarts=1)
    again = app(LARGE, kill=Kill(NOW_S + 11, mi(80)), restarts=2)
    thrice = app(LARGE, runs=False, kill=Kill(NOW_S + 21, mi(80)), restarts=2)
    fourth = app(LARGE, runs=False, kill=Kill(NOW_S + 31, mi(80)), restarts=3)

    end = story(first, died, again, thrice, fourth)

    assert Kill(NOW_S + 31, mi(40)) == end.last_kill
    assert mi(40) == end.held_bytes
    # The first of the three found it held; it was the one by which that became known.
    assert 2 == end.vain_kills


def test_it_is_over_once_another_limit_takes_effect() -> None:
    """Half a MiB less, written while it runs: the kubelet writes the pod's cgroup, and what is told is true again."""
    caught = app(LARGE, kill=Kill(NOW_S + 11, mi(80)), restarts=1)
    healed = app(size(10, 79.5), kill=Kill(NOW_S + 11, mi(80)), restarts=1)

    end = story(app(), app(LARGE, runs=False), caught, healed)

    assert (None, 0) == (end.held_bytes, end.vain_kills)
    assert Kill(NOW_S + 11, mi(40)) == end.last_kill  # what it met then


def test_a_resize_of_a_neighbour_writes_the_whole_pods_cgroup() -> None:
    """What reached the kernel for one container did for all: their limits are one sum there."""
    beside = container("beside", present=SMALL)
    before = carried(pod(app(), beside), pod(app(LARGE, runs=False), beside))
    after = carried(before, pod(app(LARGE, runs=False), container("beside", present=LARGE)))

    assert [mi(40), None] == [each.held_bytes for each in before.containers]
    assert [None, None] == [each.held_bytes for each in after.containers]


def test_where_a_container_has_no_limit_the_pod_has_none() -> None:
    """Nothing of the old limit can be left in a cgroup that has none."""
    free = container("beside", present=size(10, None))
    after = carried(pod(app(), free), pod(app(LARGE, runs=False), free))

    assert [None, None] == [each.held_bytes for each in after.containers]


def test_a_lower_limit_between_two_runs_holds() -> None:
    """The container's own cgroup is made anew with each run: only what is above the pod's is held back."""
    assert story(app(LARGE), app(SMALL, runs=False)).held_bytes is None
    assert story(app(), app(LARGE, runs=False), app(SMALL, runs=False)).held_bytes is None


def test_of_a_pod_that_is_seen_for_the_first_time_what_it_says_is_taken() -> None:
    """Nobody watched: neither its limit nor its kill is doubted."""
    end = story(app(LARGE, runs=False, kill=Kill(NOW_S, mi(80)), restarts=4))

    assert (None, Kill(NOW_S, mi(80))) == (end.held_bytes, end.last_kill)


def test_a_container_that_has_not_run_yet_is_held_to_nothing() -> None:
    """Before its first start the kubelet tells of no resources; what it starts with is in force."""
    unborn = container(present=SMALL, actual=None, running_since_s=None)

    assert story(unborn, app(LARGE)).held_bytes is None
