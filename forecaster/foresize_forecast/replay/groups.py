"""What kinds of series a trace has, read from the part of it that is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.shape import shapes
from foresize_forecast.replay.tally import DAY_S, warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import BoolArray, ContainerKey, FloatArray, History, PerContainer

SEASONAL_ACF = 0.5
"""Autocorrelation at one day above which a series is called seasonal by it."""
SMOOTH_S = 1800
BY_ACF = "SeasonalByAcf1d"


@dataclass(frozen=True, slots=True)
class Kinds:
    """Of every series of a trace.

    Attributes:
        shapes: the name of its curve's shape.
        acf_1d: shape (series,): autocorrelation at one day; NaN where the trace is too short to tell.
    """

    shapes: tuple[str, ...]
    acf_1d: PerContainer


def kinds(trace: Trace) -> Kinds:
    """The kinds of a trace's series."""
    first = warmup_columns(trace)
    keys = tuple(ContainerKey(*each, "") for each in zip(trace.namespaces, trace.series, strict=True))
    grid = trace.grid.tail(trace.grid.count - first)
    history = History(grid, keys, trace.usage[:, first:], np.full(len(keys), np.nan))
    return Kinds(tuple(str(shape.kind) for shape in shapes(history)), acf_1d(trace))


def members(found: Kinds) -> Mapping[str, BoolArray]:
    """The series of every kind, shape (series,) each; those that are seasonal by their autocorrelation too."""
    names = np.array(found.shapes)
    by_name = {name: names == name for name in sorted(set(found.shapes))}
    return {**by_name, BY_ACF: found.acf_1d > SEASONAL_ACF}


def acf_1d(trace: Trace) -> PerContainer:
    """Autocorrelation at one day of the whole trace, the moving mean of a day taken off, smoothed over 30 minutes."""
    day, smooth = DAY_S // trace.grid.step_s, max(1, SMOOTH_S // trace.grid.step_s)
    if trace.grid.count < 2 * day:
        return np.full(len(trace.series), np.nan)
    return np.array([_acf(row, day, smooth) for row in trace.usage])


def _acf(values: FloatArray, day: int, smooth: int) -> float:
    around = _moving_mean(values, smooth) - _moving_mean(values, day)
    now, before = around[day:], around[:-day]
    both = ~np.isnan(now) & ~np.isnan(before)
    if np.count_nonzero(both) < day or np.ptp(now[both]) == 0 or np.ptp(before[both]) == 0:
        return float("nan")
    return float(np.corrcoef(now[both], before[both])[0, 1])


def _moving_mean(values: FloatArray, width: int) -> FloatArray:
    """Centred mean over `width` values, gaps left out; NaN where less than half of them are there."""
    known = ~np.isnan(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    begins = np.maximum(np.arange(values.size) - width // 2, 0)
    ends = np.minimum(begins + width, values.size)
    counted = count[ends] - count[begins]
    means: FloatArray = np.where(counted * 2 >= width, (total[ends] - total[begins]) / np.maximum(counted, 1), np.nan)
    return means
