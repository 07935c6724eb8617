"""Prometheus -> `History`: what the containers of many workloads used, over their living and dead pods.

Refused is refused: where a part of a workload's history could not be read, none of it is handed on, for a history with
a hole looks like a smaller need. Where a source says itself that data is missing, the rows are marked partial.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from foresize_forecast.prometheus.owners import Claim, Owners, claimant, pod_patterns, recorded_owners
from foresize_forecast.prometheus.promql import Matcher, selector
from foresize_forecast.prometheus.rows import Row, Rows
from foresize_forecast.prometheus.samples import Samples, by_container, read_samples
from foresize_forecast.prometheus.source import SERVER_MAX_POINTS, Metric, Refusal, RefusalKind, Source
from foresize_forecast.prometheus.wire import Connection
from foresize_forecast.series import ContainerKey, Grid, History

FIRST_SPAN_POINTS = 48
"""Intervals of the first query, before it is known how many series there are: 4 hours of 5 minutes."""
REAL_CONTAINERS = (Matcher("container", "!=", ""), Matcher("container", "!=", "POD"))
"""cAdvisor also has sums over pods and cgroups (no container) and pause containers (POD)."""


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A workload whose history is wanted."""

    namespace: str
    workload: str
    """`Kind/name`."""
    pods: str
    """A pattern for its pods' names, for pods whose owner is not recorded: see `promql.pod_pattern`."""
    containers: tuple[str, ...] | None = None
    """Container names; None: all."""
    startup_ignore_s: int = 300
    metric: Metric = Metric.WORKING_SET
    by_pod: Collection[str] | None = ()
    """Containers of which the samples of each pod are wanted as well, for runs; None: all."""


@dataclass(frozen=True, slots=True)
class RowFacts:
    """How much a row of the history rests on."""

    first_samples_s: Mapping[str, float]
    """By pod with samples of this container, when its first one in the window was taken."""
    rejected: int
    """Values dropped because they cannot be memory."""
    partial: bool
    """The source says that data is missing: no reason to lower anything."""
    pods: Mapping[str, Samples] = field(default_factory=dict)
    """Each pod's samples at the ends of the grid's intervals, where they were asked for."""


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """What is known, and what is not and why.

    Attributes:
        history: a row for each container with samples.
        facts: one entry a row.
        refusals: by (namespace, workload); such a workload has no rows.
        warnings: the source's own words about missing data.
    """

    history: History
    facts: tuple[RowFacts, ...]
    refusals: Mapping[tuple[str, str], Refusal] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        rows: Mapping[ContainerKey, Row],
        grid: Grid,
        refusals: Mapping[tuple[str, str], Refusal],
        warnings: tuple[str, ...] = (),
    ) -> HistoryAnswer:
        """An answer of these rows, in the order of their keys."""
        keys = tuple(sorted(rows))
        ordered = [rows[key] for key in keys]
        usage = np.array([row.usage for row in ordered]).reshape(len(ordered), grid.count)
        read = History(grid, keys, usage, np.array([row.startup_peak for row in ordered], dtype=np.float64))
        facts = tuple(RowFacts(row.first_samples_s, row.rejected, row.partial, row.pods) for row in ordered)
        return cls(read, facts, refusals, warnings)


