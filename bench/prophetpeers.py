"""Stock Prophet and prophet-batch on the series of `bench/prophet.py`, in a process of their own with one core each.

Usage: python -P bench/prophetpeers.py OUT. Reads OUT/speed.npy, OUT/sample-N.npy and, of the exact solver,
OUT/fit-N.npz; writes OUT/peers.json: seconds per series, and what the exact solver's log posterior exceeds stock's by.
`-P` keeps this folder, with its `prophet.py`, out of the way of the package of that name.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from forecast.stock import fitted, frame, log_posterior, prepared, quiet
from foresize_forecast.exactprophet import DAILY, WEEKLY, Model
from foresize_forecast.exactprophet.model import FloatArray

MODEL = Model(seasonalities=(DAILY, WEEKLY))
STOCK_SERIES, BATCH_SERIES = 20, 100


def stock_seconds(times_s: FloatArray, values: FloatArray) -> float:
    """Seconds a series of stock Prophet's fit, after one that loads what it needs."""
    fitted(MODEL, times_s, values[0])
    started = time.perf_counter()
    for row in values:
        fitted(MODEL, times_s, row)
    return (time.perf_counter() - started) / len(values)


def batch_seconds(times_s: FloatArray, values: FloatArray) -> float:
    """Seconds a series of prophet-batch's fit, after one that loads what it needs."""
    from prophet_batch import fit_many  # noqa: PLC0415 - logs at import

    long = pd.concat([frame(times_s, row).assign(unique_id=str(number)) for number, row in enumerate(values)])
    options = {"daily_seasonality": 4, "weekly_seasonality": 3, "yearly_seasonality": False, "n_jobs": 1}
    with quiet():
        fit_many(long[long.unique_id == "0"], **options)
        started = time.perf_counter()
        fit_many(long, **options)
        return (time.perf_counter() - started) / len(values)


def gains(out: Path, number: int) -> list[float]:
    """What the exact solver's log posterior exceeds stock's by, on every series of a sample."""
    values, ours = np.load(out / f"sample-{number}.npy"), np.load(out / f"fit-{number}.npz")
    found = []
    for row, series in enumerate(values):
        inputs = prepared(MODEL, ours["times_s"], series)[1]
        stock = log_posterior(inputs, fitted(MODEL, ours["times_s"], series).params)
        names = ("k", "m", "delta", "beta", "sigma_obs")
        found.append(log_posterior(inputs, {name: ours[name][row] for name in names}) - stock)
    return found


def main(out: Path) -> None:
    """Time both, compare the log posteriors."""
    speed = np.load(out / "speed.npy", mmap_mode="r")
    times_s = np.load(out / "times.npy")
    answer = {
        "stock_seconds": stock_seconds(times_s, speed[:STOCK_SERIES]),
        "batch_seconds": batch_seconds(times_s, speed[:BATCH_SERIES]),
        "gains": [gains(out, number) for number in range(3)],
    }
    (out / "peers.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
