"""Sizes that rarely move, kept small: where each run of equal values starts, and its value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.series import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Runs:
    """An array of shape (rows, columns), row by row as runs of equal values; NaN equals NaN.

    Attributes:
        columns: of the array.
        firsts: shape (rows + 1,): the place of each row's first run, and the number of runs.
        starts: shape (runs,): the column where a run begins.
        values: shape (runs,).
    """

    columns: int
    firsts: IntArray
    starts: IntArray
    values: FloatArray

    @property
    def rows(self) -> int:
        """How many rows the array has."""
        return self.firsts.size - 1

    def dense(self, first: int = 0, last: int | None = None) -> FloatArray:
        """The rows from `first` up to and without `last`, shape (rows, columns)."""
        stop = self.rows if last is None else last
        bounds = slice(self.firsts[first], self.firsts[stop])
        starts, values = self.starts[bounds], self.values[bounds]
        rows = np.repeat(np.arange(stop - first), np.diff(self.firsts[first : stop + 1]))
        begins = rows * self.columns + starts
        lengths = np.diff(np.append(begins, (stop - first) * self.columns))
        return np.repeat(values, lengths).reshape(stop - first, self.columns)


def runs(array: FloatArray) -> Runs:
    """The runs of a dense array."""
    rows, columns = array.shape
    moved = np.ones((rows, columns), dtype=np.bool_)
    before, after = array[:, :-1], array[:, 1:]
    moved[:, 1:] = (before != after) & ~(np.isnan(before) & np.isnan(after))
    _, starts = np.nonzero(moved)
    firsts = np.concatenate([[0], np.cumsum(np.count_nonzero(moved, axis=1))])
    return Runs(columns, firsts.astype(np.int64), starts.astype(np.int64), array[moved])


def stacked(parts: list[Runs], order: IntArray) -> Runs:
    """Runs of several sets of rows as one; row `order[i]` of the whole is row i of the parts in turn."""
    counts = np.concatenate([np.diff(part.firsts) for part in parts])
    starts, values = np.concatenate([part.starts for part in parts]), np.concatenate([part.values for part in parts])
    begins = np.concatenate([[0], np.cumsum(counts)])
    back = np.argsort(order, kind="stable")
    places = np.concatenate([np.arange(begins[row], begins[row + 1]) for row in back]).astype(np.int64)
    firsts = np.concatenate([[0], np.cumsum(counts[back])]).astype(np.int64)
    return Runs(parts[0].columns, firsts, starts[places], values[places])
