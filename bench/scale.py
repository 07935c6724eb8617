"""How the time of a forecast grows with the number of containers, on a local Dask cluster of two workers.

Usage: python bench/scale.py [--series 1000,10000]. Each size runs in a process of its own, with a cluster of its own,
through the operator's `DaskFits`: histories are made in this process and sent, as the operator sends what Prometheus
answered, and a bounded number of bytes is under way. The series are made up, seeded: 14 days at 5 minutes, of shapes
as `SHARES` tells; those with a season are tried with Prophet, those that rise with a trend. Starting and warming the
workers is timed apart. With the smallest size, a second round has a worker killed at half. The table is printed; the
figures are added to the JSON file that the environment variable BENCH_JSON names.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from foresize.fitting.daskfits import DaskFits
from foresize.fitting.fits import ROWS_PER_JOB, Job
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

SEED, WORKERS = 7, 2
GRID = Grid(1_650_000_000, 300, 4032)
SHARES = {"flat": 0.8, "seasonal": 0.15, "rising": 0.05}
WISH = Wish(Question(), lead_s=600, cooldown_s=7200)
WARM_JOBS = 32
AT_LEAST = 10_000
"""Series that each size is timed with: a small one is played several times, for a few seconds tell of other work."""
MILLION = 1_000_000
MIB = 1 << 20


def curves(rng: np.random.Generator, rows: int) -> FloatArray:
    """Memory of some containers, shape (rows, time), in whole pages: a level, and what its shape adds, with noise."""
    time_days = (GRID.ends_s - GRID.start_s) / 86_400
    levels = MIB * np.exp(rng.uniform(np.log(30), np.log(3000), (rows, 1)))
    shapes = rng.choice(list(SHARES), rows, p=list(SHARES.values()))[:, None]
    phase = rng.uniform(0, 1, (rows, 1))
    season = 1 + 0.4 * np.sin(2 * np.pi * (time_days + phase))
    rise = 1 + 0.03 * time_days + 0.01 * np.sin(2 * np.pi * (time_days + phase))
    factor = np.select([shapes == "seasonal", shapes == "rising"], [season, rise], 1.0)
    noise = 1 + 0.01 * rng.standard_normal((rows, GRID.count))
    return np.round(levels * factor * noise / 4096) * 4096


def jobs(series: int, seed: int = SEED) -> Iterator[Job]:
    """So many containers in jobs of the operator's size, each made when it is asked for."""
    for number, at in enumerate(range(0, series, ROWS_PER_JOB)):
        rows = min(ROWS_PER_JOB, series - at)
        keys = tuple(ContainerKey("scale", f"Deployment/{at + row}", "app") for row in range(rows))
        usage = curves(np.random.default_rng((seed, number)), rows)
        yield Job(History(GRID, keys, usage, np.full(rows, np.nan)), [WISH] * rows)


def workers() -> list[psutil.Process]:
    """The cluster's worker processes: what else there is (Python's resource tracker) is small."""
    return [child for child in psutil.Process().children() if child.memory_info().rss > 64 * MIB]


def cpu_s() -> tuple[float, float]:
    """Seconds of processor that this process and its workers have had."""
    own, *others = (sum(process.cpu_times()[:2]) for process in (psutil.Process(), *workers()))
    return own, sum(others)


def played(fits: DaskFits, series: int, *, kill: bool = False) -> Counter[str]:
    """Shapes that were found in so many containers, or why there is no forecast; with `kill`, a worker dies at half."""
    found: Counter[str] = Counter()
    for _, answers in fits.each(jobs(series)):
        found.update(each.reason if isinstance(each, NoOutlook) else str(each.outlook.shape.kind) for each in answers)
        if kill and found.total() >= series / 2:
            workers()[0].kill()
            kill = False
    return found


