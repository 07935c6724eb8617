"""What a node's containers need together: means add, deviations do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, STEADY, forecasted, mi, tail
from foresize_forecast.forecasting.jumps import OFFSET_BYTES, Tail
from foresize_forecast.node import Part, demand, flat, foreseen
from foresize_forecast.node.demand import DAY_S, HOUR_S, MISSES

GIB = 1 << 30


def part(name: str, now_gib: float, *levels_gib: float, hour: Tail = STEADY, day: Tail = STEADY) -> Part:
    """A container with a level for each half hour."""
    levels = np.array(levels_gib or (now_gib, now_gib)) * GIB
    return Part(name, levels, now_gib * GIB, float(levels[0]), hour, day)


def test_nothing_needs_nothing() -> None:
    """An empty node has no demand, and no risk."""
    found = demand([], HOUR_S)

    assert (0.0, 0.0) == (found.mean_bytes, found.risk(0))


def test_what_never_moves_needs_what_it_uses() -> None:
    """Two containers of 1 and 2 GiB that never jump: 3 GiB, at any quantile."""
    found = demand([part("a", 1), part("b", 2)], HOUR_S)

    assert 3 * GIB == found.mean_bytes
    assert [3 * GIB] * len(MISSES) == found.uppers.tolist()
    assert () == found.movers


def test_deviations_combine_as_a_root_of_squares() -> None:
    """Quantiles 3 and 4 units above the means are 5 of the sum's where they are independent, 7 where they are one."""
    # Every hour jumps by 10 % and none by more: any quantile is the growth after 10 %, of the level and 64 MiB.
    always = tail(1.0, 0.105)
    parts = [Part(name, np.full(2, size), size, size, always) for name, size in (("a", 3e9), ("b", 4e9))]
    apart = [each.levels[0] + OFFSET_BYTES for each in parts]
    growth = demand([parts[0]], HOUR_S).upper_bytes(0.05) - 3e9
    share = growth / apart[0]

    independent = demand(parts, HOUR_S, correlation=0.0).upper_bytes(0.05) - 7e9
    together = demand(parts, HOUR_S, correlation=1.0).upper_bytes(0.05) - 7e9

    assert 0.10 < share < 0.12
    assert share * np.hypot(*apart) == pytest.approx(independent)
    assert share * sum(apart) == pytest.approx(together)


def test_peaks_at_different_times_do_not_add() -> None:
    """One is expected at 4 GiB in the first half hour and one in the second; 1 GiB else: 5 GiB together, never 8."""
    found = demand([part("a", 4, 4, 1), part("b", 1, 1, 4)], HOUR_S)

    assert 5 * GIB == found.mean_bytes
    assert [5 * GIB, 5 * GIB] == found.path.tolist()


def test_a_level_that_rises_takes_use_with_it() -> None:
    """It uses half of its level, which doubles: half of that is expected. What is above its level keeps its lead."""
    below, above = part("a", 1, 2, 4), part("b", 3, 2, 4)

    assert [1 * GIB, 2 * GIB] == demand([below], HOUR_S).path.tolist()
    assert [3 * GIB, 5 * GIB] == demand([above], HOUR_S).path.tolist()


def test_when_it_comes() -> None:
    """4 GiB are passed in the second half hour, as is expected; 6 GiB never."""
    found = demand([part("a", 2, 2, 5)], HOUR_S)

    assert 1800 == found.reached_in_s(4 * GIB, 0.05)
    assert found.reached_in_s(6 * GIB, 0.05) is None
    assert (1.0, 0.0) == (found.risk(4 * GIB), found.risk(6 * GIB))


def test_below_its_level_the_quantile_is_between() -> None:
    """1 GiB used of a level of 3 that 1 % of hours pass: one in ten reaches the middle, log(0.1) / log(0.01)."""
    found = demand([part("a", 1, 3, 3, hour=tail(0.01, 0.005))], HOUR_S)

    assert 2 * GIB == pytest.approx(found.upper_bytes(0.1))
    assert 0.1 == found.risk(int(1.9 * GIB))


def test_who_may_move_it_is_named_first() -> None:
    """The larger of two that jump alike has by far the larger share; what never moves is last."""
    jumps = tail(1.0, 0.105)
    found = demand([part("small", 1, hour=jumps), part("large", 8, hour=jumps), part("still", 9)], HOUR_S)

    assert ["large", "small", "still"] == [pod for pod, _ in found.movers]
    assert found.movers[0][1] > 0.97
    assert 1 == pytest.approx(sum(share for _, share in found.movers))


def test_a_forecast_and_what_has_none() -> None:
    """A forecast's levels are those of its half hours; without a sample it may use all of them. A flat one stays."""
    steps = [10.0] * 6 + [30.0] * 6  # five minutes each: 10 MiB for half an hour, then 30
    known = foreseen("a", forecasted(steps), mi(5), NOW_S, HOUR_S)
    unseen = foreseen("a", forecasted(steps), None, NOW_S, HOUR_S)

    assert [mi(10), mi(30)] == known.levels.tolist()
    assert mi(10) == known.level_bytes
    assert (mi(5), mi(10)) == (known.now_bytes, unseen.now_bytes)
    assert [mi(7)] * 2 == flat("b", mi(7), HOUR_S).levels.tolist()


@given(st.lists(st.tuples(st.floats(0.1, 8), st.floats(0.1, 8)), min_size=1, max_size=12))
def test_a_sum_is_between_its_mean_and_the_sum_of_quantiles(drawn: list[tuple[float, float]]) -> None:
    """Never below what is expected, never above what the quantiles of each add up to, and rarer is never less."""
    jumps = tail(0.2, 0.5)
    parts = [part(str(at), now, level, level, hour=jumps, day=jumps) for at, (now, level) in enumerate(drawn)]
    for horizon_s in (HOUR_S, DAY_S):
        parts_at = [
            Part(each.pod, np.resize(each.levels, 48), each.now_bytes, each.level_bytes, jumps, jumps) for each in parts
        ]
        found, alone = demand(parts_at, horizon_s), [demand([each], horizon_s) for each in parts_at]

        assert (found.uppers >= found.mean_bytes - 1).all()
        assert (np.diff(found.uppers) >= -1).all()
        assert (found.uppers <= sum(each.uppers for each in alone) + 1).all()


def test_a_peak_in_the_next_minutes_counts() -> None:
    """10 MiB for five minutes, then 30: use of 8 now is expected at 24; the half hour has one level, 30."""
    soon = foreseen("a", forecasted([10.0] + [30.0] * 11), mi(8), NOW_S, HOUR_S)

    assert mi(24) == demand([soon], HOUR_S).mean_bytes


def test_what_is_low_where_its_level_is_high_already_is_about_to_rise() -> None:
    """Its level is 4 GiB around a peak and 2 else, and it uses 2: 4 are expected. Always 4 would say nothing: 2 are."""
    assert 4 * GIB == demand([part("a", 2, 4, 4, 2)], HOUR_S).mean_bytes
    assert 2 * GIB == demand([part("a", 2, 4, 4, 4)], HOUR_S).mean_bytes
    # Two per cent above its lowest level: as far above the highest.
    assert 4.04 * GIB == pytest.approx(demand([part("a", 2.04, 4, 4, 2)], HOUR_S).mean_bytes)
