"""CSV traces in wide form: a column of Unix seconds named `time`, and one column of bytes for each container."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.longform import Long

TIME_COLUMN = "time"


def read(text: str, what: str) -> Long:
    """The samples of a wide CSV; the time is the interval's start, an empty cell or a 0 is a gap.

    Raises:
        TraceError: it is something else; the message begins with `what`.
    """
    rows = list(csv.reader(StringIO(text)))
    if len(rows) < 3 or rows[0][:1] != [TIME_COLUMN] or len(rows[0]) == 1:  # noqa: PLR2004 - a header and two times
        raise TraceError(f"{what}: a column named {TIME_COLUMN}, one for each container and two rows are expected")
    names = rows[0][1:]
    if len(set(names)) < len(names):
        raise TraceError(f"{what}: two columns have the same name; each container needs one of its own")
    try:
        starts_s = np.array([int(row[0]) for row in rows[1:]], dtype=np.int64)
        values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])
    except (ValueError, IndexError, OverflowError) as error:
        raise TraceError(f"{what}: a cell is no number, or a row of another length ({error})") from error
    if values.shape != (len(rows) - 1, len(names)):
        raise TraceError(f"{what}: rows of another length than the header; one cell for each column is expected")
    if np.any(values < 0):
        raise TraceError(f"{what}: a value below 0; memory is 0 or more")
    times, places = np.nonzero(np.isfinite(values) & (values > 0))
    if not times.size:
        raise TraceError(f"{what}: no value above 0: there is nothing to play")
    return Long(tuple(names), places.astype(np.int64), starts_s[times], values[times, places])