def one(series: int, *, kill: bool) -> dict[str, Any]:
    """The figures of one size."""
    fits = DaskFits(workers=WORKERS)
    began = time.perf_counter()
    for _ in fits.each(jobs(WARM_JOBS * ROWS_PER_JOB, SEED + 1)):
        pass
    start_s = time.perf_counter() - began
    rounds = max(1, AT_LEAST // series)
    began, began_cpu = time.perf_counter(), cpu_s()
    found: Counter[str] = Counter()
    for _ in range(rounds):
        found = played(fits, series)
    seconds = (time.perf_counter() - began) / rounds
    driver_s, workers_s = ((after - before) / rounds for after, before in zip(cpu_s(), began_cpu, strict=True))
    figures = {
        "series": series,
        "rounds": rounds,
        "points": GRID.count,
        "seconds": seconds,
        "ms_per_series": 1000 * seconds / series,
        "cpu_ms_per_series": 1000 * (driver_s + workers_s) / series,
        "driver_cpu_ms_per_series": 1000 * driver_s / series,
        "start_seconds": start_s,
        "load": os.getloadavg()[0],
        "found": dict(found.most_common()),
        "driver_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if kill:
        figures["found_after_kill"] = dict(played(fits, series, kill=True).most_common())
    fits.close()
    figures["worker_peak_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return figures


def separately(series: int, *, kill: bool) -> dict[str, Any]:
    """The same in a process of its own, so that its peak of memory is its own."""
    command = [sys.executable, "-P", __file__, "--one", str(series), *(["--kill"] if kill else [])]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this script
    figures: dict[str, Any] = json.loads(made.stdout)
    return figures


def main(sizes: list[int]) -> None:
    """Run the sizes, print the table, extrapolate."""
    print(f"{'series':>8s} {'seconds':>8s} {'ms/series':>9s} {'cpu ms':>7s} {'driver cpu':>10s}", end=" ")
    print(f"{'driver MiB':>10s} {'worker MiB':>10s}  load")
    by_size = []
    for size in sizes:
        each = separately(size, kill=size == min(sizes))
        by_size.append(each)
        print(
            f"{size:8d} {each['seconds']:8.1f} {each['ms_per_series']:9.2f} {each['cpu_ms_per_series']:7.2f} "
            f"{each['driver_cpu_ms_per_series']:10.2f} "
            f"{each['driver_peak_mib']:10.0f} {each['worker_peak_mib']:10.0f}  {each['load']:.1f}",
            flush=True,
        )
    largest = max(by_size, key=lambda each: each["series"])
    figures = {
        "workers": WORKERS,
        "cores": len(os.sched_getaffinity(0)),
        "sizes": by_size,
        "spread": _spread(by_size, "ms_per_series"),
        "cpu_spread": _spread(by_size, "cpu_ms_per_series"),
        "million_hours": largest["ms_per_series"] * MILLION / 1000 / 3600,
        "lost_after_kill": _lost(by_size),
    }
    print(f"found in the largest: {largest['found']}")
    print(f"per series, sizes differ by {figures['spread']:.0%} in time, {figures['cpu_spread']:.0%} in processor time")
    print(f"a million series at that pace: {figures['million_hours']:.2f} h on {WORKERS} workers")
    print(f"containers without a forecast after a worker was killed at half: {figures['lost_after_kill']}")
    if target := os.environ.get("BENCH_JSON"):
        path = Path(target)
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, "scale": figures}, indent=2) + "\n")


def _spread(by_size: list[dict[str, Any]], name: str) -> float:
    """By how much the highest of a figure is above the lowest."""
    each: list[float] = [figures[name] for figures in by_size]
    return max(each) / min(each) - 1


def _lost(by_size: list[dict[str, Any]]) -> int:
    """How many containers have another answer, or none, for the death of a worker."""
    killed = next(each for each in by_size if "found_after_kill" in each)
    return sum((Counter(killed["found"]) - Counter(killed["found_after_kill"])).values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", default="1000,10000", help="sizes, with commas between")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--kill", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, kill=given.kill)))
    else:
        main([int(size) for size in given.series.split(",")])
