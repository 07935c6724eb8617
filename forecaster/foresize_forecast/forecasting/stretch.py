"""The current stretch of a memory curve: since its last great fall, which is what a restart looks like from outside.

Read from the lows of blocks (about an hour each), so that bursts neither make a stretch nor end one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foresize_forecast.forecasting.quantile import row_medians
from foresize_forecast.series import FloatArray, History, IntArray

FALL_SHARE_OF_RISE = 0.5
"""A fall ends a stretch when it undoes this share of the stretch's rise ..."""
FALL_SHARE_OF_LEVEL = 0.1
"""... and is at least this share of its highest low, so that noise on a flat curve ends nothing."""
BLOCK_S = 3600
"""Long enough for a garbage collection to show its low in each block, short enough for a leak of some hours."""


def block_lows(history: History) -> tuple[FloatArray, int]:
    """The lowest value of each hour, shape (containers, blocks), and the block's length in seconds."""
    factor = max(1, BLOCK_S // history.grid.step_s)
    mirrored = replace(history, usage=-history.usage)
    lows: FloatArray = -mirrored.block_peaks(factor).usage
    return lows, factor * history.grid.step_s


def fall_blocks(lows: FloatArray) -> tuple[tuple[int, ...], ...]:
    """For each row, the blocks at which a new stretch begins (the first is not among them)."""
    high, low = np.full((2, lows.shape[0]), np.nan)
    found: list[list[int]] = [[] for _ in range(lows.shape[0])]
    for block in range(lows.shape[1]):
        now = lows[:, block]
        fall = high - now
        fell = (fall > FALL_SHARE_OF_RISE * (high - low)) & (fall > FALL_SHARE_OF_LEVEL * high)
        for row in np.flatnonzero(fell):
            found[row].append(block)
        high = np.where(fell, now, np.fmax(high, now))
        low = np.where(fell, now, np.fmin(low, now))
    return tuple(tuple(blocks) for blocks in found)


def stretch_starts(lows: FloatArray) -> IntArray:
    """The block at which each row's current stretch begins, shape (containers,)."""
    return np.array([blocks[-1] if blocks else 0 for blocks in fall_blocks(lows)], dtype=np.int64)


def slopes(lows: FloatArray, starts: IntArray) -> FloatArray:
    """The median slope per block of each row's current stretch, shape (containers,); NaN where it cannot be told.

    Each block of the first half is paired with the one half a stretch later: as robust as all pairs for a curve that
    rises steadily, and cheap enough for thousands of containers.

    Source: H. Theil, "A rank-invariant method of linear and polynomial regression analysis" (1950), incomplete form.
    """
    blocks = lows.shape[1]
    halves = (blocks - starts) // 2
    first = starts[:, np.newaxis] + np.arange(blocks // 2)
    second = first + halves[:, np.newaxis]
    paired = (np.arange(blocks // 2) < halves[:, np.newaxis]) & (second < blocks)
    rise = np.take_along_axis(lows, np.minimum(second, blocks - 1), 1) - np.take_along_axis(
        lows, np.minimum(first, blocks - 1), 1
    )
    per_block: FloatArray = row_medians(np.where(paired, rise, np.nan)) / np.maximum(halves, 1)
    return per_block
