"""Stock Prophet behind the models' protocol. The only import of prophet and pandas in the brain.

Prophet sees the peaks of blocks (about an hour for two weeks): a fit to every value follows the middle of the curve and
takes ten times as long. Its mean is what counts; the level that is safe comes from `calibrate`.
"""

from __future__ import annotations

import logging
import math
import shutil
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from foresize_forecast.models import Forecast, refusals
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

BLOCKS = 336
"""Blocks a window is cut into: an hour each for 14 days."""
DAY_S = 86_400
DAILY_FROM_DAYS = 3.0
"""Two days tell a daily season from a trend no better than a coin."""
WEEKLY_FROM_DAYS = 10.0
"""A window of 14 days less the days held back by the backtest: model tested and model used are then the same."""
DAILY_ORDER = 8
"""Fourier terms of a day: 8 follow a hump of about an hour and a half, Prophet's own 4 one of three hours."""
WEEKLY_ORDER = 3
MIN_BLOCKS = 12
"""Measured blocks below which there is nothing to fit."""
LOGGERS = ("cmdstanpy", "prophet", "prophet.models", "prophet.plot")


@dataclass(frozen=True, slots=True)
class Prophet:
    """Trend with changepoints plus daily and weekly seasons, fitted by Stan."""

    name: str = "Prophet"
    cost: int = 10
    min_days: float = 2.0

    def fit(self, history: History) -> FittedProphet:
        """Fit each container by itself; one whose fit fails is refused."""
        factor = max(1, -(-history.grid.count // BLOCKS))
        blocks = history.block_peaks(factor)
        curves: list[Curve | str] = []
        for row, reason in enumerate(refusals(history, self.min_days)):
            curves.append(reason or _fit(history.containers[row], blocks.grid, blocks.usage[row]))
        return FittedProphet(history.grid, factor, tuple(curves))


@dataclass(frozen=True, slots=True)
class Curve:
    """One container's fit, or its only value where the history is constant (Stan cannot scale that)."""

    model: Any
    level: float
    noise: float
    """Standard deviation of what the fit leaves over, bytes."""
    trend_drift: float
    """Bytes per second to the power 3/2: the trend's own uncertainty after t seconds is this times t ** 1.5."""

    def mean(self, ends_s: FloatArray) -> FloatArray:
        """Expected block peaks at these instants, at least 0: a falling line does not stop there by itself."""
        if self.model is None:
            return np.full(ends_s.shape, self.level)
        with _quiet():
            expected = self.model.predict(_frame(ends_s))["yhat"].to_numpy(dtype=np.float64)
        floored: FloatArray = np.maximum(expected, 0.0)
        return floored


@dataclass(frozen=True, slots=True)
class FittedProphet:
    """One curve or one reason a container."""

    grid: Grid
    factor: int
    curves: tuple[Curve | str, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """For every interval the peak of a block around it.

        The quantiles are normal: the residuals' variance plus that of a trend that goes on changing as often and as
        much as it did. Prophet draws the same from numpy's global generator; the sum is known, so nothing is drawn.
        """
        ahead_s = self.grid.step_s * np.arange(1, intervals + 1, dtype=np.float64)
        block_middle_s = self.grid.step_s * (self.factor - 1) / 2
        mean = np.full((len(self.curves), intervals), np.nan)
        quantiles = np.full((len(levels), len(self.curves), intervals), np.nan)
        for row, curve in enumerate(self.curves):
            if isinstance(curve, str):
                continue
            mean[row] = curve.mean(self.grid.end_s + ahead_s + block_middle_s)
            spread = np.hypot(curve.noise, curve.trend_drift * ahead_s**1.5)
            for at, level in enumerate(levels):
                quantiles[at, row] = np.maximum(mean[row] + NormalDist().inv_cdf(level) * spread, 0.0)
        refused = tuple(curve if isinstance(curve, str) else None for curve in self.curves)
        return Forecast(self.grid.after(intervals), mean, levels, quantiles, refused)


def _fit(key: ContainerKey, grid: Grid, peaks: FloatArray) -> Curve | str:
    """Fit one container's block peaks."""
    known = ~np.isnan(peaks)
    if np.count_nonzero(known) < MIN_BLOCKS:
        return f"{np.count_nonzero(known)} blocks measured, {MIN_BLOCKS} are needed"
    values = peaks[known]
    if np.ptp(values) <= 1e-9 * values.max():
        return Curve(None, float(values.max()), 0.0, 0.0)
    frame = _frame(grid.ends_s[known].astype(np.float64))
    frame["y"] = values
    days = values.size * grid.step_s / DAY_S
    with _quiet():
        model = _model(days)
        try:
            model.fit(frame, seed=zlib.crc32(str(key).encode()) or 1)
        except RuntimeError as failure:
            return f"Prophet did not converge: {str(failure).splitlines()[0]}"
        finally:
            _clean(model.stan_backend)
        left_over = values - model.predict(frame)["yhat"].to_numpy(dtype=np.float64)
    return Curve(model, 0.0, float(np.std(left_over)), _trend_drift(model))


def _clean(stan_backend: Any) -> None:  # noqa: ANN401 - prophet carries no types of its own
    """Remove what a fit leaves on disk: its files, and its folder, which Prophet's own clean-up forgets."""
    fit = getattr(stan_backend, "stan_fit", None)
    if fit is None:
        return
    folders = {Path(name).parent for name in fit.runset.csv_files}
    stan_backend.cleanup()
    for folder in folders:
        if folder.name.startswith(fit.runset.model):  # the fit's own, not the one that all fits share
            shutil.rmtree(folder, ignore_errors=True)


def _model(days: float) -> Any:  # noqa: ANN401 - prophet carries no types of its own
    """A Prophet with the seasons that so many days can show."""
    from prophet import Prophet as StockProphet  # noqa: PLC0415 - 2 s and 80 MiB that only a fit should cost

    model = StockProphet(
        daily_seasonality=False, weekly_seasonality=False, yearly_seasonality=False, uncertainty_samples=0
    )
    if days >= DAILY_FROM_DAYS:
        model.add_seasonality("daily", period=1, fourier_order=DAILY_ORDER)
    if days >= WEEKLY_FROM_DAYS:
        model.add_seasonality("weekly", period=7, fourier_order=WEEKLY_ORDER)
    return model


def _trend_drift(model: Any) -> float:  # noqa: ANN401 - as above
    """How fast the trend's uncertainty grows.

    Prophet takes S changepoints over the history (time 0 to 1) with Laplace(scale b) slope changes, b being the mean
    size seen. Going on at that rate, changes at a uniform time u before t add variance 2 b^2 (t - u)^2, in all
    S 2 b^2 t^3 / 3.
    """
    size = float(np.mean(np.abs(model.params["delta"])))
    seconds = float(model.t_scale.total_seconds())
    changes = len(model.changepoints)
    drift: float = float(model.y_scale) * size * math.sqrt(2 * changes / 3) / seconds**1.5
    return drift


def _frame(ends_s: FloatArray) -> Any:  # noqa: ANN401 - pandas' own frame, known to this module only
    """Prophet's input: time without a zone (it refuses one), UTC by convention here."""
    import pandas as pd  # noqa: PLC0415 - as costly as prophet

    return pd.DataFrame({"ds": pd.to_datetime(ends_s.astype(np.int64), unit="s")})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Prophet's and Stan's chatter out of our logs, and put everything back as it was."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True  # a level would not do: cmdstanpy sets its own at its first message
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
