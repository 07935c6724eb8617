"""The size that its owner wrote, for good: where Foresize and its peers start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.trace import Sizes, Told, Trace, Track, first_sizes


@dataclass(frozen=True, slots=True)
class Static:
    """The declared size, or the first hour's maximum where none is known, and never another."""

    name: str = "static"

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """One size for each series; request and limit are the same on every track."""
        del track
        size = np.repeat(first_sizes(trace)[:, np.newaxis], trace.grid.count, axis=1)
        told(1.0)
        return Sizes(size, size)
