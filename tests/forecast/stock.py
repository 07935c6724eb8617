"""Stock Prophet on one series, and its log posterior written out again from prophet.stan."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from prophet import Prophet

from foresize_forecast.exactprophet import Fits, Model
from foresize_forecast.exactprophet.model import FloatArray

DAY_S = 86_400


def frame(times_s: FloatArray, values: FloatArray | None = None) -> pd.DataFrame:
    """Prophet's input."""
    stamps = pd.to_datetime(times_s, unit="s")
    return pd.DataFrame({"ds": stamps} if values is None else {"ds": stamps, "y": values})


def prophet(model: Model) -> Prophet:
    """The same model for stock Prophet, not yet fitted."""
    made = Prophet(
        growth=model.growth,
        n_changepoints=model.changepoints,
        changepoint_range=model.changepoint_range,
        changepoint_prior_scale=model.changepoint_prior_scale,
        daily_seasonality=False,
        weekly_seasonality=False,
        yearly_seasonality=False,
    )
    for season in model.seasonalities:
        made.add_seasonality(season.name, season.period_s / DAY_S, season.order, season.prior_scale)
    return made


def fitted(model: Model, times_s: FloatArray, values: FloatArray) -> Prophet:
    """Stock Prophet after its fit."""
    made = prophet(model)
    with quiet():
        made.fit(frame(times_s, values), seed=1)
        made.stan_backend.cleanup()
    return made


def prepared(model: Model, times_s: FloatArray, values: FloatArray) -> tuple[Prophet, Any]:
    """What stock Prophet would hand to Stan."""
    made = prophet(model)
    with quiet():
        return made, made.preprocess(frame(times_s, values))


def log_posterior(inputs: Any, parameters: dict[str, FloatArray]) -> float:
    """Stan's `lp__` of prophet.stan: normal(0, 5) on k and m, Laplace on delta, normal(0, 0.5) on sigma."""
    slope, offset, noise = (float(parameters[name].ravel()[0]) for name in ("k", "m", "sigma_obs"))
    changes, season = parameters["delta"].ravel(), parameters["beta"].ravel()
    at, values = np.asarray(inputs.t), np.asarray(inputs.y)
    trend = np.full(at.shape, offset)
    if inputs.trend_indicator == 0:
        passed = at[:, np.newaxis] >= np.asarray(inputs.t_change)
        trend = (slope + passed @ changes) * at + offset + passed @ (-np.asarray(inputs.t_change) * changes)
    left = values - trend - inputs.X.to_numpy() @ season
    priors = (slope**2 + offset**2) / 50 + np.abs(changes).sum() / inputs.tau + 2 * noise**2
    priors += float(np.sum(season**2 / (2 * np.asarray(inputs.sigmas) ** 2)))
    return float(-len(values) * np.log(noise) - left @ left / (2 * noise**2) - priors)


def parameters(fits: Fits, row: int) -> dict[str, FloatArray]:
    """One series' fit under Stan's names."""
    places = len(fits.placements[fits.pattern[row]].changepoints)
    return {
        "k": fits.slope[row : row + 1],
        "m": fits.offset[row : row + 1],
        "delta": fits.slope_changes[row, :places] if places else np.zeros(1),
        "sigma_obs": fits.noise[row : row + 1],
        "beta": fits.season[row] if fits.season.shape[1] else np.zeros(1),
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without the chatter of Prophet and Stan."""
    loggers = [logging.getLogger(name) for name in ("cmdstanpy", "prophet", "prophet.models")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
