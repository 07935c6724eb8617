"""Intervals: what may be called better, and what may not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.replay.figures import NAMES, Sums
from foresize_forecast.replay.resample import Verdict, clusters, differences, intervals


def sums(values: list[float]) -> Sums:
    """Every figure has these values, one for each series, each of weight 1."""
    parts = np.tile(np.array(values, dtype=float), (len(NAMES), 1))
    return Sums(parts, np.ones_like(parts))


def apart(count: int) -> np.ndarray:
    return clusters([str(row) for row in range(count)])


def test_a_gain_in_every_namespace_is_better() -> None:
    """The interval of a difference excludes 0 when every namespace has it; more kill-free days are better as well."""
    told = differences(sums([1.0] * 10), sums([2.0] * 10), apart(10))

    assert (-1.0, -1.0, -1.0) == (told["waste"].difference, told["waste"].low, told["waste"].high)
    assert Verdict.BETTER == told["waste"].verdict
    assert Verdict.WORSE == told["kill_free_days"].verdict


def test_a_gain_in_one_namespace_is_not_distinguishable() -> None:
    """All of a difference in one of ten namespaces: a third of the draws do not have it, so nothing is claimed."""
    told = differences(sums([0.0] * 10), sums([5.0] + [0.0] * 9), apart(10))["waste"]

    # 0.9^10 = 35 % of the draws leave the namespace out: the upper end of the interval is 0.
    assert -0.5 == told.difference
    assert 0 == told.high
    assert Verdict.SAME == told.verdict


def test_series_of_one_namespace_are_drawn_together() -> None:
    """Ten series of one namespace are one observation, and from one nothing follows."""
    told = differences(sums([1.0] * 10), sums([2.0] * 10), clusters(["a"] * 10))["waste"]

    assert Verdict.SAME == told.verdict


def test_what_both_suffer_cancels_out() -> None:
    """The difference is paired: namespaces that differ a lot from each other do not hide a steady gain."""
    levels = np.array([1.0, 50.0, 3.0, 80.0, 9.0, 20.0, 6.0, 40.0])
    found = differences(sums((levels - 0.5).tolist()), sums(levels.tolist()), apart(8))["waste"]

    assert pytest.approx(-0.5) == found.low == found.high
    assert Verdict.BETTER == found.verdict


@settings(deadline=None)  # machines may be busy
@given(st.lists(st.floats(0, 100), min_size=5, max_size=20))
def test_an_interval_lies_within_what_was_seen(values: list[float]) -> None:
    """No draw of namespaces has a mean outside of their range, and the ends are in order."""
    low, high = intervals(sums(values), apart(len(values)))["waste"]

    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_the_same_figures_have_the_same_intervals() -> None:
    """Nothing depends on a global state of randomness."""
    values = sums([1.0, 2.0, 3.0, 4.0, 9.0])

    assert intervals(values, apart(5)) == intervals(values, apart(5))


def test_nothing_to_tell_has_no_interval() -> None:
    """A figure of no container-days is not a number, and is no better than anything."""
    nothing = Sums(np.zeros((len(NAMES), 6)), np.zeros((len(NAMES), 6)))

    assert np.isnan(intervals(nothing, apart(6))["waste"]).all()
    assert Verdict.SAME == differences(nothing, sums([1.0] * 6), apart(6))["waste"].verdict
