"""A user's own memory, read from Prometheus: what the last days of a cluster would have been under each policy.

Pods of one workload are folded into one series, as the operator does: the highest sample of any of them. Which workload
a pod is of is read from its name, so a replay needs no right but to read metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from foresize_forecast.prometheus import Matcher, Metric, Refusal, RefusalKind, Source
from foresize_forecast.prometheus.history import REAL_CONTAINERS, metric_missing
from foresize_forecast.prometheus.promql import RANDOM, selector
from foresize_forecast.prometheus.samples import ContainerOfPod, by_container, read_samples
from foresize_forecast.prometheus.source import SERVER_MAX_POINTS
from foresize_forecast.prometheus.wire import Connection
from foresize_forecast.replay.censored import censored
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.trace import Told, Trace
from foresize_forecast.series import FloatArray, Grid

SOURCE = "prometheus"
DAYS = 14
STEP_S = 300
FIRST_POINTS = 48
"""Intervals of the first query, before it is known how many series there are."""
POD_ENDS = (
    re.compile(rf"-[0-9]{{8,10}}-(?:[0-9]+-)?{RANDOM}{{5}}$"),  # CronJob
    re.compile(rf"-{RANDOM}{{1,10}}-{RANDOM}{{5}}$"),  # Deployment
    re.compile(rf"-{RANDOM}{{5}}$"),  # DaemonSet, Job, ReplicaSet
    re.compile(r"-[0-9]+$"),  # StatefulSet
)
Workload = tuple[str, str, str]
"""Namespace, workload, container."""


def read(source: Source, matchers: Sequence[Matcher], grid: Grid, min_days: float, told: Told) -> Trace:
    """The containers that a selector names.

    Args:
        source: where to ask.
        matchers: which containers.
        grid: the time to read.
        min_days: shortest series, from its first to its last measurement.
        told: told the share that is done.

    Raises:
        TraceError: Prometheus cannot be read, or has nothing that is long enough.
    """
    rows: dict[Workload, FloatArray] = {}
    with Connection(source) as connection:
        _collect(connection, _query(matchers, source, grid.step_s), grid, rows, told)
        if not rows:
            _refuse(metric_missing(connection, Metric.WORKING_SET, grid.end_s) or _nothing(source, matchers))
    lasting = {key: usage for key, usage in sorted(rows.items()) if _days(usage, grid.step_s) >= min_days}
    if not lasting:
        raise TraceError(f"Prometheus at {source.shown_url}: no series of {min_days:g} days or more (--min-days)")
    return _trace(lasting, grid)


def workload_of(pod: str) -> str:
    """The workload that a pod's name tells.

    Worked: `web-6d4cf56db6-x7k2p` is of `web`, `db-0` of `db`, `backup-28312345-bcdfg` of `backup`.
    """
    for end in POD_ENDS:
        found = end.search(pod)
        if found and found.start():
            return pod[: found.start()]
    return pod


def _query(matchers: Sequence[Matcher], source: Source, step_s: int) -> str:
    chosen = selector(Metric.WORKING_SET, (*source.matchers, *REAL_CONTAINERS, *matchers))
    return f"max by (namespace, pod, container) (max_over_time({chosen}[{step_s}s]))"


def _collect(connection: Connection, query: str, grid: Grid, rows: dict[Workload, FloatArray], told: Told) -> None:
    """Ask for the whole grid in spans: each as long as the number of series found so far allows."""
    start, points, ceiling = 0, FIRST_POINTS, SERVER_MAX_POINTS
    while start < grid.count:
        span = Grid(grid.start_s + start * grid.step_s, grid.step_s, min(points, grid.count - start))
        answer = connection.over_range(query, int(span.ends_s[0]), span.end_s, span.step_s)
        if isinstance(answer, Refusal):
            if answer.kind != RefusalKind.TOO_LARGE or span.count == 1:
                _refuse(answer)
            points = ceiling = span.count // 2
            continue
        series = read_samples(answer, connection.source)
        if isinstance(series, Refusal):
            _refuse(series)
        for container, samples in by_container(series):
            columns, values = samples.on(grid)
            row = rows.setdefault(_workload(container), np.full(grid.count, np.nan))
            row[columns] = np.fmax(row[columns], values)
        start += span.count
        points = max(1, min(ceiling, connection.source.max_points // max(1, len(series))))
        told(start / grid.count)


def _workload(container: ContainerOfPod) -> Workload:
    return container.namespace, workload_of(container.pod), container.container


def _days(usage: FloatArray, step_s: int) -> float:
    known = np.flatnonzero(~np.isnan(usage))
    return (int(known[-1] - known[0]) + 1) * step_s / 86_400 if known.size else 0.0


def _trace(rows: Mapping[Workload, FloatArray], grid: Grid) -> Trace:
    keys, usage = list(rows), np.array(list(rows.values()))
    siblings = [(namespace, f"{workload}/{container}") for namespace, workload, container in keys]
    return Trace(
        source=SOURCE,
        grid=grid,
        series=tuple("/".join(key) for key in keys),
        namespaces=tuple(namespace for namespace, _ in siblings),
        siblings=tuple(sibling for _, sibling in siblings),
        usage=usage,
        declared=np.full(len(keys), np.nan),
        censored=censored(usage, siblings, grid.step_s),
    )


def _nothing(source: Source, matchers: Sequence[Matcher]) -> Refusal:
    given = ",".join(map(str, matchers))
    words = f"Prometheus at {source.shown_url} has no containers for --selector '{{{given}}}'"
    return Refusal(RefusalKind.NO_SAMPLES, words)


def _refuse(refusal: Refusal) -> NoReturn:
    raise TraceError(refusal.message)
