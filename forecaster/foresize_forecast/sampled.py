"""A history of samples seen one by one, for where nobody keeps one: a value, bounded in memory, and what is read of it.

Of each container of a pod the last minutes are kept sample by sample, and before that the highest of each interval.
Nothing is stored: who starts anew has seen nothing yet, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import isfinite

import numpy as np
import numpy.typing as npt

from foresize_forecast.deciding.fast import Recent
from foresize_forecast.prometheus.history import HistoryAnswer, HistoryRequest, answered
from foresize_forecast.prometheus.rows import Rows
from foresize_forecast.prometheus.samples import LARGEST_BYTES, ContainerOfPod, Samples, merged
from foresize_forecast.prometheus.source import Metric, Refusal, RefusalKind
from foresize_forecast.series import FloatArray, Grid

STEP_S = 300
"""Of the intervals that are kept: the default of `history.step`."""
WINDOW_S = 7 * 86_400
"""A week shows what repeats by day and, once, by week; a longer one would take as much again for each further week."""
RECENT_S = 600
"""Sample by sample: what the fast clock looks at, twice."""
MOST_CONTAINERS = 4000
"""Containers of pods that are kept: with a week of intervals of 8 bytes each, 64 MiB in all."""
CLOCK_SKEW_S = 30.0
"""A sample from further in the future was stamped by a clock that is wrong."""
LONG_ENOUGH_S = 86_400
"""Before a day has been seen nothing is lowered: what happens once a day may be still to come."""
NO_FLOATS, NO_PLACES, NO_PEAKS = np.empty(0), np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one container of a pod.

    Attributes:
        times_s: of the newest samples, rising.
        values: bytes, at these times.
        first_s: when its first sample was taken.
        ends: numbers of the intervals with samples, rising: interval n is ((n - 1) * STEP_S, n * STEP_S].
        peaks: the highest sample of each, bytes.
    """

    times_s: FloatArray
    values: FloatArray
    first_s: float
    ends: npt.NDArray[np.int32] = field(default_factory=lambda: NO_PLACES)
    peaks: npt.NDArray[np.float32] = field(default_factory=lambda: NO_PEAKS)


@dataclass(frozen=True, slots=True)
class Sampled:
    """All that was seen.

    Attributes:
        containers: of living pods, and of those that have gone within the window while there was room.
        seen: how many intervals there are of which anything was seen.
        newest: the number of the newest of them.
        left_out: containers that there was no room for, of the newest samples.
    """

    containers: Mapping[ContainerOfPod, Kept] = field(default_factory=dict)
    seen: int = 0
    newest: int = 0
    left_out: int = 0

    @property
    def seen_s(self) -> int:
        """How long was looked on, seconds; while nothing could be read does not count."""
        return self.seen * STEP_S


