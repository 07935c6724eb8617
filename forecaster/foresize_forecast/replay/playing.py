"""Plays traces through sizers, on all cores: whole namespaces at a time, so that siblings are seen together."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.runs import Runs, runs, stacked
from foresize_forecast.replay.sizers import POLICIES
from foresize_forecast.replay.tally import Need, Tally, need, tally, together
from foresize_forecast.replay.trace import Trace, Track
from foresize_forecast.series import IntArray

CHUNKS = 8
"""Parts that a trace is cut into. Fixed, so that a result does not depend on the machine's cores."""
MIN_CHUNK_CELLS = 200_000
"""Series times intervals below which a part is not worth a process's while."""
NODE_BYTES = float(16 << 30)
"""What an absent limit counts as; of a source in shares of a machine, that machine."""
Done = Callable[[int, int], None]
"""Told how many parts are done, of how many."""


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


def play(traces: Sequence[Trace], policies: Sequence[str], tracks: Sequence[Track], workers: int, done: Done) -> Plays:
    """Play every trace through every policy on every track.

    Args:
        traces: what was used.
        policies: names from `POLICIES`.
        tracks: what sizers are asked for.
        workers: processes; 1: this one.
        done: told of the progress.

    Raises:
        TraceError: a trace is too short to be scored.
    """
    try:
        needs = [need(trace) for trace in traces]
    except ValueError as error:
        raise TraceError(str(error)) from error
    if not needs:
        return {}
    parts = [
        _Part(at, policy, track, rows)
        for track in tracks
        for policy in policies
        for at, trace in enumerate(traces)
        for rows in _chunks(trace, whole=POLICIES[policy].whole)
    ]
    # What cannot be shared out takes longest, and would otherwise be waited for at the end.
    parts.sort(key=lambda part: -part.rows.size)
    found: dict[tuple[int, Track, str], list[tuple[IntArray, Play]]] = {}
    for count, (part, played) in enumerate(_played(traces, needs, parts, workers), 1):
        found.setdefault((part.trace, part.track, part.policy), []).append((part.rows, played))
        done(count, len(parts))
    return {
        (at, track, policy): _joined(found[at, track, policy])
        for track in tracks
        for policy in policies
        for at in range(len(traces))
    }


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
    traces: Sequence[Trace], needs: Sequence[Need], parts: Sequence[_Part], workers: int
) -> Iterator[tuple[_Part, Play]]:
    if workers == 1 or len(parts) == 1:
        for part in parts:
            yield part, _play(traces[part.trace], needs[part.trace], part)
        return
    # A worker that were forked could inherit a lock that some thread of this process holds.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (traces, needs)) as pool:
        waiting: dict[Future[Play], _Part] = {pool.submit(_play_here, part): part for part in parts}
        try:
            for future in as_completed(waiting):
                yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)


_HERE: dict[int, tuple[Trace, Need]] = {}
"""In a worker: the traces, sent once."""


def _begin(traces: Sequence[Trace], needs: Sequence[Need]) -> None:
    _HERE.update(enumerate(zip(traces, needs, strict=True)))


def _play_here(part: _Part) -> Play:
    return _play(*_HERE[part.trace], part)


def _play(trace: Trace, needed: Need, part: _Part) -> Play:
    chosen = trace.rows(part.rows)
    sizes = POLICIES[part.policy].make().sizes(chosen, part.track, _nobody)
    node_bytes = np.inf if trace.scaled else NODE_BYTES
    return Play(tally(needed.rows(part.rows), sizes, node_bytes), runs(sizes.request), runs(sizes.limit))


def _nobody(share: float) -> None:
    """The progress within a part is told to nobody."""


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
