"""`foresize replay`: recorded memory through Foresize and its peers: a table, and files for who wants more."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from foresize.words import plain
from foresize_forecast.replay import sizers, traces
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.playing import Plays, play
from foresize_forecast.replay.results import known, results
from foresize_forecast.replay.trace import Trace, Track

TRACKS = ("guaranteed", "burstable", "nodes")
"""What is told where no track is asked for."""
ALL_TRACKS = (*TRACKS, "jobs")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks of a replay."""

    paths: Sequence[Path] = ()
    policies: Sequence[str] = ()
    tracks: Sequence[str] = ()
    json: Path | None = None
    decisions: Path | None = None
    min_days: float = traces.MIN_DAYS


def replay(wish: Wish, console: Console) -> None:
    """Play what is wished, show the table, write the files at the end.

    Raises:
        TraceError: a wish or a trace cannot be used; nothing is written.
        OSError: a file cannot be written.
    """
    policies, asked = sizers.chosen(wish.policies), _tracks(wish.tracks)
    played = traces.load(wish.paths, wish.min_days) if wish.paths else (traces.bundled(),)
    tracks = [track for track in Track if track.value in asked]
    plays = _plays(played, policies, tracks, console)
    found = results(known(played), plays)
    for track in tracks:
        console.print(table(_heading(played, track), found["tracks"][track]))
    if wish.json:
        wish.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        console.print(Text(f"figures: {plain(str(wish.json))}"), soft_wrap=True)


def _tracks(asked: Sequence[str]) -> tuple[str, ...]:
    for track in asked:
        if track not in ALL_TRACKS:
            allowed = f"{', '.join(ALL_TRACKS[:-1])} or {ALL_TRACKS[-1]}"
            raise TraceError(f"--track: {track!r} is no track; {allowed} are")
    return tuple(dict.fromkeys(asked)) or TRACKS


def _heading(played: Sequence[Trace], track: str) -> str:
    series = sum(len(trace.series) for trace in played)
    return f"{plain(', '.join(dict.fromkeys(trace.source for trace in played)))}: {series} series, {track}"


def _plays(played: Sequence[Trace], policies: Sequence[str], tracks: Sequence[Track], console: Console) -> Plays:
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("playing")
        return play(
            played,
            policies,
            tracks,
            len(os.sched_getaffinity(0)),
            lambda done, parts: progress.update(task, completed=done, total=parts),
        )


def table(heading: str, found: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a policy."""
    made = Table(title=Text(heading))
    for column in (
        "policy",
        "slack",
        "slack (bytes)",
        "episodes/day",
        "kill-free",
        "overrun",
        "limit/peak",
        "changes",
    ):
        made.add_column(column, justify="left" if column == "policy" else "right")
    for policy, row in found.items():
        made.add_row(
            policy,
            _share(row["slack_mean"]), _share(row["slack_bytes"]), f"{row['kill_episodes_per_day']:.4f}",
            f"{row['kill_free_days']:.2%}", f"{row['overrun']:.2%}", f"{row['limit_ratio']:.2f}",
            f"{row['request_changes_per_day'] + row['limit_changes_per_day']:.1f}",
        )  # fmt: skip
    return made


def _share(value: float) -> str:
    return f"{value:.1%}"
