"""Sizers that know the future: bounds for what any other could reach, not peers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.peers.windows import in_force
from foresize_forecast.replay.trace import Sizes, Told, Trace, Track, first_sizes
from foresize_forecast.series import peaks

HOUR_S, DAY_S = 3600, 86_400


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows each block of time to come and sets its highest usage, to the byte, as request and limit.

    Blocks are counted from the trace's start. One of gaps alone keeps the size before it.
    """

    name: str
    block_s: int

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force; request = limit on every track."""
        del track
        columns = max(1, self.block_s // trace.grid.step_s)
        series, count = trace.usage.shape
        blocks = -(-count // columns)
        padded = np.full((series, blocks * columns), np.nan)
        padded[:, :count] = trace.usage
        highest = peaks(padded.reshape(series, blocks, columns))
        size = np.repeat(in_force(highest, first_sizes(trace)), columns, axis=1)[:, :count]
        told(1.0)
        return Sizes(size, size)


def hourly() -> Oracle:
    """Knows the next hour."""
    return Oracle("oracle, 1 h", HOUR_S)


def daily() -> Oracle:
    """Knows the next 24 hours: what one size a day could be at best."""
    return Oracle("oracle, 24 h", DAY_S)
