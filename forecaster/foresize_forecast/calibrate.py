"""What a model's forecast is worth: it is made again for days that are over, and compared with what happened.

A model's own quantiles are never believed. From each origin the model sees only what came before; the differences to
what came after say how much to add (or take off) for a stated overrun, and what that size would have cost.

Margins are added, not multiplied: a factor learnt while a container idles near zero would be absurd at its peak, and
both kinds follow a change of unit alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresize_forecast.models import Model
from foresize_forecast.outlook import Score
from foresize_forecast.series import BoolArray, FloatArray, Grid, History, IntArray, PerContainer, peaks

DAY_S = 86_400
ORIGINS = 7
"""One for each day of a week, so that weekends count as often as they come."""
MIN_TRAINING_S = DAY_S // 2
"""Half a day before the first origin, or there is no backtest."""
TRUSTED_ORIGINS = 3
"""Below this many, a margin may add to a forecast but not take off: two days agree by chance."""


@dataclass(frozen=True, slots=True)
class Trials:
    """A model's forecasts from earlier origins, beside what happened. All bytes; NaN where not measured or refused.

    Attributes:
        columns: the history's column at which each forecast was made.
        mean: shape (origins, containers, time), what was expected.
        usage: shape (origins, containers, time), what came.
        seen: shape (origins, containers), the highest value before the origin.
    """

    columns: tuple[int, ...]
    mean: FloatArray
    usage: FloatArray
    seen: FloatArray

    @property
    def residuals(self) -> FloatArray:
        """Usage above the expected, shape (origins, containers, time)."""
        difference: FloatArray = self.usage - self.mean
        return difference


@dataclass(frozen=True, slots=True)
class Margins:
    """What to add to a model's forecast.

    Attributes:
        step: shape (..., containers): added to the mean, usage stays below for all but the stated share of time.
        peak_over_mean: shape (..., containers): added to the highest mean, it covers every horizon tried.
        peak_over_seen: the same for the higher of the highest mean and the highest value seen.
    """

    step: FloatArray
    peak_over_mean: FloatArray
    peak_over_seen: FloatArray


@dataclass(frozen=True, slots=True)
class Record:
    """A model's score at each origin, by margins learnt from the other origins; NaN where it had no forecast.

    Attributes:
        columns: the origins.
        pinball: shape (origins, containers): mean pinball loss over mean usage.
        coverage: shape (origins, containers): share of intervals at or below the demand.
        slack: shape (origins, containers): mean of 1 - usage / demand, at least 0 in each interval.
        exceeded: shape (origins, containers): 1 where the horizon's peak was above the limit, else 0.
    """

    columns: tuple[int, ...]
    pinball: FloatArray
    coverage: FloatArray
    slack: FloatArray
    exceeded: FloatArray

    def score(self, row: int) -> Score | None:
        """One container's means over its origins; None without any."""
        tried = ~np.isnan(self.pinball[:, row])
        if not tried.any():
            return None
        return Score(
            origins=int(np.count_nonzero(tried)),
            pinball=float(self.pinball[tried, row].mean()),
            coverage=float(self.coverage[tried, row].mean()),
            slack=float(self.slack[tried, row].mean()),
            exceedances=int(self.exceeded[tried, row].sum()),
        )


