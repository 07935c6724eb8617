"""Sliding windows over usage, causal: what is known at the start of a column is all before it."""

from __future__ import annotations

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.trace import FIRST_SIZE_S, Sizes, Trace, first_sizes
from foresize_forecast.series import FloatArray, IntArray, PerContainer, PerContainerAndTime


@compiled_as_written
def trailing_max(usage: FloatArray, columns: int) -> FloatArray:
    """Highest value of the `columns` columns before each, shape of `usage`; NaN where none was measured.

    Worked: usage 5, 3, NaN, 1 with a window of 2: NaN, 5, 5, 3.
    """
    found = np.full(usage.shape, np.nan)
    queue = np.empty(usage.shape[1], dtype=np.int64)
    for row in range(usage.shape[0]):
        head = tail = 0
        for column in range(1, usage.shape[1]):
            used = usage[row, column - 1]
            if not np.isnan(used):
                while tail > head and usage[row, queue[tail - 1]] <= used:
                    tail -= 1
                queue[tail] = column - 1
                tail += 1
            if tail > head and queue[head] < column - columns:
                head += 1
            if tail > head:
                found[row, column] = usage[row, queue[head]]
    return found


def trailing_count(usage: PerContainerAndTime, columns: int) -> IntArray:
    """How many of the `columns` columns before each were measured, shape of `usage`."""
    summed = np.zeros((usage.shape[0], usage.shape[1] + 1), dtype=np.int64)
    np.cumsum(~np.isnan(usage), axis=1, out=summed[:, 1:])
    before = np.arange(usage.shape[1])
    counts: IntArray = summed[:, before] - summed[:, np.maximum(before - columns, 0)]
    return counts


def in_force(wished: PerContainerAndTime, first: PerContainer) -> PerContainerAndTime:
    """What is in force where a size stays until the next is wished: NaN is no wish; `first` is what came before."""
    known = ~np.isnan(wished)
    last = np.maximum.accumulate(np.where(known, np.arange(wished.shape[1]), -1), axis=1)
    held = np.take_along_axis(wished, np.maximum(last, 0), axis=1)
    sizes: PerContainerAndTime = np.where(last >= 0, held, first[:, np.newaxis])
    return sizes


def one_size(trace: Trace, wished: PerContainerAndTime) -> Sizes:
    """Request = limit = what is wished, but not below the first size until a container was measured for an hour.

    The rules that use this publish no least history. Without one they would size a container that has just started
    by its first minutes, which no one would do.
    """
    first = first_sizes(trace)
    measured_s = trailing_count(trace.usage, trace.grid.count) * trace.grid.step_s
    settled = np.where(measured_s >= FIRST_SIZE_S, -np.inf, first[:, np.newaxis])
    size = in_force(np.maximum(wished, settled), first)
    return Sizes(size, size)
