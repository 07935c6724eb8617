"""Series for `bench/prophet.py`, in a process of their own: reading traces takes memory that is not the solver's.

Usage: python bench/prophetseries.py OUT [TRACES]. Writes OUT/speed.npy, series without gaps; OUT/gaps.npy, series each
with gaps of its own; OUT/sample-N.npy, series of one source each as they are; OUT/about.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SERIES, POINTS, GAPPED = 10_000, 4_032, 2_000
STEP_S = 300
SOURCES = {"operate_first": 80, "bitbrains_rnd": 80, "alibaba_machines": 40}
"""Sources of the sample, and series of each: containers, virtual machines, hosts."""
MISSING = 1e-3
"""Share of values taken out at random, so that each series has gaps of its own."""
SAMPLE_POINTS = 1_200
"""Points of a sampled series: what the shortest source has."""

FloatArray = NDArray[np.float64]


def traced(folder: Path, source: str) -> list[FloatArray]:
    """Each series of a source on its own 5-minute grid, from its first to its last value, NaN in gaps."""
    rows = pd.read_parquet(folder / f"{source}.parquet")
    value = "mem_max" if rows.mem_max.notna().any() else "mem_mean"
    rows["slot"] = rows.ts.astype("datetime64[s, UTC]").astype("int64") // STEP_S
    found = []
    for _, series in rows.groupby("series", observed=True):
        slots = series.slot.to_numpy()
        values = np.full(int(slots[-1] - slots[0]) + 1, np.nan)
        values[slots - slots[0]] = series[value].to_numpy()
        found.append(values)
    return found


def made_up(count: int, points: int, rng: np.random.Generator) -> list[FloatArray]:
    """Level, slope changes, a daily season, noise; a third flat but for a page, a third with a gap."""
    at, slots = np.arange(points) / points, np.arange(points)
    found = []
    for number in range(count):
        curve = 1 + rng.uniform(0, 0.2) * np.sin(2 * np.pi * slots * STEP_S / 86_400)
        for _ in range(rng.integers(0, 5)):
            curve += rng.normal(0, 0.5) * np.maximum(0, at - rng.random())
        values = 10 ** rng.uniform(7, 10) * np.abs(curve + rng.uniform(1e-3, 0.1) * rng.standard_normal(points))
        if number % 3 == 0:
            values = 2.0**30 + 4096 * rng.integers(0, 2, points)
        elif number % 3 == 1:
            start = rng.integers(0, points - 50)
            values[start : start + 50] = np.nan
        found.append(values)
    return found


def window(values: FloatArray, points: int, rng: np.random.Generator) -> FloatArray:
    """A stretch at random; a shorter series is repeated, forwards and backwards in turn, without a jump."""
    while len(values) < points:
        values = np.concatenate([values, values[::-1]])
    start = rng.integers(0, len(values) - points + 1)
    return values[start : start + points]


def without_gaps(values: FloatArray) -> FloatArray:
    """The last value stands for a missing one: for timing only, where all series are to have one grid."""
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    known = np.where(last < 0, np.flatnonzero(~np.isnan(values))[0], last)
    return values[known]


def moving(values: FloatArray) -> bool:
    """Whether there are values enough that are not all the same."""
    known = values[~np.isnan(values)]
    return len(known) > POINTS // 8 and known.min() < known.max()


def main(out: Path, traces: Path | None) -> None:
    """Write the arrays."""
    rng = np.random.default_rng(4)
    if traces is None:
        sources = {f"made up {number}": made_up(count, POINTS, rng) for number, count in enumerate(SOURCES.values())}
    else:
        sources = {source: traced(traces, source) for source in SOURCES}
    sources = {name: [values for values in series if moving(values)] for name, series in sources.items()}
    pool = [values for series in sources.values() for values in series]
    chosen = rng.integers(0, len(pool), SERIES)
    windows = [window(without_gaps(pool[number]), POINTS, rng) for number in chosen]
    np.save(out / "speed.npy", np.array([values * rng.uniform(0.5, 2) for values in windows]))
    gapped = np.array(windows[:GAPPED])
    gapped[rng.random(gapped.shape) < MISSING] = np.nan
    np.save(out / "gaps.npy", gapped)
    for number, (count, series) in enumerate(zip(SOURCES.values(), sources.values(), strict=True)):
        sample = [series[place] for place in rng.permutation(len(series))[:count]]
        np.save(out / f"sample-{number}.npy", np.array([window(values, SAMPLE_POINTS, rng) for values in sample]))
    (out / "about.json").write_text(json.dumps({"sources": list(sources), "distinct": len(pool)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)  # noqa: PLR2004 - OUT and TRACES
