"""What every model keeps to: its path is made of what came before, and is what its forecasts would have said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.curves import MIB, daily, days, history, noise
from foresize_forecast.forecasting.models import Model, daily_origins
from foresize_forecast.forecasting.models.peaks import (
    RecentPeak,
    SeasonalPeak,
    last_days,
    seasonal_peaks,
    spread_peaks,
)
from foresize_forecast.forecasting.models.prophet import Prophet
from foresize_forecast.forecasting.models.trend import Trend
from foresize_forecast.series import FloatArray, Grid, History

NAN = np.nan
HOUR_S = 3600
STEP_S = 4 * HOUR_S
"""Six intervals a day: small histories are days long."""
DAY = 6
QUICK = settings(max_examples=15, deadline=None)
CHEAP: tuple[Model, ...] = (RecentPeak(), Trend(), *seasonal_peaks())
ALL: tuple[Model, ...] = (*CHEAP, Prophet())
named = pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)


@st.composite
def curves(draw: st.DrawFn, least: int = 1, most: int = 6 * DAY) -> FloatArray:
    """Up to six days of a level with noise, a season, growth and gaps."""
    size = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curve = 100 + 10 * np.abs(rng.normal(size=size)) + draw(st.sampled_from([0.0, 2.0])) * np.arange(size)
    curve += draw(st.sampled_from([0.0, 100.0])) * (np.arange(size) % DAY == 2)
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, size - 1))
        curve[start : start + draw(st.integers(1, 8))] = np.nan
    return np.asarray(curve)


def path(model: Model, of: History) -> FloatArray:
    """What a model would have expected in each interval."""
    return model.fit(of).path()


@named
@QUICK
@given(curve=curves(), data=st.data())
def test_a_path_knows_nothing_of_its_own_interval(model: Model, curve: FloatArray, data: st.DataObject) -> None:
    """Other values from an interval on change nothing that was expected until and in it."""
    at = data.draw(st.integers(0, curve.size - 1))
    other = curve.copy()
    other[at:] = data.draw(st.sampled_from([NAN, 0.0, 10_000.0]))
    before, after = (path(model, history(each, step_s=STEP_S))[0, : at + 1] for each in (curve, other))

    assert np.allclose(before, after, rtol=1e-9, equal_nan=True)


@named
@QUICK
@given(curve=curves(least=3 * DAY), cut=st.integers(1, 2))
def test_cutting_a_history_does_not_change_the_path_before_the_cut(model: Model, curve: FloatArray, cut: int) -> None:
    """A backtest of yesterday says the same today; cut by days, for models draw their lines once a day."""
    of = history(curve, step_s=STEP_S)
    columns = curve.size - cut * DAY

    assert np.allclose(path(model, of)[:, :columns], path(model, of.until(columns)), rtol=1e-9, equal_nan=True)


@named
@QUICK
@given(curve=curves(), intervals=st.integers(1, 3 * DAY))
def test_models_keep_the_protocol(model: Model, curve: FloatArray, intervals: int) -> None:
    """Every model answers in the shape asked for, never below zero, with quantiles that do not fall."""
    of = history(curve, step_s=STEP_S)
    fitted = model.fit(of)
    forecast = fitted.forecast(intervals, (0.1, 0.5, 0.99))

    assert forecast.grid == of.grid.after(intervals)
    assert fitted.path().shape == of.usage.shape
    if forecast.refusals[0] is None:
        assert not np.isnan(forecast.mean).any()
        assert (np.diff(forecast.quantiles, axis=0) >= 0).all()
    else:
        assert np.isnan(forecast.mean).all()


def disturbance(model: Model, rows: list[FloatArray]) -> float:
    """How far the forecasts and paths of a batch are at most from those of its containers alone, as a share."""
    fitted = model.fit(history(*rows, step_s=STEP_S))
    together = np.concatenate([fitted.forecast(DAY, (0.9,)).mean, fitted.path()], axis=1)
    worst = 0.0
    for row, curve in enumerate(rows):
        own = model.fit(history(curve, step_s=STEP_S))
        alone = np.concatenate([own.forecast(DAY, (0.9,)).mean, own.path()], axis=1)[0]
        assert (np.isnan(alone) == np.isnan(together[row])).all()
        worst = max(worst, float(np.nanmax(np.abs(together[row] / alone - 1), initial=0.0)))
    return worst


@pytest.mark.parametrize("model", CHEAP, ids=lambda model: model.name)
@QUICK
@given(rows=st.lists(curves(least=3 * DAY, most=3 * DAY), min_size=1, max_size=4))
def test_containers_of_a_batch_do_not_disturb_each_other(model: Model, rows: list[FloatArray]) -> None:
    """A container's forecast and path are what they are without its neighbours."""
    assert disturbance(model, rows) < 1e-9


