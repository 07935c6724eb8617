"""Recorded runs of Jobs: what the Jobs track plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from foresize_forecast.replay import metadata
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.metadata import SeriesFacts
from foresize_forecast.series import FloatArray, IntArray

KIND = "batch-task"
"""The kind of series that are runs, in `series.csv`."""
COLUMNS = ("series", "ts", "mem_mean", "mem_max")
FIRST_HOUR_S = 3600
"""Where nobody declared a size, what a Job needs in the first hour of its first run stands for it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, from its start to its end.

    Attributes:
        started_s: Unix seconds.
        usage: shape (rows,), bytes: the highest sample of each row, which is what kills; NaN in gaps.
        mean: shape (rows,), bytes: the mean of each row, which is what is used; NaN in gaps.
    """

    started_s: float
    usage: FloatArray
    mean: FloatArray


@dataclass(frozen=True, slots=True)
class Job:
    """All runs of one workload.

    Attributes:
        name: of the workload.
        step_s: seconds a row.
        declared_bytes: what the workload asks for.
        runs: in order of their starts.
    """

    name: str
    step_s: int
    declared_bytes: float
    runs: tuple[Run, ...]

    def ended_s(self, run: int) -> float:
        """When a run has ended, Unix seconds."""
        return self.runs[run].started_s + self.step_s * self.runs[run].usage.size

    def ended_before(self, now_s: float) -> list[int]:
        """The runs that have ended by then, in the order in which they did."""
        ends = [(self.ended_s(run), run) for run in range(len(self.runs))]
        return [run for ended_s, run in sorted(ends) if ended_s <= now_s]


def read(paths: Sequence[Path]) -> tuple[Job, ...]:
    """The Jobs of traces in long form.

    Args:
        paths: parquet files with the columns `COLUMNS`, or folders of them, each with `series.csv` beside it. Series
            of the kind `KIND` are runs; a file of a folder that has none is passed over.

    Raises:
        TraceError: a file or column is missing, or no series is a run; the message names it.
    """
    found = [job for path in paths for file in _files(path) for job in _read(file)]
    if not found:
        raise TraceError(f"{', '.join(map(str, paths))}: no series of kind {KIND} in {metadata.FILE_NAME}: no runs")
    return tuple(found)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise TraceError(f"{path}: No such file or directory; a trace file or a folder of them is expected")
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def _read(path: Path) -> tuple[Job, ...]:
    beside = path.parent / metadata.FILE_NAME
    if not beside.exists():
        raise TraceError(f"{beside}: No such file or directory; the Jobs track needs it beside {path.name}")
    facts = {name: each for name, each in metadata.read(beside, path.stem).items() if each.kind == KIND}
    if not facts:
        return ()
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise TraceError(f"{path}: cannot be read as parquet: {error}") from error
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise TraceError(f"{path}: column {', '.join(missing)} is missing; it has {', '.join(map(str, frame))}")
    return jobs(frame[frame["series"].astype(str).isin(list(facts))], facts)


def jobs(frame: pd.DataFrame, facts: Mapping[str, SeriesFacts]) -> tuple[Job, ...]:
    """Jobs from rows of samples, sorted by name.

    Args:
        frame: columns `COLUMNS`, `ts` in UTC, rising within a series; rows that are missing are gaps.
        facts: of every series.
    """
    starts_s = frame["ts"].dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    codes, names = pd.factorize(frame["series"].astype(str), sort=True)
    order = np.argsort(codes, kind="stable")
    cuts = np.cumsum(np.bincount(codes))[:-1]
    columns = [frame[name].to_numpy(dtype=np.float64)[order] for name in ("mem_max", "mem_mean")]
    times = np.split(starts_s[order], cuts)
    step_s = min((int(np.diff(each).min()) for each in times if each.size > 1), default=1)
    found: dict[str, list[Run]] = {}
    declared: dict[str, list[float]] = {}
    for name, at_s, usage, mean in zip(names, times, *(np.split(column, cuts) for column in columns), strict=True):
        fact = facts[str(name)]
        job = f"{fact.namespace}/{fact.sibling}".strip("/")
        found.setdefault(job, []).append(_run(at_s, usage, mean, step_s))
        declared.setdefault(job, []).append(fact.declared)
    return tuple(_job(name, step_s, declared[name], runs) for name, runs in sorted(found.items()))


def _job(name: str, step_s: int, declared: Sequence[float], runs: Sequence[Run]) -> Job:
    ordered = tuple(sorted(runs, key=lambda run: run.started_s))
    first = float(np.nanmax(ordered[0].usage[: max(1, FIRST_HOUR_S // step_s)]))
    told = [limit for limit in declared if not np.isnan(limit)]
    return Job(name, step_s, float(np.median(told)) if told else first, ordered)


def _run(at_s: IntArray, usage: FloatArray, mean: FloatArray, step_s: int) -> Run:
    places = (at_s - at_s[0]) // step_s
    rows = np.full((2, int(places[-1]) + 1), np.nan)
    rows[:, places] = usage, mean
    return Run(float(at_s[0]), rows[0], rows[1])
