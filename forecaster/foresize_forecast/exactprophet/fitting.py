"""Fit many series at once: survey, group by gap pattern, project, search."""

from __future__ import annotations

import math
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.exactprophet.design import Design, design_columns, with_basis, with_series
from foresize_forecast.exactprophet.fits import Fits, Status, processors
from foresize_forecast.exactprophet.model import FloatArray, IntArray, Model, Placement, Times
from foresize_forecast.exactprophet.patterns import Scales, patterns, scales
from foresize_forecast.exactprophet.problem import Batch, workspace
from foresize_forecast.exactprophet.projection import Source, project, standardise
from foresize_forecast.exactprophet.search import FLOOR, search

CERTIFIED_NATS = 1e-4
"""A fit whose log posterior is proved to be this near to the highest counts as converged."""
FEW = 32
"""Series of one gap pattern up to which orthogonalising them costs less than making the basis."""
SERIES_A_TASK = 64
"""Series that a thread takes at a time: enough to outweigh the call, few enough for threads to end together."""


def fit(
    model: Model, times_s: Times, values: FloatArray, *, warm: Fits | None = None, threads: int | None = None
) -> Fits:
    """The MAP fit of every series, with a proof for each.

    Args:
        model: what is fitted.
        times_s: shape (time,): instants in seconds since 1970 (UTC), ascending, the same for all series.
        values: shape (series, time), any unit; NaN where there is no value. Gaps are left out, never filled. Taken as
            it is where it is contiguous and float64, copied otherwise.
        warm: earlier fits of the same series, of a model with as many changepoints: the search starts from them. The
            answer is the same to within the certificate.
        threads: how many to use; None: one for each processor that this process may use.

    Raises:
        ValueError: shapes do not fit, times do not ascend, or `warm` is of other series.
    """
    times_s, values = _checked(times_s, values)
    if warm is not None and warm.slope_changes.shape != (len(values), model.places):
        raise ValueError(f"warm has {warm.slope_changes.shape}, expected {(len(values), model.places)} slope changes")
    with ThreadPoolExecutor(threads or processors()) as pool:
        measured = scales(values, pool)
        job = _Job(
            model, times_s, model.season_features(times_s).T.copy(), values, measured, _blank(model, measured), warm
        )
        # A large group shares the threads, small groups are taken by one thread each.
        placed: list[Future[Placement] | Placement] = []
        for index, (columns, series) in enumerate(patterns(values, measured)):
            job.fits.pattern[series] = index
            if len(series) > SERIES_A_TASK:
                placed.append(job.fit(columns, series, pool))
            else:
                placed.append(pool.submit(job.fit, columns, series, None))
        placements = tuple(place.result() if isinstance(place, Future) else place for place in placed)
    return replace(job.fits, placements=placements, status=_statuses(job.fits, measured))


