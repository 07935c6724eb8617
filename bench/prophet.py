"""The exact batched solver beside stock Prophet and prophet-batch: time, memory and log posterior.

Usage: python bench/prophet.py [TRACES]. TRACES, by default ../shared/traces beside the repository, holds recorded
memory (series.csv and parquet files); without it the series are made up, and the output says so. The table is printed;
the figures are added to the JSON file that the environment variable BENCH_JSON names.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foresize_forecast.exactprophet import DAILY, WEEKLY, Fits, Model, fit
from foresize_forecast.exactprophet.__main__ import warm_up
from foresize_forecast.exactprophet.model import FloatArray

HERE = Path(__file__).parent
MODEL = Model(seasonalities=(DAILY, WEEKLY))
STEP_S, START_S = 300.0, 1_650_000_000.0
HORIZON, DRAWS = 288, 1000
REPEATS = 5
"""Runs of which the shortest counts: the machine may have other work."""


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The shortest of some runs' wall time."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def times(points: int) -> FloatArray:
    """Instants five minutes apart."""
    return START_S + STEP_S * np.arange(points)


def fit_and_forecast(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """All that a look at many containers asks for: fit, the mean of a day, the peaks of 1,000 futures."""
    past_s = times(values.shape[1])
    fits = fit(MODEL, past_s, values)
    ahead_s = past_s[-1] + STEP_S * np.arange(1, HORIZON + 1)
    return fits.mean(ahead_s), fits.simulated_peaks(ahead_s, draws=DRAWS, seed=1)


def ours(out: Path) -> dict[str, Any]:
    """Time and memory of the exact solver: linear in the series, with and without shared gaps."""
    started = time.perf_counter()
    warm_up()
    compiled_s = time.perf_counter() - started
    values = np.load(out / "speed.npy")
    past_s = times(values.shape[1])
    np.save(out / "times.npy", past_s)
    fits = fit(MODEL, past_s, values)
    figures: dict[str, Any] = {
        "series": len(values),
        "points": values.shape[1],
        "fit_seconds": seconds(lambda: fit(MODEL, past_s, values)),
        "seconds": seconds(lambda: fit_and_forecast(values)),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "warm_seconds": seconds(lambda: fit(MODEL, past_s, values, warm=fits)),
        "compile_seconds": compiled_s,
        "statuses": {str(status): fits.status.count(status) for status in set(fits.status)},
        "worst_certificate_nats": float(np.nanmax(fits.certificate_nats)),
        "fit_seconds_by_series": {
            str(count): seconds(partial(fit, MODEL, past_s, values[:count]))
            for count in (len(values) // 4, len(values) // 2, len(values))
        },
    }
    gapped = np.load(out / "gaps.npy")
    figures["gap_patterns"] = len(gapped)
    figures["gap_patterns_seconds"] = seconds(lambda: fit(MODEL, past_s, gapped), 1)
    return figures


def keep(fits: Fits, past_s: FloatArray, path: Path) -> None:
    """Store fits under Stan's names, for the comparison. The sampled series have all changepoints."""
    np.savez(
        path, times_s=past_s, k=fits.slope, m=fits.offset, delta=fits.slope_changes, beta=fits.season,
        sigma_obs=fits.noise,
    )  # fmt: skip


def fit_samples(out: Path) -> None:
    """Fit the series that stock Prophet is compared on."""
    for number in range(3):
        values = np.load(out / f"sample-{number}.npy")
        past_s = times(values.shape[1])
        keep(fit(MODEL, past_s, values), past_s, out / f"fit-{number}.npz")


def add_peers(figures: dict[str, Any], out: Path) -> None:
    """Ratios to the others, each per series and core, and the log posteriors' differences."""
    peers = json.loads((out / "peers.json").read_text())
    own = figures["fit_seconds"] * len(os.sched_getaffinity(0)) / figures["series"]
    gains = [gain for sample in peers["gains"] for gain in sample]
    figures["ratio_stock"] = peers["stock_seconds"] / own
    figures["ratio_prophet_batch"] = peers["batch_seconds"] / own
    figures["worst_log_posterior_gap"] = max(0.0, -min(gains))
    figures["sampled_series"] = len(gains)
    figures["median_gain_nats"], figures["largest_gain_nats"] = statistics.median(gains), max(gains)
    figures["stock_seconds"], figures["prophet_batch_seconds"] = peers["stock_seconds"], peers["batch_seconds"]


def main(traces: Path) -> None:
    """Make the series, run all three, print the table."""
    known = (traces / "series.csv").exists()
    single = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        make = [sys.executable, "-P", str(HERE / "prophetseries.py"), folder, *([str(traces)] if known else [])]
        subprocess.run(make, check=True)  # noqa: S603 - our own script
        figures = ours(out)
        fit_samples(out)
        peers = [sys.executable, "-P", str(HERE / "prophetpeers.py"), folder]
        subprocess.run(peers, check=True, env=single)  # noqa: S603 - our own script
        add_peers(figures, out)
        about = json.loads((out / "about.json").read_text())
    figures["data"] = f"{about['distinct']} series of {', '.join(about['sources'])}"
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        print(f"{name:{width}}  {value:.4g}" if isinstance(value, float) else f"{name:{width}}  {value}")
    if target := os.environ.get("BENCH_JSON"):
        path = Path(target)
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, "prophet": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "shared" / "traces")
