"""Plays a trace through a sizer, tick by tick, with the delays of a real one. Knows no sizing rule.

A tick is one interval of the trace. What is in force in an interval was decided before it, from samples up to
`lag_ticks` intervals before; kills are told at once, because a pod watch sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from foresize_forecast.replay.trace import Sizes as WholeSizes
from foresize_forecast.replay.trace import Told, Trace, Track, first_sizes
from foresize_forecast.series import ContainerKey, FloatArray, History, PerContainer, PerContainerAndTime, peaks

DAY_S = 86_400
FIRST_SIZE_SPAN_S = 3600
"""A container of unknown declared size has its first hour's maximum."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of many containers.

    Attributes:
        request: shape (containers,), bytes; NaN: keep what it has.
        limit: shape (containers,), bytes; NaN: keep what it has, infinite: none.
    """

    request: PerContainer
    limit: PerContainer


class Sizer(Protocol):
    """A way to size containers, as it would run in a cluster. May remember: it is stepped through time once."""

    name: str
    """As shown to users."""

    def step(self, now_s: int, seen: History, present: Sizes, killed: PerContainer) -> Sizes:
        """Decide the sizes of the next interval.

        Args:
            now_s: the present moment: the start of that interval.
            seen: samples known by now; each step sees the last one's and more.
            present: what is in force.
            killed: shape (containers,), bytes: the limit that killed a container since the last step; NaN: none did.
        """
        ...


@dataclass(frozen=True, slots=True)
class Played:
    """What a sizer did to a trace.

    Attributes:
        sizer: its name.
        trace: the history from the first interval that counts.
        request: shape (containers, time), bytes in force.
        limit: shape (containers, time), bytes in force; infinite where there was none.
    """

    sizer: str
    trace: History
    request: PerContainerAndTime
    limit: PerContainerAndTime


def play(trace: History, sizer: Sizer, warmup_s: int = DAY_S, lag_ticks: int = 1) -> Played:
    """Step `sizer` through a trace.

    Args:
        trace: what the containers used; a kill does not change it.
        sizer: fresh, for it may remember.
        warmup_s: time at the start that is seen but does not count.
        lag_ticks: intervals between a sample and the first decision that can know of it.

    Raises:
        ValueError: the trace ends before the warm-up does.
    """
    first = -(-warmup_s // trace.grid.step_s)
    if first >= trace.grid.count:
        raise ValueError(f"the trace has {trace.grid.count} intervals, the warm-up alone takes {first}")
    shape = (len(trace.containers), trace.grid.count)
    request, limit = np.full(shape, np.nan), np.full(shape, np.nan)
    present = _first_sizes(trace)
    killed = np.full(shape[0], np.nan)
    for tick in range(first, trace.grid.count):
        now_s = trace.grid.start_s + tick * trace.grid.step_s
        asked = sizer.step(now_s, trace.until(max(0, tick - lag_ticks)), present, killed)
        present = Sizes(_kept(asked.request, present.request), _kept(asked.limit, present.limit))
        request[:, tick], limit[:, tick] = present.request, present.limit
        killed = np.where(trace.usage[:, tick] > present.limit, present.limit, np.nan)
    return Played(sizer.name, _from(trace, first), request[:, first:], limit[:, first:])


def _first_sizes(trace: History) -> Sizes:
    """Each container's highest sample of its first hour, as request and limit."""
    measured = ~np.isnan(trace.usage)
    starts = np.where(measured.any(axis=1), measured.argmax(axis=1), 0)
    span = max(1, FIRST_SIZE_SPAN_S // trace.grid.step_s)
    first = np.array([float(peaks(row[at : at + span])) for row, at in zip(trace.usage, starts, strict=True)])
    return Sizes(first, first.copy())


def _kept(asked: FloatArray, present: FloatArray) -> FloatArray:
    return np.where(np.isnan(asked), present, asked)


def _from(trace: History, first: int) -> History:
    grid = trace.grid.tail(trace.grid.count - first)
    return History(grid, trace.containers, trace.usage[:, first:], trace.startup_peak)


@dataclass(frozen=True, slots=True)
class Stepped:
    """A sizer that decides tick by tick, as one that is asked for a whole trace."""

    name: str
    make: Callable[[], Sizer]

    def sizes(self, trace: Trace, track: Track, told: Told) -> WholeSizes:
        """Sizes in force in every column; the first day has the first size."""
        keys = tuple(
            ContainerKey(ns, f"Series/{name}", "main") for ns, name in zip(trace.namespaces, trace.series, strict=True)
        )
        history = History(trace.grid, keys, trace.usage, np.full(len(keys), np.nan))
        played = play(history, self.make(), lag_ticks=0)
        first = np.repeat(first_sizes(trace)[:, np.newaxis], trace.grid.count - played.request.shape[1], axis=1)
        told(1.0)
        limit = np.hstack([first, played.limit])
        request = limit if track is Track.GUARANTEED else np.hstack([first, played.request])
        return WholeSizes(request, limit)
