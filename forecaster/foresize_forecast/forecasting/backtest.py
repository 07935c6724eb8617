"""What a model's levels would have been worth: held over the past as they would have been, against what happened.

Nothing is believed that a model says of its own certainty. Its level in each past interval rests on what came before
it, is raised by the fast clock as in a cluster, and the jumps of usage above it are put on record (`jumps`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.choose import Candidate
from foresize_forecast.forecasting.jumps import (
    NO_JUMPS,
    NO_KIN,
    OFFSET_BYTES,
    STEPS,
    Jumps,
    expected_cost,
    held_for,
    jumps_above,
    pooled,
    rises_above,
)
from foresize_forecast.forecasting.levels import in_force
from foresize_forecast.forecasting.models import Fitted, Model, daily_origins
from foresize_forecast.forecasting.outlook import Score
from foresize_forecast.series import BoolArray, FloatArray, History, PerContainer, PerContainerAndTime, peaks

DAY_S = 86_400
RISE_DAYS = 14
"""Days whose peaks are held against what was expected of them."""
COST_DAYS = 7
"""Bytes held are averaged over a week: what was dear longer ago is over."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A model that has been fitted to a batch and tried on its past.

    Attributes:
        model: the model.
        fitted: it, having seen all of the history.
        refusals: for each container why it has no forecast, or None.
        jumps: each container's record above the levels it would have had.
        rises: each container's record of days' peaks above what was expected when the day began.
        cost_bytes: shape (containers,): what its sizes would have cost on average; NaN where nothing was held.
        mean_level: shape (containers,): what it held on average, bytes.
        slack: shape (containers,): 1 - usage / level, mean over intervals.
        coverage: shape (containers,): share of intervals at or below the level.
        kill_costs: shape (containers,): bytes reserved for a day.
    """

    model: Model
    fitted: Fitted
    refusals: tuple[str | None, ...]
    jumps: list[Jumps]
    rises: list[Jumps]
    cost_bytes: PerContainer
    mean_level: PerContainer
    slack: PerContainer
    coverage: PerContainer
    kill_costs: PerContainer

    def refused(self, row: int) -> bool:
        """Whether there is no forecast of a container."""
        return self.refusals[row] is not None

    def candidate(self, row: int) -> Candidate:
        """What the choice of a container's model looks at."""
        hours = self.jumps[row].hours
        cost = float(self.cost_bytes[row]) if hours else np.inf
        return Candidate(self.model.name, self.model.cost, cost, hours)

    def score(self, row: int) -> Score | None:
        """What a reader sees of a container's backtest; None where nothing was held, or not for a week."""
        record = self.jumps[row]
        if not record.hours or np.isnan(self.mean_level[row]):
            return None
        return Score(
            hours=record.hours,
            cost_bytes=float(self.cost_bytes[row]),
            slack=float(self.slack[row]),
            coverage=float(self.coverage[row]),
            exceedances=self._exceedances(row),
        )

    def _exceedances(self, row: int) -> float:
        """Hours on record with a jump above the cheapest room."""
        level = float(self.mean_level[row])
        size = held_for(level, pooled(self.jumps[row], NO_KIN), float(self.kill_costs[row]))
        room = float(np.log((size + OFFSET_BYTES) / (level + OFFSET_BYTES)))
        return float(self.jumps[row].counts[int(np.argmin(np.abs(STEPS - room)))])


def backtested(model: Model, history: History, kill_costs: PerContainer) -> Tested:
    """Fit a model and hold its levels over the past.

    Args:
        model: what is tried.
        history: of many containers.
        kill_costs: what a kill of each costs, bytes reserved for a day.
    """
    fitted = model.fit(history)
    path = fitted.path()
    held = in_force(history.usage, path, history.grid.step_s)
    held = np.where(np.isnan(path), np.nan, held)  # what the fast clock alone would have held is not the model's
    jumps = jumps_above(history.usage, held, history.grid.step_s, history.change_columns())
    last = slice(-COST_DAYS * DAY_S // history.grid.step_s, None)
    recent, used = held[:, last], history.usage[:, last]
    both = ~np.isnan(recent) & ~np.isnan(used)
    mean_level = _mean(recent, both)
    return Tested(
        model,
        fitted,
        fitted.forecast(1, ()).refusals,
        jumps,
        _rises(history, path, flat=model.flat),
        expected_cost(mean_level, jumps, kill_costs),
        mean_level,
        _mean(np.maximum(1 - used / np.where(recent > 0, recent, 1.0), 0.0), both),
        _mean((used <= recent).astype(np.float64), both),
        kill_costs,
    )


def _rises(history: History, path: PerContainerAndTime, *, flat: bool) -> list[Jumps]:
    """How far each of the last days' peaks rose above what the model expected when the day began."""
    origins = daily_origins(history.grid, RISE_DAYS)
    if not origins:
        return [NO_JUMPS] * len(history.containers)
    day = max(1, DAY_S // history.grid.step_s)
    ahead = [path[:, at] if flat else peaks(path[:, at : at + day]) for at in origins]
    whole = history.usage[:, origins[0] : origins[-1] + day]
    changes = history.change_columns() - origins[0]
    return rises_above(whole, np.stack(ahead, axis=1), history.grid.step_s, changes)


def _mean(values: FloatArray, counted: BoolArray) -> PerContainer:
    """Mean of the counted values of each row; NaN without any."""
    count = np.count_nonzero(counted, axis=1)
    total: PerContainer = np.where(counted, values, 0.0).sum(axis=1)
    mean: PerContainer = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean
