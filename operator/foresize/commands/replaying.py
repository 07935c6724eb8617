"""`foresize replay`: recorded memory through Foresize and its peers: a table, and files for who wants more."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from foresize.commands.replaytable import job_table, node_table, table
from foresize.config.words import plain
from foresize_forecast.prometheus import Source, grid_until, parse_matchers
from foresize_forecast.replay import decisions, jobs, recorded, sizers, traces
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.playing import Plays, play
from foresize_forecast.replay.report import report
from foresize_forecast.replay.results import NODES, Played, known, results
from foresize_forecast.replay.trace import Trace, Track

JOBS = "jobs"
DEFAULT_TRACKS = (Track.GUARANTEED.value, Track.BURSTABLE.value, NODES)
TRACKS = (*DEFAULT_TRACKS, JOBS)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks of a replay; the fields are the command's arguments and options."""

    paths: Sequence[Path] = ()
    policies: Sequence[str] = ()
    tracks: Sequence[str] = ()
    json: Path | None = None
    decisions: Path | None = None
    html: Path | None = None
    min_days: float = traces.MIN_DAYS
    prometheus: str = ""
    """Its address; empty: files are played."""
    selector: str = ""
    token_file: str | None = None
    workers: int = 0
    """Processes; 0: one for each core that may be used."""


