"""What the slow clock knows of a container until the next fit: the calibrated forecast and its track record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from foresize_forecast.forecasting.jumps import Jumps
from foresize_forecast.series import FloatArray, Grid


class ShapeKind(StrEnum):
    """What kind of memory curve a container has."""

    FLAT = "Flat"
    SEASONAL = "Seasonal"
    GROWING = "Growing"
    LEAKING = "Leaking"
    BURSTY = "Bursty"
    STARTUP_PEAK = "StartupPeak"
    IDLE = "Idle"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Shape:
    """The kind of curve, and how fast it grows where it does.

    Attributes:
        growth_bytes_per_s: slope of the current stretch between restarts; above 0 only for Growing and Leaking.
        growth_low_bytes_per_s: the least that any third of that stretch grew by; 0 where one did not grow.
        growth_high_bytes_per_s: the most.
    """

    kind: ShapeKind
    growth_bytes_per_s: float = 0.0
    growth_low_bytes_per_s: float = 0.0
    growth_high_bytes_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """How a model did in the backtest: levels it would have held, against what then happened.

    Attributes:
        hours: hours compared, older ones counted less.
        cost_bytes: what its sizes would have cost on average: bytes held and, at the policy's price, kills.
        slack: 1 - usage / level, mean over intervals, negative counts as 0.
        coverage: share of intervals at or below the level.
        exceedances: hours, older ones counted less, with a jump above the room that is cheapest over its levels.
    """

    hours: float
    cost_bytes: float
    slack: float
    coverage: float
    exceedances: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """One container's forecast.

    Attributes:
        made_at_s: when the history ended.
        grid: the intervals forecast.
        level: shape (time,), bytes: the peak expected in each interval, what a limit holds before its room for jumps.
        demand: shape (time,), bytes: the quantile that the policy's overrun asks for, what a request holds.
        peak_at_s: end of the interval where the level is highest.
        seen_peak_bytes: highest sample of the window, start-up included.
        startup_peak_bytes: highest sample of the start-up minutes; None where no start was seen.
        jumps: how far usage jumped above what the chosen model would have held.
        rises: how far days' peaks rose above what it would have expected when they began.
        days: days with measurements.
        model: name of the model chosen.
        score: its backtest; None while there is too little history for one.
        baseline: name of the baseline it was compared with.
        baseline_score: the baseline's backtest.
        shape: the kind of curve.
    """

    made_at_s: int
    grid: Grid
    level: FloatArray
    demand: FloatArray
    peak_at_s: int
    seen_peak_bytes: int
    startup_peak_bytes: int | None
    jumps: Jumps
    rises: Jumps
    days: float
    model: str
    score: Score | None
    baseline: str
    baseline_score: Score | None
    shape: Shape

    def level_at(self, now_s: float, lead_s: float = 0.0) -> float:
        """The highest level from `now_s` to `lead_s` later, bytes; the last one where the horizon has ended."""
        first = self.grid.index_at(now_s)
        last = self.grid.index_at(now_s + lead_s)
        end = self.level.size - 1
        return float(self.level[min(max(first, 0), end) : min(max(last, 0), end) + 1].max())

    @property
    def highest_level(self) -> float:
        """The highest level of the horizon, bytes."""
        return float(self.level.max())


@dataclass(frozen=True, slots=True)
class NoOutlook:
    """Why a container has no forecast."""

    reason: str
    """CamelCase, for conditions: NoHistory, NotEnoughHistory, BadData."""
    message: str
