"""Recorded memory as `History`: the bundled sample, CSV and parquet files. The only reader of files in replay.

A working set of exactly 0 is a container that has exited: a gap, as when it is read from Prometheus.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import resources
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from foresize_forecast.series import ContainerKey, FloatArray, Grid, History, IntArray

SAMPLE = "sample/operate_first.csv"
TIME_COLUMN = "time"
VALUE_COLUMNS = ("mem", "mem_max", "mem_mean")
"""Of a parquet file in long form, the first of these that it has: raw samples, else the peaks of its intervals."""
PARTS_OF_KEY = 4
LARGEST_CELLS = 50_000_000
"""Containers times intervals that fit in memory with room for the forecasts."""


def bundled() -> History:
    """Nine containers of a shared OpenShift cluster, 4.4 days of 5-minute peaks: flat, growing, bursty, daily."""
    return _wide(resources.files(__package__).joinpath(SAMPLE).read_text(encoding="utf-8"), "the bundled sample")


def read_csv(path: Path) -> History:
    """A trace with a column of Unix seconds named `time` and one column of bytes for each container.

    Columns are named `namespace/Kind/workload/container`; the time is the interval's start; an empty cell is a gap.

    Raises:
        ValueError: the file is something else; the message says what.
        OSError: it cannot be read.
    """
    return _wide(path.read_text(encoding="utf-8"), str(path))


def read_parquet(path: Path, series: Sequence[str] = (), unit_bytes: float = 1.0) -> History:
    """A trace in long form: columns `series`, `ts` (interval start, UTC) and one of `VALUE_COLUMNS`. Needs pyarrow.

    Args:
        path: the file.
        series: which series to read; empty: all.
        unit_bytes: what a value of 1 is in bytes, for traces in fractions of a machine.

    Raises:
        ValueError: pyarrow is missing, or the file is something else.
        OSError: it cannot be read.
    """
    try:
        frame = pd.read_parquet(path, filters=[("series", "in", list(series))] if series else None)
    except ImportError as error:
        raise ValueError(f"{path} is a parquet file, which needs the package pyarrow") from error
    value = next((column for column in VALUE_COLUMNS if column in frame), None)
    if value is None or not {"series", "ts"} <= set(frame):
        raise ValueError(f"{path} has columns {list(frame)}; series, ts and one of {VALUE_COLUMNS} are needed")
    if frame.empty:
        raise ValueError(f"{path} has none of the series asked for")
    places, names = pd.factorize(frame["series"].astype(str), sort=True)
    starts_s = (pd.DatetimeIndex(frame["ts"]).as_unit("ns").asi8 // 1_000_000_000).astype(np.int64)
    usage = frame[value].to_numpy(np.float64) * unit_bytes
    return _on_grid(np.asarray(places, dtype=np.int64), [_key(str(name)) for name in names], starts_s, usage, str(path))


def _wide(text: str, what: str) -> History:
    rows = list(csv.reader(StringIO(text)))
    if len(rows) < 3 or rows[0][:1] != [TIME_COLUMN] or len(rows[0]) == 1:  # noqa: PLR2004 - a header and two times
        raise ValueError(f"{what} needs a column named {TIME_COLUMN}, one for each container, and two rows or more")
    keys = [_key(name) for name in rows[0][1:]]
    try:
        starts_s = np.array([int(row[0]) for row in rows[1:]], dtype=np.int64)
        values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])
    except ValueError as error:
        raise ValueError(f"{what} has a cell that is no number, or a row of another length ({error})") from error
    if values.shape != (len(rows) - 1, len(keys)):
        raise ValueError(f"{what} has rows of another length than its header")
    times, places = np.indices(values.shape)
    return _on_grid(places.ravel(), keys, starts_s[times.ravel()], values.ravel(), what)


def _on_grid(
    places: IntArray, keys: Sequence[ContainerKey], starts_s: IntArray, values: FloatArray, what: str
) -> History:
    """The history of values at (container, interval start). Its step is the commonest distance between starts."""
    known = np.unique(starts_s)
    if known.size < 2:  # noqa: PLR2004 - one has no distance
        raise ValueError(f"{what} has a single time; two are needed to tell the step")
    distances, counts = np.unique(np.diff(known), return_counts=True)
    step_s = int(distances[counts.argmax()])
    grid = Grid(int(known[0]), step_s, int((known[-1] - known[0]) // step_s) + 1)
    if len(keys) * grid.count > LARGEST_CELLS:
        raise ValueError(f"{what} has {len(keys)} containers over {grid.count} intervals; read fewer of them at a time")
    usage = np.full((len(keys), grid.count), -np.inf)
    measured = np.isfinite(values) & (values > 0)
    columns = (starts_s[measured] - grid.start_s) // step_s
    np.maximum.at(usage, (places[measured], columns), values[measured])
    usage[np.isneginf(usage)] = np.nan
    return History(grid, tuple(keys), usage, np.full(len(keys), np.nan))


def _key(name: str) -> ContainerKey:
    """The container that a column or series is named after; what is missing is left empty."""
    parts = name.split("/")
    if len(parts) == PARTS_OF_KEY:
        return ContainerKey(parts[0], f"{parts[1]}/{parts[2]}", parts[3])
    if len(parts) == PARTS_OF_KEY - 1:
        return ContainerKey(parts[0], f"Pod/{parts[1]}", parts[2])
    return ContainerKey("", f"Series/{name}", "main")
