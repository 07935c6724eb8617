"""Forecasting models behind one small protocol: many histories in, many forecasts out.

A model says how high memory will go; what room to leave above it comes from `jumps`, which looks at what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Protocol

import numpy as np

from foresize_forecast.series import BoolArray, FloatArray, Grid, History, PerContainerAndTime

DAY_S = 86_400
QuantilesByContainerAndTime = Annotated[FloatArray, Literal["levels", "containers", "time"]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected usage of many containers over the intervals after their history.

    Attributes:
        grid: the intervals forecast.
        mean: shape (containers, time), bytes, at least 0: the peak expected in each interval.
        levels: the quantile levels, rising, each between 0 and 1.
        quantiles: shape (levels, containers, time), bytes, at least 0 and not falling along the levels.
        refusals: one entry a container: why there is no forecast (its rows are NaN), or None.
    """

    grid: Grid
    mean: FloatArray
    levels: tuple[float, ...]
    quantiles: QuantilesByContainerAndTime
    refusals: tuple[str | None, ...]

    def __post_init__(self) -> None:
        containers = len(self.refusals)
        if self.mean.shape != (containers, self.grid.count):
            raise ValueError(f"mean has shape {self.mean.shape}, expected {(containers, self.grid.count)}")
        if self.quantiles.shape != (len(self.levels), containers, self.grid.count):
            raise ValueError(f"quantiles have shape {self.quantiles.shape}, expected levels, containers, time")
        if np.any(self.mean < 0) or np.any(self.quantiles < 0):
            raise ValueError("memory is never below zero")


class Fitted(Protocol):
    """A model that has seen a history."""

    def forecast(self, intervals: int, levels: tuple[float, ...]) -> Forecast:
        """Forecast the `intervals` that follow the history, at the history's own step.

        Args:
            intervals: how many, at least 1.
            levels: quantile levels wanted, rising, each between 0 and 1.
        """
        ...

    def path(self) -> PerContainerAndTime:
        """What it would have expected in every interval of the history from what came before; NaN where nothing.

        Shape (containers, time), bytes: the peaks that `forecast` calls its mean. A backtest holds it against usage.
        """
        ...


class Model(Protocol):
    """A way to forecast memory."""

    @property
    def name(self) -> str:
        """As shown to users."""
        ...

    @property
    def cost(self) -> int:
        """Rank by computing time, cheapest first: between models that do equally well the cheaper one is chosen."""
        ...

    @property
    def min_days(self) -> float:
        """Days of measurements below which it refuses a container."""
        ...

    @property
    def flat(self) -> bool:
        """Whether what it expects in one interval stands for a whole horizon from there."""
        ...

    def fit(self, history: History) -> Fitted:
        """Learn from a history; a container that cannot be learnt from is refused in the forecast, never raised."""
        ...


def refusals(history: History, min_days: float) -> tuple[str | None, ...]:
    """Why each container has too little history for a model, or None."""
    return tuple(
        None if days >= min_days else f"{days:.2f} days of measurements, {min_days:.2f} are needed"
        for days in history.observed_days()
    )


def without(refused: tuple[str | None, ...], mean: FloatArray) -> FloatArray:
    """NaN in the rows of refused containers."""
    out: BoolArray = np.array([reason is not None for reason in refused], dtype=np.bool_)
    return np.where(out[:, np.newaxis], np.nan, mean) if out.any() else mean


def rolling_path(model: Model, history: History, origins: tuple[int, ...]) -> PerContainerAndTime:
    """A path made of forecasts from each origin up to the next one, for models that have no cheaper way.

    Args:
        model: fitted again at each origin, on what came before it.
        history: of many containers.
        origins: columns, rising.
    """
    path = np.full_like(history.usage, np.nan)
    for origin, end in pairwise((*origins, history.grid.count)):
        if end > origin:
            path[:, origin:end] = model.fit(history.until(origin)).forecast(end - origin, ()).mean
    return path


def daily_origins(grid: Grid, most: int) -> tuple[int, ...]:
    """Columns a day apart, the last one at most a day before the end, none before half a day of history."""
    day = max(1, DAY_S // grid.step_s)
    return tuple(sorted(range(grid.count - day, day // 2 - 1, -day)[:most]))
