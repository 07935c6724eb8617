"""What is done with every single value: compiled."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled, inlined
from foresize_forecast.exactprophet.model import FloatArray, IntArray

FEATURES_A_STEP = 4
"""Rows of the basis that a step of `project` takes."""
SERIES_A_STEP = 16
"""Series that share what is read of the basis: two weeks of 5 minutes, scaled, are 0.5 MB."""
TILE = 256
"""Instants at a time: what a step reads of the basis then stays in the innermost cache."""

DEPENDENT = 1e-14
"""Share of a column that is rounding and no direction of its own."""
MAX_PROJECTIONS = 5
"""Two are enough for all but columns that are nearly dependent."""


class Extents(NamedTuple):
    """What each series measures: how many values there are that are not NaN, the lowest and the highest."""

    counts: IntArray
    lowest: FloatArray
    highest: FloatArray


class Source(NamedTuple):
    """Values to scale.

    Attributes:
        values: shape (series, time).
        columns: the observed columns.
        centres: shape (series,): halfway between each one's lowest and highest value.
        scales: shape (series,): its highest absolute value.
    """

    values: FloatArray
    columns: IntArray
    centres: FloatArray
    scales: FloatArray


@inlined
def _squares(values: FloatArray) -> float:
    """Sum of squares."""
    total = 0.0
    for place in range(len(values)):
        total += values[place] * values[place]
    return total


@compiled
def survey(values: FloatArray, begin: int, end: int, extents: Extents) -> None:
    """Write the extents of the series `begin` to `end`, shape (series, time); infinite where there is no value."""
    for series in range(begin, end):
        count, low, high = 0, np.inf, -np.inf
        for place in range(values.shape[1]):
            value = values[series, place]
            if not np.isnan(value):
                count += 1
                low = min(low, value)
                high = max(high, value)
        extents.counts[series], extents.lowest[series], extents.highest[series] = count, low, high


@compiled
def standardise(source: Source, series: IntArray, scaled: FloatArray) -> None:
    """Write (value - centre) / scale of the observed columns of some series to the rows of `scaled`.

    Centred first: of a container that moves by one page in a gibibyte all digits are then digits of the move.
    """
    whole = len(source.columns) == source.values.shape[1]
    for row in range(len(series)):
        line, centre, scale = source.values[series[row]], source.centres[series[row]], source.scales[series[row]]
        if whole:
            for place in range(len(source.columns)):
                scaled[row, place] = (line[place] - centre) / scale
        else:
            for place in range(len(source.columns)):
                scaled[row, place] = (line[source.columns[place]] - centre) / scale


@compiled
def _add_coordinates(basis: FloatArray, scaled: FloatArray, begin: int, end: int, targets: FloatArray) -> None:
    """Add what the instants `begin` to `end` contribute to the coordinates; two series by four rows at a time."""
    for feature in range(0, basis.shape[0], 4):
        q0, q1 = basis[feature, begin:end], basis[feature + 1, begin:end]
        q2, q3 = basis[feature + 2, begin:end], basis[feature + 3, begin:end]
        for row in range(0, scaled.shape[0], 2):
            y0, y1 = scaled[row, begin:end], scaled[row + 1, begin:end]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
            for instant in range(end - begin):
                a, b = y0[instant], y1[instant]
                s00 += a * q0[instant]
                s01 += a * q1[instant]
                s02 += a * q2[instant]
                s03 += a * q3[instant]
                s10 += b * q0[instant]
                s11 += b * q1[instant]
                s12 += b * q2[instant]
                s13 += b * q3[instant]
            targets[row, feature] += s00
            targets[row, feature + 1] += s01
            targets[row, feature + 2] += s02
            targets[row, feature + 3] += s03
            targets[row + 1, feature] += s10
            targets[row + 1, feature + 1] += s11
            targets[row + 1, feature + 2] += s12
            targets[row + 1, feature + 3] += s13


@compiled
def _take_away(basis: FloatArray, scaled: FloatArray, begin: int, end: int, targets: FloatArray) -> None:
    """Take what the coordinates explain out of the instants `begin` to `end`; two series by four rows at a time."""
    for row in range(0, scaled.shape[0], 2):
        y0, y1 = scaled[row, begin:end], scaled[row + 1, begin:end]
        for feature in range(0, basis.shape[0], 4):
            q0, q1 = basis[feature, begin:end], basis[feature + 1, begin:end]
            q2, q3 = basis[feature + 2, begin:end], basis[feature + 3, begin:end]
            a0, a1 = targets[row, feature], targets[row, feature + 1]
            a2, a3 = targets[row, feature + 2], targets[row, feature + 3]
            b0, b1 = targets[row + 1, feature], targets[row + 1, feature + 1]
            b2, b3 = targets[row + 1, feature + 2], targets[row + 1, feature + 3]
            for instant in range(end - begin):
                r0, r1, r2, r3 = q0[instant], q1[instant], q2[instant], q3[instant]
                y0[instant] -= a0 * r0 + a1 * r1 + a2 * r2 + a3 * r3
                y1[instant] -= b0 * r0 + b1 * r1 + b2 * r2 + b3 * r3


@compiled
def project(basis: FloatArray, source: Source, series: IntArray, targets: FloatArray, outside: FloatArray) -> None:
    """Coordinates of some series in a basis, and the sum of squares of what lies outside of it.

    From the values left over, not as a difference of two squares: that would lose all digits of a flat series.

    Args:
        basis: shape (rows, observed), orthonormal but for rows of zeros at the end.
        source: the values.
        series: which of them.
        targets: shape (series, rows), written.
        outside: shape (series,), written.
    """
    observed = len(source.columns)
    scaled, coordinates = np.zeros((SERIES_A_STEP, observed)), np.empty((SERIES_A_STEP, basis.shape[0]))
    for first in range(0, len(series), SERIES_A_STEP):
        count = min(SERIES_A_STEP, len(series) - first)
        standardise(source, series[first : first + count], scaled)
        coordinates[:] = 0.0
        for begin in range(0, observed, TILE):
            _add_coordinates(basis, scaled, begin, min(observed, begin + TILE), coordinates)
        for begin in range(0, observed, TILE):
            _take_away(basis, scaled, begin, min(observed, begin + TILE), coordinates)
        for row in range(count):
            for feature in range(targets.shape[1]):
                targets[first + row, feature] = coordinates[row, feature]
            outside[first + row] = _squares(scaled[row])


@compiled
def triangularise(matrix: FloatArray) -> FloatArray:
    """The triangular factor of a transposed matrix, shape (columns, rows), by Householder reflections.

    Some rows at a time, on top of the triangle of the rows before them, so that all stays in the cache.
    """
    width, height = matrix.shape
    triangle, block = np.zeros((width, width)), np.empty((width, TILE))
    for begin in range(0, height, TILE):
        size = min(TILE, height - begin)
        for column in range(width):
            for place in range(size):
                block[column, place] = matrix[column, begin + place]
        for column in range(width):
            reflector = block[column, :size]
            below = _squares(reflector)
            if below == 0.0:
                continue
            norm = -math.copysign(math.sqrt(triangle[column, column] ** 2 + below), triangle[column, column])
            head = triangle[column, column] - norm
            triangle[column, column] = norm
            for other in range(column + 1, width):
                line = block[other, :size]
                share = head * triangle[column, other]
                for place in range(size):
                    share += reflector[place] * line[place]
                share /= norm * head
                triangle[column, other] += share * head
                for place in range(size):
                    line[place] += share * reflector[place]
    return triangle


@compiled
def orthonormalise(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """An orthonormal basis, transposed, and the triangular factor of a transposed matrix, by Gram and Schmidt.

    Each column is projected again until that changes it no more. What depends on the columns before it has zeros for
    its basis and on the triangle's diagonal.
    """
    basis, triangle = matrix.copy(), np.zeros((matrix.shape[0], matrix.shape[0]))
    for column in range(matrix.shape[0]):
        vector = basis[column]
        before = math.sqrt(_squares(vector))
        least, after = DEPENDENT * before, before
        for _ in range(MAX_PROJECTIONS):
            for other in range(column):
                share = 0.0
                for place in range(vector.shape[0]):
                    share += basis[other, place] * vector[place]
                triangle[other, column] += share
                for place in range(vector.shape[0]):
                    vector[place] -= share * basis[other, place]
            before, after = after, math.sqrt(_squares(vector))
            if after > 0.7 * before or after <= least:
                break
        triangle[column, column] = after if after > least else 0.0
        for place in range(vector.shape[0]):
            vector[place] = vector[place] / after if after > least else 0.0
    return basis, triangle
