"""The next day's requests."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, STEP_S, forecasted, mi, outlook, tail
from foresize_forecast.sizes import MIB
from foresize_forecast.sizing.plan import CHANGE_WORTH, ahead_peaks, plan

demands = st.lists(st.floats(1, 4096), min_size=1, max_size=9)


def test_a_request_goes_up_for_its_peak_and_down_after_it() -> None:
    """A peak that is worth it gets a step of its own."""
    # mean (60*3 + 600)/4 = 195 MiB; a change costs 0.5 * 195 * 300 s; the step saves 540 MiB x 900 s: far more.
    made = plan(outlook([60, 600, 60, 60]), lead_s=0, cooldown_s=300)

    assert [(0, mi(60)), (STEP_S, mi(600)), (2 * STEP_S, mi(60))] == [
        (step.at_s - NOW_S, step.request_bytes) for step in made.steps
    ]


def test_a_request_is_raised_the_lead_before_its_peak() -> None:
    """A peak due in an hour with a lead of ten minutes is raised for after fifty."""
    made = plan(outlook([60.0] * 12 + [600.0] + [60.0] * 12), lead_s=600, cooldown_s=300)

    assert mi(60) == made.request_at(NOW_S + 49 * 60)
    assert mi(600) == made.request_at(NOW_S + 50 * 60)


def test_a_plan_is_good_before_and_after_its_time() -> None:
    """A clock that is behind gets the first step, and where no new plan came the last one stands."""
    made = plan(outlook([60, 600, 70, 70]), lead_s=0, cooldown_s=0)

    assert [mi(60), mi(70)] == [made.request_at(at_s) for at_s in (NOW_S - 1, NOW_S + 86_400)]
    assert NOW_S + 4 * STEP_S == made.end_s


def test_a_change_that_saves_little_is_not_made() -> None:
    """Between two peaks five minutes apart the request stays up when the cooldown is half an hour."""
    # keeping it up costs 540 MiB x 300 s; two changes cost 2 x 0.5 x mean 420 MiB x 1800 s, more.
    made = plan(outlook([600, 60, 600]), lead_s=0, cooldown_s=1800)

    assert [mi(600)] == [step.request_bytes for step in made.steps]


def test_sizes_can_be_read() -> None:
    """Rounded up by less than a hundredth: 60.2 MiB in units of 32 / 128 = 0.25 MiB, 160.2 in whole ones."""
    assert mi(60.25) == plan(outlook([60.2]), lead_s=0, cooldown_s=300).highest_bytes
    assert mi(161) == plan(outlook([160.2]), lead_s=0, cooldown_s=300).highest_bytes


def test_people_read_the_peak_that_one_day_in_a_hundred_passes() -> None:
    """Level 100 MiB, rises of up to 50 % on one day in 42: (100 + 64) x 1.522 - 64 = 186 MiB."""
    # Growths are told apart in steps of exp(0.03); none rose as far as 50 %, of which the first is exp(0.42) = 1.522.
    often, seldom = (replace(forecasted([100.0]), rise=tail(1 / days, 0.5)) for days in (42, 101))

    assert often.peak_bytes == pytest.approx(mi(164) * np.exp(0.42) - mi(64), abs=2)
    assert seldom.peak_bytes == mi(100) == often.peak_at(1 / 42)
    # Jumps of hours have no say in it: a level that follows use is passed by less than what was expected of a day.
    assert forecasted([100.0], tail=tail(0.5, 0.5)).peak_bytes == mi(100)


def test_a_day_of_minutes_is_planned_at_once() -> None:
    """Every value of 1440 is another one, and the plan is still one that holds them all."""
    demand = (100 + np.arange(1440) % 720).tolist()
    made = plan(outlook(demand), lead_s=0, cooldown_s=7200)

    assert all(value * MIB <= made.request_at(NOW_S + at * STEP_S) for at, value in enumerate(demand))
    assert len(made.steps) < 100


@given(demands, st.integers(0, 4), st.integers(0, 40))
def test_the_plan_holds_the_demand_at_every_moment(demand_mib: list[float], lead: int, cooldowns: int) -> None:
    """No interval's demand, nor that of the lead after it, is above the request in force."""
    made = plan(outlook(demand_mib), lead_s=lead * STEP_S, cooldown_s=cooldowns * STEP_S)

    for i in range(len(demand_mib)):
        due = max(demand_mib[i : i + lead + 1])
        assert due * MIB <= made.request_at(NOW_S + i * STEP_S) + 1


@given(demands, st.integers(0, 4))
def test_no_other_steps_are_cheaper(demand_mib: list[float], cooldowns: int) -> None:
    """The steps cost no more than those of any other choice of change points, all of them tried."""
    made = plan(outlook(demand_mib), lead_s=0, cooldown_s=cooldowns * STEP_S)
    change = CHANGE_WORTH * float(np.mean(demand_mib)) * cooldowns

    def cost(cuts: tuple[int, ...]) -> float:
        edges = [0, *cuts, len(demand_mib)]
        levels = [max(demand_mib[a:b]) * (b - a) for a, b in pairwise(edges)]
        return sum(levels) + change * len(cuts)

    starts = tuple((step.at_s - NOW_S) // STEP_S for step in made.steps)[1:]
    inner = range(1, len(demand_mib))
    best = min(cost(cuts) for many in range(len(demand_mib)) for cuts in combinations(inner, many))
    assert best == pytest.approx(cost(starts))


def test_peaks_ahead_end_with_the_horizon() -> None:
    """Past the horizon nothing is known, and nothing is assumed."""
    assert [3, 3, 2] == ahead_peaks(np.array([1.0, 3.0, 2.0]), 1).tolist()
