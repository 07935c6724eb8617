"""Whole nodes, replayed: what was foretold beside what came, and what moving pods ahead of pressure does."""

from __future__ import annotations

import numpy as np
import pytest

from builders import STEADY, forecasted
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.node import Demand, Part, demand
from foresize_forecast.node.demand import DAY_S, HOUR_S, MISSES, STEP_S
from foresize_forecast.replay.nodehours import Hour, Told, hour, in_hindsight, missed, packed
from foresize_forecast.replay.nodeplay import Rule, moved, pressed, reserved, spread
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import Grid

GIB = float(1 << 30)
NODE = 16 * GIB
STEPS_A_DAY = DAY_S // STEP_S
RULE = Rule(NODE, lambda of, at: bool(of.idle[at]), 0.05)


def trace(*usage_gib: list[float]) -> Trace:
    """Containers by the minute."""
    rows = np.array(usage_gib) * GIB
    names = tuple(str(at) for at in range(len(rows)))
    clean = np.zeros(len(rows), dtype=np.bool_)
    return Trace("t", Grid(0, 60, rows.shape[1]), names, names, names, rows, np.full(len(rows), np.nan), clean)


def known(now_gib: list[float], then_gib: list[float], idle: list[float] | None = None) -> Hour:
    """Containers that ask for what they use, and are expected to use something else in the second half hour."""
    parts = []
    for at, (now, then) in enumerate(zip(now_gib, then_gib, strict=True)):
        levels = np.full(STEPS_A_DAY, then * GIB)
        levels[0] = now * GIB
        parts.append(Part(str(at), levels, now * GIB, now * GIB, STEADY, STEADY))
    rows = np.arange(len(parts))
    return Hour(60, rows, tuple(parts), np.array(now_gib) * GIB, np.array(idle or [0.0] * len(parts)))


def test_only_what_runs_and_has_a_forecast_is_known() -> None:
    """One runs, one has ended an hour ago, one has no forecast; memory that has not moved is idle."""
    nan = float("nan")
    ended = [1.0] * 10 + [nan] * 50
    found = hour(trace([2.0] * 60, ended, [3.0] * 60), 60, [forecasted([1.0] * 12)] * 2 + [NoOutlook("x", "y")])

    assert [0] == found.rows.tolist()
    assert [2 * GIB] == found.request.tolist()  # what is used, above the plan's 1 MiB
    assert [1.0] == found.idle.tolist()


def test_a_share_of_nodes_needed_more() -> None:
    """Of two nodes one stays below all its quantiles and one passes all of them: half, at each."""
    said = Demand(8.0, np.full(len(MISSES), 10.0), np.full(len(MISSES), 2.0), np.zeros(2))
    told = [Told(0, HOUR_S, said, 9.0), Told(0, HOUR_S, said, 11.0), Told(0, DAY_S, said, 9.0)]

    assert dict.fromkeys(MISSES, 0.5) == missed(told, HOUR_S)
    assert dict.fromkeys(MISSES, 0.0) == missed(told, DAY_S)


def test_each_is_corrected_by_what_was_over_before_it() -> None:
    """Every hour comes to three times the stated rise: the first is told as stated, the last at what came."""
    said = Demand(8.0, np.full(len(MISSES), 10.0), np.full(len(MISSES), 2.0), np.zeros(2))
    told = [Told(HOUR_S * at, HOUR_S, said, 14.0) for at in range(60)]
    found = in_hindsight(told)

    assert 10 == found[0].demand.upper_bytes(0.1)
    assert 14 == pytest.approx(found[-1].demand.upper_bytes(0.1))
    assert missed(found, HOUR_S)[0.1] < missed(told, HOUR_S)[0.1]


def test_an_idle_container_leaves_a_node_that_would_be_short() -> None:
    """A node of 16 GiB holds 6, 5 and an idle 4, of which the first comes to 10: the idle one goes, and 15 fit."""
    before = known([6, 5, 4, 10], [10, 5, 4, 10], idle=[0, 0, 1, 1])
    nodes = [np.array([0, 1, 2]), np.array([3])]
    played = trace(*[[now] * 60 + [now] * 30 + [then] * 30 for now, then in ((6, 10), (5, 5), (4, 4), (10, 10))])

    after, moves, nowhere = moved(before, nodes, RULE)

    assert [[0, 1], [3, 2]] == [each.tolist() for each in after]
    assert (1, 0) == (moves, nowhere)
    # 19 of 16 GiB for half an hour, on one of two nodes; then 15 and 14.
    assert (30, 1) == (pressed(played, before, nodes, NODE).columns, pressed(played, before, nodes, NODE).hours)
    assert 0 == pressed(played, before, after, NODE).columns


def test_without_room_elsewhere_it_stays() -> None:
    """The other node has 15 of its 15.04 GiB asked for: nothing moves, and that is counted."""
    before = known([6, 5, 4, 15], [10, 5, 4, 15], idle=[0, 0, 1, 0])

    _, moves, nowhere = moved(before, [np.array([0, 1, 2]), np.array([3])], RULE)

    assert (0, 1) == (moves, nowhere)


def test_a_reserve_is_for_the_large_movers_only() -> None:
    """One of two is expected to rise by 4 GiB and gets them; 0.1 GiB of the other are no large move of 16."""
    before = known([2, 2], [6, 2.1])
    more = reserved(before, NODE)

    assert [6 * GIB, 2 * GIB] == more.tolist()
    assert [4 * GIB, 4 * GIB] == spread(before, float((more - before.request).sum())).tolist()
    assert 6 * GIB == demand([before.parts[0]], HOUR_S).mean_bytes


def test_nodes_are_filled_first_fit() -> None:
    """10, 6 and 5 GiB on nodes of 15.04 GiB: 10 and 5 together, then 6."""
    found = packed(np.array([5, 10, 6]) * GIB, NODE, np.zeros(3))

    assert [{1, 0}, {2}] == [set(each.tolist()) for each in found]
