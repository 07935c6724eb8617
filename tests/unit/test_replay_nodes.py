"""Nodes: how many requests need, and when what runs on them comes close to all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.replay.nodes import (
    ALLOCATABLE,
    Cluster,
    NodeFigures,
    cluster,
    first_fit,
    in_order,
    node_figures,
)
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import FloatArray
from replays import NAN, PER_DAY, trace

GIB = float(1 << 30)
NODE = (16 << 30,)
HOUR = 12


def hours(*levels: float) -> list[float]:
    """A first day that is not scored, then an hour at each level of GiB."""
    return [GIB] * PER_DAY + [level * GIB for level in levels for _ in range(HOUR)]


def held(played: Trace) -> Cluster:
    found = cluster(played, NODE)
    assert found is not None
    return found


def seen(usage: list[list[float]], request_gib: list[float], **changes: Any) -> NodeFigures:
    """Figures of constant requests on nodes of 16 GiB, of which 15.04 are allocatable."""
    played = trace(usage, **changes)
    request = np.repeat(np.array(request_gib)[:, np.newaxis] * GIB, played.grid.count, axis=1)
    return node_figures(held(played), played, request, NODE)


def test_first_fit_takes_the_first_node_with_room() -> None:
    """Largest first, each on the first node that has room; what is larger than a node has one of its own."""
    request = np.array([6.0, 5.0, 20.0, 4.0, 3.0])
    rows = in_order(request, np.ones(5, dtype=bool), np.zeros(5), False)  # noqa: FBT003 - compiled code has no keywords
    places, nodes = first_fit(request, rows, 10.0)

    # 20 alone; 6 on the next; 5 on a third (6 + 5 > 10); 4 beside 6; 3 beside 5.
    assert [2, 0, 1, 3, 4] == rows.tolist()
    assert [0, 1, 2, 1, 2] == places.tolist()
    assert 3 == nodes


@settings(deadline=None)  # numba compiles on first use, and machines may be busy
@given(st.lists(st.floats(0.1, 20.0), min_size=1, max_size=40), st.integers(0, 5))
def test_no_node_is_filled_beyond_its_room(sizes: list[float], seed: int) -> None:
    """Whatever the order, requests on a node that is shared fit in it, and everything that runs has a place."""
    request = np.array(sizes)
    draws = np.random.default_rng(seed).random(request.size)
    rows = in_order(request, np.ones(request.size, dtype=bool), draws, True)  # noqa: FBT003 - as above
    places, nodes = first_fit(request, rows, 10.0)

    filled = np.bincount(places, weights=request[rows], minlength=nodes)
    count = np.bincount(places, minlength=nodes)
    assert sorted(rows.tolist()) == list(range(request.size))
    assert (count > 0).all()
    assert ((filled <= 10.0 + 1e-9) | (count == 1)).all()


def test_nodes_against_the_oracle_and_the_bound() -> None:
    """An oracle requests the coming hour's highest usage; the bound fills nodes to the last byte."""
    found = seen([hours(4, 8), hours(4, 8), hours(4, 8)], [8, 8, 8])

    # 15.04 GiB hold one of 8: 3 nodes for each of two hours. Oracle: 3 x 4 on one node, then 3 x 8 on three: 4.
    # Bound: 12 / 15.04 + 24 / 15.04 = 2.394.
    assert 3 == found.nodes
    assert pytest.approx(6 / 4) == found.nodes_over_oracle
    assert pytest.approx(6 / (36 / (16 * ALLOCATABLE))) == found.nodes_over_bound
    assert {"16"} == set(found.by_node_gib)
    assert 0 == found.pressure


def test_pressure_is_told_with_its_cause() -> None:
    """Above 99.4 % of a node the kubelet evicts; the container farthest above its request is named."""
    found = seen([hours(7), hours(9.5)], [5, 5])

    # 16.5 of 16 GiB: one is 2 GiB above its request, the other 4.5.
    assert 1 == found.pressure
    assert {"ns1/pod/main": 60.0} == found.causes


def test_pressure_counts_node_minutes() -> None:
    """One hour of two, on the only node: half of the node-minutes, and half of the node-hours."""
    found = seen([hours(7, 7), hours(7, 9)], [7, 7])

    # 16 of 16 GiB is above 15.904.
    assert pytest.approx(0.5) == found.pressure
    assert pytest.approx(0.5) == found.pressure_hours
    assert {"ns1/pod/main": 60.0} == found.causes


def test_a_node_of_ones_own_is_as_large_as_it_has_to_be() -> None:
    """A container larger than any node is on one that fits it, which is under no pressure for that."""
    found = seen([hours(20, 20)], [21])

    assert (1, 0) == (found.nodes, found.pressure)


def test_what_does_not_run_needs_no_node() -> None:
    """An exited container is not packed; one that is measured for a part of the hour is."""
    partly = hours(8, 8)
    partly[PER_DAY : PER_DAY + HOUR] = [NAN] * HOUR
    partly[PER_DAY + HOUR : PER_DAY + HOUR + 6] = [NAN] * 6
    found = seen([partly, hours(8, 8)], [8, 8])

    # One node, then two.
    assert 1.5 == found.nodes
    assert 1 == found.nodes_over_oracle


def test_censored_series_virtual_machines_and_shares_are_not_packed() -> None:
    """Where demand was never seen, or bytes are none, nodes would mean nothing."""
    usage = [hours(4), hours(4)]
    both = seen(usage, [8, 8], censored=np.array([True, False]))

    assert 1 == both.nodes
    assert cluster(trace(usage, kills=False)) is None
    assert cluster(trace(usage, scaled=True)) is None
    assert cluster(trace(usage, censored=np.ones(2, dtype=bool))) is None


@settings(deadline=None)  # numba compiles on first use, and machines may be busy
@given(st.lists(st.floats(0.1, 15.0), min_size=2, max_size=12))
def test_the_oracle_is_never_under_pressure_and_never_below_the_bound(levels: list[float]) -> None:
    """What requests the hour's highest usage never meets the eviction threshold."""
    played = trace([hours(level) for level in levels])
    request: FloatArray = played.usage
    found = node_figures(held(played), played, request, NODE)

    assert 0 == found.pressure
    assert pytest.approx(1) == found.nodes_over_oracle
    assert found.nodes_over_bound >= 1 - 1e-9
