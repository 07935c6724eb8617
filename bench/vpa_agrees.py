"""Whether the port of VPA does what VPA's own code does, on recorded traces: sizes compared byte by byte.

Usage: python bench/vpa_agrees.py PATH... [--steps 60,300] [--series N] [--min-days D]

PATH is a trace or a folder of traces, as for `foresize replay`. Both play every series (with --series the first N of
each trace) at every step that is a multiple of the trace's own (at a longer one: maxima), on both tracks, with the
floor of 250 MiB and with one of 10. The program ends with 1 where a size differs. Needs Go, and its module proxy once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from vpa_own import Played, VpaOwn, build

from foresize_forecast.replay import traces
from foresize_forecast.replay.figures import Figures, figures
from foresize_forecast.replay.peers import Vpa
from foresize_forecast.replay.tally import need, tally
from foresize_forecast.replay.trace import Sizes, Trace, Track
from foresize_forecast.series import Grid, peaks
from foresize_forecast.sizes import MIB

FLOORS_MIB = (250, 10)
HEADING = (
    "trace              step series track      floor  largest difference  slack mean / bytes  kills a day / minutes"
)


def main() -> int:
    """Compare, print a row each, and say whether all agree."""
    wish = _wish()
    print(HEADING)
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        for trace in _played(wish):
            for track in Track:
                for floor_mib in FLOORS_MIB:
                    agree &= compare(program, trace, track, floor_mib)
    print("identical" if agree else "NOT identical")
    return 0 if agree else 1


def compare(program: Path, trace: Trace, track: Track, floor_mib: int) -> bool:
    """Play one trace both ways and print what came of it; whether every size is the same."""
    own = VpaOwn(program, floor_bytes=float(floor_mib * MIB)).played(trace, track)
    port = Vpa(floor_bytes=float(floor_mib * MIB)).sizes(trace, track, lambda _: None)
    where = f"{trace.source:18.18} {trace.grid.step_s:4} {len(trace.series):6} {track:10} {floor_mib:5}"
    ours, theirs = (_words(figures(tally(need(trace), sizes))) for sizes in (port, own.sizes))
    print(f"{where}  {_difference(own, port):18,.0f}  {theirs}", flush=True)
    if ours != theirs:
        print(f"{'the port':>47}  {'':18}  {ours}", flush=True)
    return same(own.sizes, port)


def same(own: Sizes, port: Sizes) -> bool:
    """Whether every request and every limit is the same, to the byte."""
    return np.array_equal(own.request, port.request, equal_nan=True) and np.array_equal(
        own.limit, port.limit, equal_nan=True
    )


def coarser(trace: Trace, step_s: int) -> Trace:
    """The same trace as maxima of a longer step."""
    factor = step_s // trace.grid.step_s
    if factor == 1:
        return trace
    blocks = trace.grid.count // factor
    kept = trace.usage[:, : blocks * factor].reshape(len(trace.series), blocks, factor)
    return replace(trace, grid=Grid(trace.grid.start_s, step_s, blocks), usage=peaks(kept))


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--steps", default="60,300", help="seconds (60,300)")
    parser.add_argument("--series", type=int, help="of each trace, the first so many")
    parser.add_argument("--min-days", type=float, default=traces.MIN_DAYS)
    return parser.parse_args()


def _played(wish: argparse.Namespace) -> Iterator[Trace]:
    for trace in traces.load(wish.paths, wish.min_days):
        chosen = trace.rows(list(range(len(trace.series)))[: wish.series])
        for step_s in map(int, wish.steps.split(",")):
            if step_s % trace.grid.step_s == 0:
                yield coarser(chosen, step_s)


def _difference(own: Played, port: Sizes) -> float:
    apart = [np.abs(own.sizes.request - port.request), np.abs(own.sizes.limit - port.limit)]
    return float(np.max(np.nan_to_num(apart), initial=0.0))


def _words(found: Figures) -> str:
    slack = f"{found.slack_mean:.4f} / {found.slack_bytes:.4f}"
    return f"{slack:>18}  {found.kill_episodes_per_day:.5f} / {found.kill_minutes_per_day:.5f}"


if __name__ == "__main__":
    sys.exit(main())
