"""What is played, and what a sizer makes of it: the two values that every part of a replay shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from foresize_forecast.series import BoolArray, FloatArray, Grid, IntArray, PerContainer, PerContainerAndTime

Told = Callable[[float], None]
"""Told the share of the work that is done, between 0 and 1."""


class Track(StrEnum):
    """What a sizer is asked for."""

    GUARANTEED = "guaranteed"
    """One size for request and limit: the strict comparison."""
    BURSTABLE = "burstable"
    """Request and limit apart: what most users run."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Recorded memory of many series on one grid.

    Attributes:
        source: where it comes from, for reports.
        grid: the time of every column; a column's value was measured within its interval.
        series: the name of every row, unique.
        namespaces: the namespace (application, job) of every row.
        siblings: the workload and container of every row; rows that share it are replicas.
        usage: shape (series, time), bytes, NaN in gaps and while a container does not run.
        declared: shape (series,), bytes: the size its owner wrote; NaN where unknown.
        censored: shape (series,): its peaks were cut off by a limit, so demand above it was never seen.
        kills: whether the metric is what the kernel kills by; of VMs and hosts it is not.
        scaled: its source has shares of a machine; they are told in bytes as if that machine had 1 TiB, so only
            ratios mean something.
    """

    source: str
    grid: Grid
    series: tuple[str, ...]
    namespaces: tuple[str, ...]
    siblings: tuple[str, ...]
    usage: PerContainerAndTime
    declared: PerContainer
    censored: BoolArray
    kills: bool = True
    scaled: bool = False

    def __post_init__(self) -> None:
        rows = len(self.series)
        lengths = {len(self.namespaces), len(self.siblings), len(self.declared), len(self.censored)}
        if self.usage.shape != (rows, self.grid.count) or lengths != {rows}:
            raise ValueError(f"a trace of {rows} series has usage of shape {self.usage.shape} and columns of {lengths}")

    def rows(self, chosen: IntArray | list[int]) -> Trace:
        """Some of the series, in the order given."""
        return Trace(
            self.source,
            self.grid,
            tuple(self.series[row] for row in chosen),
            tuple(self.namespaces[row] for row in chosen),
            tuple(self.siblings[row] for row in chosen),
            self.usage[chosen],
            self.declared[chosen],
            self.censored[chosen],
            self.kills,
            self.scaled,
        )

    def until(self, columns: int) -> Trace:
        """The first `columns` intervals: what had happened by then."""
        grid = Grid(self.grid.start_s, self.grid.step_s, columns)
        usage = self.usage[:, :columns]
        return Trace(
            self.source, grid, self.series, self.namespaces, self.siblings, usage, self.declared, self.censored,
            self.kills, self.scaled,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in force.

    Attributes:
        request: shape (series, time), bytes; NaN only where nothing is known yet.
        limit: shape (series, time), bytes; infinite where there is none.
    """

    request: PerContainerAndTime
    limit: PerContainerAndTime


class Sizer(Protocol):
    """A way to size containers, as it would run in a cluster.

    What is in force in column k was decided at its start, from what had been read by then: it depends on
    `usage[:, : k - LAG_COLUMNS + 1]` (a reaction lag of one step: 60 s for minutes) and on the sizer's own kills (usage
    above its limit) up to column k - 1. Nothing else of the trace may leak in: cutting a trace never changes the sizes
    before the cut.
    """

    @property
    def name(self) -> str:
        """As shown to users."""
        ...

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force in every column, from the first on."""
        ...


LAG_COLUMNS = 1
"""A sample of column k can bear on the sizes of column k + 1 at the earliest: the reaction lag is one step."""
FIRST_SIZE_S = 3600


def first_sizes(trace: Trace) -> FloatArray:
    """Each series' size before anything is known of it, shape (series,): declared, or its first hour's maximum."""
    span = max(1, FIRST_SIZE_S // trace.grid.step_s)
    measured = ~np.isnan(trace.usage)
    starts = np.where(measured.any(axis=1), measured.argmax(axis=1), 0)
    columns = np.minimum(starts[:, np.newaxis] + np.arange(span), trace.grid.count - 1)
    hour = np.take_along_axis(trace.usage, columns, axis=1)
    highest = np.nan_to_num(hour, nan=-np.inf).max(axis=1, initial=-np.inf)
    known = np.where(np.isneginf(highest), np.nan, highest)
    first: FloatArray = np.where(np.isnan(trace.declared), known, trace.declared)
    return first
