"""What two settings of nodes do to sizes: python bench/nodesettings.py TRACE.parquet [--json FILE].

Foresize with limits and requests apart, with its defaults; with memory ample on every node all the time, so that limits
go down four times as slowly; and with a reserve for large movers (`pressure.reserve`), by the size of node that it is
held for. About two minutes for 500 series of four days of minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import plays

from foresize_forecast.replay.figures import figures
from foresize_forecast.replay.nodes import cluster, node_figures
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.trace import Track
from foresize_forecast.sizes import GIB, WorkloadPolicy

RESERVING = WorkloadPolicy(reserve_movers=True)
NODES_GIB = (16, 32, 64)
SETTINGS = {
    "default": Foresize(),
    "memory ample everywhere": Foresize(ample=True),
    **{f"reserve on nodes of {gib} GiB": Foresize(pace=RESERVING, node_bytes=gib * GIB) for gib in NODES_GIB},
}


def main(path: Path, target: Path | None) -> None:
    """Play, print, write."""
    trace = plays.read(path)
    made = plays.play(trace, [plays.Wished(name, each, Track.BURSTABLE) for name, each in SETTINGS.items()])
    print(f"{'':28} slack bytes  overrun  limit ratio  episodes  changes R + L  nodes over oracle / pressure by GiB")
    found: dict[str, Mapping[str, Any]] = {}
    for (_, name), play in made.items():
        told, held = figures(play.tally), cluster(trace)
        by_node = {} if held is None else node_figures(held, trace, play.request.dense()).by_node_gib
        episodes = int(play.tally.kill_episodes.sum())
        found[name] = {**asdict(told), "kill_episodes": episodes, "nodes": by_node}
        nodes = ", ".join(f"{gib}: {of['nodes_over_oracle']:.2f} / {of['pressure']:.3%}" for gib, of in by_node.items())
        changes = f"{told.request_changes_per_day:.1f} + {told.limit_changes_per_day:.1f}"
        sizes = f"{told.slack_bytes:11.2%} {told.overrun:8.3%} {told.limit_ratio:12.2f}"
        print(f"{name:28} {sizes} {episodes:9} {changes:>14}  {nodes}")
    if target:
        plays.write(found, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="TRACE.parquet")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    main(arguments.path, arguments.json)
