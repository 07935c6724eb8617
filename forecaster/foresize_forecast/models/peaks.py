"""Models that repeat what was: the last day's peak (the baseline) or percentile, or the same time of earlier days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.models import Forecast, refusals
from foresize_forecast.quantile import row_quantiles
from foresize_forecast.series import BoolArray, FloatArray, History, peaks

DAY_S = 86_400
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class RecentPeak:
    """The highest value of the last day with measurements, for ever. The baseline: every other model must beat it."""

    name: str = "RecentPeak"
    cost: int = 1
    min_days: float = 0.04
    level: float = 1.0
    """The quantile of the day to repeat: 1 is its highest value, lower ones are steadier where peaks come at random."""

    def fit(self, history: History) -> FittedRecentPeak:
        """Keep each container's last day: the day that ends with its own last measurement."""
        day = max(1, DAY_S // history.grid.step_s)
        known = ~np.isnan(history.usage)
        last = np.where(known.any(axis=1), history.grid.count - 1 - np.argmax(known[:, ::-1], axis=1), -1)
        columns = last[:, np.newaxis] - np.arange(min(day, history.grid.count))
        day_usage = np.take_along_axis(history.usage, np.maximum(columns, 0), axis=1)
        last_day = np.where(columns >= 0, day_usage, np.nan)
        return FittedRecentPeak(history, last_day, self.level, refusals(history, self.min_days))


@dataclass(frozen=True, slots=True)
class FittedRecentPeak:
    """Each container's last day, shape (containers, time of a day)."""

    history: History
    last_day: FloatArray
    level: float
    refused: tuple[str | None, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """The same levels in every interval."""
        shape = (self.last_day.shape[0], intervals)
        flat = row_quantiles(self.last_day, (self.level, *levels))[:, :, np.newaxis]
        mean = np.broadcast_to(flat[0], shape)
        return Forecast(
            self.history.grid.after(intervals),
            _without(self.refused, mean),
            levels,
            np.broadcast_to(flat[1:], (len(levels), *shape)),
            self.refused,
        )


@dataclass(frozen=True, slots=True)
class SeasonalPeak:
    """The highest value at the same time of earlier periods, give or take a tolerance.

    The tolerance is a candidate of its own: an exact one is tight where a job starts on the minute, a wide one holds
    where it does not. The backtest tells which it is.
    """

    name: str
    cost: int
    min_days: float
    period_s: int
    periods: int
    """How many earlier periods are remembered."""
    tolerance_steps: int = 0
    tolerance_s: int = 0
    """The larger of the two tolerances counts."""

    def fit(self, history: History) -> FittedSeasonalPeak:
        """Fold the history into periods that end where it ends."""
        slots = max(1, round(self.period_s / history.grid.step_s))
        kept = history.usage[:, -slots * self.periods :]
        missing = -kept.shape[1] % slots
        padded = np.pad(kept, ((0, 0), (missing, 0)), constant_values=np.nan)
        folded = padded.reshape(kept.shape[0], -1, slots)
        reach = max(self.tolerance_steps, self.tolerance_s // history.grid.step_s)
        return FittedSeasonalPeak(history, _spread(folded, reach), refusals(history, self.min_days))


@dataclass(frozen=True, slots=True)
class FittedSeasonalPeak:
    """Each container's periods, shape (containers, periods, slots), peaks already spread by the tolerance."""

    history: History
    folded: FloatArray
    refused: tuple[str | None, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """Repeat the slots' peaks; a slot never seen gets the container's highest."""
        profile = peaks(np.swapaxes(self.folded, 1, 2))
        highest = peaks(profile)[:, np.newaxis]
        by_level = row_quantiles(np.swapaxes(self.folded, 1, 2), levels)
        slot = np.arange(intervals) % profile.shape[1]
        mean = np.where(np.isnan(profile), highest, profile)[:, slot]
        quantiles = np.where(np.isnan(by_level), highest, by_level)[:, :, slot]
        return Forecast(
            self.history.grid.after(intervals), _without(self.refused, mean), levels, quantiles, self.refused
        )


def _spread(folded: FloatArray, reach: int) -> FloatArray:
    """The highest value within `reach` slots on both sides, around the period's end.

    Doubles the window instead of walking it: 7 passes for an hour of minutes instead of 121.
    """
    width = min(2 * reach + 1, folded.shape[-1])
    spread, size = folded, 1
    while size < width:
        grown = min(size, width - size)
        spread = np.fmax(spread, np.roll(spread, grown, axis=-1))
        size += grown
    return np.roll(spread, -(width // 2), axis=-1)


def _without(refused: tuple[str | None, ...], mean: FloatArray) -> FloatArray:
    """NaN in the rows of refused containers."""
    out: BoolArray = np.array([reason is not None for reason in refused], dtype=np.bool_)
    return np.where(out[:, np.newaxis], np.nan, mean) if out.any() else mean


def seasonal_peaks() -> tuple[SeasonalPeak, ...]:
    """The seasonal candidates, from the most tolerant to the most exact.

    A day before an origin is enough to try the daily ones (0.9: short gaps are usual), a week for the weekly one.
    """
    return (
        SeasonalPeak("DailyPeakHour", 4, 0.9, DAY_S, 7, tolerance_s=3600),
        SeasonalPeak("DailyPeakNear", 5, 0.9, DAY_S, 7, tolerance_steps=1),
        SeasonalPeak("DailyPeakExact", 6, 0.9, DAY_S, 7),
        SeasonalPeak("WeeklyPeakHour", 7, 6.5, WEEK_S, 4, tolerance_s=3600),
    )
