"""The newest samples of every container, with the times at which they were measured: what the fast clock looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from foresize_forecast.fast import Recent
from foresize_forecast.prometheus.history import REAL_CONTAINERS
from foresize_forecast.prometheus.promql import Matcher, one_of, quoted
from foresize_forecast.prometheus.samples import ContainerOfPod, Samples, by_container, read_samples
from foresize_forecast.prometheus.source import Metric, Refusal, RefusalKind, Source
from foresize_forecast.prometheus.wire import Connection

NAMESPACES_PER_QUERY = 20
CLOCK_SKEW_S = 30.0
"""A sample from further in the future was stamped by a clock that is wrong; it is dropped."""


@dataclass(frozen=True, slots=True)
class NewestSamples:
    """What was measured in the last minutes.

    Attributes:
        asked_at_s: when, as the caller's clock says.
        containers: samples by container of a pod; a container without samples is absent.
        refusals: by namespace: why nothing is known of it.
        warnings: the source's own words about missing data.
        partial: namespaces whose answer came with such a warning.
    """

    asked_at_s: float
    containers: Mapping[ContainerOfPod, Recent]
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    partial: frozenset[str] = frozenset()

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
    working_set, rss = (
        dict(by_container([entry for entry in series if entry[0].get("__name__") == metric]))
        for metric in (Metric.WORKING_SET, Metric.RSS)
    )
    found = {key: _recent(samples, rss.get(key), now_s) for key, samples in working_set.items()}
    return {key: recent for key, recent in found.items() if recent.times_s.size}


def _recent(working_set: Samples, rss: Samples | None, now_s: float) -> Recent:
    known = working_set.times_s <= now_s + CLOCK_SKEW_S
    times_s, values = working_set.times_s[known], working_set.values[known]
    anonymous = np.full(times_s.size, np.nan)
    if rss is not None:
        _, here, there = np.intersect1d(times_s, rss.times_s, assume_unique=True, return_indices=True)
        anonymous[here] = rss.values[there]
    return Recent(times_s, values, anonymous)
