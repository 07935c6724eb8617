"""Peers that look at hours of the day, each on a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.replay.peers import Attune, SameHour
from foresize_forecast.replay.peers.hours import quantile
from foresize_forecast.replay.trace import Sizer, Sizes, Track
from replays import NAN, trace

HOUR_S = 3600


def sizes(sizer: Sizer, values: list[float], track: Track = Track.GUARANTEED, step_s: int = HOUR_S) -> Sizes:
    """What is in force before each value and after the last; the first value is at midnight."""
    return sizer.sizes(trace([[*values, NAN]], step_s), track, lambda _: None)


def test_the_same_hour_of_the_days_before() -> None:
    """A peak at three o'clock is there again at three o'clock, and for a week."""
    days = [100.0] * 3 + [900.0] + [100.0] * 20 + [100.0] * 24 * 7 + [100.0] * 5
    found = sizes(SameHour(), days).request[0]

    for day in range(1, 8):
        assert found[24 * day + 2 : 24 * day + 5].tolist() == [100.0, 900.0, 100.0]
    assert found[24 * 8 + 3] == 100.0


def test_the_same_hour_counts_what_it_has_seen_of_this_one() -> None:
    """Within an hour a size follows what the hour has used so far."""
    # Half hours: yesterday at midnight 100; today 300 in the first half.
    found = sizes(SameHour(), [100.0, 100.0] + [50.0] * 46 + [300.0, 200.0], step_s=1800).request[0]

    assert found[48:50].tolist() == [100.0, 300.0]


def test_an_hour_without_a_day_before_has_the_highest_of_all() -> None:
    """On the first day, and after days of gaps, the highest usage so far stands in."""
    found = sizes(SameHour(), [100.0, 400.0, 100.0, 100.0]).request[0]

    assert found[2:].tolist() == [400.0, 400.0, 400.0]


def test_the_same_hours_limit_is_twice_the_week() -> None:
    """Burstable pods get CruiseKube's limit: twice the maximum of 7 days."""
    found = sizes(SameHour(), [100.0] * 3 + [900.0] + [100.0] * 40, Track.BURSTABLE)

    assert found.request[0, 24 + 5] == 100.0
    assert found.limit[0, 24 + 5] == 1800.0


def test_attune_is_the_highest_p99_of_the_hours_and_30_percent() -> None:
    """Attune takes the hour of the day with the highest p99: a value between its two highest days."""
    # Two days of 100 but at five o'clock, 200 and 300: p99 of two values is 200 + 0.99 x 100 = 299. Of all 48 the
    # maximum is 3 times the p95, which is no burst yet. 299 x 1.3 = 388.7.
    days = [100.0] * 5 + [200.0] + [100.0] * 23 + [300.0] + [100.0] * 18

    assert sizes(Attune(), days).request[0, -1] == pytest.approx(388.7)


def test_attune_adds_for_bursts() -> None:
    """Where the maximum is above 3 times the p95, a tenth for each doubling is added."""
    # As above with 400: p99 = 200 + 0.99 x 200 = 398; max / p95 = 4, 1 + 0.1 log2 4 = 1.2; 398 x 1.3 x 1.2 = 620.88.
    days = [100.0] * 5 + [200.0] + [100.0] * 23 + [400.0] + [100.0] * 18

    assert sizes(Attune(), days).request[0, -1] == pytest.approx(620.88)


def test_attune_forgets_after_7_days() -> None:
    """A peak older than 7 days counts no more."""
    found = sizes(Attune(), [900.0] + [100.0] * 200).request[0]

    assert found[168] > 900.0
    assert found[169] == pytest.approx(130.0)


@settings(deadline=None)
@given(values=st.lists(st.integers(1, 50).map(float), min_size=1, max_size=60))
def test_attune_has_numpys_quantiles(values: list[float]) -> None:
    """The quantile of what is in order is numpy's, with any number of values."""
    assert quantile(np.sort(values), len(values), 0.99) == pytest.approx(np.quantile(values, 0.99))


@settings(deadline=None, max_examples=30)
@given(
    values=st.lists(st.one_of(st.just(NAN), st.integers(1, 50).map(float)), min_size=50, max_size=90),
    step_s=st.sampled_from([HOUR_S // 2, HOUR_S, 5 * HOUR_S]),
)
def test_attune_is_what_its_rule_says(values: list[float], step_s: int) -> None:
    """Kept up sample by sample, its size is what the rule gives from scratch; the window is a day here."""
    found = sizes(Attune(days=1), values, step_s=step_s).request[0, -1]
    begins = [at * step_s for at in range(len(values))][-(24 * HOUR_S // step_s) :]
    seen = [(at // HOUR_S % 24, values[at // step_s]) for at in begins if not np.isnan(values[at // step_s])]
    if seen:
        every = [used for _, used in seen]
        hours = [[used for h, used in seen if h == hour] for hour in {hour for hour, _ in seen}]
        top = max(np.quantile(used, 0.99) for used in (every, *hours))
        burst = max(every) / np.quantile(every, 0.95)
        assert found == pytest.approx(top * 1.3 * (1 + 0.1 * np.log2(burst) if burst > 3 else 1))
