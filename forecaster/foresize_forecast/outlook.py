"""What the slow clock knows of a container until the next fit: the calibrated forecast and its track record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from foresize_forecast.series import FloatArray, Grid


class ShapeKind(StrEnum):
    """What kind of memory curve a container has."""

    FLAT = "Flat"
    SEASONAL = "Seasonal"
    GROWING = "Growing"
    LEAKING = "Leaking"
    BURSTY = "Bursty"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Shape:
    """The kind of curve, and how fast it grows where it does."""

    kind: ShapeKind
    growth_bytes_per_s: float = 0.0
    """Slope of the current stretch between restarts; above 0 only for Growing and Leaking."""


@dataclass(frozen=True, slots=True)
class Score:
    """How a model did in the backtest: sizes it would have set, against what then happened.

    Attributes:
        origins: forecasts compared.
        pinball: mean pinball loss at the request's quantile, over the mean usage (0 is perfect; lower is better).
        coverage: share of intervals at or below the request that it would have set.
        slack: 1 - usage / request, mean over intervals, negative counts as 0.
        exceedances: forecasts whose horizon had a peak above the limit that it would have set.
    """

    origins: int
    pinball: float
    coverage: float
    slack: float
    exceedances: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """One container's calibrated forecast.

    Attributes:
        made_at_s: when the history ended.
        grid: the intervals forecast.
        mean: shape (time,), bytes.
        demand: shape (time,), bytes: the quantile that the policy's overrun asks for, calibrated by the backtest.
        peak_bytes: highest memory expected in the horizon, calibrated: what a limit has to hold.
        peak_low_bytes: the lower end of the peak's interval (its mean path's maximum, uncalibrated).
        peak_at_s: end of the interval where the peak is expected.
        seen_peak_bytes: highest sample of the window, start-up included.
        startup_peak_bytes: highest sample of the start-up minutes; None where no start was seen.
        days: days with measurements.
        model: name of the model chosen.
        score: its backtest.
        baseline: name of the baseline it was compared with.
        baseline_score: the baseline's backtest.
        shape: the kind of curve.
    """

    made_at_s: int
    grid: Grid
    mean: FloatArray
    demand: FloatArray
    peak_bytes: int
    peak_low_bytes: int
    peak_at_s: int
    seen_peak_bytes: int
    startup_peak_bytes: int | None
    days: float
    model: str
    score: Score | None
    baseline: str
    baseline_score: Score | None
    shape: Shape


@dataclass(frozen=True, slots=True)
class NoOutlook:
    """Why a container has no forecast."""

    reason: str
    """CamelCase, for conditions: NoHistory, NotEnoughHistory, BadData."""
    message: str
