"""What a limit costs against what it kills: Foresize at prices of a kill, beside its peers, request and limit apart.

Usage: python bench/curve.py TRACE.parquet [--png FILE] [--svg FILE] [--json FILE]. Five plays of Foresize and seven
that are quick: about six minutes for 500 series of four days of minutes on two cores.

Across: the limit ratio, the sum of limits over the sum of the days' peaks. Up: kill minutes per container-day, with
intervals over namespaces. Left and below is better; the shaded corner is what is aimed at. VPA keeps limits at twice
its request, KRR and the day's maximum times a factor have one size for both. The oracle knows the next 24 hours: what
one limit a day could be at best. Foresize's points differ in `killCost` alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import plays
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foresize_forecast.replay.figures import Figures, figures, sums
from foresize_forecast.replay.fitted import MOST_KILL_MINUTES
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.peers import Krr, Vpa
from foresize_forecast.replay.peers.oracles import daily
from foresize_forecast.replay.peers.recent import DayMax
from foresize_forecast.replay.playing import Play
from foresize_forecast.replay.resample import LEVEL, clusters, intervals
from foresize_forecast.replay.trace import Sizer, Trace, Track
from foresize_forecast.sizes import GIB, ContainerPolicy

KILL_COSTS_GIB = (0.5, 1.0, 2.0, 4.0, 8.0)
FACTORS = (1.2, 1.5, 2.0, 3.0)
AIMED_RATIO = 1.5
OURS, DAY_MAX, OTHERS, BOUND = "Foresize, by killCost", "day's max, by factor", "peers", "bound"
LOOKS: Mapping[str, Mapping[str, Any]] = {
    OURS: {"color": "#0b6e4f", "marker": "o", "linestyle": "-"},
    DAY_MAX: {"color": "#8a5a00", "marker": "s", "linestyle": ":"},
    OTHERS: {"color": "#9b2226", "marker": "D", "linestyle": "none"},
    BOUND: {"color": "#495057", "marker": "*", "linestyle": "none"},
}
"""Of each kind of sizer; a line joins what differs in one number alone."""
RATIOS = (1, 1.2, 1.5, 2, 3, 4, 6, 8, 12)
MINUTES = (0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
LINEAR_MINUTES = 0.005
AIM = "#d8eee5"
ROOM = 1.12
"""Of an axis beyond its outermost point, so that labels fit."""


@dataclass(frozen=True, slots=True)
class Point:
    """One sizer in the picture.

    Attributes:
        kind: one of `LOOKS`.
        label: beside its mark.
        figures: on all series.
        intervals: of every figure, over namespaces.
        episodes: kills.
        namespaces: those with a kill.
    """

    kind: str
    label: str
    figures: Figures
    intervals: Mapping[str, tuple[float, float]]
    episodes: int
    namespaces: int


def sizers() -> Sequence[tuple[str, str, Sizer]]:
    """(kind, label, sizer) of all that are shown."""
    costs = [(gib, ContainerPolicy(kill_cost_bytes=round(gib * GIB))) for gib in KILL_COSTS_GIB]
    return (
        *((OURS, f"{gib:g} GiB", Foresize(policy=policy)) for gib, policy in costs),
        (OTHERS, "VPA", Vpa()),
        (OTHERS, "KRR", Krr()),
        *((DAY_MAX, f"x {factor:g}", DayMax(margin=factor - 1)) for factor in FACTORS),
        (BOUND, "oracle of 24 h", daily()),
    )


def main(path: Path, pictures: Sequence[Path], target: Path | None) -> None:
    """Play, print, draw; write the figures."""
    trace = plays.read(path)
    shown = sizers()
    made = plays.play(trace, [plays.Wished(_name(kind, label), sizer, Track.BURSTABLE) for kind, label, sizer in shown])
    points = [_point(kind, label, made[Track.BURSTABLE, _name(kind, label)], trace) for kind, label, _ in shown]
    _table(points)
    for picture in pictures:
        draw(points, f"{trace.source}: {len(trace.series)} series, request and limit apart", picture)
    if target:
        plays.write({"level": LEVEL, "points": [asdict(each) for each in points]}, target)


def _name(kind: str, label: str) -> str:
    return f"{kind}: {label}"


def _point(kind: str, label: str, play: Play, trace: Trace) -> Point:
    counted = play.tally
    found = intervals(sums(counted), clusters(trace.namespaces))
    killed = {name for name, count in zip(trace.namespaces, counted.kill_episodes.tolist(), strict=True) if count}
    return Point(kind, label, figures(counted), found, int(counted.kill_episodes.sum()), len(killed))


def _table(points: Sequence[Point]) -> None:
    print(f"in brackets: {LEVEL:.0%} interval over namespaces")
    print(f"{'':38s}{'limit / peak':>22s}{'kill minutes a day':>28s} episodes in overrun  slack bytes")
    for each in points:
        found = each.figures
        ratio, minutes = (each.intervals[name] for name in ("limit_ratio", "kill_minutes_per_day"))
        print(
            f"{_name(each.kind, each.label):38s}"
            f"{f'{found.limit_ratio:.2f} [{ratio[0]:.2f}, {ratio[1]:.2f}]':>22s}"
            f"{f'{found.kill_minutes_per_day:.4f} [{minutes[0]:.4f}, {minutes[1]:.4f}]':>28s}"
            f"{each.episodes:9d}{each.namespaces:3d}{found.overrun:8.2%}{found.slack_bytes:13.1%}"
        )


def draw(points: Sequence[Point], title: str, target: Path) -> None:
    """The picture, in the format that the name's ending tells; the same points give the same SVG, with text as text."""
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "curve", "font.sans-serif": ["DejaVu Sans", "Arial"], "font.size": 11}
    ):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        _axes(axes, points)
        low, _ = axes.get_xlim()
        axes.fill_between((low, AIMED_RATIO), 0, MOST_KILL_MINUTES, color=AIM, linewidth=0, label="aim", zorder=0)
        for kind, look in LOOKS.items():
            _marks(axes, kind, [each for each in points if each.kind == kind], look)
        axes.set_title(f"{title}; bars: {LEVEL:.0%} intervals", loc="left", fontsize=11)
        figure.legend(loc="outside lower center", ncols=len(LOOKS) + 1, frameon=False, fontsize=10, columnspacing=1.4)
        figure.savefig(target, dpi=100, metadata={"Date": None, "Creator": None} if target.suffix == ".svg" else None)