@QUICK
@given(rows=st.lists(curves(least=16 * DAY, most=16 * DAY), min_size=1, max_size=4))
def test_neighbours_move_a_prophet_within_its_proof_only(rows: list[FloatArray]) -> None:
    """In a batch coordinates are rounded otherwise, and the search may end elsewhere within 1e-4 nat of the best."""
    # Means that near are within sqrt(2 x 1e-4) = 1.4 % of the noise of each other; it is below 10 % of the level.
    assert disturbance(Prophet(), rows) < 2e-3


def next_interval(model: Model, of: History, column: int) -> float:
    """What a model says of an interval when it has seen all before it."""
    return float(model.fit(of.until(column)).forecast(1, ()).mean[0, 0])


@QUICK
@given(curve=curves(least=2), data=st.data())
def test_recent_peaks_path_is_its_forecast(curve: FloatArray, data: st.DataObject) -> None:
    """In every interval, gaps included, what is backtested is what would have run."""
    of = history(curve, step_s=STEP_S)
    column = data.draw(st.integers(1, curve.size - 1))
    said = next_interval(RecentPeak(), of, column)

    assert np.isnan(said) or said == path(RecentPeak(), of)[0, column]


@pytest.mark.parametrize("model", seasonal_peaks()[:4], ids=lambda model: model.name)
@QUICK
@given(curve=curves(), data=st.data())
def test_seasonal_peaks_path_is_their_forecast(model: SeasonalPeak, curve: FloatArray, data: st.DataObject) -> None:
    """For histories as long as what is remembered, with gaps or without."""
    of = history(curve, step_s=STEP_S)
    column = data.draw(st.integers(0, curve.size - 1))
    said = next_interval(model, of, column)

    assert np.isnan(said) or said == path(model, of)[0, column]


@pytest.mark.parametrize("model", [Trend(), Prophet()], ids=lambda model: model.name)
def test_lines_are_drawn_once_a_day(model: Model) -> None:
    """The day that began at each origin has the forecast made there."""
    of = history(200 + 40 * days(5) + noise(days(5).size, seed=1))
    for origin in daily_origins(of.grid, 7)[-2:]:
        said = model.fit(of.until(origin)).forecast(288, ()).mean
        assert np.allclose(path(model, of)[:, origin : origin + 288], said, equal_nan=True)


def test_origins_are_days_apart_and_leave_half_a_day_to_learn_from() -> None:
    """Of 78 hours: the last day, the one before, and none after six hours only."""
    assert (30, 54) == daily_origins(Grid(0, HOUR_S, 78), 7)
    assert (54,) == daily_origins(Grid(0, HOUR_S, 78), 1)
    assert () == daily_origins(Grid(0, HOUR_S, 30), 7)


def test_the_recent_peak_is_that_of_the_last_day_with_measurements() -> None:
    """A container away for two days comes back to the peak of the day that it went, not to that of the day before."""
    gone = np.concatenate([np.full(DAY, 900.0), [100, 300, 100, 100, 100, 100], np.full(2 * DAY, NAN)])
    of = history(gone, step_s=STEP_S)

    assert 300 * MIB == next_interval(RecentPeak(), of, gone.size)
    assert [100, 100, 100, 100, 300, 100] == (last_days(of)[0] / MIB).tolist()


def test_a_peak_is_good_for_its_tolerance() -> None:
    """A value counts for as many intervals before and after it."""
    peaks = spread_peaks(np.array([[1.0, 9.0, 2.0, NAN, 3.0, NAN, NAN]]), 1)[0]

    assert peaks == pytest.approx([9, 9, 9, 3, 3, 3, NAN], nan_ok=True)


@QUICK
@given(curves(), st.integers(0, 20))
def test_peaks_are_spread_as_if_each_were_looked_up(curve: FloatArray, reach: int) -> None:
    """Written out again, slowly."""
    found = spread_peaks(curve[np.newaxis], reach)[0]
    for at in range(curve.size):
        around = curve[max(0, at - reach) : at + reach + 1]
        known = around[~np.isnan(around)]
        assert found[at] == known.max() if known.size else np.isnan(found[at])


def test_growth_is_continued_no_longer_than_it_was_seen() -> None:
    """Ten hours of 10 MiB an hour go on for ten hours, then stand."""
    curve = 100 + 10 * np.arange(1, 11)
    mean = Trend().fit(history(curve.astype(float), step_s=HOUR_S)).forecast(48, ()).mean[0] / MIB

    # The line goes through the median of the last six hours, moved along to the end at 200.
    assert mean[0] == pytest.approx(210)
    assert mean[9] == pytest.approx(300)
    assert mean[-1] == pytest.approx(300)


def test_a_daily_peak_is_expected_at_its_hour_only() -> None:
    """The exact model says when: high a quarter of a day in, low half a day later."""
    of = history(daily(days(8), seed=3))
    expected = SeasonalPeak("exact", 7, 1.8, 86_400, 7).fit(of).forecast(288, ()).mean[0] / MIB

    assert expected[72] > 430
    assert expected[216] < 200
