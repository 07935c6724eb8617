"""Prophet's model as a value: what is fitted, and the features and places it is fitted with.

Features and places are stock Prophet's own, number for number: `tests/forecast/test_exactprophet.py` compares
them with `Prophet.fourier_series` and `Prophet.set_changepoints`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Times = Annotated[FloatArray, Literal["time"]]

DAY_S = 86_400.0
TREND_PRIOR_SCALE = 5.0
"""Standard deviation of the normal priors of slope and offset (`k` and `m` in prophet.stan)."""


@dataclass(frozen=True, slots=True)
class Seasonality:
    """One additive season: a Fourier series of `order` sines and `order` cosines.

    Attributes:
        name: for reports; unique within a model.
        period_s: seconds after which it repeats.
        order: Fourier terms, at least 1.
        prior_scale: standard deviation of every coefficient's normal prior, in units of the series' highest absolute
            value.
    """

    name: str
    period_s: float
    order: int
    prior_scale: float = 10.0

    def __post_init__(self) -> None:
        if not (self.period_s > 0 and self.order >= 1 and self.prior_scale > 0):
            raise ValueError(
                f"seasonality {self.name!r} needs period_s > 0, order >= 1 and prior_scale > 0, "
                f"got {self.period_s}, {self.order} and {self.prior_scale}"
            )


DAILY = Seasonality("daily", DAY_S, 4)
"""Prophet's own daily season."""
WEEKLY = Seasonality("weekly", 7 * DAY_S, 3)
"""Prophet's own weekly season."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted to every series; the defaults are Prophet's.

    Seasons are explicit: Prophet's automatic rule looks at the length of each history, so that one point less turns
    the weekly season off.

    Attributes:
        growth: `linear`: slope, offset and changepoints; `flat`: an offset only.
        seasonalities: additive seasons.
        changepoints: places where the slope may change (fewer where a series has too few points).
        changepoint_range: the share of the observed points, from the first on, that may hold changepoints.
        changepoint_prior_scale: scale of the Laplace prior of slope changes.
    """

    growth: Literal["linear", "flat"] = "linear"
    seasonalities: tuple[Seasonality, ...] = ()
    changepoints: int = 25
    changepoint_range: float = 0.8
    changepoint_prior_scale: float = 0.05

    def __post_init__(self) -> None:
        if self.growth not in ("linear", "flat"):
            raise ValueError(f"growth is 'linear' or 'flat', got {self.growth!r}")
        if self.changepoints < 0 or not 0 <= self.changepoint_range <= 1 or not self.changepoint_prior_scale > 0:
            raise ValueError(
                "a model needs changepoints >= 0, changepoint_range from 0 to 1 and changepoint_prior_scale > 0, got "
                f"{self.changepoints}, {self.changepoint_range} and {self.changepoint_prior_scale}"
            )
        names = [season.name for season in self.seasonalities]
        if len(set(names)) < len(names):
            raise ValueError(f"seasonalities need names of their own, got {names}")

    @property
    def places(self) -> int:
        """Changepoints of a series with points enough."""
        return self.changepoints if self.growth == "linear" else 0

    @property
    def season_columns(self) -> int:
        """Seasonal coefficients of a series."""
        return 2 * sum(season.order for season in self.seasonalities)

    def free_prior_scales(self) -> FloatArray:
        """Standard deviations of the normal priors of `free_columns`, in its order."""
        trend = [TREND_PRIOR_SCALE] * (2 if self.growth == "linear" else 1)
        seasons = [season.prior_scale for season in self.seasonalities for _ in range(2 * season.order)]
        return np.array(trend + seasons)

    def season_features(self, times_s: Times) -> FloatArray:
        """Sines and cosines of every season, shape (time, season_columns)."""
        turns = np.pi * 2 * (times_s / DAY_S)
        features = np.empty((len(times_s), self.season_columns))
        column = 0
        for season in self.seasonalities:
            for term in range(season.order):
                angle = (term + 1) / (season.period_s / DAY_S) * turns
                features[:, column] = np.sin(angle)
                features[:, column + 1] = np.cos(angle)
                column += 2
        return features


@dataclass(frozen=True, slots=True)
class Placement:
    """How the instants of one gap pattern become Prophet's scaled time, and where its slope may change.

    Attributes:
        start_s: the first observed instant, scaled time 0.
        span_s: seconds from the first to the last observed instant, scaled time 1.
        changepoints: scaled times, ascending; empty for flat growth.
    """

    start_s: float
    span_s: float
    changepoints: FloatArray

    def scaled(self, times_s: Times) -> FloatArray:
        """Scaled time: 0 at the first observed instant, 1 at the last."""
        scaled: FloatArray = (times_s - self.start_s) / self.span_s
        return scaled

    def hinges(self, scaled: FloatArray) -> FloatArray:
        """What a slope change of 1 at every changepoint adds, shape (time, changepoints)."""
        passed: FloatArray = np.maximum(scaled[:, np.newaxis] - self.changepoints, 0.0)
        return passed


def place(model: Model, observed_s: Times) -> Placement:
    """Stock's placement: evenly by observed row through the first `changepoint_range` of them.

    By row and not by time, so gaps move the places.

    Args:
        model: says how many.
        observed_s: the instants with a value, ascending, at least two.
    """
    start, span = float(observed_s[0]), float(observed_s[-1] - observed_s[0])
    eligible = int(np.floor(len(observed_s) * model.changepoint_range))
    count = min(model.places, eligible - 1)
    if count <= 0:
        return Placement(start, span, np.empty(0))
    rows = np.linspace(0, eligible - 1, count + 1).round().astype(np.int64)[1:]
    return Placement(start, span, (observed_s[rows] - start) / span)
