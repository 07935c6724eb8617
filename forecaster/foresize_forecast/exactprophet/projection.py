"""What is done with every single value: compiled, one pass for the scales and one for the sums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled
from foresize_forecast.exactprophet.model import FloatArray, IntArray


class Extents(NamedTuple):
    """What each series measures: how many values there are that are not NaN, the lowest and the highest."""

    counts: IntArray
    lowest: FloatArray
    highest: FloatArray


@compiled
def survey(values: FloatArray, begin: int, end: int, extents: Extents) -> None:
    """Write the extents of the series `begin` to `end`, shape (series, time); infinite where there is no value."""
    for series in range(begin, end):
        count, low, high = 0, np.inf, -np.inf
        for value in values[series]:
            if not np.isnan(value):
                count += 1
                low = min(low, value)
                high = max(high, value)
        extents.counts[series], extents.lowest[series], extents.highest[series] = count, low, high


@compiled
def standardise(
    values: FloatArray, series: IntArray, columns: IntArray, centred: tuple[FloatArray, FloatArray], scaled: FloatArray
) -> None:
    """Write (value - centre) / scale of the observed columns of some series to the rows of `scaled`.

    Centred first: of a container that moves by one page in a gibibyte all digits are then digits of the move.
    """
    centres, scales = centred
    whole = len(columns) == values.shape[1]
    for row in range(len(series)):
        source, centre, scale = values[series[row]], centres[series[row]], scales[series[row]]
        if whole:
            for place in range(len(columns)):
                scaled[row, place] = (source[place] - centre) / scale
        else:
            for place in range(len(columns)):
                scaled[row, place] = (source[columns[place]] - centre) / scale


@compiled
def squared_distances(left: FloatArray, right: FloatArray, count: int, distances: FloatArray) -> None:
    """Sums of squared differences of the first `count` rows."""
    for row in range(count):
        total = 0.0
        for place in range(left.shape[1]):
            difference = left[row, place] - right[row, place]
            total += difference * difference
        distances[row] = total
