"""Forecasts of whole nodes on a recorded cluster: python bench/nodes.py TRACE.parquet [--json FILE].

Two tables. Stated quantiles of what a node's containers use together, against what came: the namespaces are halved, the
correlation between deviations is chosen on one half (the first of `CORRELATIONS` that is honest there) and scored on
the other. And pressure on packed nodes: as requests have it, with a reserve for large movers, with the same bytes as a
share for everyone, and with pods moved ahead of pressure.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foresize_forecast.replay.nodeplay import HORIZONS_S, Hour, Pressure, Told, foretold, hour, missed, packed, ways
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.tally import warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.replay.traces import load

GIB = 1 << 30
NODE_BYTES = (16 * GIB, 32 * GIB, 64 * GIB)
CORRELATIONS = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
SHOWN = (0.1, 0.05, 0.01)
HOUR_S, DAY_S = 3600, 86_400


def hours(trace: Trace) -> Iterator[Hour]:
    """Every scored hour of a trace."""
    per_hour = HOUR_S // trace.grid.step_s
    sizer = Foresize()
    for column in range(max(per_hour, warmup_columns(trace)), trace.grid.count - per_hour + 1, per_hour):
        print(f"\rhour {column // per_hour} of {trace.grid.count // per_hour}", end="", file=sys.stderr)
        yield hour(trace, column, sizer.foresee(trace, column, sizer.policy))
    print(file=sys.stderr)


def honesty(trace: Trace, known: list[Hour]) -> dict[str, dict[float, dict[int, dict[float, float]]]]:
    """By half, correlation and horizon: the share of nodes that needed more, by what was stated."""
    names = sorted(set(trace.namespaces))
    half = np.array([names.index(each) % 2 for each in trace.namespaces])
    found: dict[str, dict[float, dict[int, dict[float, float]]]] = {}
    for which, title in enumerate(("chosen on", "scored on")):
        for correlation in CORRELATIONS:
            told: list[Told] = []
            for each in known:
                mine = each.only(half[each.rows] == which)
                draws = np.random.default_rng(each.column).random(mine.rows.size)
                for node_bytes in NODE_BYTES:
                    nodes = packed(mine.request, float(node_bytes), draws)
                    told += foretold(trace, mine, nodes, correlation)
            found.setdefault(title, {})[correlation] = {at: missed(told, at) for at in HORIZONS_S}
    return found


def pressure(trace: Trace, known: list[Hour]) -> dict[str, Pressure]:
    """By way, over all hours and sizes of node."""
    found: dict[str, Pressure] = {}
    ties = np.random.default_rng(0).random(len(trace.series))
    for each in known:
        for node_bytes in NODE_BYTES:
            for name, came in ways(trace, each, float(node_bytes), ties[each.rows]).items():
                found[name] = found.get(name, Pressure()).plus(came)
    return found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    [trace] = load([asked.trace])
    known = list(hours(trace))
    stated = honesty(trace, known)
    for half, by_correlation in stated.items():
        print(f"{half} (share of nodes that needed more than stated)")
        for correlation, by_horizon in by_correlation.items():
            cells = [
                f"{horizon_s // HOUR_S:3} h " + " ".join(f"{miss:.0%}: {rates[miss]:6.2%}" for miss in SHOWN)
                for horizon_s, rates in by_horizon.items()
            ]
            print(f"  correlation {correlation:4} {'  '.join(cells)}")
    print(f"{'':50} node-hours pressure  hours    moves  in vain")
    came = pressure(trace, known)
    per_hour = HOUR_S // trace.grid.step_s
    for name, each in came.items():
        share, with_it = each.columns / (each.nodes * per_hour), each.hours / each.nodes
        print(f"{name:50} {each.nodes:10} {share:8.3%} {with_it:6.2%} {each.moves:8} {each.nowhere:8}")
    if asked.json:
        asked.json.write_text(json.dumps(stated, indent=1))


if __name__ == "__main__":
    main()
