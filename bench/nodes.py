"""Forecasts of whole nodes on a recorded cluster: python bench/nodes.py TRACE.parquet [--json FILE].

Three tables. Stated quantiles of what a node's containers use together, against what came: the namespaces are halved,
the correlation between deviations is chosen on one half (the first of `CORRELATIONS` that is honest there) and scored
on the other, as stated and as corrected by what came of the half's own forecasts before. Pressure on packed nodes: as
requests have it, with a reserve for large movers, with the same bytes as a share for everyone (these on each half too),
and with pods moved ahead of pressure. First, best and worst fit: what each leaves of the nodes, where who has a place
keeps it. The first day is learnt from and not scored.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foresize_forecast.node.demand import CORRELATION
from foresize_forecast.node.hindsight import NOTHING_SEEN
from foresize_forecast.placement import Fit
from foresize_forecast.replay.fragments import Cluster, Fragments
from foresize_forecast.replay.nodehours import HORIZONS_S, Hour, Told, foretold, hour, in_hindsight, missed, packed
from foresize_forecast.replay.nodeplay import Pressure, ways
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.tally import warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.replay.traces import load
from foresize_forecast.series import IntArray

GIB = 1 << 30
NODE_BYTES = (16 * GIB, 32 * GIB, 64 * GIB)
CORRELATIONS = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
SIZED = ("as requested", "reserve for large movers", "the same bytes as a share for everyone")
"""Ways that are told of each half."""
SHOWN = (0.1, 0.05, 0.01)
HOUR_S, DAY_S = 3600, 86_400


def hours(trace: Trace) -> Iterator[Hour]:
    """Every hour of a trace but the first."""
    per_hour = HOUR_S // trace.grid.step_s
    sizer = Foresize()
    for column in range(per_hour, trace.grid.count - per_hour + 1, per_hour):
        print(f"\rhour {column // per_hour} of {trace.grid.count // per_hour}", end="", file=sys.stderr)
        yield hour(trace, column, sizer.foresee(trace, column, sizer.policy))
    print(file=sys.stderr)


Rates = dict[float, float]
"""By stated probability of more, the share of nodes that needed more."""


def halves(trace: Trace) -> IntArray:
    """The half of each series: namespaces in turn."""
    names = sorted(set(trace.namespaces))
    return np.array([names.index(each) % 2 for each in trace.namespaces])


def honesty(trace: Trace, known: list[Hour]) -> dict[str, dict[str, dict[int, Rates]]]:
    """By half, way of stating and horizon."""
    half = halves(trace)
    scored_s = trace.grid.start_s + warmup_columns(trace) * trace.grid.step_s
    found: dict[str, dict[str, dict[int, Rates]]] = {}
    for which, title in enumerate(("chosen on", "scored on")):
        for correlation in CORRELATIONS:
            told: list[Told] = []
            for each in known:
                mine = each.only(half[each.rows] == which)
                draws = np.random.default_rng(each.column).random(mine.rows.size)
                for node_bytes in NODE_BYTES:
                    nodes = packed(mine.request, float(node_bytes), draws)
                    told += foretold(trace, mine, nodes, correlation)
            for way, said in (("stated", told), ("corrected", in_hindsight(told))):
                scored = [each for each in said if each.at_s >= scored_s]
                rates = {at: missed(scored, at) for at in HORIZONS_S}
                found.setdefault(title, {})[f"correlation {correlation:4} {way}"] = rates
    return found


def pressure(trace: Trace, known: list[Hour]) -> dict[str, Pressure]:
    """By way, over all scored hours and sizes of node."""
    found: dict[str, Pressure] = {}
    ties = np.random.default_rng(0).random(len(trace.series))
    sums = NOTHING_SEEN
    for each in known:
        draws, came_of = ties[each.rows], []
        for node_bytes in NODE_BYTES:
            nodes = packed(each.request, float(node_bytes), draws)
            came_of += [one for one in foretold(trace, each, nodes, CORRELATION) if one.horizon_s == HOUR_S]
            if each.column >= warmup_columns(trace):
                for name, came in ways(trace, each, float(node_bytes), draws, sums).items():
                    found[name] = found.get(name, Pressure()).plus(came)
        for one in came_of:
            sums = sums.after(one.demand, one.highest_bytes)
    return found


def fits(trace: Trace, known: list[Hour]) -> dict[str, Fragments]:
    """By strategy, over all scored hours and sizes of node."""
    found: dict[str, Fragments] = {}
    draws = np.random.default_rng(0).random(len(trace.series))
    for fit in Fit:
        for node_bytes in NODE_BYTES:
            held = Cluster(float(node_bytes), fit, draws)
            for each in known:
                told = held.hour(each)
                if each.column >= warmup_columns(trace):
                    found[fit] = found.get(fit, Fragments()).plus(told)
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    [trace] = load([asked.trace])
    known = list(hours(trace))
    stated = honesty(trace, known)
    for half, by_way in stated.items():
        print(f"{half} (share of nodes that needed more than stated)")
        for way, by_horizon in by_way.items():
            cells = [
                f"{horizon_s // HOUR_S:3} h " + " ".join(f"{miss:.0%}: {rates[miss]:6.2%}" for miss in SHOWN)
                for horizon_s, rates in by_horizon.items()
            ]
            print(f"  {way:28} {'  '.join(cells)}")
    print(f"{'':60} node-hours pressure  hours    moves  in vain")
    came = pressure(trace, known)
    per_hour = HOUR_S // trace.grid.step_s
    for half in range(2):
        mine = pressure(trace, [each.only(halves(trace)[each.rows] == half) for each in known])
        came |= {f"half {half + 1}: {name}": mine[name] for name in SIZED}
    for name, each in came.items():
        share, with_it = each.columns / (each.nodes * per_hour), each.hours / each.nodes
        print(f"{name:60} {each.nodes:10} {share:8.3%} {with_it:6.2%} {each.moves:8} {each.nowhere:8}")
    print(f"{'':10} node-hours    free  stranded  too little for a large one  moved")
    for name, left in fits(trace, known).items():
        shares = f"{left.free / left.room:7.2%} {left.stranded / left.room:9.3%} {left.split / left.room:27.2%}"
        print(f"{name:10} {left.node_hours:10} {shares} {left.moved:6}")
    if asked.json:
        asked.json.write_text(json.dumps(stated, indent=1))


if __name__ == "__main__":
    main()
