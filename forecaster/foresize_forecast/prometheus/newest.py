"""The newest samples of every container, with the times at which they were measured: what the fast clock looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from foresize_forecast.deciding.fast import Recent
from foresize_forecast.prometheus.history import REAL_CONTAINERS
from foresize_forecast.prometheus.promql import Matcher, one_of, quoted
from foresize_forecast.prometheus.samples import ContainerOfPod, Samples, container_of, read_samples
from foresize_forecast.prometheus.source import Metric, Refusal, RefusalKind, Source
from foresize_forecast.prometheus.wire import Connection

NAMESPACES_PER_QUERY = 20
CLOCK_SKEW_S = 30.0
"""A sample from further in the future was stamped by a clock that is wrong; it is dropped."""
ENDED_AFTER = 2.5
"""A series without a sample for so many times its usual pause has ended: one that is late has not."""
METRIC = "__name__"
NOTHING = Samples(np.empty(0), np.empty(0), 0)


@dataclass(frozen=True, slots=True)
class NewestSamples:
    """What was measured in the last minutes.

    Attributes:
        asked_at_s: when, as the caller's clock says.
        containers: samples by container of a pod; a container without samples is absent.
        refusals: by namespace: why nothing is known of it.
        warnings: the source's own words about missing data.
        partial: namespaces whose answer came with such a warning.
        note: how it is known, where that is not as usual; for conditions.
        held: why nothing is lowered anywhere for what is known so; empty where something may be.
    """

    asked_at_s: float
    containers: Mapping[ContainerOfPod, Recent]
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    partial: frozenset[str] = frozenset()
    note: str = ""
    held: str = ""

    def age_s(self) -> float | None:
        """Seconds since the newest sample of any container; None where there is none."""
        return min((recent.age_s(self.asked_at_s) for recent in self.containers.values()), default=None)


def newest(source: Source, namespaces: Sequence[str], now_s: float, span_s: int) -> NewestSamples:
    """Raw samples of the last `span_s` seconds of every container in the namespaces.

    Thread-safe: each call has its own connection. One query for 20 namespaces: small ones are many.
    """
    containers: dict[ContainerOfPod, Recent] = {}
    refusals: dict[str, Refusal] = {}
    warnings: dict[str, None] = {}
    partial: set[str] = set()
    shards = list(_shards(sorted(set(namespaces))))
    with Connection(source) as connection:
        while shards:
            shard = shards.pop()
            found = _shard(connection, shard, now_s, span_s)
            if not isinstance(found, Refusal):
                answered, words = found
                containers.update(answered)
                warnings.update(dict.fromkeys(words))
                partial.update(shard if words else ())
            elif found.kind is RefusalKind.TOO_LARGE and len(shard) > 1:
                shards += [shard[: len(shard) // 2], shard[len(shard) // 2 :]]
            else:
                refusals.update(dict.fromkeys(shard, found))
    return NewestSamples(now_s, containers, refusals, tuple(warnings), frozenset(partial))


def _shard(
    connection: Connection, namespaces: Sequence[str], now_s: float, span_s: int
) -> tuple[dict[ContainerOfPod, Recent], tuple[str, ...]] | Refusal:
    """Samples and warnings of some namespaces."""
    answer = connection.instant(_query(connection.source, namespaces, span_s), now_s)
    if isinstance(answer, Refusal):
        return answer
    series = read_samples(answer, connection.source)
    return series if isinstance(series, Refusal) else (_containers(series, now_s), answer.warnings)


def _shards(namespaces: Sequence[str]) -> Iterator[Sequence[str]]:
    return (namespaces[i : i + NAMESPACES_PER_QUERY] for i in range(0, len(namespaces), NAMESPACES_PER_QUERY))


def _query(source: Source, namespaces: Sequence[str], span_s: int) -> str:
    matchers = (*source.matchers, *REAL_CONTAINERS, Matcher("namespace", "=~", one_of(namespaces)))
    metrics = one_of((Metric.WORKING_SET, Metric.RSS))
    return f"{{__name__=~{quoted(metrics)},{','.join(map(str, matchers))}}}[{span_s}s]"


def _containers(series: Sequence[tuple[Mapping[str, str], Samples]], now_s: float) -> dict[ContainerOfPod, Recent]:
    sources: dict[ContainerOfPod, dict[frozenset[tuple[str, str]], dict[str, Samples]]] = {}
    for labels, samples in series:
        if of := container_of(labels):
            source = frozenset(label for label in labels.items() if label[0] != METRIC)
            sources.setdefault(of, {}).setdefault(source, {})[labels.get(METRIC, "")] = samples
    found = {of: [_recent(metrics, now_s) for metrics in each.values()] for of, each in sources.items()}
    return {of: _folded(known) for of, told in found.items() if (known := [one for one in told if one.times_s.size])}


def _recent(metrics: Mapping[str, Samples], now_s: float) -> Recent:
    working_set, rss = metrics.get(Metric.WORKING_SET, NOTHING), metrics.get(Metric.RSS, NOTHING)
    known = working_set.times_s <= now_s + CLOCK_SKEW_S
    times_s, values = working_set.times_s[known], working_set.values[known]
    anonymous = np.full(times_s.size, np.nan)
    _, here, there = np.intersect1d(times_s, rss.times_s, assume_unique=True, return_indices=True)
    anonymous[here] = rss.values[there]
    return Recent(times_s, values, anonymous)


def _folded(told: Sequence[Recent]) -> Recent:
    """What several series tell of one container: of those that go on, the one that is highest now.

    Replicas of Prometheus, or clusters under one name, are not woven into one line: its newest sample would be
    anybody's, and its slope nobody's. A series that has ended is the container before its restart: it comes first.
    """
    newest_s = max(float(one.times_s[-1]) for one in told)
    living = [one for one in told if newest_s - one.times_s[-1] <= ENDED_AFTER * _spacing_s(one)]
    chosen = max(living, key=lambda one: one.usage_bytes)
    parts = [one for one in told if one.times_s[-1] < chosen.times_s[0]] + [chosen]
    parts.sort(key=lambda one: float(one.times_s[-1]))
    times_s, first = np.unique(np.concatenate([one.times_s for one in parts]), return_index=True)
    working_set, rss = (np.concatenate([getattr(one, name) for one in parts])[first] for name in ("working_set", "rss"))
    return Recent(times_s, working_set, rss)


def _spacing_s(one: Recent) -> float:
    """Between a series' samples, usually; 0 for a single one."""
    return float(np.median(np.diff(one.times_s))) if one.times_s.size > 1 else 0.0
