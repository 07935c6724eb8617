"""Recorded memory as `Trace`: files and folders in the layout of long-form traces, and the bundled sample.

A working set of exactly 0 is a container that has exited: a gap, as when it is read from Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from foresize_forecast.replay import longform, metadata, widecsv
from foresize_forecast.replay.censored import censored
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.longform import Long
from foresize_forecast.replay.metadata import SeriesFacts
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import FloatArray, Grid, IntArray

SAMPLE = "sample/operate_first.csv"
RAW = "_raw"
"""End of the name of a file at the native step; the same source's 5-minute maxima are without it."""
SUFFIXES = (".parquet", ".csv")
MIN_DAYS = 3.0
"""Shorter series say little about days."""
DAY_S = 86_400
LONGEST_STEP_S = 3600
"""Rarer samples say nothing of what kills; times in milliseconds look like it."""
LONGEST_DAYS = 400
"""A year and a month: a time further away is a mistake, and what looks at all pairs of hours would not end."""
LARGEST_CELLS = 100_000_000
"""Series times intervals that fit in memory with room for the sizes."""
FRACTION_BYTES = float(1 << 40)
"""What a share of 1 of a machine is told as: 1 TiB. Only ratios mean something then."""


def bundled() -> Trace:
    """Nine containers of a shared OpenShift cluster, 4.4 days of 5-minute peaks: flat, growing, bursty, daily."""
    text = resources.files(__package__).joinpath(SAMPLE).read_text(encoding="utf-8")
    (trace,) = _traces(widecsv.read(text, "the bundled sample"), {}, "sample", MIN_DAYS)
    return trace


def load(paths: Sequence[Path], min_days: float = MIN_DAYS) -> tuple[Trace, ...]:
    """The traces of files and folders, in the order given.

    Of a folder every trace is read, at the native step where there is a file of it. Series that are not long enough are
    left out, and so is a file of a folder that has no others. Machines that were recorded one after another (months of
    VMs) are a trace for each such time.

    Args:
        paths: parquet or CSV files, or folders of parquet files.
        min_days: shortest series, from its first to its last measurement.

    Raises:
        TraceError: something cannot be read, or nothing is left; the message names the file and what was expected.
    """
    found: list[Trace] = []
    for path in paths:
        if not path.exists():
            raise TraceError(f"{path}: No such file or directory; a trace file or a folder of them is expected")
        files = _files(path) if path.is_dir() else [path]
        traces = [trace for file in files for trace in _read(file, min_days)]
        if not traces:
            raise TraceError(f"{path}: no series of {min_days:g} days or more (--min-days)")
        found += traces
    sources = [trace.source for trace in found]
    if len(set(zip(sources, [trace.grid for trace in found], strict=True))) < len(found):
        raise TraceError(f"the same source twice: {', '.join(sources)}; each is expected once")
    return tuple(found)


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise TraceError(f"{folder}: no .parquet file in it; a folder of traces is expected")
    stems = {file.stem for file in files}
    return [file for file in files if file.stem + RAW not in stems]


def _read(path: Path, min_days: float) -> Iterator[Trace]:
    if path.suffix not in SUFFIXES:
        raise TraceError(f"{path}: a name that ends in {' or '.join(SUFFIXES)} is expected")
    try:
        long = _samples(path)
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: no text in UTF-8, as a CSV file is expected to be") from error
    source = path.stem.removesuffix(RAW)
    beside = path.parent / metadata.FILE_NAME
    facts = metadata.read(beside, source) if beside.exists() and beside != path else {}
    return _traces(long, facts, path.stem, min_days)


def _samples(path: Path) -> Long:
    if path.suffix == ".csv":
        text = path.read_text(encoding="utf-8-sig")
        if "series" not in text.partition("\n")[0].strip().split(","):
            return widecsv.read(text, str(path))
    return longform.read(path)


