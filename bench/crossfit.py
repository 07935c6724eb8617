"""Figures of Foresize with settings that were chosen without the series that they are scored on.

Usage: python bench/crossfit.py TRACE.parquet [--json FILE]. Ten plays of Foresize and two of VPA: about ten minutes for
500 series of four days of minutes on two cores.

Namespaces are in the folds of `foresize_forecast.replay.folds`. For each fold the setting is chosen by the objective
of the track (`foresize_forecast.replay.fitted`) on the other folds alone, and the fold's series are scored by it. What
a cluster's containers learn from each other as time goes by is a part of every play, as in a cluster: only the choice
of the setting is held out. The figures of every setting on all series are shown too; the best of them is what a choice
with all series in sight would have claimed.

FILE has what `foresize replay --json` has, with policies `foresize` (default settings), `crossfit` and `vpa`; and under
`crossfit` the folds, the figures of each setting, the choices, and differences to the default.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plays

from foresize_forecast.replay.figures import figures, sums
from foresize_forecast.replay.fitted import Choice, Objective, cheapest_apart, cheapest_tied, choices, composed, picks
from foresize_forecast.replay.folds import folds, novel_days
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.peers import Vpa
from foresize_forecast.replay.playing import Play
from foresize_forecast.replay.resample import LEVEL, clusters, differences
from foresize_forecast.replay.results import NODE_NAMES, known, results
from foresize_forecast.replay.trace import Trace, Track
from foresize_forecast.series import IntArray
from foresize_forecast.sizes import GIB, ContainerPolicy

DEFAULT = ContainerPolicy()
OURS, CROSSFIT, VPA = "foresize", "crossfit", "vpa"
TIED = tuple(ContainerPolicy(kill_cost_bytes=gib * GIB) for gib in (1, 2, 3, 4))
APART = TIED
"""The price of a kill sizes limits; the overrun sizes requests, and has nothing to offer to an objective of limits."""
TOLD = (
    "slack_bytes", "slack_mean", "slack_mean_large", "small_waste_mib", "waste", "kill_episodes_per_day",
    "kill_minutes_per_day", "kill_free_days", "overrun", "limit_ratio", "request_changes_per_day",
    "limit_changes_per_day",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fitted:
    """A track: the plays of all settings, the choice for each fold, and the play that they make together."""

    settings: Mapping[str, Play]
    chosen: Mapping[int, Choice]
    play: Play


def main(path: Path, target: Path | None) -> None:
    """Play, choose, print; write the figures."""
    trace = plays.read(path)
    fold = folds(trace)
    grids = {Track.GUARANTEED: _named(TIED), Track.BURSTABLE: _named(APART)}
    objectives: Mapping[Track, Objective] = {Track.GUARANTEED: cheapest_tied, Track.BURSTABLE: cheapest_apart}
    wished = [
        plays.Wished(name, Foresize(policy=policy), track)
        for track, grid in grids.items()
        for name, policy in grid.items()
    ]
    made = plays.play(trace, [*wished, *(plays.Wished(VPA, Vpa(), track) for track in grids)])
    fitted = {
        track: _fitted({name: made[track, name] for name in grid}, made[track, VPA], fold, objectives[track])
        for track, grid in grids.items()
    }
    of_results = {
        (0, track, policy): play for track in grids for policy, play in _compared(fitted[track], made[track, VPA])
    }
    found = results(known([trace]), of_results, {})
    found["crossfit"] = {
        "folds": _folds(trace, fold),
        **{track.value: _told(each, trace) for track, each in fitted.items()},
    }
    for track in grids:
        _show(track, found)
    if target:
        plays.write(found, target)


def _named(grid: Sequence[ContainerPolicy]) -> Mapping[str, ContainerPolicy]:
    """Settings by what differs; the default is always one of them."""
    return {_name(policy): policy for policy in dict.fromkeys((*grid, DEFAULT))}


def _name(policy: ContainerPolicy) -> str:
    return f"killCost {policy.kill_cost_bytes / GIB:g} GiB, overrun {policy.overrun:.0%}"


def _fitted(settings: Mapping[str, Play], vpa: Play, fold: IntArray, objective: Objective) -> Fitted:
    try:
        chosen = choices([play.tally for play in settings.values()], vpa.tally, fold, objective)
    except ValueError as error:
        sys.exit(f"cannot be cross-fitted: {error}")
    return Fitted(settings, chosen, composed(list(settings.values()), picks(fold, chosen)))


def _compared(fitted: Fitted, vpa: Play) -> Sequence[tuple[str, Play]]:
    return (OURS, fitted.settings[_name(DEFAULT)]), (CROSSFIT, fitted.play), (VPA, vpa)


def _folds(trace: Trace, fold: IntArray) -> Sequence[Mapping[str, Any]]:
    novel, names = novel_days(trace), np.array(trace.namespaces)
    return [
        {
            "fold": each,
            "series": int(np.count_nonzero(fold == each)),
            "namespaces": sorted(set(names[fold == each].tolist())),
            "novel_days": int(novel[fold == each].sum()),
        }
        for each in np.unique(fold).tolist()
    ]


def _told(fitted: Fitted, trace: Trace) -> Mapping[str, Any]:
    """The figures of each setting on all series, the choices, and the difference that choosing made."""
    names = list(fitted.settings)
    default = fitted.settings[_name(DEFAULT)]
    apart = differences(sums(fitted.play.tally), sums(default.tally), clusters(trace.namespaces))
    return {
        "settings": {name: _figures(play) for name, play in fitted.settings.items()},
        "chosen": [
            {"fold": fold, "setting": names[choice.setting], "keeps": choice.keeps}
            for fold, choice in fitted.chosen.items()
        ],
        "against_default": {name: asdict(each) for name, each in apart.items()},
    }


def _figures(play: Play) -> Mapping[str, float]:
    return {**asdict(figures(play.tally)), "kill_episodes": int(play.tally.kill_episodes.sum())}


def _show(track: Track, found: Mapping[str, Any]) -> None:
    fitted, told = found["crossfit"][track.value], found["tracks"][track.value]
    print(f"\n{track.value}: every setting on all series")
    for name, each in fitted["settings"].items():
        print(
            f"  {name:29s} slack {each['slack_bytes']:6.2%}, limit ratio {each['limit_ratio']:5.2f}, "
            f"overrun {each['overrun']:.3%}, {each['kill_episodes']:3d} episodes, "
            f"{each['kill_minutes_per_day']:.4f} minutes a day"
        )
    print("chosen for each fold by the others:")
    for fold, choice in zip(found["crossfit"]["folds"], fitted["chosen"], strict=True):
        kept = "" if choice["keeps"] else " (none keeps what is asked: the fewest kills)"
        print(
            f"  fold {fold['fold']}: {choice['setting']}{kept}; scored on {fold['series']} series of "
            f"{len(fold['namespaces'])} namespaces with {fold['novel_days']} novel days"
        )
    _table("all series", told)
    for part in ("without_censored", "censored"):
        if all(part in told[policy] for policy in told):
            _table(part.replace("_", " ") + " series", {policy: each[part] for policy, each in told.items()})
    _differences(f"{CROSSFIT} less {VPA}", told[CROSSFIT][f"against_{VPA}"])
    if rest := told[CROSSFIT].get("without_worst_namespace"):
        _differences(f"{CROSSFIT} less {VPA} without {rest['namespace']}", rest[f"against_{VPA}"])
    _differences(f"{CROSSFIT} less {OURS}, default settings", fitted["against_default"])


def _table(heading: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Figures in rows, policies in columns, for a choice of series."""
    counts = next(iter(rows.values()))["counts"]
    of = f"{counts['series']} series, {counts['namespaces']} namespaces, {counts['container_days']:.0f} container-days"
    print(f"\n{heading + ' (' + of + ')':66s}" + "".join(f"{policy:>12s}" for policy in rows))
    for name in (*TOLD, *NODE_NAMES):
        if all(name in each for each in rows.values()):
            print(f"  {name:64s}" + "".join(f"{_number(each[name]):>12s}" for each in rows.values()))
    for name, words in (("kill_episodes", "kill episodes"), ("kill_episodes_by_namespace", "namespaces with kills")):
        values = [each["counts"][name] for each in rows.values()]
        print(f"  {words:64s}" + "".join(f"{len(each) if isinstance(each, dict) else each:12d}" for each in values))


def _differences(heading: str, told: Mapping[str, Any]) -> None:
    print(f"\n{heading}, with the {LEVEL:.0%} interval over namespaces")
    for name in TOLD:
        each = told[name]
        low, high = _number(each["low"]), _number(each["high"])
        print(f"  {name:26s}{_number(each['difference']):>10s} [{low}, {high}]  {each['verdict']}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:z.5f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="TRACE.parquet")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    main(arguments.path, arguments.json)
