"""Plays traces through sizers, on all cores: whole namespaces at a time, so that siblings are seen together."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.runs import Runs, runs, stacked
from foresize_forecast.replay.sizers import POLICIES
from foresize_forecast.replay.tally import Need, Tally, need, tally, together
from foresize_forecast.replay.trace import Told, Trace, Track
from foresize_forecast.series import IntArray

CHUNKS = 8
"""Parts that a trace is cut into. Fixed, so that a result does not depend on the machine's cores."""
MIN_CHUNK_CELLS = 200_000
"""Series times intervals below which a part is not worth a process's while."""
NODE_BYTES = float(16 << 30)
"""What an absent limit counts as; of a source in shares of a machine, that machine."""
Wanted = Sequence[tuple[Trace, Sequence[Track]]]
"""Traces, and what sizers are asked for on each."""
POLL_S = 0.3
"""How often the progress of workers is told."""


@dataclass(frozen=True, slots=True)
class Play:
    """What one policy did on one trace.

    Attributes:
        tally: counts for each series.
        request: shape (series, time) of the whole trace, bytes.
        limit: the same; infinite where there is none.
    """

    tally: Tally
    request: Runs
    limit: Runs


@dataclass(frozen=True, slots=True)
class _Part:
    """Some series of a trace for one policy."""

    trace: int
    policy: str
    track: Track
    rows: IntArray


Plays = Mapping[tuple[int, Track, str], Play]
"""By place of the trace, track, and name of the policy."""


def play(wanted: Wanted, policies: Sequence[str], workers: int, told: Told) -> Plays:
    """Play every trace through every policy on its tracks.

    Args:
        wanted: what was used, and the tracks.
        policies: names from `POLICIES`.
        workers: processes; 1: this one.
        told: told the share that is done.

    Raises:
        TraceError: a trace is too short to be scored.
    """
    try:
        needs = [need(trace) for trace, _ in wanted]
    except ValueError as error:
        raise TraceError(str(error)) from error
    parts = [
        _Part(at, policy, track, rows)
        for at, (trace, tracks) in enumerate(wanted)
        for track in tracks
        for policy in policies
        for rows in _chunks(trace, whole=POLICIES[policy].whole)
    ]
    # What cannot be shared out takes longest, and would otherwise be waited for at the end.
    ordered = sorted(parts, key=lambda part: -part.rows.size)
    found: dict[tuple[int, Track, str], list[tuple[IntArray, Play]]] = {
        (part.trace, part.track, part.policy): [] for part in parts
    }
    traces = [trace for trace, _ in wanted]
    for part, played in _played((traces, needs), ordered, workers, told):
        found[part.trace, part.track, part.policy].append((part.rows, played))
    return {key: _joined(each) for key, each in found.items()}


def _chunks(trace: Trace, *, whole: bool) -> list[IntArray]:
    """Rows of whole namespaces, in parts of about equal size."""
    count = min(CHUNKS, 1 + trace.usage.size // MIN_CHUNK_CELLS)
    if whole or count == 1:
        return [np.arange(len(trace.series))]
    members: dict[str, list[int]] = {}
    for row, namespace in enumerate(trace.namespaces):
        members.setdefault(namespace, []).append(row)
    chunks: list[list[int]] = [[] for _ in range(count)]
    for rows in sorted(members.values(), key=lambda rows: (-len(rows), rows[0])):
        min(chunks, key=len).extend(rows)
    return [np.array(sorted(rows), dtype=np.int64) for rows in chunks if rows]


def _played(
    known: tuple[Sequence[Trace], Sequence[Need]], parts: Sequence[_Part], workers: int, told: Told
) -> Iterator[tuple[_Part, Play]]:
    if workers == 1 or len(parts) <= 1:
        for count, part in enumerate(parts):
            within = partial(_within, told, count, len(parts))
            yield part, _play(known[0][part.trace], known[1][part.trace], part, within)
        return
    # A worker that were forked could inherit a lock that some thread of this process holds.
    context = multiprocessing.get_context("spawn")
    progress = context.Array("d", len(parts))
    with ProcessPoolExecutor(workers, context, _begin, (*known, progress)) as pool:
        waiting: dict[Future[Play], _Part] = {pool.submit(_play_here, part, at): part for at, part in enumerate(parts)}
        try:
            while waiting:
                ended, _ = wait(waiting, POLL_S, FIRST_COMPLETED)
                told(sum(progress[:]) / len(parts))
                yield from ((waiting.pop(future), future.result()) for future in ended)
        finally:
            pool.shutdown(cancel_futures=True)


def _within(told: Told, count: int, of: int, share: float) -> None:
    """Tell the share of a part as one of the whole."""
    told((count + share) / of)


@dataclass(slots=True)
class _Here:
    """In a worker: the traces, sent once, and where its progress is written."""

    traces: Sequence[Trace] = ()
    needs: Sequence[Need] = ()
    progress: Any = None  # an array of ctypes in shared memory, which has no type of its own


_HERE = _Here()


def _begin(traces: Sequence[Trace], needs: Sequence[Need], progress: Any) -> None:  # noqa: ANN401 - as above
    _HERE.traces, _HERE.needs, _HERE.progress = traces, needs, progress


def _play_here(part: _Part, at: int) -> Play:
    def told(share: float) -> None:
        _HERE.progress[at] = share

    played = _play(_HERE.traces[part.trace], _HERE.needs[part.trace], part, told)
    told(1.0)
    return played


def _play(trace: Trace, needed: Need, part: _Part, told: Told) -> Play:
    chosen = trace.rows(part.rows)
    sizes = POLICIES[part.policy].make().sizes(chosen, part.track, told)
    node_bytes = np.inf if trace.scaled else NODE_BYTES
    return Play(tally(needed.rows(part.rows), sizes, node_bytes), runs(sizes.request), runs(sizes.limit))


def _joined(parts: Sequence[tuple[IntArray, Play]]) -> Play:
    """The parts of one play, in the order of the trace's rows."""
    order = np.concatenate([rows for rows, _ in parts])
    back = np.argsort(order)
    plays = [played for _, played in parts]
    return Play(
        together([played.tally for played in plays]).rows(back),
        stacked([played.request for played in plays], order),
        stacked([played.limit for played in plays], order),
    )
