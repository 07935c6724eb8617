"""What is said of nodes: a policy's condition, and memory that nobody can have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import mi, pod
from foresize_forecast.node import Relief, Standing, Tenant, flat, relief, stranded_bytes, told
from foresize_forecast.node.demand import NOTHING
from foresize_forecast.node.relief import Leaving

SHORT = Relief(Standing.SHORT, NOTHING, NOTHING, (), mi(300), "node-1 is expected to use too much")


def test_the_node_that_lacks_most_is_told() -> None:
    """Of two that are short, with what is missing and the way out."""
    said = told([SHORT, replace(SHORT, missing_bytes=mi(500), message="node-2 too")])

    assert (True, "NobodyMayGo") == (said.short, said.reason)
    assert said.message.startswith("node-2 too; no pod may leave it; 500Mi are missing: see idle.action")


def test_who_leaves_is_named() -> None:
    """Where that is enough the reason is another one, for somebody is at it."""
    leaving = Leaving(Tenant(pod(), (flat("uid-1", mi(10)),)), "because")
    said = told([replace(SHORT, leaving=(leaving,), missing_bytes=0)])

    assert ("PressureAhead", "node-1 is expected to use too much; to leave it: shop/web-abc-1") == (
        said.reason,
        said.message,
    )


def test_with_enough_memory_that_is_said() -> None:
    """An empty node is short of nothing."""
    assert (False, "EnoughMemory") == (told([relief("node-1", mi(10), [])]).short, told([]).reason)


@pytest.mark.parametrize(
    ("free", "waiting", "usual", "stranded"),
    [
        (100, [300], [200, 200, 10], 100),  # less than 300 and the median, 200
        (100, [80], [200, 200, 10], 0),  # the one that waits fits
        (250, [300], [200, 200, 10], 0),  # a usual one fits
        (100, [], [0, 0, 200], 100),  # pods that ask for nothing are no measure
        (100, [], [], 0),  # nobody asks for anything
        (-5, [300], [], 0),  # more is asked for than there is
    ],
)
def test_what_is_stranded(free: int, waiting: list[int], usual: list[int], stranded: int) -> None:
    """Free memory counts as stranded where neither a waiting pod nor a usual one fits."""
    assert stranded == stranded_bytes(free, waiting, usual)