def with_samples(known: Sampled, samples: Iterable[tuple[ContainerOfPod, float, float]], now_s: float) -> Sampled:
    """What is known with some samples more: container, time, bytes.

    What is not newer than what is known of a container, from the future, or cannot be memory is left out. Where there
    is no room for all, those go that have not been seen for longest; if all are seen, the new ones are left out.
    """
    containers, left_out, intervals, is_full = dict(known.containers), 0, set[int](), False
    for of, at_s, value in samples:
        if not (isfinite(at_s) and 0 < value < LARGEST_BYTES and at_s <= now_s + CLOCK_SKEW_S):
            continue
        before = containers.get(of)
        if before is None and len(containers) >= MOST_CONTAINERS:
            # Who is full once stays so: what is seen here only gets newer, and nobody is looked through for each.
            is_full = is_full or not _made_room(containers, now_s)
        if before is None and is_full:
            left_out += 1
        elif before is None or at_s > before.times_s[-1]:
            containers[of] = _grown(before, at_s, value)
            intervals.add(_interval(at_s))
    new = [each for each in intervals if each > known.newest]
    oldest_s = now_s - WINDOW_S
    living = {of: each for of, each in containers.items() if each.times_s[-1] > oldest_s}
    seen = min(known.seen + len(new), WINDOW_S // STEP_S)
    return Sampled(living, seen, max([known.newest, *new]), left_out)


def newest_of(known: Sampled, namespaces: Collection[str], now_s: float, span_s: float) -> dict[ContainerOfPod, Recent]:
    """The samples of the last `span_s` seconds of every container in the namespaces; none of anonymous memory."""
    wanted, found = set(namespaces), {}
    for of, kept in known.containers.items():
        if of.namespace in wanted and (recent := kept.times_s >= now_s - span_s).any():
            times_s = kept.times_s[recent]
            found[of] = Recent(times_s, kept.values[recent], np.full(times_s.size, np.nan))
    return found


def history_of(known: Sampled, requests: Sequence[HistoryRequest], grid: Grid) -> HistoryAnswer:
    """What containers of the requested workloads used in each interval of a grid, as far as it was seen.

    On a grid that is finer than what is kept, each interval has the highest of the longer one that it is in: more than
    it may have been, never less.
    """
    rows, refusals = {}, {}
    by_namespace = sorted(requests, key=lambda request: request.namespace)
    for namespace, group in groupby(by_namespace, key=lambda request: request.namespace):
        asked = list(group)
        read = Rows(grid, partial=False)
        for of, kept in known.containers.items():
            if of.namespace == namespace:
                read.add(of, _on(kept, grid))
        found = answered(read, namespace, [each for each in asked if each.metric is Metric.WORKING_SET])
        rows.update(found)
        having = {key.workload for key in found}
        refusals.update({(namespace, each.workload): _absence(each) for each in asked if each.workload not in having})
    return HistoryAnswer.of(rows, grid, refusals)


def peaks_of(known: Sampled, now_s: float, span_s: float) -> dict[tuple[str, str], float]:
    """By namespace and pod, the sum of the highest samples of its containers of late, bytes."""
    found: dict[tuple[str, str], float] = {}
    for of, kept in known.containers.items():
        late = kept.ends >= _interval(now_s - span_s)
        if late.any():
            key = (of.namespace, of.pod)
            found[key] = found.get(key, 0.0) + float(kept.peaks[late].max())
    return found


def _interval(at_s: float) -> int:
    return int(-(-at_s // STEP_S))


def _grown(before: Kept | None, at_s: float, value: float) -> Kept:
    """One container with one sample more."""
    if before is None:
        before = Kept(NO_FLOATS, NO_FLOATS, at_s)
    recent = before.times_s > at_s - RECENT_S
    times_s, values = np.append(before.times_s[recent], at_s), np.append(before.values[recent], value)
    number, peak = _interval(at_s), np.float32(value)
    if before.ends.size and before.ends[-1] == number:
        if peak <= before.peaks[-1]:
            return replace(before, times_s=times_s, values=values)
        peaks = before.peaks.copy()
        peaks[-1] = peak
        return replace(before, times_s=times_s, values=values, peaks=peaks)
    inside = before.ends > number - WINDOW_S // STEP_S
    ends = np.append(before.ends[inside], np.int32(number))
    return Kept(times_s, values, before.first_s, ends, np.append(before.peaks[inside], peak))


def _made_room(containers: dict[ContainerOfPod, Kept], now_s: float) -> bool:
    """Whether one that is not seen any more could be forgotten."""
    oldest = min(containers, key=lambda of: float(containers[of].times_s[-1]))
    if containers[oldest].times_s[-1] > now_s - RECENT_S:
        return False
    del containers[oldest]
    return True


def _on(kept: Kept, grid: Grid) -> Samples:
    """The peaks at the ends of a grid's intervals that overlap the kept ones."""
    ends_s = kept.ends.astype(np.float64) * STEP_S
    first = np.floor((ends_s - STEP_S - grid.start_s) / grid.step_s)
    last = np.ceil((ends_s - grid.start_s) / grid.step_s) - 1
    return merged(list(_spread(first, last, kept.peaks.astype(np.float64), grid)))


def _spread(first: FloatArray, last: FloatArray, values: FloatArray, grid: Grid) -> Iterator[Samples]:
    for more in range(int((last - first).max(initial=0)) + 1):
        column = first + more
        inside = (column <= last) & (column >= 0) & (column < grid.count)
        yield Samples(grid.start_s + (column[inside] + 1) * grid.step_s, values[inside], 0)


def _absence(request: HistoryRequest) -> Refusal:
    if request.metric is not Metric.WORKING_SET:
        words = f"metrics-server does not tell {request.metric}: set history.metric: WorkingSet, or a Prometheus"
        return Refusal(RefusalKind.NO_SUCH_METRIC, words)
    what = f"{request.workload} in namespace {request.namespace}"
    words = f"metrics-server has told nothing of {what} for a whole interval of {STEP_S // 60} minutes yet"
    return Refusal(RefusalKind.NO_SAMPLES, words)