def _axes(axes: Axes, points: Sequence[Point]) -> None:
    """Both scales show a doubling near the best corner as well as far from it; the vertical one has a zero."""
    ratios = [each.figures.limit_ratio for each in points]
    most = max(each.figures.kill_minutes_per_day for each in points)
    axes.set_xscale("log")
    axes.set_xlim(min(ratios) / ROOM, max(ratios) * ROOM)
    axes.set_xticks(RATIOS, [f"{ratio:g}" for ratio in RATIOS])
    axes.set_xticks([], minor=True)
    axes.set_xlim(min(ratios) / ROOM, max(ratios) * ROOM)
    axes.set_yscale("asinh", linear_width=LINEAR_MINUTES)
    axes.set_yticks(MINUTES, [f"{minutes:g}" for minutes in MINUTES])
    axes.set_yticks([], minor=True)
    axes.set_ylim(0, max(most, MOST_KILL_MINUTES) * 2)
    axes.set_xlabel("limit ratio: limits / daily peaks, in bytes (logarithmic)")
    axes.set_ylabel("kill minutes per container-day (logarithmic above 0.005)", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)


def _marks(axes: Axes, kind: str, points: Sequence[Point], look: Mapping[str, Any]) -> None:
    ratios = [each.figures.limit_ratio for each in points]
    minutes = [each.figures.kill_minutes_per_day for each in points]
    axes.plot(ratios, minutes, label=kind, markersize=7, clip_on=False, zorder=3, **look)
    for each, ratio, minute in zip(points, ratios, minutes, strict=True):
        under = kind == OURS and minute >= LINEAR_MINUTES  # where no peer is and the axis is far
        axes.vlines(ratio, *each.intervals["kill_minutes_per_day"], color=look["color"], alpha=0.25, linewidth=2)
        axes.annotate(
            each.label,
            (ratio, minute),
            (-5, -7) if under else (5, 6),
            textcoords="offset points",
            horizontalalignment="right" if under else "left",
            verticalalignment="top" if under else "baseline",
            rotation=35,
            rotation_mode="anchor",
            fontsize=10,
            color=look["color"],
            zorder=4,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, metavar="TRACE.parquet")
    parser.add_argument("--png", type=Path, default=None)
    parser.add_argument("--svg", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    main(arguments.path, [each for each in (arguments.png, arguments.svg) if each], arguments.json)
