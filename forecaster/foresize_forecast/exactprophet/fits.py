"""What a fit gives: parameters, proofs and forecasts of many series."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from foresize_forecast.exactprophet.model import FloatArray, IntArray, Model, Placement, Times
from foresize_forecast.exactprophet.simulation import Future, Order, peaks, quantiles


class Status(StrEnum):
    """How a series' fit came out."""

    CONVERGED = "converged"
    """The MAP: its log posterior is proved to be within `certificate_nats` of the highest there is."""
    LOCAL = "local"
    """A good fit without that proof: `certificate_nats` says how much better another may be."""
    CONSTANT = "constant"
    """One value throughout: that value, without a slope, is the fit, as in stock Prophet."""
    EXACT = "exact"
    """The model passes through every point, so there is no MAP: the noise is held at 1e-9 of the scale."""
    TOO_FEW = "too few values"
    """Fewer than two values: nothing was fitted."""
    INFINITE = "infinite value"
    """An infinite value: nothing was fitted."""

    @property
    def refused(self) -> bool:
        """Whether there is no fit at all."""
        return self in (Status.TOO_FEW, Status.INFINITE)


@dataclass(frozen=True, slots=True)
class Fits:
    """The fits of many series; scaled quantities are in units of `scale` and of a series' own span of time.

    Refused series have NaN throughout.

    Attributes:
        model: what was fitted.
        status: how each series came out.
        pattern: shape (series,): index into `placements`; -1 where refused.
        placements: scaled time and changepoints of each gap pattern.
        scale: shape (series,): highest absolute value.
        slope: shape (series,): `k`, scaled.
        offset: shape (series,): `m`, scaled.
        slope_changes: shape (series, changepoints): `delta`, scaled; 0 beyond the changepoints of the pattern.
        season: shape (series, season columns): `beta`, scaled.
        noise: shape (series,): `sigma_obs`, scaled.
        log_posterior: shape (series,): Stan's `lp__`, constants dropped; NaN for a constant series.
        certificate_nats: shape (series,): what the highest log posterior there is may at most be above this one.
        evaluations: shape (series,): noise scales tried.
        steps: shape (series,): steps of the active set taken.
    """

    model: Model
    status: tuple[Status, ...]
    pattern: IntArray
    placements: tuple[Placement, ...]
    scale: FloatArray
    slope: FloatArray
    offset: FloatArray
    slope_changes: FloatArray
    season: FloatArray
    noise: FloatArray
    log_posterior: FloatArray
    certificate_nats: FloatArray
    evaluations: IntArray
    steps: IntArray

    def __len__(self) -> int:
        return len(self.status)

    @property
    def noise_scale(self) -> FloatArray:
        """Standard deviation of the noise in the values' own unit, shape (series,)."""
        own: FloatArray = self.noise * self.scale
        return own

    def groups(self) -> Iterator[tuple[Placement, IntArray]]:
        """Each gap pattern with its series."""
        order = np.argsort(self.pattern, kind="stable")
        bounds = np.searchsorted(self.pattern[order], np.arange(len(self.placements) + 1))
        for index, placement in enumerate(self.placements):
            yield placement, order[bounds[index] : bounds[index + 1]]

    def scaled_mean(self, placement: Placement, series: IntArray, times_s: Times, features: FloatArray) -> FloatArray:
        """Expected values of some series of one pattern in units of their scale, shape (series, time)."""
        scaled = placement.scaled(times_s)
        mean = np.outer(self.slope[series], scaled)
        mean += self.offset[series, np.newaxis]
        mean += self.season[series] @ features.T
        hinges = placement.hinges(scaled)
        mean += self.slope_changes[series, : hinges.shape[1]] @ hinges.T
        return mean

    def mean(self, times_s: Times) -> FloatArray:
        """Expected values (Prophet's `yhat`) at any instants, past or future, shape (series, time)."""
        mean = np.full((len(self), len(times_s)), np.nan)
        features = self.model.season_features(times_s)
        for placement, series in self.groups():
            mean[series] = self.scaled_mean(placement, series, times_s, features) * self.scale[series, np.newaxis]
        return mean

    def simulated_peaks(
        self,
        times_s: Times,
        *,
        draws: int = 1000,
        seed: int = 0,
        streams: IntArray | None = None,
        threads: int | None = None,
    ) -> FloatArray:
        """The highest value of every simulated future, shape (series, draws); NaN where a series was refused.

        Args:
            times_s: the instants of the future; slopes change after the end of the history only.
            draws: futures of each series.
            seed: of all that is random: the same seed, the same peaks.
            streams: shape (series,): the order that each series takes the draws in, by default its row. A series with
                a stream of its own has the same peaks in whatever batch it is; series that share one share their luck.
            threads: how many to use; None: one for each processor that this process may use.
        """
        highest = peaks(self._futures(times_s), self._order(draws, seed, streams), threads or processors())
        return highest * self.scale[:, np.newaxis]

    def quantiles(
        self,
        times_s: Times,
        levels: Sequence[float],
        *,
        draws: int = 1000,
        seed: int = 0,
        streams: IntArray | None = None,
    ) -> FloatArray:
        """Quantiles of the simulated values at every instant, shape (levels, series, time).

        As `simulated_peaks`, for which the work per series is a hundredth of this one's.
        """
        found = quantiles(self._futures(times_s), self._order(draws, seed, streams), levels)
        return found * self.scale[:, np.newaxis]

    def _order(self, draws: int, seed: int, streams: IntArray | None) -> Order:
        """The rows' own order unless there is another."""
        if draws < 1:
            raise ValueError(f"at least one draw is needed, got {draws}")
        return Order.of(np.arange(len(self)) if streams is None else streams, draws, seed)

    def _futures(self, times_s: Times) -> list[Future]:
        """What is ahead of each gap pattern. Prophet counts one changepoint where there is none."""
        times_s = np.ascontiguousarray(times_s, np.float64)
        features = self.model.season_features(times_s)
        futures = []
        for placement, series in self.groups():
            places = max(1, len(placement.changepoints))
            sizes = np.abs(self.slope_changes[series]).sum(axis=1) / places + LEAST_CHANGE

            def mean(part: IntArray, placement: Placement = placement, series: IntArray = series) -> FloatArray:
                return self.scaled_mean(placement, series[part], times_s, features)

            rate = float(places) if self.model.growth == "linear" else 0.0
            futures.append(Future(series, placement.scaled(times_s), rate, sizes, self.noise[series], mean))
        return futures


LEAST_CHANGE = 1e-8
"""Prophet adds this to the mean size of a slope change."""


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