def span_intervals(grid: Grid, horizon_s: int) -> int:
    """Intervals of a horizon to try: the one asked for, but at least a day, and at most half of the history.

    Shorter horizons are tried over a day too, for ten minutes of each day say nothing of the other hours.
    """
    day = math.ceil(DAY_S / grid.step_s)
    return max(day, min(math.ceil(horizon_s / grid.step_s), grid.count // 2))


def origin_columns(grid: Grid, span: int, most: int = ORIGINS) -> tuple[int, ...]:
    """The columns after which forecasts are tried: a day apart, the last one a horizon before the history's end."""
    day = math.ceil(DAY_S / grid.step_s)
    first = math.ceil(MIN_TRAINING_S / grid.step_s)
    columns = range(grid.count - span, first - 1, -day)
    return tuple(columns[:most])


def tried(model: Model, history: History, columns: tuple[int, ...], span: int) -> Trials:
    """Make the forecasts of a model again, each from nothing but the history before its origin."""
    shape = (len(columns), len(history.containers), span)
    mean, usage = np.empty(shape), np.empty(shape)
    seen = np.empty(shape[:2])
    for at, column in enumerate(columns):
        past = history.until(column)
        mean[at] = model.fit(past).forecast(span, ()).mean
        usage[at] = history.usage[:, column : column + span]
        seen[at] = peaks(past.usage)
    return Trials(columns, mean, usage, seen)


def margins(trials: Trials, overruns: PerContainer) -> Margins:
    """Margins from all origins, each of shape (containers,)."""
    folds = np.ones((1, len(trials.columns)), dtype=np.bool_)
    found = _margins(trials, overruns, folds)
    return Margins(found.step[0], found.peak_over_mean[0], found.peak_over_seen[0])


def record(trials: Trials, overruns: PerContainer, headrooms: PerContainer) -> Record:
    """Score a model at each origin by the margins of the other origins: a day is not judged by what it taught.

    With a single origin there are no others: margins are then 0, the forecast stands for itself.

    Args:
        trials: the model's earlier forecasts.
        overruns: accepted share of time above the request, shape (containers,).
        headrooms: share of the peak that a limit adds to it, shape (containers,).
    """
    others = ~np.eye(len(trials.columns), dtype=np.bool_)
    learnt = _margins(trials, overruns, others)
    demand = np.maximum(trials.mean + learnt.step[:, :, np.newaxis], 0.0)
    usage, measured = trials.usage, ~np.isnan(trials.usage) & ~np.isnan(trials.mean)
    counts = np.where(measured.any(axis=2), np.count_nonzero(measured, axis=2), np.nan)
    above = np.where(measured, usage - demand, 0.0)
    loss = np.maximum(above * (1 - overruns)[:, np.newaxis], -above * overruns[:, np.newaxis]).sum(axis=2)
    used = np.where(measured, usage, 0.0).sum(axis=2)
    slack = np.where(measured & (demand > 0), np.maximum(-above, 0.0) / np.where(demand > 0, demand, 1.0), 0.0)
    limit = (1 + headrooms) * peak(peaks(trials.mean), trials.seen, learnt)
    known = ~np.isnan(counts)
    return Record(
        trials.columns,
        pinball=np.where(known, loss / np.where(used > 0, used, 1.0), np.nan),
        coverage=np.count_nonzero(measured & (above <= 0), axis=2) / counts,
        slack=slack.sum(axis=2) / counts,
        exceeded=np.where(known, np.where(peaks(usage) > limit, 1.0, 0.0), np.nan),
    )


def peak(highest_mean: FloatArray, seen: FloatArray, learnt: Margins) -> FloatArray:
    """The horizon's peak that covers what the backtest saw: the lower of two bounds.

    One is over the forecast, one over the higher of forecast and history. Each covers every origin. The first is tight
    where the model sees its peaks coming; the second where they come at random but never higher than before.
    """
    over_mean = highest_mean + learnt.peak_over_mean
    over_seen = np.fmax(highest_mean, seen) + learnt.peak_over_seen
    lower: FloatArray = np.minimum(over_mean, over_seen)
    return lower


def _margins(trials: Trials, overruns: PerContainer, folds: BoolArray) -> Margins:
    """Margins learnt from the origins of each fold, shape (folds, containers); 0 where a fold has no origin.

    `folds` has shape (folds, origins): True where the origin counts.
    """
    highest = peaks(trials.mean)
    seen_or_mean = np.fmax(highest, trials.seen)
    came = peaks(trials.usage)
    return Margins(
        _step_margins(trials.residuals, overruns, folds),
        _worst(came - highest, folds),
        _worst(came - seen_or_mean, folds),
    )


def _worst(residuals: FloatArray, folds: BoolArray) -> FloatArray:
    """The highest residual of each fold's origins, at least 0: with a handful of horizons no quantile is left but that.

    A new horizon exceeds the highest of m exchangeable ones with probability 1 / (m + 1).
    """
    chosen = np.where(folds[:, :, np.newaxis], residuals[np.newaxis], np.nan)
    worst: FloatArray = np.fmax(peaks(np.swapaxes(chosen, 1, 2)), 0.0)
    return worst


def _step_margins(residuals: FloatArray, overruns: PerContainer, folds: BoolArray) -> FloatArray:
    """The conformal quantile of the residuals of each fold's origins, shape (folds, containers).

    Of N residuals the one of rank ceil((N + 1) (1 - overrun)), at most the highest. Only the highest share of each
    origin can hold it, so only that is sorted.
    """
    origins, containers, span = residuals.shape
    if origins == 0 or containers == 0:
        return np.zeros((folds.shape[0], containers))
    kept = min(span, math.ceil(float(overruns.max()) * origins * span) + 1)
    lowest_last = np.where(np.isnan(residuals), -np.inf, residuals)
    top = np.partition(lowest_last, span - kept, axis=2)[:, :, span - kept :]
    counts = np.count_nonzero(~np.isnan(residuals), axis=2)
    found = np.zeros((folds.shape[0], containers))
    for fold, chosen in enumerate(folds):
        if chosen.any():
            found[fold] = _fold_quantile(top[chosen], counts[chosen], overruns)
    return found


def _fold_quantile(top: FloatArray, counts: IntArray, overruns: PerContainer) -> PerContainer:
    """The quantile over some origins, given each origin's highest residuals; 0 without any."""
    pooled = np.sort(np.swapaxes(top, 0, 1).reshape(top.shape[1], -1), axis=1)
    total = counts.sum(axis=0)
    rank = np.minimum(np.ceil((total + 1) * (1 - overruns)), total)
    from_top = np.clip(total - rank, 0, pooled.shape[1] - 1).astype(np.int64)
    value = np.take_along_axis(pooled, pooled.shape[1] - 1 - from_top[:, np.newaxis], axis=1)[:, 0]
    value = np.where(np.isneginf(value), 0.0, value)
    trusted = np.count_nonzero(counts, axis=0) >= TRUSTED_ORIGINS
    return np.where(trusted, value, np.maximum(value, 0.0))
