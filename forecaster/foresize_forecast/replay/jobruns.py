"""Recorded runs of Jobs: what the Jobs track plays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from foresize_forecast.series import FloatArray

SERIES_FILE = "series.csv"
JOBS_FILE = "nfcore_jobs.parquet"
COLUMNS = ("series", "ts", "mem_mean", "mem_max")


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


def read(folder: Path) -> tuple[Job, ...]:
    """The Jobs of a folder of traces.

    Args:
        folder: holds `nfcore_jobs.parquet` (series, ts, mem_mean, mem_max) and `series.csv` (source, series, workload,
            interval_s, limit).

    Raises:
        ValueError: a file or column is missing; the message names it.
    """
    for name in (JOBS_FILE, SERIES_FILE):
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name}: no such file; the Jobs track needs {JOBS_FILE} and {SERIES_FILE}")
    frame = pd.read_parquet(folder / JOBS_FILE)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(f"{folder / JOBS_FILE}: no column {', '.join(missing)}")
    meta = pd.read_csv(folder / SERIES_FILE)
    source = Path(JOBS_FILE).stem
    return jobs(frame, meta[meta["source"] == source].set_index("series"))


def jobs(frame: pd.DataFrame, meta: pd.DataFrame) -> tuple[Job, ...]:
    """Jobs from rows of samples.

    Args:
        frame: columns `COLUMNS`, `ts` in UTC, rising within a series; rows that are missing are gaps.
        meta: index series, columns workload, interval_s and limit.
    """
    names = sorted(meta.index)
    jobs_of = dict(zip(names, meta.loc[names, "workload"].astype(str), strict=True))
    steps_s = dict(zip(names, meta.loc[names, "interval_s"].astype(int), strict=True))
    limits = meta.groupby("workload")["limit"].median().astype(float).to_dict()
    found: dict[str, list[Run]] = {}
    step_of: dict[str, int] = {}
    for series, rows in frame.groupby("series", sort=True, observed=True):
        name = jobs_of[str(series)]
        step_s = step_of.setdefault(name, steps_s[str(series)])
        found.setdefault(name, []).append(_run(rows, step_s))
    return tuple(
        Job(name, step_of[name], _declared(limits[name], runs), tuple(sorted(runs, key=lambda run: run.started_s)))
        for name, runs in sorted(found.items())
    )


def _declared(limit: float, runs: list[Run]) -> float:
    """What was declared, and no less than what a run had: `series.csv` rounds to six digits."""
    highest = max(float(np.nanmax(run.usage)) for run in runs)
    return max(limit, highest) if not np.isnan(limit) else highest


def _run(rows: pd.DataFrame, step_s: int) -> Run:
    times_s = rows["ts"].dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    places = (times_s - times_s[0]) // step_s
    usage = np.full(int(places[-1]) + 1, np.nan)
    mean = usage.copy()
    usage[places] = rows["mem_max"].to_numpy(dtype=np.float64)
    mean[places] = rows["mem_mean"].to_numpy(dtype=np.float64)
    return Run(float(times_s[0]), usage, mean)
