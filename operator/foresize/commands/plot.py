"""A curve in a terminal: what was used, what is planned, and the limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from foresize.config.quantities import people
from foresize_forecast.series import FloatArray, peaks

WIDTH, HEIGHT, LABEL = 72, 10, 9
EIGHTHS = " ▁▂▃▄▅▆▇█"
FUTURE_SHARE = 1 / 3
"""Of the width, at most; the past has the rest."""
LIMIT = "╌"


def columns(values: FloatArray, count: int) -> FloatArray:
    """The highest of each of `count` blocks; fewer where there are fewer values. NaN where nothing is known."""
    width = max(1, -(-values.size // count))
    padded = np.pad(values, (0, -values.size % width), constant_values=np.nan)
    return peaks(padded.reshape(-1, width))


def drawn(past: FloatArray, planned: FloatArray, limit_bytes: int | None) -> list[Text]:
    """Lines from top to bottom: the past in full, the plan after it, the limit across both."""
    ahead = columns(planned, round(WIDTH * FUTURE_SHARE)) if planned.size else np.array([])
    behind = columns(past, WIDTH - ahead.size) if past.size else np.array([])
    whole = np.nan_to_num(np.concatenate([behind, ahead]))
    top = max(float(whole.max(initial=0.0)), float(limit_bytes or 0))
    if top <= 0:
        return []
    levels = np.round(whole / top * HEIGHT * 8).astype(int)
    limit_row = None if limit_bytes is None else min(HEIGHT - 1, int(limit_bytes / top * HEIGHT))
    return [
        _line(row, levels, behind.size, limit_row, _label(row, top, limit_bytes, limit_row))
        for row in reversed(range(HEIGHT))
    ]


def _line(row: int, levels: Sequence[int], past: int, limit_row: int | None, label: str) -> Text:
    line = Text(f"{label:>{LABEL}} ")
    for at, level in enumerate(levels):
        filled = min(max(int(level) - row * 8, 0), 8)
        if filled:
            line.append(EIGHTHS[filled], "blue" if at < past else "green")
        else:
            line.append(LIMIT if row == limit_row else " ", "red")
    return line


def _label(row: int, top: float, limit_bytes: int | None, limit_row: int | None) -> str:
    if row == limit_row:
        return people(limit_bytes)
    if row == HEIGHT - 1:
        return people(top)
    return "0" if row == 0 else ""
