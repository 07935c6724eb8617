"""First, best and worst fit, hour by hour: who has a place keeps it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from foresize_forecast.placement import Fit
from foresize_forecast.replay.fragments import Cluster, Fragments
from foresize_forecast.replay.nodehours import Hour

GIB = float(1 << 30)
NODE = 10 * GIB / 0.94
"""Of which 10 GiB can be asked for."""


def hour(**asked_gib: float) -> Hour:
    """Rows a, b, ... ask for so much."""
    rows = np.array(["abcdefgh".index(name) for name in asked_gib])
    return Hour(0, rows, (), np.array(list(asked_gib.values())) * GIB, np.zeros(rows.size))


def played(fit: Fit, *hours: Hour) -> tuple[list[str], Fragments]:
    """Who is where in the end, and the last hour's figures; rows come in the order of their names."""
    cluster = Cluster(NODE, fit, np.arange(8) / 8)
    told = [cluster.hour(each) for each in hours]
    return ["".join(sorted("abcdefgh"[row] for row in node)) for node in cluster.placed()], told[-1]


@pytest.mark.parametrize(
    ("fit", "nodes"),
    [
        (Fit.FIRST, ["ad", "b", "c"]),  # the oldest with room
        (Fit.BEST, ["a", "bd", "c"]),  # 3 GiB are left there, 4 and 4 elsewhere
        (Fit.WORST, ["a", "b", "cd"]),  # 4.5 are left there
    ],
)
def test_a_newcomer_gets_its_place_by_the_strategy(fit: Fit, nodes: list[str]) -> None:
    """Nodes of 10 GiB hold 6, 7 and 5.5; a container of 3 comes."""
    before = {"a": 6.0, "b": 7.0, "c": 5.5}

    assert nodes == played(fit, hour(**before), hour(**before, d=3.0))[0]


def test_who_grows_stays_and_the_smallest_that_is_enough_leaves() -> None:
    """6, 3 and 1 fill a node; the first grows to 8, 2 GiB too many: the one of 3 leaves, and that of 1 stays."""
    nodes, told = played(Fit.FIRST, hour(a=6, b=3, c=1), hour(a=8, b=3, c=1))

    assert (["ac", "b"], 1) == (nodes, told.moved)


def test_a_container_larger_than_any_node_has_one_of_its_own() -> None:
    """12 of 10 GiB: nobody can make room for it, and nobody else comes."""
    nodes, told = played(Fit.BEST, hour(a=12), hour(a=12, b=1))

    assert (["a", "b"], 0) == (nodes, told.moved)


def test_an_empty_node_is_given_back_and_a_hole_is_filled() -> None:
    """6 and 6 on two nodes; the first one goes and 4 comes: the second node has room for it."""
    assert ["bc"] == played(Fit.FIRST, hour(a=6, b=6), hour(b=6, c=4))[0]


def test_what_is_free_and_of_no_use_is_counted() -> None:
    """9 of 10 GiB and 6 of 10 are taken: 1 and 4 are free; 1 is too little for a usual pod of 3, both for one of 8."""
    figures = played(Fit.FIRST, hour(a=9, b=3, c=3))[1]

    assert (2, 20, 5, 1) == (
        figures.node_hours,
        round(figures.room / GIB),
        round(figures.free / GIB),
        round(figures.stranded / GIB),
    )
    assert 5 == round(figures.split / GIB)  # a large one, nineteen of twenty are smaller: 3 + 0.9 x 6 = 8.4


def test_sums_add() -> None:
    """Two hours are two hours."""
    one: Mapping[str, float] = {"room": 2.0, "free": 1.0, "stranded": 0.5, "split": 0.25}

    assert Fragments(4, 4.0, 2.0, 1.0, 0.5, 2) == Fragments(2, **one, moved=1).plus(Fragments(2, **one, moved=1))
