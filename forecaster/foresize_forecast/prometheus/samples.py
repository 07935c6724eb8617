"""Numbers out of an answer: only what can be a container's memory is let through.

A value that is not a number, infinite, negative or above what any machine has is dropped and counted, never repaired. A
working set of exactly 0 is a container that has exited: no measurement either, and nothing to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from foresize_forecast.prometheus.source import Refusal, RefusalKind, Source
from foresize_forecast.prometheus.wire import Answer
from foresize_forecast.series import FloatArray, Grid, IntArray

LARGEST_BYTES = float(1 << 50)
"""1 PiB: more memory than any node has."""


class ContainerOfPod(NamedTuple):
    """A container of one pod."""

    namespace: str
    pod: str
    container: str


class Samples(NamedTuple):
    """Samples of one series, by time."""

    times_s: FloatArray
    values: FloatArray
    rejected: int
    """Values that cannot be memory."""

    def on(self, grid: Grid) -> tuple[IntArray, FloatArray]:
        """Columns and values of the samples at ends of the grid's intervals; others are left out."""
        columns = np.rint((self.times_s - grid.start_s) / grid.step_s).astype(np.int64) - 1
        exact = np.abs(grid.start_s + (columns + 1) * grid.step_s - self.times_s) < 0.5  # noqa: PLR2004 - whole seconds
        kept = exact & (columns >= 0) & (columns < grid.count)
        return columns[kept], self.values[kept]


def read_samples(answer: Answer, source: Source) -> list[tuple[Mapping[str, str], Samples]] | Refusal:
    """Labels and samples of every series of a range, or a refusal where one cannot be read."""
    try:
        return [(dict(series["metric"]), _samples(series["values"])) for series in answer.series]
    except (KeyError, TypeError, ValueError) as error:
        words = f"Prometheus at {source.shown_url} answered with values that are no samples ({error!r})"
        return Refusal(RefusalKind.BAD_ANSWER, words)


def container_of(labels: Mapping[str, str]) -> ContainerOfPod | None:
    """The container that a series is of; None where it does not say."""
    found = ContainerOfPod(labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", ""))
    return found if all(found) else None


def merged(parts: Sequence[Samples]) -> Samples:
    """Series of one container as one: in the order of time, of two samples at one time the higher."""
    times_s = np.concatenate([part.times_s for part in parts])
    values = np.concatenate([part.values for part in parts])
    unique_s, places = np.unique(times_s, return_inverse=True)
    highest = np.full(unique_s.size, -np.inf)
    np.maximum.at(highest, places, values)
    return Samples(unique_s, highest, sum(part.rejected for part in parts))


def by_container(series: Sequence[tuple[Mapping[str, str], Samples]]) -> Iterator[tuple[ContainerOfPod, Samples]]:
    """Samples of each container, duplicates folded; series that name no container are left out."""
    parts: dict[ContainerOfPod, list[Samples]] = {}
    for labels, samples in series:
        found = container_of(labels)
        if found:
            parts.setdefault(found, []).append(samples)
    return ((found, merged(samples)) for found, samples in parts.items())


def _samples(pairs: list[list[Any]]) -> Samples:
    times_s = np.array([float(pair[0]) for pair in pairs])
    values = np.array([float(pair[1]) for pair in pairs])
    possible = np.isfinite(values) & np.isfinite(times_s) & (values >= 0) & (values < LARGEST_BYTES)
    measured = possible & (values > 0)
    return Samples(times_s[measured], values[measured], int(np.count_nonzero(~possible)))
