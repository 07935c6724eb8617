"""What sizing replicas apart saves on a recorded cluster: `bench/apart.py FOLDER`, with `operate_first.parquet` in it.

The replicas of each StatefulSet and DaemonSet are folded as the operator folds them. Three days decide who is apart, by
the operator's own rule; what comes after is played through the operator's decisions twice, with one size for all and
with one for each tier, and scored replica by replica. A kill below the highest tier would end the tiers in a cluster;
here they stay, which counts against them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from foresize_forecast.forecasting.tiers import FEWEST, LASTING_DAYS
from foresize_forecast.prometheus.podparts import Splitting, parts
from foresize_forecast.prometheus.samples import Samples
from foresize_forecast.replay import traces
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.trace import Trace, Track
from foresize_forecast.series import FloatArray, peaks

SPLIT_DAYS = LASTING_DAYS + 0.4
"""Of the 4.4 that there are; the rest allows for the recording's gaps."""
DAY_S = 86_400
GIB = 1 << 30
KINDS = {"statefulset": "StatefulSet", "daemonset-or-job": "DaemonSet"}
"""As `series.csv` guesses them from names."""


@dataclass(frozen=True, slots=True)
class Group:
    """The replicas of one container of a workload.

    Attributes:
        name: for people.
        kind: of the workload.
        rows: of the trace.
        tiers: rows of each tier, lowest first; empty where one size serves all.
    """

    name: str
    kind: str
    rows: list[int]
    tiers: list[list[int]]


def main(folder: Path) -> None:
    """Print what there is to be saved, and what it costs."""
    (trace,) = traces.load([folder / "operate_first.parquet"])
    cut = int(SPLIT_DAYS * DAY_S / trace.grid.step_s)
    groups = [replace(each, tiers=divided(trace, each, cut)) for each in grouped(trace, folder)]
    apart = [each for each in groups if each.tiers]
    counts = {kind: sum(each.kind == kind for each in groups) for kind in KINDS.values()}
    print(f"{len(groups)} groups of replicas {counts}, {sum(len(each.rows) for each in groups)} containers;")
    print(f"apart: {len(apart)} groups, {sum(len(each.rows) for each in apart)} containers")
    for track in Track:
        told = [scored(trace, each, cut, track) for each in apart]
        for each, (one, tiers) in zip(apart, told, strict=True):
            sizes = [len(tier) for tier in each.tiers]
            print(f"  {track} {each.name} {sizes}: {one} -> {tiers}")
        rest = sum((scored(trace, each, cut, track)[0].request for each in groups if not each.tiers), 0.0)
        whole, split = sum(one.request for one, _ in told), sum(tiers.request for _, tiers in told)
        print(f"{track}: requests {whole:.2f} -> {split:.2f} GiB of those apart, {rest + whole:.2f} of all groups")
        print(f"  limits {sum(o.limit for o, _ in told):.2f} -> {sum(t.limit for _, t in told):.2f} GiB")
        print(f"  kill episodes {sum(o.kills for o, _ in told)} -> {sum(t.kills for _, t in told)}", flush=True)


def grouped(trace: Trace, folder: Path) -> Iterator[Group]:
    """Containers with replicas, of the kinds that may be sized apart."""
    known = pd.read_csv(folder / "series.csv")
    known = known[(known.source == "operate_first") & known.kind.isin(list(KINDS))]
    places = {name: row for row, name in enumerate(trace.series)}
    for (kind, namespace, workload, container), rows in known.groupby(["kind", "group", "workload", "container"]):
        mine = [places[name] for name in rows.series if name in places]
        if len(mine) >= FEWEST[KINDS[kind]]:
            yield Group(f"{namespace}/{workload}/{container}", KINDS[kind], mine, [])


def divided(trace: Trace, group: Group, cut: int) -> list[list[int]]:
    """The tiers that the first columns tell of, by the operator's rule."""
    grid = trace.until(cut).grid
    samples: Mapping[str, Samples] = {
        str(row): Samples(grid.ends_s[seen].astype(float), trace.usage[row, :cut][seen], 0)
        for row in group.rows
        for seen in [~np.isnan(trace.usage[row, :cut])]
    }
    how = Splitting({pod: (pod,) for pod in samples}, (), FEWEST[group.kind])
    return [sorted(map(int, part.pods)) for part in parts({"app": samples}, grid, 300, how)]


@dataclass(frozen=True, slots=True)
class Score:
    """Of all replicas together, GiB on average, and how often one was above its limit."""

    request: float
    limit: float
    kills: int

    def __str__(self) -> str:
        return f"request {self.request:.2f}, limit {self.limit:.2f}, {self.kills} kills"


def scored(trace: Trace, group: Group, cut: int, track: Track) -> tuple[Score, Score]:
    """With one size for all, and with one for each tier; a replica in none has that of all."""
    folds = [group.rows, *group.tiers]
    usage = np.stack([peaks(trace.usage[rows].T) for rows in folds])
    firsts = trace.rows([rows[0] for rows in folds])
    folded = replace(firsts, usage=usage, series=tuple(map(str, range(len(folds)))))
    sizes = Foresize().sizes(folded, track, lambda _: None)
    own = {row: at for at, rows in enumerate(group.tiers, 1) for row in rows}
    one = [_score(trace.usage[row], sizes.request[0], sizes.limit[0], cut) for row in group.rows]
    tiers = [
        _score(trace.usage[row], sizes.request[own.get(row, 0)], sizes.limit[own.get(row, 0)], cut)
        for row in group.rows
    ]
    return _total(one), _total(tiers)


def _score(usage: FloatArray, request: FloatArray, limit: FloatArray, cut: int) -> Score:
    used, asked, most = usage[cut:], request[cut:], limit[cut:]
    runs = ~np.isnan(used)
    above = np.concatenate([[False], runs & (np.nan_to_num(used) > most)])
    episodes = int(np.count_nonzero(above[1:] & ~above[:-1]))
    held = np.where(runs, asked, 0.0), np.where(runs & np.isfinite(most), most, 0.0)
    return Score(*(float(each.mean() / GIB) for each in held), episodes)


def _total(scores: list[Score]) -> Score:
    return Score(sum(s.request for s in scores), sum(s.limit for s in scores), sum(s.kills for s in scores))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