def _traces(long: Long, facts: Mapping[str, SeriesFacts], source: str, min_days: float) -> Iterator[Trace]:
    """A trace for each stretch of time that has series long enough."""
    known = [facts.get(name) or metadata.from_name(name) for name in long.names]
    step_s = _step_s(long, source)
    first = np.full(len(long.names), np.iinfo(np.int64).max)
    last = np.zeros(len(long.names), dtype=np.int64)
    np.minimum.at(first, long.rows, long.starts_s)
    np.maximum.at(last, long.rows, long.starts_s)
    told = np.array([each.days for each in known])
    days = np.where(np.isnan(told), (last + step_s - first) / DAY_S, told)
    lasting = np.flatnonzero(days >= min_days)
    for chosen in _cohorts(lasting, first, last, [known[row].kind for row in lasting]):
        yield _trace(long, [known[row] for row in chosen], chosen, source, step_s)


def _cohorts(rows: IntArray, first: IntArray, last: IntArray, kinds: Sequence[str]) -> Iterator[IntArray]:
    """All rows as one; of machines, those that began after others had ended apart."""
    if not rows.size or not set(kinds) <= set(metadata.MACHINE_KINDS):
        yield from [rows] if rows.size else []
        return
    ordered = rows[np.argsort(first[rows], kind="stable")]
    while ordered.size:
        together = first[ordered] < last[ordered[0]]
        yield np.sort(ordered[together])
        ordered = ordered[~together]


def _trace(long: Long, facts: Sequence[SeriesFacts], chosen: IntArray, source: str, step_s: int) -> Trace:
    scale = np.array([FRACTION_BYTES if each.unit == "fraction" else 1.0 for each in facts])
    if len(set(scale)) > 1:
        raise TraceError(f"{source}: some series are in bytes and some in fractions; one unit is expected")
    place = np.full(len(long.names), -1)
    place[chosen] = np.arange(chosen.size)
    rows = place[long.rows]
    kept = rows >= 0
    grid, usage = on_grid(rows[kept], chosen.size, long.starts_s[kept], long.values[kept], (step_s, source))
    usage *= scale[0]
    siblings = [(each.namespace, each.sibling) for each in facts]
    kills = not {each.kind for each in facts} <= set(metadata.MACHINE_KINDS)
    return Trace(
        source=source,
        grid=grid,
        series=tuple(long.names[row] for row in chosen),
        namespaces=tuple(each.namespace for each in facts),
        siblings=tuple(each.sibling for each in facts),
        usage=usage,
        declared=np.array([each.declared for each in facts]) * scale,
        censored=censored(usage, siblings, step_s) & kills,
        kills=kills,
        scaled=bool(scale[0] > 1),
    )


def on_grid(
    rows: IntArray, count: int, starts_s: IntArray, values: FloatArray, made: tuple[int, str]
) -> tuple[Grid, FloatArray]:
    """The grid that holds all starts, and the highest value of each row and interval, NaN where there is none.

    Args:
        rows: shape (samples,).
        count: how many rows there are.
        starts_s: shape (samples,), Unix seconds.
        values: shape (samples,).
        made: the step in seconds, and the source's name for messages.
    """
    step_s, source = made
    start_s = int(starts_s.min())
    grid = Grid(start_s, step_s, int((starts_s.max() - start_s) // step_s) + 1)
    if grid.count * step_s > LONGEST_DAYS * DAY_S:
        days = grid.count * step_s // DAY_S
        raise TraceError(
            f"{source}: {days} days from the first sample to the last; {LONGEST_DAYS} at most are expected"
        )
    if count * grid.count > LARGEST_CELLS:
        raise TraceError(f"{source}: {count} series over {grid.count} intervals are more than fit in memory")
    usage = np.full((count, grid.count), -np.inf)
    np.maximum.at(usage, (rows, (starts_s - start_s) // step_s), values)
    usage[np.isneginf(usage)] = np.nan
    return grid, usage


def _step_s(long: Long, source: str) -> int:
    """The commonest distance between two neighbouring samples of a series."""
    order = np.lexsort((long.starts_s, long.rows))
    distances = np.diff(long.starts_s[order])[np.diff(long.rows[order]) == 0]
    steps, counts = np.unique(distances[distances > 0], return_counts=True)
    if not steps.size:
        raise TraceError(f"{source}: a single time; two are needed to tell the step")
    step_s = int(steps[counts.argmax()])
    if step_s > LONGEST_STEP_S:
        raise TraceError(f"{source}: samples lie {step_s} s apart; Unix seconds and an hour at most are expected")
    return step_s
