"""Memory history as arrays: many containers on one regular time grid.

The first value that travels through the brain. Gaps are NaN and stay NaN: a filled gap is a measurement nobody made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
PerContainer = Annotated[FloatArray, Literal["containers"]]
PerContainerAndTime = Annotated[FloatArray, Literal["containers", "time"]]


class ContainerKey(NamedTuple):
    """A container of a workload: all its replicas, living and dead, share one history and one size."""

    namespace: str
    workload: str
    """`Kind/name`, for example `Deployment/web`."""
    container: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.workload}/{self.container}"


@dataclass(frozen=True, slots=True)
class Grid:
    """Equally spaced intervals of time; interval i is (start + i * step, start + (i + 1) * step], in Unix seconds.

    A value belongs to the end of its interval, as Prometheus' `max_over_time` at that instant does.
    """

    start_s: int
    step_s: int
    count: int

    def __post_init__(self) -> None:
        if self.step_s <= 0 or self.count < 0:
            raise ValueError(f"a grid needs step_s > 0 and count >= 0, got {self.step_s} and {self.count}")

    @property
    def end_s(self) -> int:
        """The end of the last interval."""
        return self.start_s + self.step_s * self.count

    @property
    def ends_s(self) -> IntArray:
        """The end of every interval, shape (count,)."""
        return self.start_s + self.step_s * np.arange(1, self.count + 1, dtype=np.int64)

    def index_at(self, instant_s: float) -> int:
        """The interval that holds `instant_s`; below 0 or at least `count` where it lies outside."""
        return -int((self.start_s - instant_s) // self.step_s) - 1

    def tail(self, count: int) -> Grid:
        """The last `count` intervals."""
        return Grid(self.end_s - count * self.step_s, self.step_s, count)

    def after(self, count: int) -> Grid:
        """The `count` intervals that follow this grid, at the same step."""
        return Grid(self.end_s, self.step_s, count)

    def coarser(self, factor: int) -> Grid:
        """The grid of blocks of `factor` intervals, aligned to this grid's end; a part of a block is left out."""
        blocks = self.count // factor
        return Grid(self.end_s - blocks * factor * self.step_s, self.step_s * factor, blocks)


@dataclass(frozen=True, slots=True)
class History:
    """What was measured of many containers.

    Attributes:
        grid: the time of every column.
        containers: the container of every row.
        usage: shape (containers, time), bytes: the highest sample of any replica in the interval, start-up minutes left
            out; NaN where nothing was measured.
        startup_peak: shape (containers,), bytes: the highest sample of the start-up minutes that `usage` leaves out;
            NaN where no start was seen.
        changed_at_s: shape (containers,), Unix seconds: when the newest revision's first pod was seen; NaN where there
            was one revision only. None: nothing is known of revisions.
    """

    grid: Grid
    containers: tuple[ContainerKey, ...]
    usage: PerContainerAndTime
    startup_peak: PerContainer
    changed_at_s: PerContainer | None = None

    def __post_init__(self) -> None:
        expected = (len(self.containers), self.grid.count)
        if self.usage.shape != expected:
            raise ValueError(f"usage has shape {self.usage.shape}, containers and grid ask for {expected}")
        for name, values in (("startup_peak", self.startup_peak), ("changed_at_s", self.changed_at_s)):
            if values is not None and values.shape != expected[:1]:
                raise ValueError(f"{name} has shape {values.shape}, containers ask for {expected[:1]}")

    def rows(self, chosen: list[int] | IntArray) -> History:
        """The history of some containers, by row."""
        changed_at_s = None if self.changed_at_s is None else self.changed_at_s[chosen]
        return replace(
            self,
            containers=tuple(self.containers[i] for i in chosen),
            usage=self.usage[chosen],
            startup_peak=self.startup_peak[chosen],
            changed_at_s=changed_at_s,
        )

    def until(self, columns: int) -> History:
        """The first `columns` intervals: what was known then, for a backtest."""
        grid = Grid(self.grid.start_s, self.grid.step_s, columns)
        return replace(self, grid=grid, usage=self.usage[:, :columns])

    def change_columns(self) -> IntArray:
        """The first interval of each container's newest revision, shape (containers,); 0 where none is known."""
        if self.changed_at_s is None:
            return np.zeros(len(self.containers), dtype=np.int64)
        after_s = np.nan_to_num(self.changed_at_s - self.grid.start_s, nan=0.0)
        columns: IntArray = np.clip(np.ceil(after_s / self.grid.step_s) - 1, 0, self.grid.count).astype(np.int64)
        return columns

    def block_peaks(self, factor: int) -> History:
        """Peaks of blocks of `factor` intervals; a block is NaN only where all of it is."""
        grid = self.grid.coarser(factor)
        kept = self.usage[:, self.grid.count - grid.count * factor :]
        return replace(self, grid=grid, usage=peaks(kept.reshape(len(self.containers), grid.count, factor)))

    def observed_days(self) -> PerContainer:
        """Days with a measurement, shape (containers,): gaps do not count."""
        days: PerContainer = np.count_nonzero(~np.isnan(self.usage), axis=1) * (self.grid.step_s / 86_400)
        return days


def peaks(values: FloatArray) -> FloatArray:
    """Maximum over the last axis, NaN only where all values are NaN (and without numpy's warning for that)."""
    if values.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan)
    highest: FloatArray = np.where(np.isnan(values), -np.inf, values).max(axis=-1)
    return np.where(np.isneginf(highest), np.nan, highest)
