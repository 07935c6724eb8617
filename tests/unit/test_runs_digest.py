"""What is kept of a run that has ended."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import mi
from foresize_forecast.runs.digest import LEVELS, Pace, digest, filled, level_index, levels

PACE = Pace(10)


def test_a_sample_bears_on_sizes_a_minute_after_its_row() -> None:
    """The row it was measured in and 60 s of reaction: 7 rows of 10 s. A level is a minute of them: 6."""
    assert (7, 6, 13) == (PACE.lag_rows, PACE.window_rows, PACE.start_rows)


def test_slower_samples_have_the_same_clock() -> None:
    """At a row a minute: 1 + 1 rows of lag, and a level is one row."""
    assert (2, 1, 3) == (Pace(60).lag_rows, Pace(60).window_rows, Pace(60).start_rows)


def test_a_slower_cluster_looks_further_ahead() -> None:
    """Where a resize takes five minutes, rises are judged over 31 rows of 10 s; a level stays a minute."""
    assert (31, 6, 37) == (Pace(10, 300).lag_rows, Pace(10, 300).window_rows, Pace(10, 300).start_rows)


def test_a_pace_without_time_is_refused() -> None:
    """A row takes time."""
    with pytest.raises(ValueError, match="step_s is above 0 and react_s not below, got 0 and 60"):
        Pace(0)


def test_gaps_hold_the_last_value() -> None:
    """A row that nobody measured has what was measured before it; before the first sample, that."""
    assert [2, 2, 2, 5] == filled(np.array([np.nan, 2, np.nan, 5])).tolist()


def test_a_run_without_a_sample_is_refused() -> None:
    """Nothing can be learnt from it."""
    with pytest.raises(ValueError, match="needs a measured row, got 2 without"):
        filled(np.array([np.nan, np.nan]))


def test_the_start_is_one_row_ahead_of_what_was_used() -> None:
    """A size is in force before it is needed: rows 10, 30, 20 start as 30, 30, ... and end as their peak."""
    start = digest(0.0, np.array([10.0, 30, 20]) * mi(1), PACE).start / mi(1)

    assert [30.0] * 13 == start.tolist()


def test_a_digest_knows_when_the_run_ended_and_what_it_needed() -> None:
    """Three rows of 10 s from second 100: ended at 130."""
    found = digest(100.0, np.array([10.0, 30, 20]) * mi(1), PACE)

    assert (130.0, 30.0 * mi(1)) == (found.ended_s, found.peak_bytes)


def test_a_rise_is_told_by_the_level_it_came_from() -> None:
    """100 MiB for an hour, then 250: from 100 it rose 2.5 times, from 250 not at all, at 1000 it never was."""
    usage = np.repeat([100.0, 250.0], 360) * mi(1)
    rises = digest(0.0, usage, PACE).rises
    at = level_index(np.array([100.0, 250.0, 1000.0]) * mi(1))

    assert [2.5, 1.0, 0.0] == rises[at].tolist()


def test_a_rise_beyond_the_reach_of_a_new_size_does_not_count() -> None:
    """From 100 to 200 MiB in nine steps of one a row: within 7 rows of the lowest it rises to 178, not to 200."""
    usage = np.concatenate([[100.0], np.linspace(100, 200, 10)[1:], [200.0] * 50]) * mi(1)
    rises = digest(0.0, usage, PACE).rises

    assert 1 + 7 / 9 == pytest.approx(rises[level_index(np.array([100.0 * mi(1)]))][0])


def test_levels_below_and_above_all_are_the_first_and_the_last() -> None:
    """Nothing falls out of the tables: 0 bytes and an exbibyte."""
    assert [0, LEVELS - 1] == level_index(np.array([0.0, 2.0**60])).tolist()


@given(st.lists(st.floats(1, 1e12), min_size=1, max_size=60))
def test_a_level_is_never_below_the_usage(usage: list[float]) -> None:
    """The level is the highest of the last minute, the present one included."""
    values = np.array(usage)

    assert (levels(values, PACE) >= values).all()


@given(st.lists(st.floats(2**20, 2**43), min_size=2, max_size=60))
def test_what_followed_is_covered_by_the_rise_from_its_level(usage: list[float]) -> None:
    """At every row of a run, level times rise is at least what came within the lag: a run would never kill itself."""
    values = np.array(usage)
    bound = levels(values, PACE) * digest(0.0, values, PACE).rises[level_index(levels(values, PACE))]
    for row in range(values.size - 1):
        assert values[row + 1 : row + 1 + PACE.lag_rows].max() <= bound[row] * (1 + 1e-12)
