"""A straight line through the lows since the last restart: for memory that grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.models import Forecast, daily_origins, refusals, rolling_path
from foresize_forecast.forecasting.quantile import row_quantiles
from foresize_forecast.forecasting.stretch import block_lows, slopes, stretch_starts
from foresize_forecast.series import BoolArray, FloatArray, History, PerContainer, PerContainerAndTime

MIN_BLOCKS = 6
"""Hours of a stretch below which its slope is not believed."""
ORIGINS = 7
LEVEL_S = 21_600
"""The line starts from the median of what lies around it in these last seconds."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Goes on as the current stretch went, never down, and no further than it has been seen to go.

    The last rule keeps a short steep start from becoming a mountain: a stretch of 6 hours is continued for 6 hours.
    """

    name: str = "Trend"
    cost: int = 3
    min_days: float = 0.25
    flat: bool = False

    def fit(self, history: History) -> FittedTrend:
        """Measure slope and level of every container at once."""
        lows, block_s = block_lows(history)
        refused = self._refusals(history)
        if lows.shape[1] < MIN_BLOCKS:
            none = np.zeros(lows.shape[0])
            return FittedTrend(history, none, none, refused)
        starts = stretch_starts(lows)
        seen_s = (lows.shape[1] - starts) * block_s
        slope = np.nan_to_num(np.maximum(slopes(lows, starts), 0)) / block_s
        slope = np.where(seen_s >= MIN_BLOCKS * block_s, slope, 0.0)
        return FittedTrend(history, slope, seen_s.astype(np.float64), refused)

    def _refusals(self, history: History) -> tuple[str | None, ...]:
        """Too little history, or none where the line would start."""
        last = max(1, LEVEL_S // history.grid.step_s)
        silent: BoolArray = np.all(np.isnan(history.usage[:, -last:]), axis=1, keepdims=True)[:, 0]
        return tuple(
            reason or (f"nothing measured in the last {LEVEL_S // 3600} hours" if quiet else None)
            for reason, quiet in zip(refusals(history, self.min_days), silent, strict=True)
        )


@dataclass(frozen=True, slots=True)
class FittedTrend:
    """Slopes in bytes per second and the seconds over which they were seen, both of shape (containers,)."""

    history: History
    slope: PerContainer
    seen_s: PerContainer
    refused: tuple[str | None, ...]

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """The line, and the quantiles of what lay around it."""
        grid = self.history.grid
        ahead_s = np.minimum(grid.step_s * np.arange(1, intervals + 1), self.seen_s[:, np.newaxis])
        growth = self.slope[:, np.newaxis] * ahead_s
        around = self._around_now()
        around_quantiles = row_quantiles(around, (0.5, *levels))
        lines = np.maximum(around_quantiles[:, :, np.newaxis] + growth, 0.0)
        refused = np.array([reason is not None for reason in self.refused], dtype=np.bool_)
        mean = np.where(refused[:, np.newaxis], np.nan, lines[0])
        return Forecast(grid.after(intervals), mean, levels, lines[1:], self.refused)

    def path(self) -> PerContainerAndTime:
        """Lines drawn again at the ends of earlier days, each for the day that followed."""
        return rolling_path(Trend(), self.history, daily_origins(self.history.grid, ORIGINS))

    def _around_now(self) -> FloatArray:
        """The newest values moved along the line to the history's end."""
        grid = self.history.grid
        last = max(1, LEVEL_S // grid.step_s)
        age_s = (grid.end_s - grid.ends_s)[-last:]
        moved: FloatArray = self.history.usage[:, -last:] + self.slope[:, np.newaxis] * age_s
        return moved