def grid_until(now_s: float, window_s: int, step_s: int) -> Grid:
    """The grid of a window that ends at the last whole step, so that passes ask for the same intervals again."""
    count = window_s // step_s
    return Grid(int(now_s // step_s) * step_s - count * step_s, step_s, count)


def history(source: Source, requests: Sequence[HistoryRequest], grid: Grid) -> HistoryAnswer:
    """What the containers of the requested workloads used in each interval.

    A value is the highest sample of any pod in (end - step, end] (Prometheus before 3.0 counts a sample at the
    interval's start as well). Thread-safe: each call has its own connection.

    Args:
        source: where to ask.
        requests: at most one for each namespace and workload.
        grid: the intervals wanted.
    """
    reader = _Reader(source, grid)
    wanted = sorted(requests, key=lambda request: (request.namespace, request.metric, request.workload))
    for (namespace, metric), group in groupby(wanted, key=lambda request: (request.namespace, request.metric)):
        with Connection(source) as connection:
            reader.read(connection, namespace, metric, list(group))
    return reader.answer()


class _Reader:
    """Collects one call's rows, refusals and warnings."""

    def __init__(self, source: Source, grid: Grid) -> None:
        self._source, self._grid = source, grid
        self._rows: dict[ContainerKey, Row] = {}
        self._refusals: dict[tuple[str, str], Refusal] = {}
        self._warnings: dict[str, None] = {}
        self._metrics: dict[Metric, Refusal | None] = {}

    def read(self, connection: Connection, namespace: str, metric: Metric, requests: Sequence[HistoryRequest]) -> None:
        """Read the workloads of one namespace."""
        rows = self._namespace_rows(connection, namespace, metric, requests)
        if isinstance(rows, Refusal):
            self._refusals.update({(namespace, request.workload): rows for request in requests})
            return
        self._rows.update(rows)
        found = {key.workload for key in rows}
        for request in requests:
            if request.workload not in found:
                self._refusals[namespace, request.workload] = self._absence(connection, request)

    def answer(self) -> HistoryAnswer:
        """All that was read."""
        return HistoryAnswer.of(self._rows, self._grid, self._refusals, tuple(self._warnings))

    def _namespace_rows(
        self, connection: Connection, namespace: str, metric: Metric, requests: Sequence[HistoryRequest]
    ) -> dict[ContainerKey, Row] | Refusal:
        recorded = recorded_owners(
            connection, namespace, self._source.matchers, self._grid.end_s, self._grid.end_s - self._grid.start_s
        )
        if isinstance(recorded, Refusal):
            return recorded
        owners, warnings = recorded
        claims = [Claim(request.workload, request.pods) for request in requests]
        rows = Rows(self._grid, partial=bool(warnings))
        self._warnings.update(dict.fromkeys(warnings))
        for pattern in pod_patterns(claims, owners):
            refusal = self._collect(connection, self._query(namespace, metric, pattern), rows)
            if refusal:
                return refusal
        return answered(rows, namespace, requests, owners)

    def _query(self, namespace: str, metric: Metric, pods: str) -> str:
        matchers = (
            *self._source.matchers,
            *REAL_CONTAINERS,
            Matcher("namespace", "=", namespace),
            Matcher("pod", "=~", pods),
        )
        chosen = selector(metric, matchers)
        return f"max by (namespace, pod, container) (max_over_time({chosen}[{self._grid.step_s}s]))"

    def _collect(self, connection: Connection, query: str, rows: Rows) -> Refusal | None:
        """Ask for the whole grid in spans: each as long as the number of series found so far allows."""
        start, points, ceiling = 0, FIRST_SPAN_POINTS, SERVER_MAX_POINTS
        while start < self._grid.count:
            span = Grid(
                self._grid.start_s + start * self._grid.step_s, self._grid.step_s, min(points, self._grid.count - start)
            )
            series = self._span(connection, query, span, rows)
            if isinstance(series, Refusal):
                if series.kind != RefusalKind.TOO_LARGE or span.count == 1:
                    return series
                points = ceiling = span.count // 2
                continue
            start += span.count
            points = max(1, min(ceiling, self._source.max_points // max(1, series)))
        return None

    def _span(self, connection: Connection, query: str, span: Grid, rows: Rows) -> int | Refusal:
        answer = connection.over_range(query, int(span.ends_s[0]), span.end_s, span.step_s)
        if isinstance(answer, Refusal):
            return answer
        series = read_samples(answer, self._source)
        if isinstance(series, Refusal):
            return series
        self._warnings.update(dict.fromkeys(answer.warnings))
        rows.partial |= bool(answer.warnings)
        for container, samples in by_container(series):
            rows.add(container, samples)
        return len(series)

    def _absence(self, connection: Connection, request: HistoryRequest) -> Refusal:
        """Why a workload has no samples: the metric is missing altogether, or this workload's are."""
        if request.metric not in self._metrics:
            self._metrics[request.metric] = metric_missing(connection, request.metric, self._grid.end_s)
        days = (self._grid.end_s - self._grid.start_s) / 86_400
        return self._metrics[request.metric] or Refusal(
            RefusalKind.NO_SAMPLES,
            f"Prometheus at {self._source.shown_url} has no samples of {request.metric} for containers of"
            f" {request.workload} in namespace {request.namespace} in the last {days:g} days",
        )


def metric_missing(connection: Connection, metric: Metric, at_s: float) -> Refusal | None:
    """Why a metric cannot be had at all, or None where it can."""
    source = connection.source
    chosen = selector(metric, (*source.matchers, *REAL_CONTAINERS))
    answer = connection.instant(f"count(last_over_time({chosen}[1h]))", at_s)
    if isinstance(answer, Refusal):
        return answer
    if answer.series:
        return None
    given = ",".join(map(str, source.matchers))
    return Refusal(
        RefusalKind.NO_SUCH_METRIC,
        f"Prometheus at {source.shown_url} has no samples of {metric} with a container label in the last hour"
        + (f" for {given}" if given else "")
        + "; is the kubelet's /metrics/cadvisor scraped?",
    )


def answered(
    rows: Rows, namespace: str, requests: Sequence[HistoryRequest], owners: Owners | None = None
) -> dict[ContainerKey, Row]:
    """The rows of the requested workloads of one namespace, out of the samples of its pods.

    Args:
        rows: what was read.
        namespace: of the workloads.
        requests: at most one for each.
        owners: whose pods they are, as far as that is recorded; else pods' names tell.
    """
    claims = [Claim(request.workload, request.pods) for request in requests]
    return dict(_assigned(rows, namespace, requests, claims, owners or Owners()))


def _assigned(
    rows: Rows, namespace: str, requests: Sequence[HistoryRequest], claims: Sequence[Claim], owners: Owners
) -> Iterator[tuple[ContainerKey, Row]]:
    by_workload = {request.workload: request for request in requests}
    members: dict[ContainerKey, dict[str, Samples]] = {}
    for found, samples in rows.series():
        workload = claimant(found.pod, claims, owners)
        if workload is None or found.namespace != namespace:
            continue
        wanted = by_workload[workload].containers
        if wanted is None or found.container in wanted:
            members.setdefault(ContainerKey(namespace, workload, found.container), {})[found.pod] = samples
    for key, pods in members.items():
        request = by_workload[key.workload]
        row = rows.row(pods, request.startup_ignore_s)
        if row:
            apart = request.by_pod is None or key.container in request.by_pod
            yield key, row._replace(pods=pods) if apart else row
