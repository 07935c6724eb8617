"""What is done with every instant of every simulated path: compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled
from foresize_forecast.exactprophet.model import FloatArray, IntArray


@compiled
def add_hinges(scaled: FloatArray, rows: IntArray, places: FloatArray, sizes: FloatArray, paths: FloatArray) -> None:
    """Add what each slope change of a size at a place adds, to its row of paths, shape (rows, time)."""
    for change in range(len(rows)):
        for instant in range(len(scaled)):
            paths[rows[change], instant] += sizes[change] * max(0.0, scaled[instant] - places[change])


class Draws(NamedTuple):
    """Some draws of the future.

    Attributes:
        trends: shape (draws, time): what slope changes of mean size 1 add.
        normals: shape (draws, time): unit noise.
        first: the number of the first.
    """

    trends: FloatArray
    normals: FloatArray
    first: int


class Part(NamedTuple):
    """Some series of one gap pattern.

    Attributes:
        rows: shape (part,): their rows among all series.
        means: shape (time, part): expected values.
        spreads: shape (part,): mean size of a slope change.
        noises: shape (part,): noise scale.
        turned: shape (part,): by how many draws each one's order is turned.
    """

    rows: IntArray
    means: FloatArray
    spreads: FloatArray
    noises: FloatArray
    turned: IntArray


@compiled
def add_peaks(part: Part, draws: Draws, peaks: FloatArray) -> None:
    """Write the highest of mean + spread * trend + noise * normal on every path to peaks, shape (series, draws)."""
    total, last = peaks.shape[1], part.means.shape[0] - 1
    highest = np.empty(len(part.rows))
    for number in range(len(draws.trends)):
        trend, normal = draws.trends[number], draws.normals[number]
        highest[:] = -np.inf
        for instant in range(0, last + 1, 2):  # two at a time share what is read of the series
            after = min(instant + 1, last)
            mean, drift, shock = part.means[instant], trend[instant], normal[instant]
            next_mean, next_drift, next_shock = part.means[after], trend[after], normal[after]
            for place in range(len(highest)):
                spread, noise = part.spreads[place], part.noises[place]
                value = mean[place] + spread * drift + noise * shock
                next_value = next_mean[place] + spread * next_drift + noise * next_shock
                highest[place] = max(highest[place], max(value, next_value))  # noqa: PLW3301 - compiled, by two
        for place in range(len(highest)):
            peaks[part.rows[place], (draws.first + number + part.turned[place]) % total] = highest[place]
