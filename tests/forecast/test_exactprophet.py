"""The exact solver beside stock Prophet: the same model, the same features, a log posterior that is never worse."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.stock import fitted, frame, log_posterior, parameters, prepared, prophet, quiet
from foresize_forecast.exactprophet import DAILY, WEEKLY, Model, Seasonality, Status, fit
from foresize_forecast.exactprophet.model import FloatArray, place

HOUR_S = 3600.0
START_S = 1_650_000_000.0
MODELS = [
    Model(seasonalities=(DAILY, WEEKLY)),
    Model(growth="flat", seasonalities=(DAILY,)),
    Model(seasonalities=(Seasonality("shift", 8 * HOUR_S, 2, 0.5),), changepoints=7, changepoint_range=0.95),
    Model(changepoints=0),
]


def hours(count: int) -> FloatArray:
    """Instants an hour apart."""
    return START_S + HOUR_S * np.arange(count)


def memory(rows: int, count: int, seed: int) -> FloatArray:
    """Bytes: a level, slope changes, a day and noise, and now and then a step."""
    rng = np.random.default_rng(seed)
    at = np.arange(count) / count
    values = np.empty((rows, count))
    for row in range(rows):
        curve = 1 + rng.uniform(0, 0.2) * np.sin(2 * np.pi * np.arange(count) / 24)
        for _ in range(rng.integers(0, 5)):
            curve += rng.normal(0, 0.5) * np.maximum(0, at - rng.random())
        curve += rng.uniform(0, 0.4) * (at > rng.random()) * rng.integers(0, 2)
        values[row] = 10 ** rng.uniform(6, 10) * np.abs(curve + rng.uniform(1e-3, 0.1) * rng.standard_normal(count))
    return values


def gaps(values: FloatArray) -> FloatArray:
    """The first series whole, the second starts late, the third has a hole, the others lose values at random."""
    holed = values.copy()
    holed[1, :40] = np.nan
    holed[2, 100:160] = np.nan
    holed[3:][np.random.default_rng(5).random(holed[3:].shape) < 0.2] = np.nan
    return holed


@pytest.mark.parametrize("model", MODELS)
def test_seasons_are_prophets_own(model: Model) -> None:
    """Every sine and cosine is the number that stock Prophet computes."""
    times_s = hours(100)
    with quiet():
        stock = prophet(model).make_all_seasonality_features(frame(times_s))[0].to_numpy()
    expected = stock if model.seasonalities else stock[:, :0]  # stock has a column of zeros where there is none
    np.testing.assert_array_equal(expected, model.season_features(times_s))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 10, 26, 27, 32, 33, 34, 200])
def test_changepoints_are_placed_as_stock_places_them(count: int) -> None:
    """By observed row, so that gaps move them, and fewer where there are few values."""
    rng = np.random.default_rng(count)
    times_s = hours(2 * count)
    values = rng.random(2 * count)
    values[rng.permutation(2 * count)[:count]] = np.nan
    observed = ~np.isnan(values)
    for model in MODELS:
        stock, inputs = prepared(model, times_s, values)
        placement = place(model, times_s[observed])
        none = model.growth == "flat" or len(stock.changepoints) == 0
        np.testing.assert_array_equal([] if none else inputs.t_change, placement.changepoints)
        np.testing.assert_array_equal(inputs.t, placement.scaled(times_s[observed]))


@pytest.mark.parametrize("model", MODELS)
def test_the_log_posterior_is_stans_and_never_worse_than_stocks(model: Model) -> None:
    """Stock's optimiser stops early; the exact fit is at least as good on every series, gaps or not."""
    times_s = hours(200)
    values = gaps(memory(6, 200, seed=1))
    values[5] = 2**30 + 4096 * np.random.default_rng(0).integers(0, 2, 200)  # a page of noise in a gibibyte
    fits = fit(model, times_s, values)
    assert fits.status == (Status.CONVERGED,) * 6
    for row in range(6):
        inputs = prepared(model, times_s, values[row])[1]
        ours = log_posterior(inputs, parameters(fits, row))
        assert ours == pytest.approx(fits.log_posterior[row], abs=1e-5)
        stock = fitted(model, times_s, values[row])
        assert ours >= log_posterior(inputs, stock.params) - 1e-4


def test_the_forecast_is_what_stock_predicts_from_the_same_parameters() -> None:
    """Trend and seasons go on as stock's do, before, within and after the history."""
    model, times_s = MODELS[0], hours(200)
    values = gaps(memory(4, 200, seed=2))
    fits = fit(model, times_s, values)
    wanted_s = START_S + HOUR_S * np.arange(-30, 260, 7)
    for row in range(4):
        stock = fitted(model, times_s, values[row])
        stock.params = {name: value.reshape(1, -1) for name, value in parameters(fits, row).items()}
        stock.uncertainty_samples = 0
        with quiet():
            expected = stock.predict(frame(wanted_s))["yhat"].to_numpy()
        np.testing.assert_allclose(fits.mean(wanted_s)[row], expected, rtol=1e-9)
