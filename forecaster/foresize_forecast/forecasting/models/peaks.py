"""Models that repeat what was: the last day, or the same time of earlier days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.levels import highest_before, recent_peaks
from foresize_forecast.forecasting.models import Forecast, refusals, without
from foresize_forecast.forecasting.quantile import row_quantiles
from foresize_forecast.series import FloatArray, History, PerContainerAndTime, peaks

HOUR_S = 3600
DAY_S = 86_400
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class RecentPeak:
    """The highest value of the last day with measurements, for ever. The baseline: every other model must beat it."""

    name: str = "RecentPeak"
    cost: int = 1
    min_days: float = 0.04
    flat: bool = True

    def fit(self, history: History) -> FittedRecentPeak:
        """Keep each container's last day: the day that ends with its own last measurement."""
        return FittedRecentPeak(history, last_days(history), refusals(history, self.min_days))


@dataclass(frozen=True, slots=True)
class FittedRecentPeak:
    """Each container's last day, shape (containers, time of a day)."""

    history: History
    last_day: FloatArray
    refused: tuple[str | None, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """The same levels in every interval."""
        flat = row_quantiles(self.last_day, (1.0, *levels))[:, :, np.newaxis]
        return _flat(self.history, intervals, levels, flat, self.refused)

    def path(self) -> PerContainerAndTime:
        """The day's peak before each interval."""
        return recent_peaks(self.history.usage, max(1, DAY_S // self.history.grid.step_s))


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
    flat: bool = False

    def fit(self, history: History) -> FittedSeasonalPeak:
        """Spread every value over its tolerance."""
        slots = max(1, round(self.period_s / history.grid.step_s))
        reach = min(max(self.tolerance_steps, self.tolerance_s // history.grid.step_s), slots // 2)
        return FittedSeasonalPeak(history, slots, self.periods, reach, refusals(history, self.min_days))


@dataclass(frozen=True, slots=True)
class FittedSeasonalPeak:
    """A period of `slots` intervals, of which `periods` are remembered, each value good for `reach` slots around it."""

    history: History
    slots: int
    periods: int
    reach: int
    refused: tuple[str | None, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """Repeat the slots' peaks; a slot never seen gets the container's highest."""
        folded = self._folded()
        profile = peaks(folded)
        highest = peaks(profile)[:, np.newaxis]
        by_level = row_quantiles(folded, levels)
        slot = np.arange(intervals) % self.slots
        mean = np.where(np.isnan(profile), highest, profile)[:, slot]
        quantiles = np.where(np.isnan(by_level), highest, by_level)[:, :, slot]
        return Forecast(
            self.history.grid.after(intervals), without(self.refused, mean), levels, quantiles, self.refused
        )

    def path(self) -> PerContainerAndTime:
        """What the same slots of the periods before each interval had; the highest seen where all were gaps.

        Nothing in the first period: a season that has not been seen says nothing.
        """
        spread = spread_peaks(self.history.usage, self.reach)
        found = np.full_like(spread, np.nan)
        for period in range(1, self.periods + 1):
            back = period * self.slots
            if back >= spread.shape[1]:
                break
            found[:, back:] = np.fmax(found[:, back:], spread[:, :-back])
        silent = np.isnan(found)
        silent[:, : self.slots] = False
        return np.where(silent, highest_before(self.history.usage), found)

    def _folded(self) -> FloatArray:
        """Shape (containers, slots, periods): the periods end where the history ends."""
        kept = spread_peaks(self.history.usage[:, -(self.slots * self.periods + self.reach) :], self.reach)
        kept = kept[:, -self.slots * self.periods :]
        missing = -kept.shape[1] % self.slots
        padded = np.pad(kept, ((0, 0), (missing, 0)), constant_values=np.nan)
        folded = padded.reshape(kept.shape[0], -1, self.slots)
        return np.swapaxes(folded, 1, 2)


def last_days(history: History) -> FloatArray:
    """Each container's last day with measurements, shape (containers, time of a day), NaN in gaps."""
    day = max(1, DAY_S // history.grid.step_s)
    known = ~np.isnan(history.usage)
    last = np.where(known.any(axis=1), history.grid.count - 1 - np.argmax(known[:, ::-1], axis=1), -1)
    columns = last[:, np.newaxis] - np.arange(min(day, history.grid.count))
    day_usage = np.take_along_axis(history.usage, np.maximum(columns, 0), axis=1)
    found: FloatArray = np.where(columns >= 0, day_usage, np.nan)
    return found


def spread_peaks(values: FloatArray, reach: int) -> FloatArray:
    """The highest value within `reach` columns on both sides.

    Doubles the window instead of walking it: 7 passes for an hour of minutes instead of 121.
    """
    if reach == 0:
        return values
    width, count = 2 * reach + 1, values.shape[-1]
    spread = np.pad(values, ((0, 0), (reach, reach)), constant_values=np.nan)
    size = 1
    while size < width:
        grown = min(size, width - size)
        spread[:, :-grown] = np.fmax(spread[:, :-grown], spread[:, grown:])
        size += grown
    return spread[:, :count]


def seasonal_peaks() -> tuple[SeasonalPeak, ...]:
    """The seasonal candidates, from the most tolerant to the most exact.

    Two days are enough to try the daily ones (1.8: short gaps are usual), a fortnight for the weekly one.
    """
    return (
        SeasonalPeak("DailyPeakTwoHours", 4, 1.8, DAY_S, 14, tolerance_s=2 * HOUR_S),
        SeasonalPeak("DailyPeakHour", 5, 1.8, DAY_S, 7, tolerance_s=HOUR_S),
        SeasonalPeak("DailyPeakNear", 6, 1.8, DAY_S, 7, tolerance_steps=1),
        SeasonalPeak("DailyPeakExact", 7, 1.8, DAY_S, 7),
        SeasonalPeak("WeeklyPeakHour", 8, 13.0, WEEK_S, 4, tolerance_s=HOUR_S),
    )


def _flat(
    history: History, intervals: int, levels: tuple[float, ...], flat: FloatArray, refused: tuple[str | None, ...]
) -> Forecast:
    """The same in every interval: `flat` has shape (1 + levels, containers, 1), the mean before the quantiles."""
    spread = np.broadcast_to(flat, (*flat.shape[:2], intervals))
    return Forecast(history.grid.after(intervals), without(refused, spread[0]), levels, spread[1:], refused)
