"""What is told by looking at the values: scales, refusals, and which series share their gaps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresize_forecast.exactprophet.model import FloatArray, IntArray
from foresize_forecast.exactprophet.projection import Extents, survey

SERIES_A_LOOK = 256
"""Series looked at in one go."""


@dataclass(frozen=True, slots=True)
class Scales:
    """What each series measures; all of shape (series,).

    Attributes:
        counts: values that are not NaN.
        scale: the highest absolute value, 1 where all are 0 (Prophet's `absmax`).
        centre: halfway between the lowest and the highest value.
        constant: whether all values are the same.
        infinite: whether there is an infinite value.
    """

    counts: IntArray
    scale: FloatArray
    centre: FloatArray
    constant: NDArray[np.bool_]
    infinite: NDArray[np.bool_]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Whether there is anything to fit."""
        enough: NDArray[np.bool_] = (self.counts >= 2) & ~self.infinite  # noqa: PLR2004 - as stock Prophet has it
        return enough


def scales(values: FloatArray, pool: Executor) -> Scales:
    """Survey every series, shape (series, time)."""
    total = len(values)
    counts, lowest, highest = extents = Extents(np.empty(total, np.int64), np.empty(total), np.empty(total))
    looks = [
        pool.submit(survey, values, begin, min(total, begin + SERIES_A_LOOK), extents)
        for begin in range(0, total, SERIES_A_LOOK)
    ]
    for look in looks:
        look.result()
    infinite = (counts > 0) & (np.isinf(lowest) | np.isinf(highest))
    lowest[infinite | (counts == 0)] = highest[infinite | (counts == 0)] = np.nan
    scale = np.maximum(np.abs(lowest), np.abs(highest))
    scale[scale == 0] = 1.0
    return Scales(counts, scale, 0.5 * lowest + 0.5 * highest, lowest == highest, infinite)


def patterns(values: FloatArray, found: Scales) -> Iterator[tuple[IntArray, IntArray]]:
    """The observed columns of every gap pattern, and the series that have it."""
    complete = np.flatnonzero(found.usable & (found.counts == values.shape[1]))
    if len(complete):
        yield np.arange(values.shape[1]), complete
    broken = np.flatnonzero(found.usable & (found.counts < values.shape[1]))
    groups: dict[bytes, list[int]] = {}
    for begin in range(0, len(broken), SERIES_A_LOOK):
        look = broken[begin : begin + SERIES_A_LOOK]
        for series, mask in zip(look, np.packbits(~np.isnan(values[look]), axis=1), strict=True):
            groups.setdefault(mask.tobytes(), []).append(int(series))
    for key, members in groups.items():
        observed = np.unpackbits(np.frombuffer(key, np.uint8), count=values.shape[1])
        yield np.flatnonzero(observed), np.array(members)
