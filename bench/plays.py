"""Plays sizers with settings of their own through one trace, a process each: what the other scripts here share."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foresize_forecast.replay import traces
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.playing import NODE_BYTES, Play
from foresize_forecast.replay.runs import runs
from foresize_forecast.replay.tally import Need, need, tally
from foresize_forecast.replay.trace import Sizer, Trace, Track

SAY_S = 15.0
"""How often progress is told."""


@dataclass(frozen=True, slots=True)
class Wished:
    """A sizer to be played, and what it is asked for."""

    name: str
    sizer: Sizer
    track: Track


@dataclass(slots=True)
class _Here:
    """In a worker: the trace, sent once, and where its progress is written."""

    trace: Trace | None = None
    needed: Need | None = None
    progress: Any = None


_HERE = _Here()


def read(path: Path) -> Trace:
    """The trace of a file; ends the program with a line that says why where it cannot be used."""
    try:
        found = traces.load([path])
    except TraceError as error:
        sys.exit(f"{error}")
    if len(found) > 1:
        sys.exit(f"{path}: {len(found)} traces; a file with one is expected")
    return found[0]


def workers() -> int:
    """One for each core that may be used."""
    return len(os.sched_getaffinity(0))


def play(trace: Trace, wished: Sequence[Wished]) -> Mapping[tuple[Track, str], Play]:
    """Every play by its track and name, in the order wished; progress goes to standard error."""
    context = multiprocessing.get_context("spawn")
    progress = context.Array("d", len(wished))
    started = time.monotonic()
    made: dict[tuple[Track, str], Play] = {}
    with ProcessPoolExecutor(workers(), context, _begin, (trace, progress)) as pool:
        waiting: dict[Future[Play], Wished] = {
            pool.submit(_play, each, place): each for place, each in enumerate(wished)
        }
        try:
            while waiting:
                ended, _ = wait(waiting, SAY_S, FIRST_COMPLETED)
                for future in ended:
                    each = waiting.pop(future)
                    made[each.track, each.name] = future.result()
                share, seconds = sum(progress[:]) / len(wished), time.monotonic() - started
                print(f"{share:4.0%}, {len(made)} of {len(wished)} plays, {seconds:.0f} s", file=sys.stderr, flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    return {(each.track, each.name): made[each.track, each.name] for each in wished}


def write(found: Mapping[str, Any], target: Path) -> None:
    """Figures as JSON, with null for what is no number."""
    target.write_text(json.dumps(_cleaned(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, Mapping):
        return {key: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _begin(trace: Trace, progress: Any) -> None:  # noqa: ANN401 - an array in shared memory has no type of its own
    _HERE.trace, _HERE.needed, _HERE.progress = trace, need(trace), progress


def _play(wished: Wished, place: int) -> Play:
    def told(share: float) -> None:
        _HERE.progress[place] = share

    trace, needed = _HERE.trace, _HERE.needed
    if trace is None or needed is None:
        raise RuntimeError("a worker plays after it has begun")
    sizes = wished.sizer.sizes(trace, wished.track, told)
    told(1.0)
    return Play(tally(needed, sizes, np.inf if trace.scaled else NODE_BYTES), runs(sizes.request), runs(sizes.limit))