def replay(wish: Wish, console: Console) -> None:
    """Play what is wished, show tables, write the files when all is done.

    Raises:
        TraceError: a wish or a trace cannot be used; nothing is written.
        OSError: a file cannot be written; none is.
    """
    tracks, policies = _tracks(wish.tracks), sizers.chosen(wish.policies)
    _refuse_unusable(wish, tracks)
    found: Json = {}
    played: tuple[Trace, ...] = ()
    plays: Plays = {}
    facts: tuple[Played, ...] = ()
    if set(tracks) != {JOBS}:
        played = _traces(wish, console)
        facts = known(played)
        found, plays = _sized(facts, tracks, policies, wish.workers or len(os.sched_getaffinity(0)), console)
    if JOBS in tracks:
        found = _with_jobs(found, wish.paths, console)
    _show(found, played, tracks, console)
    with _written() as write:
        if wish.json:
            write(wish.json, lambda path: path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8"))
        if wish.decisions:
            write(wish.decisions, lambda path: decisions.write(played, plays, path))
        if wish.html:
            write(wish.html, lambda path: path.write_text(report(facts, plays, found), encoding="utf-8"))
    for name, path in (("figures", wish.json), ("decisions", wish.decisions), ("report", wish.html)):
        if path:
            console.print(Text(f"{name}: {plain(str(path))}"), soft_wrap=True)


def _refuse_unusable(wish: Wish, tracks: Sequence[str]) -> None:
    """Before hours are played.

    Raises:
        TraceError: what is wished cannot be had.
    """
    if wish.html and tracks == (JOBS,):
        raise TraceError("--html: a report of running containers; a track besides jobs is expected")
    if wish.decisions:
        decisions.refuse_without_pyarrow()
    if not wish.min_days >= 0:
        raise TraceError(f"--min-days: {wish.min_days:g}: days from 0 on are expected")
    if not wish.prometheus and (wish.selector or wish.token_file):
        raise TraceError(
            f"{'--selector' if wish.selector else '--token-file'}: is for --prometheus, which is not given"
        )
    _refuse_unwritable({"--json": wish.json, "--decisions": wish.decisions, "--html": wish.html})


def _traces(wish: Wish, console: Console) -> tuple[Trace, ...]:
    if not wish.prometheus:
        return traces.load(wish.paths, wish.min_days) if wish.paths else (traces.bundled(),)
    if wish.paths:
        raise TraceError(f"--prometheus: files or Prometheus are expected, not both; {wish.paths[0]} is a path")
    try:
        source = Source(wish.prometheus, wish.token_file)
    except ValueError as error:
        raise TraceError(f"--prometheus: {error}") from error
    try:
        matchers = parse_matchers(wish.selector.strip().removeprefix("{").removesuffix("}"))
    except ValueError as error:
        raise TraceError(f"--selector: {error}") from error
    grid = grid_until(time.time(), recorded.DAYS * 86_400, recorded.STEP_S)
    with _progress(console) as told:
        return (recorded.read(source, matchers, grid, wish.min_days, lambda share: told("reading", share)),)


def _tracks(asked: Sequence[str]) -> tuple[str, ...]:
    for track in asked:
        if track not in TRACKS:
            raise TraceError(f"--track: {track!r} is no track; {', '.join(TRACKS[:-1])} or {TRACKS[-1]} are")
    return tuple(dict.fromkeys(asked)) or DEFAULT_TRACKS


def _sized(
    facts: Sequence[Played], asked: Sequence[str], policies: Sequence[str], workers: int, console: Console
) -> tuple[Json, Plays]:
    """Figures and sizes of the tracks that are about running containers; nodes are told by the Burstable track's."""
    sized = {Track.BURSTABLE.value if track == NODES else track for track in asked}
    tracks = [track for track in Track if track.value in sized]
    wanted: list[tuple[Trace, Sequence[Track]]] = [(each.trace, tracks) for each in facts]
    leaking = [at for at, each in enumerate(facts) if each.leaks and Track.BURSTABLE.value in asked]
    wanted += [(each.leaks.trace, [Track.BURSTABLE]) for each in facts if each.leaks][: len(leaking)]
    with _progress(console) as told:
        made = play(wanted, policies, workers, lambda share: told("playing", share))
    plays = {key: each for key, each in made.items() if key[0] < len(facts)}
    leaked = {(leaking[at - len(facts)], policy): each for (at, _, policy), each in made.items() if at >= len(facts)}
    found = results(facts, plays, leaked)
    kept = {track: each for track, each in found["tracks"].items() if track in asked}
    return {**found, "tracks": kept}, plays


def _with_jobs(found: Json, paths: Sequence[Path], console: Console) -> Json:
    if not paths:
        raise TraceError("--track jobs: runs of Jobs are expected; the bundled sample has none, give a trace")
    with _progress(console) as told:
        runs = jobs.play(paths, lambda share: told("running jobs", share)).as_dict()
    return {**found, "tracks": {**found.get("tracks", {}), JOBS: runs.pop("policies")}, JOBS: runs}


def _show(found: Json, played: Sequence[Trace], tracks: Sequence[str], console: Console) -> None:
    series = sum(len(trace.series) for trace in played)
    sources = ", ".join(dict.fromkeys(trace.source for trace in played))
    made = {NODES: node_table, JOBS: job_table}
    for track in tracks:
        told = track if track == JOBS else f"{plain(sources)}: {series} series, {track}"
        console.print(made.get(track, table)(told, found["tracks"][track]))


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, float], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("playing", total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)


def _refuse_unwritable(targets: Mapping[str, Path | None]) -> None:
    """What could not be written after all was played is refused before.

    Raises:
        TraceError: a target is a folder, lies in none, or is named twice.
    """
    seen: dict[Path, str] = {}
    for option, path in targets.items():
        if path is None:
            continue
        where = path.resolve()
        if where in seen:
            raise TraceError(f"{option}: {path} is {seen[where]}'s file too; two files are expected")
        if where.is_dir() or not where.parent.is_dir():
            raise TraceError(f"{option}: {path}: a file in a folder that is there is expected")
        seen[where] = option


@contextmanager
def _written() -> Iterator[Callable[[Path, Callable[[Path], object]], None]]:
    """Files that appear together, once all of them are whole; after an error none does."""
    parts: dict[Path, Path] = {}

    def write(path: Path, fill: Callable[[Path], object]) -> None:
        parts[path] = path.with_name(f".{path.name}.part")
        fill(parts[path])

    try:
        yield write
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
