"""Futures by Prophet's own rule, drawn once for all series and scaled to each.

Future slope changes come as a Poisson process at the rate of the past's changepoints, each from a Laplace distribution
of the past changes' mean size; every instant adds normal noise. Of both, unit paths are drawn: a series' path is its
mean, plus its mean slope change times the one, plus its noise scale times the other. Each series takes the draws in an
order of its own: one series' draws are independent of each other, and so are two series' draws of one number, but for
one pair of series in as many as there are draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.model import FloatArray, IntArray
from foresize_forecast.exactprophet.paths import Draws, Part, add_hinges, add_peaks

BLOCK_VALUES = 1 << 20
"""Unit noise held at a time: 8 MB."""
SERIES_A_TASK = 128
"""Series whose means a thread holds at a time: of a day at 5 minutes 0.3 MB, within a core's cache."""
QUANTILE_VALUES = 1 << 21
"""Simulated values held at a time for quantiles: 16 MB."""


@dataclass(frozen=True, slots=True)
class Future:
    """What is ahead of the series of one gap pattern, in units of each series' scale.

    Attributes:
        series: their rows.
        scaled: scaled times of the instants ahead.
        rate: slope changes expected in a scaled time of 1; 0 for a flat trend.
        spreads: shape (series,): mean size of a slope change.
        noises: shape (series,): noise scale.
        mean: expected values of some of the series (places within `series`), shape (these, time).
    """

    series: IntArray
    scaled: FloatArray
    rate: float
    spreads: FloatArray
    noises: FloatArray
    mean: Callable[[IntArray], FloatArray]

    def parts(self, size: int) -> Iterator[IntArray]:
        """Places within `series`, some at a time."""
        places = np.arange(len(self.series))
        return (places[begin : begin + size] for begin in range(0, len(places), size))

    def unit_trends(self, draws: int, rng: np.random.Generator) -> FloatArray:
        """What future slope changes of mean size 1 add to the trend, shape (draws, time)."""
        paths = np.zeros((draws, len(self.scaled)))
        ahead = float(self.scaled.max(initial=1.0)) - 1.0
        counts = rng.poisson(self.rate * ahead, draws)
        total = int(counts.sum())
        places, sizes = 1.0 + ahead * rng.random(total), rng.laplace(0.0, 1.0, total)
        add_hinges(self.scaled, np.repeat(np.arange(draws), counts), places, sizes, paths)
        return paths


@dataclass(frozen=True, slots=True)
class Order:
    """How many draws there are, and which series takes them in which order.

    Attributes:
        draws: futures of each series.
        seed: of all that is random.
        turned: shape (series,): by how many draws each series' order is turned.
    """

    draws: int
    seed: int
    turned: IntArray

    @classmethod
    def of(cls, streams: IntArray, draws: int, seed: int) -> Order:
        """Streams are scattered over the draws by a hash (the finaliser of splitmix64)."""
        golden = 0x9E3779B97F4A7C15
        mixed = streams.astype(np.uint64) + np.uint64(golden * (seed + 1) % (1 << 64))
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return cls(draws, seed, ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(draws)).astype(np.int64))


def peaks(futures: Sequence[Future], order: Order, threads: int) -> FloatArray:
    """The highest value of every path, in units of each series' scale, shape (series, draws); NaN in other rows."""
    highest = np.full((len(order.turned), order.draws), np.nan)
    instants = len(futures[0].scaled) if futures else 0
    size = max(1, BLOCK_VALUES // max(1, instants))
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, order.draws if instants else 0, size):
            noise = np.random.default_rng([order.seed, first, 0])
            block = _Block(order, first, noise.standard_normal((min(size, order.draws - first), instants)), highest)
            tasks = []
            for future in futures:
                if len(future.series) > SERIES_A_TASK:
                    trends = block.trends(future)
                    tasks += [pool.submit(block.part, future, trends, part) for part in future.parts(SERIES_A_TASK)]
                else:
                    tasks.append(pool.submit(block.whole, future))
            for task in tasks:
                task.result()
    return highest


@dataclass(frozen=True, slots=True)
class _Block:
    """Some of the draws: their noise, and where their peaks go."""

    order: Order
    first: int
    normals: FloatArray
    highest: FloatArray

    def trends(self, future: Future) -> FloatArray:
        return future.unit_trends(len(self.normals), np.random.default_rng([self.order.seed, self.first, 1]))

    def whole(self, future: Future) -> None:
        self.part(future, self.trends(future), np.arange(len(future.series)))

    def part(self, future: Future, trends: FloatArray, places: IntArray) -> None:
        rows = future.series[places]
        part = Part(
            rows,
            np.ascontiguousarray(future.mean(places).T),
            future.spreads[places],
            future.noises[places],
            self.order.turned[rows],
        )
        add_peaks(part, Draws(trends, self.normals, self.first), self.highest)


def quantiles(futures: Sequence[Future], order: Order, levels: Sequence[float]) -> FloatArray:
    """Quantiles of the simulated values at each instant, in units of each series' scale, shape (levels, series, time).

    All draws of some instants of some series at a time, so that memory stays bounded.
    """
    instants = len(futures[0].scaled) if futures else 0
    found = np.full((len(levels), len(order.turned), instants), np.nan)
    normals = np.random.default_rng([order.seed, 0, 0]).standard_normal((order.draws, instants))
    for future in futures:
        trends = future.unit_trends(order.draws, np.random.default_rng([order.seed, 0, 1]))
        for places in future.parts(max(1, QUANTILE_VALUES // max(1, normals.size))):
            spread = future.spreads[places, np.newaxis, np.newaxis] * trends
            values = (
                future.mean(places)[:, np.newaxis] + spread + future.noises[places, np.newaxis, np.newaxis] * normals
            )
            found[:, future.series[places]] = np.quantile(values, levels, axis=1)
    return found
