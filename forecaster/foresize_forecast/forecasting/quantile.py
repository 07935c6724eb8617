"""Order statistics of rows that have gaps. NaN is a measurement nobody made, so it is never counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foresize_forecast.series import FloatArray


def row_quantiles(values: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Quantiles along the last axis, shape (levels, ...): the lowest value with at least that share at or below it.

    A value that was measured, never one between two: a level of memory that nothing ever had is no evidence. NaN for a
    row without values.

    Worked: the 0.5 quantile of (4, NaN, 1, 3) is 3: two of three values are at or below it, 1 alone is one of three.
    """
    rising = np.sort(values, axis=-1)
    counts = np.count_nonzero(~np.isnan(values), axis=-1)
    found = [_at(rising, np.ceil(counts * level) - 1, counts) for level in levels]
    return np.stack(found) if found else np.empty((0, *values.shape[:-1]))


def row_medians(values: FloatArray) -> FloatArray:
    """The median along the last axis as `row_quantiles` has it."""
    median: FloatArray = row_quantiles(values, (0.5,))[0]
    return median


def _at(rising: FloatArray, ranks: FloatArray, counts: FloatArray) -> FloatArray:
    """The value at each row's rank, where NaN comes last."""
    if rising.shape[-1] == 0:
        return np.full(rising.shape[:-1], np.nan)
    places = np.clip(ranks, 0, np.maximum(counts - 1, 0)).astype(np.int64)
    taken: FloatArray = np.take_along_axis(rising, places[..., np.newaxis], axis=-1)[..., 0]
    return taken
