"""How often flat memory is called leaking, and how soon growth is named, on recorded traces.

Usage: python bench/shapes.py FOLDER, where FOLDER holds series.csv and operate_first_raw.parquet.

Namespaces are halved by a hash of their name. Thresholds may be chosen on the first half; the second half is reported.
Needs pandas with a parquet engine (pip install pyarrow).
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.forecasting.shape import shapes
from foresize_forecast.series import ContainerKey, Grid, History

STEP_S = 60
MIN_DAYS = 3
FLAT_GROWTH = 0.05
GROWTH = 0.15
GROWTH_MONO = 0.8


def history_of(name: str, values: pd.Series) -> History:
    """One series on a regular grid; minutes without a row are gaps."""
    minutes = values.index.astype("int64").to_numpy() // (STEP_S * 1_000_000_000)
    usage = np.full((1, int(minutes[-1] - minutes[0]) + 1), np.nan)
    usage[0, minutes - minutes[0]] = values.to_numpy(dtype=np.float64)
    usage[usage == 0] = np.nan  # a working set of 0 is an exited container
    grid = Grid(int(minutes[0] - 1) * STEP_S, STEP_S, usage.shape[1])
    return History(grid, (ContainerKey("", name, ""),), usage, np.full(1, np.nan))


def named_at(history: History) -> float | None:
    """The share of the time after which a leak is named for the first time."""
    hours = range(6, history.grid.count * STEP_S // 3600, 3)
    for hour in hours:
        if shapes(history.until(hour * 3600 // STEP_S))[0].kind is ShapeKind.LEAKING:
            return hour * 3600 / (history.grid.count * STEP_S)
    return None


def time_left(history: History) -> tuple[float, bool] | None:
    """Time to its last hour's level as told half-way, over the true one, and whether its interval holds the true one.

    None where it was no leak then.
    """
    half = history.grid.count // 2
    found = shapes(history.until(half))[0]
    if found.kind is not ShapeKind.LEAKING:
        return None
    usage = history.usage[0]
    gained = np.nanmedian(usage[-60:]) - np.nanmedian(usage[half - 360 : half + 30])
    true = float(gained / ((history.grid.count - half) * STEP_S))
    return true / found.growth_bytes_per_s, found.growth_low_bytes_per_s <= true <= found.growth_high_bytes_per_s


def main(folder: Path) -> None:
    """Print the figures of both halves."""
    meta = pd.read_csv(folder / "series.csv")
    meta = meta[(meta.source == "operate_first") & (meta.days >= MIN_DAYS)].set_index("series")
    raw = pd.read_parquet(folder / "operate_first_raw.parquet")
    raw = raw[raw.series.isin(meta.index)].assign(ts=lambda frame: frame.ts.astype("datetime64[ns, UTC]"))
    found: dict[int, Counter[str]] = {0: Counter(), 1: Counter()}
    lefts: list[tuple[float, bool]] = []
    for name, rows in raw.groupby("series", observed=True):
        row = meta.loc[name]
        history = history_of(str(name), rows.set_index("ts").mem.sort_index())
        kind = shapes(history)[0].kind
        half = zlib.crc32(str(row.group).encode()) % 2
        found[half][kind] += 1
        flat = abs(row.growth_total) < FLAT_GROWTH
        found[half]["flat"] += flat
        if flat and named_at(history) is not None:
            found[half]["flat, ever called leaking"] += 1
            print("  false leak" if half else "  false leak (tuning half)", name, file=sys.stderr)
        found[half]["flat, called leaking at the end"] += flat and kind is ShapeKind.LEAKING
        if row.growth_total > GROWTH and row.mono > GROWTH_MONO:
            at = named_at(history)
            left = time_left(history)
            lefts += [] if left is None else [left]
            found[half]["growing"] += 1
            found[half]["growing, named"] += at is not None
            found[half]["growing, named in the first half of the time"] += at is not None and at <= 0.5  # noqa: PLR2004
    for half, title in ((0, "thresholds chosen on"), (1, "reported")):
        print(f"{title}: {dict(found[half])}")
    told = ", ".join(f"{ratio:.2f}{'' if held else '*'}" for ratio, held in sorted(lefts))
    print(f"growing, both halves: time left as told half-way over the true one (*: outside its interval): {told}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
