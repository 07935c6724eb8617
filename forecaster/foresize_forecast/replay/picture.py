"""A picture of a replay: what containers used, and what each sizer asked for, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

from foresize_forecast.replay.simulate import Played
from foresize_forecast.sizes import MIB

USED, REQUESTED, LIMIT, KILL = "#4c566a", "#2e7d32", "#c62828", "#c62828"
ROW_INCHES, COLUMN_INCHES, DPI = 1.7, 6.5, 110


def draw(plays: Sequence[Played], path: Path) -> None:
    """Write a PNG with a row for each container and a column for each sizer.

    Args:
        plays: replays of one and the same trace.
        path: where to; a file there is replaced.

    Raises:
        ValueError: there is nothing to draw.
        OSError: the file cannot be written.
    """
    rows = len(plays[0].trace.containers) if plays else 0
    if not rows:
        raise ValueError("a picture needs a replay with a container")
    picture = Figure(figsize=(COLUMN_INCHES * len(plays), ROW_INCHES * rows + 0.8), dpi=DPI, layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.subplots(rows, len(plays), sharex=True, sharey="row", squeeze=False)
    for column, play in enumerate(plays):
        for row in range(rows):
            _panel(axes[row, column], play, row)
    for row, key in enumerate(plays[0].trace.containers):
        axes[row, 0].set_ylim(0, None)
        axes[row, 0].set_ylabel("MiB", fontsize=7)
        axes[row, 0].set_title(str(key), fontsize=7, loc="left", pad=3)
    for column, play in enumerate(plays):
        axes[0, column].set_title(play.sizer, fontsize=11, fontweight="bold", loc="right")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8, frameon=False)
    picture.savefig(path, format="png")


def _panel(axes: Axes, play: Played, row: int) -> None:
    starts_s = play.trace.grid.ends_s - play.trace.grid.step_s
    times = starts_s.astype("datetime64[s]")
    used = play.trace.usage[row] / MIB
    limit = np.where(np.isinf(play.limit[row]), np.nan, play.limit[row]) / MIB
    axes.fill_between(times, used, step="post", color=USED, alpha=0.45, linewidth=0.3, label="used")
    axes.step(times, play.request[row] / MIB, where="post", color=REQUESTED, linewidth=1.1, label="request")
    axes.step(times, limit, where="post", color=LIMIT, linewidth=0.9, linestyle="--", label="limit")
    killed = used > limit
    axes.plot(times[killed], used[killed], "x", color=KILL, markersize=5, label="above the limit")
    axes.tick_params(labelsize=7)
    formatter = ConciseDateFormatter(axes.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
