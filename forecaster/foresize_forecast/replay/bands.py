"""What was forecast for each scored day of some series: the band that the report shows behind the curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.replay.tally import DAY_S, warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import ContainerKey, Grid, History, IntArray, PerContainerAndTime
from foresize_forecast.sizes import ContainerPolicy, WorkloadPolicy


@dataclass(frozen=True, slots=True)
class Bands:
    """Forecasts made at the start of every scored day, each for that day.

    Attributes:
        demand: shape (series, time) of the whole trace, bytes: what a request holds; NaN where nothing was forecast.
        level: the same: the peak expected, what a limit holds before its room for jumps.
    """

    demand: PerContainerAndTime
    level: PerContainerAndTime


def bands(trace: Trace, rows: IntArray) -> Bands:
    """The forecasts of some series, as the operator makes them by default."""
    chosen = trace.rows(rows)
    keys = tuple(ContainerKey(*each) for each in zip(chosen.namespaces, chosen.series, chosen.siblings, strict=True))
    demand = np.full(chosen.usage.shape, np.nan)
    level = np.full(chosen.usage.shape, np.nan)
    pace, policy = WorkloadPolicy(), ContainerPolicy()
    question = Question(policy.overrun, pace.horizon_s, float(policy.kill_cost_bytes))
    wish = Wish(question, pace.lead_s, pace.cooldown_s)
    per_day = max(1, DAY_S // trace.grid.step_s)
    for column in range(warmup_columns(trace), trace.grid.count, per_day):
        grid = Grid(chosen.grid.start_s, chosen.grid.step_s, column)
        history = History(grid, keys, chosen.usage[:, :column], np.full(len(keys), np.nan))
        upto = min(column + per_day, trace.grid.count)
        middles = trace.grid.start_s + trace.grid.step_s * (np.arange(column, upto) + 0.5)
        for row, made in enumerate(foresee(history, [wish] * len(keys))):
            if isinstance(made, NoOutlook):
                continue
            ahead = made.outlook.grid
            places = np.ceil((middles - ahead.start_s) / ahead.step_s).astype(np.int64) - 1
            within = (places >= 0) & (places < ahead.count)
            demand[row, column:upto][within] = made.outlook.demand[places[within]]
            level[row, column:upto][within] = made.outlook.level[places[within]]
    return Bands(demand, level)
