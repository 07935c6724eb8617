"""From the samples of pods to the row of a workload's container: replicas folded by maximum, start-ups set apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from foresize_forecast.prometheus.samples import ContainerOfPod, Samples, merged
from foresize_forecast.series import FloatArray, Grid, peaks


class Row(NamedTuple):
    """One container of a workload.

    Attributes:
        usage: shape (time,), bytes, NaN where nothing was measured.
        startup_peak: bytes, NaN where no start was seen.
        first_samples_s: by pod, when its first sample was taken.
        rejected: values that could not be memory.
        partial: the source said that data is missing.
        pods: the samples that it was made of, where somebody asked for them.
    """

    usage: FloatArray
    startup_peak: float
    first_samples_s: Mapping[str, float]
    rejected: int
    partial: bool
    pods: Mapping[str, Samples] = MappingProxyType({})


@dataclass(slots=True)
class Rows:
    """The samples of one query's containers, as spans of time arrive. Sparse: pods of a CronJob are many and short."""

    grid: Grid
    partial: bool
    _parts: dict[ContainerOfPod, list[Samples]] = field(default_factory=dict)

    def add(self, container: ContainerOfPod, samples: Samples) -> None:
        """Keep what a span has of a container."""
        self._parts.setdefault(container, []).append(samples)

    def series(self) -> Iterator[tuple[ContainerOfPod, Samples]]:
        """Each container's samples of all spans."""
        return ((container, merged(parts)) for container, parts in self._parts.items())

    def row(self, pods: Mapping[str, Samples], startup_ignore_s: int) -> Row | None:
        """One row of many pods; None where they have no samples on the grid.

        A pod's start-up is left out of the usage. Pods that never outlive their start-up (a short job's) have no other
        usage: where all are such, the row is theirs in full.
        """
        steady, startup_peak = self._folded(pods.values(), startup_ignore_s)
        if np.isnan(steady).all():
            steady, _ = self._folded(pods.values(), 0)
        if np.isnan(steady).all():
            return None
        firsts_s = {name: float(pod.times_s[0]) for name, pod in pods.items() if pod.times_s.size}
        return Row(steady, startup_peak, firsts_s, sum(pod.rejected for pod in pods.values()), self.partial)

    def _folded(self, pods: Iterable[Samples], startup_ignore_s: int) -> tuple[FloatArray, float]:
        usage = np.full(self.grid.count, np.nan)
        startup_peak = np.nan
        for pod in pods:
            columns, values = pod.on(self.grid)
            if not columns.size:
                continue
            starting = columns < columns[0] + self._startup_columns(int(columns[0]), startup_ignore_s)
            startup_peak = float(np.fmax(startup_peak, peaks(values[starting])))
            kept = columns[~starting]
            usage[kept] = np.fmax(usage[kept], values[~starting])
        return usage, float(startup_peak)

    def _startup_columns(self, first: int, startup_ignore_s: int) -> int:
        """How many intervals of a pod count as its start-up.

        Its first sample may be anywhere in its first interval, so every interval that may begin within the ignored
        seconds counts: 2 for 5 minutes of 5-minute intervals. A pod seen in the grid's first interval did not start
        there.
        """
        if startup_ignore_s == 0 or first == 0:
            return 0
        return 1 + -(-startup_ignore_s // self.grid.step_s)
