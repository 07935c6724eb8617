"""Runs of Jobs: what each way to size them wastes, and what our settings change about it.

Usage: python bench/jobs.py PATH... [--json FILE], where a PATH is a folder with series.csv and parquet files of runs,
or such a file.

Nothing here was fitted to the traces: the price of a kill is a setting with a reason (`headroom.KILL_PRICE`), the
reaction is what a cluster needs, and what they change is shown so that who has other prices sees theirs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from foresize_forecast.replay import jobruns
from foresize_forecast.replay.jobfigures import Against, JobFigures, figures
from foresize_forecast.replay.jobours import OURS, Foresize
from foresize_forecast.replay.jobruns import Job
from foresize_forecast.replay.jobs import Scored, outcomes, play
from foresize_forecast.runs.digest import REACT_S
from foresize_forecast.runs.headroom import KILL_PRICE

PRICES = (1.0, 3.0, KILL_PRICE, 30.0, 100.0)
REACTIONS_S = (10, 30, REACT_S, 120, 300)


def main(paths: Sequence[Path], target: Path | None) -> None:
    """Print all tables; write the figures."""
    jobs = jobruns.read(paths)
    played = play(jobs, _quiet)
    print(f"{sum(len(job.runs) for job in jobs)} runs of {len(jobs)} workloads")
    _table(played.whole)
    for name, scored in played.parts.items():
        print(f"\n{name}:")
        _table(scored)
    print("\nby workload (GiB x h wasted / failed runs):")
    _by_workload(played.whole)
    prices = {price: _ours(jobs, Foresize(price)) for price in PRICES}
    reactions = {react_s: _ours(jobs, Foresize(react_s=react_s)) for react_s in REACTIONS_S}
    print("\nprice of a kill: " + "; ".join(f"{price:g}: {_short(each)}" for price, each in prices.items()))
    print("reaction in s: " + "; ".join(f"{react_s}: {_short(each)}" for react_s, each in reactions.items()))
    if target:
        curves = {
            "price": {str(price): each.as_dict() for price, each in prices.items()},
            "reaction_s": {str(react_s): each.as_dict() for react_s, each in reactions.items()},
        }
        target.write_text(json.dumps({**played.as_dict(), **curves}, indent=1) + "\n", encoding="utf-8")


def _quiet(_: float) -> None:
    """No progress: it is done in seconds."""


def _ours(jobs: Sequence[Job], sizer: Foresize) -> JobFigures:
    return figures(outcomes(jobs, sizer, _quiet))


def _short(found: JobFigures) -> str:
    return f"{found.total.waste_gib_h:.0f} GiB h, {found.total.failed_runs} failed"


def _table(scored: Scored) -> None:
    print(
        f"{'policy':22s} {'waste GiB h':>11s} {'of alloc':>8s} {'idle GiB h':>10s} {'failed':>6s} {'kills':>6s} changes"
    )
    for name, each in scored.policies.items():
        sums = each.total
        print(
            f"{name:22s} {sums.waste_gib_h:11.1f} {sums.waste_ratio:8.1%} {sums.idle_gib_h:10.1f} "
            f"{sums.failed_runs:6d} {sums.failed_attempts:6d} {sums.changes_per_run:7.1f}"
        )
    for beside in scored.against:
        print(_line(beside))


def _line(beside: Against) -> str:
    def of(value: float, interval: tuple[float, float]) -> str:
        return f"{value:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"

    return (
        f"{OURS} / {beside.peer}: waste {of(beside.waste, beside.waste_interval)}, "
        f"idle {of(beside.idle, beside.idle_interval)}, "
        f"typical workload {of(beside.typical_waste, beside.typical_waste_interval)}, failed runs "
        f"{beside.failed_runs:+d} [{beside.failed_runs_interval[0]:+.0f}, {beside.failed_runs_interval[1]:+.0f}] "
        f"({beside.workloads} workloads)"
    )


def _by_workload(scored: Scored) -> None:
    shown = (OURS, *(each.peer for each in scored.against))
    print(f"{'':34s}" + "".join(f"{name:>24s}" for name in shown))
    for name in scored.policies[OURS].by_workload:
        cells = [scored.policies[policy].by_workload[name] for policy in shown]
        print(f"{name:34s}" + "".join(f"{cell.waste_gib_h:18.2f} / {cell.failed_runs:3d}" for cell in cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    main(arguments.paths, arguments.json)
