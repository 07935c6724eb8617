"""The way back of a running pod: its owner's sizes, as far as it can have them while it lives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, pod, size
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.giveback import given_back
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import MIB, QosClass, Size

OWNERS = {"app": size(64, 128)}


def test_a_pod_gets_what_its_owner_wrote() -> None:
    """Up or down, both values go back at once."""
    assert PodChange({"app": size(64, 128)}) == given_back(pod(container(present=size(40, 300))), OWNERS).change


def test_a_pod_that_has_its_owners_sizes_is_left_alone() -> None:
    """Released twice, nothing is written the second time."""
    assert given_back(pod(), OWNERS).change is None


def test_a_limit_that_the_owner_left_out_stays_and_is_told() -> None:
    """The API server takes no limit from a running pod: the pod keeps it, in words, and gets its request back."""
    found = given_back(pod(container(present=size(40, 300))), {"app": size(64, None)})

    assert PodChange({"app": size(64, 300)}) == found.change
    assert ("the limit of app, 300Mi: its template has none, and only a new pod can be without",) == found.kept


def test_a_limit_that_stays_makes_room_for_the_owners_request() -> None:
    """An owner who wrote a request of 64 MiB and no limit gets it from a pod that was limited to 50."""
    assert (
        PodChange({"app": size(64, 64)})
        == given_back(pod(container(present=size(40, 50))), {"app": size(64, None)}).change
    )


def test_containers_that_the_template_does_not_have_stay() -> None:
    """What a webhook injected is nobody's to give back."""
    assert given_back(pod(container("proxy", present=size(1, 2))), OWNERS).change is None


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"qos": QosClass.BEST_EFFORT}, Obstacle.BEST_EFFORT),
        ({"pod_level_resources": True}, Obstacle.POD_LEVEL_RESOURCES),
        ({"containers": (container(present=size(1, 2), restarts_on_resize=True),)}, Obstacle.RESTART_ON_RESIZE),
        ({"containers": (container(present=size(1, 2), running_since_s=None),)}, Obstacle.BACK_OFF),
    ],
)
def test_what_forbids_a_resize_forbids_the_way_back(changes: dict[str, object], obstacle: Obstacle) -> None:
    """No restart, and no patch that would not reach the kernel: it is told instead."""
    found = given_back(replace(pod(container(present=size(1, 2))), **changes), OWNERS).change

    assert isinstance(found, Blocked)
    assert obstacle is found.obstacle


def test_a_pod_that_ends_is_left_to_its_end() -> None:
    """Its successor is born with its owner's sizes."""
    assert given_back(pod(container(present=size(1, 2)), terminating=True), OWNERS).change is None


parts = st.none() | st.integers(1, 64).map(lambda value: value * MIB)
sizes = st.tuples(parts, parts).filter(lambda both: None in both or both[0] <= both[1]).map(lambda both: Size(*both))


@given(sizes, sizes)
def test_going_back_twice_is_going_back_once(has: Size, owner: Size) -> None:
    """After the patch there is nothing left to patch, and no request was made higher than a limit."""
    running = replace(container(present=has), running_since_s=NOW_S)
    found = given_back(pod(running), {"app": owner}).change

    if isinstance(found, PodChange):
        after = replace(running, size=found.sizes["app"], actual=found.sizes["app"])
        assert given_back(pod(after), {"app": owner}).change is None
        assert owner.request_bytes in {None, found.sizes["app"].request_bytes}
        assert owner.limit_bytes in {None, found.sizes["app"].limit_bytes}
