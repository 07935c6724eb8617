"""Every size that was in force, as a parquet file: whoever doubts a figure recomputes it from this and the trace.

A row for each series, scored interval, track and policy, gaps included; `ts` is the interval's start. A request of a
container is in force whether it runs or not. No limit is infinity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.playing import Play, Plays
from foresize_forecast.replay.tally import warmup_columns
from foresize_forecast.replay.trace import Trace, Track

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = pq = None

ROWS_AT_ONCE = 64
"""Series of one row group: what is held in memory at a time."""


def refuse_without_pyarrow() -> None:
    """Say so before anything is played.

    Raises:
        TraceError: the package that writes parquet is not installed.
    """
    if pa is None:
        raise TraceError("--decisions: parquet needs the package pyarrow: pip install 'foresize[replay]'")


def write(traces: Sequence[Trace], plays: Plays, path: Path) -> None:
    """Write all decisions to a file.

    Raises:
        OSError: it cannot be written.
    """
    schema = _schema()
    # Sizes stay for hours and times follow each other, so runs and differences of them take next to nothing.
    names = [name for name in schema.names if name != "ts"]
    writer = pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=names, column_encoding={"ts": "DELTA_BINARY_PACKED"}
    )
    with writer:
        for (at, track, policy), play in plays.items():
            for group in _groups(traces[at], track, policy, play):
                writer.write_table(group.cast(schema))


def _schema() -> pa.Schema:
    text = pa.dictionary(pa.int32(), pa.string())
    fields = {
        "series": text,
        "ts": pa.timestamp("s", "UTC"),
        "policy": text,
        "request": pa.float64(),
        "limit": pa.float64(),
    }
    return pa.schema([*fields.items(), ("track", text), ("source", text)])


def _groups(trace: Trace, track: Track, policy: str, play: Play) -> Iterator[pa.Table]:
    first = warmup_columns(trace)
    columns = trace.grid.count - first
    starts_s = trace.grid.start_s + trace.grid.step_s * np.arange(first, trace.grid.count)
    for begin in range(0, len(trace.series), ROWS_AT_ONCE):
        names = trace.series[begin : begin + ROWS_AT_ONCE]
        end, count = begin + len(names), len(names) * columns
        yield pa.table(
            {
                "series": pa.DictionaryArray.from_arrays(
                    np.repeat(np.arange(len(names), dtype=np.int32), columns), pa.array(names)
                ),
                "ts": pa.array(np.tile(starts_s, len(names)), pa.timestamp("s", "UTC")),
                "policy": _constant(policy, count),
                "request": play.request.dense(begin, end)[:, first:].ravel(),
                "limit": play.limit.dense(begin, end)[:, first:].ravel(),
                "track": _constant(track.value, count),
                "source": _constant(trace.source, count),
            }
        )


def _constant(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(count, dtype=np.int32), pa.array([text]))
