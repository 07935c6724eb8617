"""What a size may be."""

from __future__ import annotations

from builders import mi, size
from foresize_forecast.pods import Room
from foresize_forecast.sizes import ContainerPolicy
from foresize_forecast.sizing.bounds import clamp


def test_the_policys_minimum_and_maximum_hold() -> None:
    """10 and 5000 MiB become 32 and 1024."""
    asked = ContainerPolicy(min_bytes=mi(32), max_bytes=mi(1024))

    assert size(32, 1024) == clamp(size(10, 5000), asked, Room())


def test_a_size_has_at_least_a_quarter_of_a_mebibyte() -> None:
    """Unless a policy says otherwise: a pause container takes that little, and hardly anything takes less."""
    assert size(0.25, 20) == clamp(size(0.1, 20), ContainerPolicy(), Room())
    assert size(0.5, 20) == clamp(size(0.5, 20), ContainerPolicy(), Room())


def test_a_limit_range_maximum_wins_over_the_policys_minimum() -> None:
    """A LimitRange is enforced, a policy's minimum is a wish: the pod must be creatable."""
    room = Room(container_max_bytes=mi(100))

    assert size(100, 100) == clamp(size(10, 500), ContainerPolicy(min_bytes=mi(200)), room)


def test_a_limit_range_ratio_raises_the_request() -> None:
    """A limit of 400 MiB at a ratio of 2 at most needs a request of 200."""
    assert size(200, 400) == clamp(size(100, 400), ContainerPolicy(), Room(limit_ratio_max=2.0))


def test_a_request_never_exceeds_the_largest_node() -> None:
    """What no node can hold would stay Pending for ever; the limit is no claim and stays."""
    assert size(900, 2000) == clamp(size(1500, 2000), ContainerPolicy(), Room(node_allocatable_bytes=mi(900)))


def test_what_is_not_set_stays_unset() -> None:
    """No limit is invented by a bound."""
    assert size(64, None) == clamp(size(64, None), ContainerPolicy(max_bytes=mi(128)), Room())
