"""Traces in long form: one row for each series and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.series import FloatArray, IntArray

VALUE_COLUMNS = ("mem", "mem_max", "mem_mean")
"""Raw samples, else the peaks of intervals, else their means; the first of these with a value counts, row by row."""
NEEDED = ("series", "ts")


@dataclass(frozen=True, slots=True)
class Long:
    """Samples in long form, those that are no measurement left out.

    Attributes:
        names: the series, sorted.
        rows: shape (samples,): the series of each sample, as a place in `names`.
        starts_s: shape (samples,): the start of each sample's interval, Unix seconds.
        values: shape (samples,), in the unit of the file, above 0.
    """

    names: tuple[str, ...]
    rows: IntArray
    starts_s: IntArray
    values: FloatArray


def read(path: Path) -> Long:
    """The samples of a parquet file, or of a CSV with the same columns.

    Raises:
        TraceError: it is no such file, or its columns or their types are others.
    """
    frame = _frame(path)
    starts_s = _seconds(frame["ts"], path)
    values = _values(frame, path)
    codes, names = pd.factorize(frame["series"].astype(str), sort=True)
    measured = np.isfinite(values) & (values > 0)
    if not measured.any():
        raise TraceError(f"{path}: no value above 0 in {_either(VALUE_COLUMNS)}: there is nothing to play")
    rows = np.asarray(codes, dtype=np.int64)
    return Long(tuple(map(str, names)), rows[measured], starts_s[measured], values[measured])


def _frame(path: Path) -> pd.DataFrame:
    try:
        frame = (
            pd.read_csv(path, parse_dates=["ts"], date_format="ISO8601", encoding="utf-8-sig")
            if path.suffix == ".csv"
            else pd.read_parquet(path)
        )
    except ImportError as error:
        raise TraceError(f"{path}: parquet needs the package pyarrow: pip install 'foresize[replay]'") from error
    except (OSError, ValueError) as error:
        raise TraceError(f"{path}: cannot be read as {path.suffix[1:]}: {error}") from error
    missing = [column for column in NEEDED if column not in frame]
    if not any(column in frame for column in VALUE_COLUMNS):
        missing.append(_either(VALUE_COLUMNS))
    if missing:
        raise TraceError(f"{path}: column {', '.join(missing)} is missing; it has {', '.join(map(str, frame))}")
    if frame.empty:
        raise TraceError(f"{path}: no rows; at least a series of some days is expected")
    return frame


def _seconds(column: pd.Series[pd.Timestamp], path: Path) -> IntArray:
    if not isinstance(column.dtype, pd.DatetimeTZDtype) and column.dtype.kind != "M":
        raise TraceError(f"{path}: column ts is of type {column.dtype}; a timestamp in UTC is expected")
    if column.isna().any():
        raise TraceError(f"{path}: column ts has empty cells; every row needs a timestamp")
    seconds: IntArray = pd.DatetimeIndex(column).as_unit("s").asi8.astype(np.int64)
    return seconds


def _values(frame: pd.DataFrame, path: Path) -> FloatArray:
    values = np.full(len(frame), np.nan)
    for name in VALUE_COLUMNS:
        if name in frame:
            column = frame[name]
            if column.dtype.kind not in "iuf":
                raise TraceError(f"{path}: column {name} is of type {column.dtype}; numbers are expected")
            values = np.where(np.isnan(values), column.to_numpy(np.float64, na_value=np.nan), values)
    if np.any(values < 0):
        raise TraceError(f"{path}: a value below 0 in {_either(VALUE_COLUMNS)}; memory is 0 or more")
    return values


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
