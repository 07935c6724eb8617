"""Runs of Jobs out of the samples of their pods: where each began, what it used, and whether it has ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from foresize_forecast.prometheus.samples import Samples
from foresize_forecast.runs.digest import Pace, PastRun, RunDigest, digest
from foresize_forecast.series import FloatArray, Grid, IntArray

STEP_S = 60
"""Widest interval in which runs are read: a level is the highest of a minute."""
MOST_STEPS = 50_000
ENDED_AFTER_S = 180
"""A pod without a sample for so long has ended: three scrapes of a minute."""
MOST_RUNS = 200
"""Runs that speak for the next one, the newest: beyond these a run adds little, and digests are some kilobytes each."""


def run_step_s(window_s: int, step_s: int) -> int:
    """The interval in which the runs of a window are read: a minute, coarser only where the window is very long.

    Worked: 14 days at 5 minutes: 60 s. 90 days: 7,776,000 / 50,000 = 155.5, so 156 s.
    """
    return max(min(step_s, STEP_S), -(-window_s // MOST_STEPS))


def ended_runs(pods: Mapping[str, Samples], grid: Grid) -> tuple[RunDigest, ...]:
    """The runs that have ended, the newest `MOST_RUNS`, in the order in which they did.

    Each pod is a run: one of several at once, or a later attempt at the same work, is sized as they all are. A pod that
    was there at the window's start is left out, for nobody knows how it started.

    Args:
        pods: samples of one container, by pod, at the ends of the grid's intervals.
        grid: the window.
    """
    pace = Pace(grid.step_s)
    ended = sorted(_ended(pods, grid), key=lambda run: (int(run[0][-1]), int(run[0][0])))
    return tuple(_digest(columns, values, grid, pace) for columns, values in ended[-MOST_RUNS:])


def remembered(kept: Iterable[PastRun], fresh: Iterable[RunDigest], since_s: float, most: int) -> tuple[PastRun, ...]:
    """Runs that were known and runs that have ended since, each once: the newest of those that ended in a window.

    Args:
        kept: what was remembered.
        fresh: what has been read; it may have some of the same.
        since_s: start of the window, Unix seconds.
        most: how many at most.
    """
    read = {PastRun(float(int(run.started_s)), float(int(run.ended_s)), float(int(run.peak_bytes))) for run in fresh}
    known = sorted((run for run in read.union(kept) if run.ended_s >= since_s), key=lambda run: (run.ended_s, run))
    return tuple(known[-most:])


def _ended(pods: Mapping[str, Samples], grid: Grid) -> Iterator[tuple[IntArray, FloatArray]]:
    """Columns and values of the pods that began in the window and have ended."""
    for samples in pods.values():
        columns, values = samples.on(grid)
        if columns.size and columns[0] > 0 and (grid.count - 1 - columns[-1]) * grid.step_s >= ENDED_AFTER_S:
            yield columns, values


def _digest(columns: IntArray, values: FloatArray, grid: Grid, pace: Pace) -> RunDigest:
    usage = np.full(int(columns[-1] - columns[0]) + 1, np.nan)
    usage[columns - columns[0]] = values
    return digest(float(grid.start_s + int(columns[0]) * grid.step_s), usage, pace)
