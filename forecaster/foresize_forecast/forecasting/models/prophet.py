"""Prophet behind the models' protocol, all containers of a batch in one exact fit.

Prophet sees the peaks of blocks (about an hour for two weeks): a fit to every value follows the middle of the curve.
Its mean is what counts; the room that is safe above it comes from `jumps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from foresize_forecast.exactprophet import Fits, Model, Seasonality, fit
from foresize_forecast.forecasting.models import Forecast, daily_origins, refusals, rolling_path
from foresize_forecast.series import FloatArray, History, PerContainerAndTime

BLOCKS = 336
"""Blocks a window is cut into: an hour each for 14 days."""
DAY_S = 86_400
DAILY_FROM_DAYS = 3.0
"""Two days tell a daily season from a trend no better than a coin."""
WEEKLY_FROM_DAYS = 10.0
"""A window of 14 days less the days held back by the backtest: model tested and model used are then the same."""
DAILY = Seasonality("daily", DAY_S, 8)
"""8 terms follow a hump of about an hour and a half, Prophet's own 4 one of three hours."""
WEEKLY = Seasonality("weekly", 7 * DAY_S, 3)
MIN_BLOCKS = 12
"""Measured blocks below which there is nothing to fit."""
ORIGINS = 7


@dataclass(frozen=True, slots=True)
class Prophet:
    """Trend with changepoints plus daily and weekly seasons: Prophet's own model, its MAP found exactly."""

    name: str = "Prophet"
    cost: int = 10
    min_days: float = 2.0
    flat: bool = False

    def fit(self, history: History) -> FittedProphet:
        """Fit all containers at once; one without enough blocks is refused."""
        factor = max(1, -(-history.grid.count // BLOCKS))
        blocks = history.block_peaks(factor)
        known = np.count_nonzero(~np.isnan(blocks.usage), axis=1)
        refused = tuple(
            reason or (f"{count} blocks measured, {MIN_BLOCKS} are needed" if count < MIN_BLOCKS else None)
            for reason, count in zip(refusals(history, self.min_days), known, strict=True)
        )
        ends_s = blocks.grid.ends_s.astype(np.float64)
        fits = fit(_model(blocks.grid.count * blocks.grid.step_s / DAY_S), ends_s, blocks.usage, threads=1)
        left_out = tuple(
            reason or (f"Prophet cannot fit it: {status}" if status.refused else None)
            for reason, status in zip(refused, fits.status, strict=True)
        )
        return FittedProphet(history, factor, fits, left_out)


@dataclass(frozen=True, slots=True)
class FittedProphet:
    """The fits of a batch's block peaks."""

    history: History
    factor: int
    fits: Fits
    refused: tuple[str | None, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """For every interval the peak of a block around it, at least 0: a falling line does not stop there by itself.

        The quantiles are normal: the residuals' variance plus that of a trend that goes on changing as often and as
        much as it did. Prophet draws the same at random; the sum is known, so nothing is drawn.
        """
        grid = self.history.grid
        ahead_s = grid.step_s * np.arange(1, intervals + 1, dtype=np.float64)
        times_s = grid.end_s + ahead_s + grid.step_s * (self.factor - 1) / 2
        mean = np.maximum(self.fits.mean(times_s), 0.0)
        mean[[reason is not None for reason in self.refused]] = np.nan
        spread = self._spread(times_s)
        quantiles = [np.maximum(mean + NormalDist().inv_cdf(level) * spread, 0.0) for level in levels]
        stacked = np.stack(quantiles) if levels else np.empty((0, *mean.shape))
        return Forecast(grid.after(intervals), mean, levels, stacked, self.refused)

    def path(self) -> PerContainerAndTime:
        """Forecasts made again at the ends of earlier days, each for the day that followed."""
        return rolling_path(Prophet(), self.history, daily_origins(self.history.grid, ORIGINS))

    def _spread(self, times_s: FloatArray) -> FloatArray:
        """Standard deviation of every interval, shape (containers, time).

        Prophet takes S changepoints over the history (scaled time 0 to 1) with Laplace(scale b) slope changes, b being
        the mean size seen. Going on at that rate, changes at a uniform time u before t add variance 2 b^2 (t - u)^2, in
        all S 2 b^2 t^3 / 3.
        """
        spread = np.full((len(self.fits), times_s.size), np.nan)
        for placement, rows in self.fits.groups():
            places = max(1, len(placement.changepoints))
            sizes = np.abs(self.fits.slope_changes[rows]).sum(axis=1, keepdims=True) / places
            ahead = np.maximum(placement.scaled(times_s) - 1.0, 0.0)
            drift = sizes * np.sqrt(2 * places / 3) * ahead**1.5
            spread[rows] = np.hypot(self.fits.noise[rows, np.newaxis], drift) * self.fits.scale[rows, np.newaxis]
        return spread


def _model(days: float) -> Model:
    """A model with the seasons that so many days can show."""
    seasons = ((DAILY,) if days >= DAILY_FROM_DAYS else ()) + ((WEEKLY,) if days >= WEEKLY_FROM_DAYS else ())
    return Model(seasonalities=seasons)
