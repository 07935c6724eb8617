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
        means: shape (part, time): expected values.
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
    last, total = len(part.rows) - 1, peaks.shape[1]
    for number in range(len(draws.trends)):
        trend, normal = draws.trends[number], draws.normals[number]
        for series in range(0, last + 1, 4):  # four at a time share what is read of the draw
            a, b, c, d = series, min(series + 1, last), min(series + 2, last), min(series + 3, last)
            mean_a, mean_b, mean_c, mean_d = part.means[a], part.means[b], part.means[c], part.means[d]
            spread_a, spread_b, spread_c, spread_d = part.spreads[a], part.spreads[b], part.spreads[c], part.spreads[d]
            noise_a, noise_b, noise_c, noise_d = part.noises[a], part.noises[b], part.noises[c], part.noises[d]
            peak_a = peak_b = peak_c = peak_d = -np.inf
            for instant in range(len(trend)):
                drift, shock = trend[instant], normal[instant]
                peak_a = max(peak_a, mean_a[instant] + spread_a * drift + noise_a * shock)
                peak_b = max(peak_b, mean_b[instant] + spread_b * drift + noise_b * shock)
                peak_c = max(peak_c, mean_c[instant] + spread_c * drift + noise_c * shock)
                peak_d = max(peak_d, mean_d[instant] + spread_d * drift + noise_d * shock)
            draw = draws.first + number
            peaks[part.rows[a], (draw + part.turned[a]) % total] = peak_a
            peaks[part.rows[b], (draw + part.turned[b]) % total] = peak_b
            peaks[part.rows[c], (draw + part.turned[c]) % total] = peak_c
            peaks[part.rows[d], (draw + part.turned[d]) % total] = peak_d
