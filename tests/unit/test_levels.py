"""The level held at each moment, from what was known before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.forecasting.levels import HOLD_S, START_S, highest_before, in_force, recent_peaks, starting
from foresize_forecast.series import FloatArray

NAN = np.nan
STEP_S = 1800
"""Two intervals are an hour: the fast clock's hold, and a start."""
RELAXED = settings(deadline=None)

values = st.one_of(st.just(NAN), st.floats(0, 1000), st.sampled_from([0.0, 100.0, 500.0]))
curves = st.lists(values, min_size=1, max_size=40).map(lambda drawn: np.array([drawn]))


def row(*usage: float) -> FloatArray:
    """One container."""
    return np.array([usage], dtype=float)


def test_an_hour_is_two_of_these_intervals() -> None:
    """The cases below count on it."""
    assert 2 * STEP_S == HOLD_S == START_S


def test_the_peak_of_the_intervals_before() -> None:
    """Of three intervals, the one in question never among them."""
    usage = row(5, 9, 1, 2, 3, 4)

    assert recent_peaks(usage, 3)[0] == pytest.approx([NAN, 5, 9, 9, 9, 3], nan_ok=True)
    assert highest_before(usage)[0] == pytest.approx([NAN, 5, 9, 9, 9, 9], nan_ok=True)


def test_in_a_gap_the_peak_before_it_stands() -> None:
    """Three intervals that end with the newest sample: a gap forgets nothing, what follows does."""
    usage = row(9, 1, NAN, NAN, NAN, NAN, 2, 3)

    assert recent_peaks(usage, 3)[0] == pytest.approx([NAN, 9, 9, 9, 9, 9, 9, 2], nan_ok=True)


@RELAXED
@given(curves, st.integers(1, 10))
def test_recent_peaks_are_those_of_the_intervals_that_end_with_the_newest_sample(
    usage: FloatArray, intervals: int
) -> None:
    """Written out again, slowly."""
    found = recent_peaks(usage, intervals)[0]
    for at in range(usage.shape[1]):
        known = np.flatnonzero(~np.isnan(usage[0, :at]))
        if not known.size:
            assert np.isnan(found[at])
        else:
            end = int(known[-1]) + 1
            assert found[at] == np.nanmax(usage[0, max(0, end - intervals) : end])


def test_a_rise_is_followed_at_once_and_held_for_an_hour() -> None:
    """From 90 to 150 over a level of 100: the next interval has 150 and as much again as was added, for an hour."""
    # 150 + (150 - 90) = 210 in interval 3, held until interval 3 + 2.
    usage = row(90, 90, 150, 90, 90, 90, 90)

    assert [[100, 100, 100, 210, 210, 100, 100]] == in_force(usage, np.full((1, 7), 100.0), STEP_S).tolist()


def test_a_rise_that_goes_on_is_followed_further() -> None:
    """Each higher sample raises the level again and holds it for an hour from then."""
    # 110 + 10, 120 + 10, then 120 again: 120 is below the 130 held until interval 4 + 2.
    usage = row(100, 100, 110, 120, 120, 100, 100, 100)

    assert [[100, 100, 100, 120, 130, 130, 100, 100]] == in_force(usage, np.full((1, 8), 100.0), STEP_S).tolist()


def test_a_sample_after_a_gap_is_no_rise() -> None:
    """What was added while nobody looked is not added again: the level is the sample."""
    usage = row(10, NAN, 150, 150)

    assert 150 == in_force(usage, np.full((1, 4), 100.0), STEP_S)[0, 3]


def test_after_a_start_all_that_was_ever_seen_is_held() -> None:
    """Away for two intervals, then back: for an hour from its first sample it may do what it did before, 200."""
    usage = row(200, 50, 50, NAN, NAN, 60, 60, 60, 60)
    level = in_force(usage, np.full((1, 9), 70.0), STEP_S)[0]

    assert [False, False, False, False, False, True, True, True, False] == starting(usage, STEP_S)[0].tolist()
    # 200 is itself above the level of 70: interval 1 follows it, and holds it for an hour.
    assert [70, 200, 200, 70, 70, 200, 200, 200, 70] == level.tolist()


def test_a_single_missed_sample_is_no_start() -> None:
    """A scrape that failed says nothing of the container."""
    assert not starting(row(100, NAN, 100, 100), STEP_S).any()


def test_where_a_model_knows_nothing_the_samples_are_the_level() -> None:
    """Before its first day: what is in use, and what was added last."""
    level = in_force(row(100, 110, 110), np.full((1, 3), NAN), STEP_S)[0]

    assert level == pytest.approx([NAN, 100, 120], nan_ok=True)


@RELAXED
@given(curves, st.floats(0, 1000), st.data())
def test_a_level_knows_nothing_of_its_own_interval(usage: FloatArray, base: float, data: st.DataObject) -> None:
    """Another value in an interval changes no level up to it: what a backtest tells could have been."""
    at = data.draw(st.integers(0, usage.shape[1] - 1))
    other = usage.copy()
    other[0, at:] = data.draw(st.one_of(st.just(NAN), st.floats(0, 5000)))
    held = np.full_like(usage, base)

    for made in (
        lambda of: in_force(of, held, STEP_S),
        lambda of: recent_peaks(of, 5),
        highest_before,
        lambda of: starting(of, STEP_S),
    ):
        assert np.array_equal(made(usage)[:, : at + 1], made(other)[:, : at + 1], equal_nan=True)


@RELAXED
@given(curves, st.floats(0, 1000))
def test_a_level_is_at_least_the_models_and_the_newest_sample(usage: FloatArray, base: float) -> None:
    """And at most twice the highest that was ever seen: it only goes on as it went."""
    held = in_force(usage, np.full_like(usage, base), STEP_S)
    newest = np.where(np.isnan(usage[:, :-1]), 0.0, usage[:, :-1])
    highest = np.nan_to_num(highest_before(usage))

    assert (held >= base).all()
    assert (held[:, 1:] >= newest).all()
    assert (held <= np.maximum(base, 2 * highest)).all()


@RELAXED
@given(st.lists(st.lists(values, min_size=12, max_size=12), min_size=1, max_size=4))
def test_containers_do_not_disturb_each_other(rows: list[list[float]]) -> None:
    """Each row of a batch is what it is alone."""
    usage = np.array(rows)
    base = np.full_like(usage, 100.0)
    alone = np.concatenate([in_force(usage[at : at + 1], base[at : at + 1], STEP_S) for at in range(len(rows))])

    assert np.array_equal(in_force(usage, base, STEP_S), alone, equal_nan=True)
