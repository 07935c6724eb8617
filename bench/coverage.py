"""Whether the peaks that Foresize states hold: python bench/coverage.py TRACE.parquet ... [--json FILE].

At the end of every day of a trace the next day's peak is stated at 90, 99 and 99.5 %, as the operator would, and held
against what came. Horizons of one namespace (or machine) miss together: the table has how many independent ones they
count as, and judges no level with fewer than 500. Censored series are left out: what they needed was not seen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from foresize_forecast.replay.coverage import Coverage, Horizon, coverage
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.tally import warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.replay.traces import load
from foresize_forecast.sizing.plan import Forecasted

DAY_S = 86_400
MISSES = (0.1, 0.01, 0.005)
HEADER = (
    "source                   stated horizons  clusters  effective  missed    rate  at 90 %          ratio  verdict"
)


def horizons(trace: Trace) -> Iterator[Horizon]:
    """Every whole scored day of every series that was measured for at least half of it."""
    day = DAY_S // trace.grid.step_s
    sizer = Foresize()
    for column in range(max(day, warmup_columns(trace)), trace.grid.count - day + 1, day):
        print(f"\r{trace.source}: day {column // day} of {trace.grid.count // day}", end="", file=sys.stderr)
        coming = trace.usage[:, column : column + day]
        for row, forecast in enumerate(sizer.foresee(trace, column, sizer.policy)):
            seen = coming[row][~np.isnan(coming[row])]
            if isinstance(forecast, Forecasted) and not trace.censored[row] and seen.size >= day / 2:
                for miss in MISSES:
                    missed = bool(seen.max() > forecast.peak_at(miss))
                    yield Horizon(1 - miss, missed, trace.namespaces[row])
    print(file=sys.stderr)


def _line(source: str, of: Coverage) -> str:
    return (
        f"{source:24} {of.stated:6.1%} {of.horizons:8} {of.clusters:9} {of.effective:10.0f} {of.missed:7} "
        f"{of.miss_rate:7.2%} [{of.low:.2%}, {of.high:.2%}] {of.ratio:6.2f}  {of.verdict}"
    )


def main() -> None:
    """Print a line for each source and level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found = {trace.source: coverage(list(horizons(trace))) for path in asked.traces for trace in load([path])}
    print(HEADER)
    for source, levels in found.items():
        for level in levels:
            print(_line(source, level))
    if asked.json:
        asked.json.write_text(
            json.dumps({source: [asdict(each) for each in of] for source, of in found.items()}, indent=1)
        )


if __name__ == "__main__":
    main()