def _checked(times_s: Times, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both as contiguous arrays of float64."""
    times_s, values = np.ascontiguousarray(times_s, np.float64), np.ascontiguousarray(values, np.float64)
    if values.ndim != 2 or times_s.shape != values.shape[1:]:  # noqa: PLR2004 - series by time
        raise ValueError(
            f"values of shape (series, time) and times of shape (time,), got {values.shape}, {times_s.shape}"
        )
    if not (np.isfinite(times_s).all() and (np.diff(times_s) > 0).all()):
        raise ValueError("times must be finite and ascend")
    return times_s, values


def _blank(model: Model, measured: Scales) -> Fits:
    """Fits without a fit: what is refused stays so."""
    total = len(measured.counts)

    def unknown(*more: int) -> FloatArray:
        return np.full((total, *more), np.nan)

    return Fits(
        model=model,
        status=(),
        pattern=np.full(total, -1),
        placements=(),
        scale=measured.scale,
        slope=unknown(),
        offset=unknown(),
        slope_changes=unknown(model.places),
        season=unknown(model.season_columns),
        noise=unknown(),
        log_posterior=unknown(),
        certificate_nats=unknown(),
        evaluations=np.zeros(total, np.int64),
        steps=np.zeros(total, np.int64),
    )


def _statuses(fits: Fits, measured: Scales) -> tuple[Status, ...]:
    """How each series came out: the last rule that holds."""
    rules = (
        (Status.LOCAL, np.ones(len(fits.scale), bool)),
        (Status.CONVERGED, fits.certificate_nats <= CERTIFIED_NATS),
        (Status.EXACT, fits.noise**2 <= FLOOR),
        (Status.CONSTANT, measured.constant),
        (Status.TOO_FEW, measured.counts < 2),  # noqa: PLR2004 - a line needs two points
        (Status.INFINITE, measured.infinite),
    )
    last = len(rules) - 1 - np.argmax([holds for _, holds in reversed(rules)], axis=0)
    return tuple(rules[rule][0] for rule in last)


@dataclass(frozen=True, slots=True)
class _Job:
    """One call of `fit`: what its threads read, and the arrays that they write, each to rows of its own."""

    model: Model
    times_s: FloatArray
    features: FloatArray
    values: FloatArray
    measured: Scales
    fits: Fits
    warm: Fits | None

    def fit(self, columns: IntArray, series: IntArray, pool: Executor | None) -> Placement:
        """Fit the series of one gap pattern."""
        placement, matrix = design_columns(self.model, self.times_s, self.features, columns)
        self._constant(series[self.measured.constant[series]])
        moving = series[~self.measured.constant[series]]
        source = Source(self.values, columns, self.measured.centre, self.measured.scale)
        if len(moving) > FEW:
            self._many(matrix, source, moving, pool)
        elif len(moving):
            self._few(matrix, source, moving)
        return placement

    def _constant(self, series: IntArray) -> None:
        """Stock's answer to a constant: that value, and the least noise."""
        fits = self.fits
        fits.slope[series] = 0.0
        fits.offset[series] = self.measured.centre[series] / self.measured.scale[series]
        fits.slope_changes[series] = 0.0
        fits.season[series] = 0.0
        fits.noise[series] = math.sqrt(FLOOR)
        fits.certificate_nats[series] = 0.0

    def _few(self, matrix: FloatArray, source: Source, series: IntArray) -> None:
        """Fit series without a basis."""
        scaled = np.empty((len(series), matrix.shape[1]))
        standardise(source, series, scaled)
        shared, targets, outside = with_series(self.model, matrix, scaled)
        targets += self._centre(series) * shared.offsets
        batch = Batch(targets, outside, *self._start(series, len(shared.problem.columns)), np.empty((len(series), 6)))
        search(shared.problem, workspace(shared.problem), batch, 0, len(series))
        self._keep(shared, series, batch)

    def _many(self, matrix: FloatArray, source: Source, series: IntArray, pool: Executor | None) -> None:
        """Fit series with a basis made once, some at a time."""
        shared, basis = with_basis(self.model, matrix)
        rows = len(shared.offsets)
        batch = Batch(
            np.empty((len(series), rows)),
            np.empty(len(series)),
            *self._start(series, len(shared.problem.columns)),
            np.empty((len(series), 6)),
        )

        def task(begin: int) -> None:
            end = min(len(series), begin + SERIES_A_TASK)
            project(basis, source, series[begin:end], batch.targets[begin:end], batch.outside[begin:end])
            batch.targets[begin:end] += self._centre(series[begin:end]) * shared.offsets
            search(shared.problem, workspace(shared.problem), batch, begin, end)

        begins = range(0, len(series), SERIES_A_TASK)
        for _ in map(task, begins) if pool is None else pool.map(task, begins):
            pass
        self._keep(shared, series, batch)

    def _centre(self, series: IntArray) -> FloatArray:
        """What was taken off before scaling, scaled, shape (series, 1)."""
        centre: FloatArray = self.measured.centre[series] / self.measured.scale[series]
        return centre[:, np.newaxis]

    def _keep(self, shared: Design, series: IntArray, batch: Batch) -> None:
        """Coefficients from what was found."""
        slopes, found = batch.slopes, batch.found
        fits, block = self.fits, shared.block
        left = batch.targets[:, :block] - slopes @ shared.problem.columns[:, :block]
        singular = shared.problem.singular
        free = (left * (singular / (singular**2 + found[:, 3:4]))) @ shared.spread.T
        linear = self.model.growth == "linear"
        fits.slope[series] = free[:, 0] if linear else 0.0
        fits.offset[series] = free[:, int(linear)]
        fits.season[series] = free[:, 1 + int(linear) :]
        fits.slope_changes[series] = 0.0
        fits.slope_changes[series, : slopes.shape[1]] = slopes
        fits.log_posterior[series] = found[:, 0]
        fits.certificate_nats[series] = found[:, 1]
        fits.noise[series] = np.sqrt(found[:, 2])
        fits.evaluations[series] = found[:, 4]
        fits.steps[series] = found[:, 5]

    def _start(self, series: IntArray, places: int) -> tuple[FloatArray, FloatArray]:
        """Precisions (0: none) and slope changes to start from."""
        if self.warm is None:
            return np.zeros(len(series)), np.zeros((len(series), places))
        precisions = np.nan_to_num(1.0 / self.warm.noise[series] ** 2)
        return precisions, np.nan_to_num(self.warm.slope_changes[series, :places])
