"""Builders of traces and sizes for tests of replay: short to call, every default harmless."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foresize_forecast.replay.trace import Sizes, Trace
from foresize_forecast.series import FloatArray, Grid

NAN = np.nan
MIB = float(1 << 20)
STEP_S = 300
PER_DAY = 288


def trace(usage: Sequence[Sequence[float]] | FloatArray, step_s: int = STEP_S, **changes: Any) -> Trace:
    """Series of bytes, each in a namespace of its own, from the epoch on."""
    values = np.array(usage, dtype=float)
    rows = values.shape[0]
    parts: dict[str, Any] = {
        "source": "test",
        "grid": Grid(0, step_s, values.shape[1]),
        "series": tuple(f"ns{row}/pod/main" for row in range(rows)),
        "namespaces": tuple(f"ns{row}" for row in range(rows)),
        "siblings": tuple(f"workload{row}/main" for row in range(rows)),
        "usage": values,
        "declared": np.full(rows, NAN),
        "censored": np.zeros(rows, dtype=bool),
    }
    return Trace(**{**parts, **changes})


def sizes(shape: tuple[int, int], request: float | FloatArray, limit: float | FloatArray) -> Sizes:
    """The same sizes for all, unless arrays say otherwise."""
    return Sizes(np.broadcast_to(request, shape).astype(float), np.broadcast_to(limit, shape).astype(float))
