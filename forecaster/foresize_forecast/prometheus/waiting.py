"""How long containers wait for memory: asked for the few whose limit was lowered just now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from foresize_forecast.deciding.stalls import NO_RATES, RATE_S, WATCH_S, Rates, Waiting
from foresize_forecast.prometheus.promql import Matcher, one_of, selector
from foresize_forecast.prometheus.samples import ContainerOfPod, Samples, by_container, read_samples
from foresize_forecast.prometheus.source import Refusal, Source
from foresize_forecast.prometheus.wire import Connection

STALLED = "container_pressure_memory_stalled_seconds_total"
"""cAdvisor's, from Kubernetes 1.34 on where the kernel measures pressure."""
FAILURES = "container_memory_failures_total"
MAJOR_FAULTS = (Matcher("failure_type", "=", "pgmajfault"), Matcher("scope", "=", "container"))
STEP_S = 60
PODS_PER_QUERY = 50


def waiting(source: Source, pods: Collection[tuple[str, str]], now_s: float) -> dict[ContainerOfPod, Waiting]:
    """What is measured of the containers of some pods (namespace, name), from a watch before to now.

    A container of which nothing is measured is absent; a source that cannot be read says nothing of anybody.
    """
    found: dict[ContainerOfPod, Waiting] = {}
    with Connection(source) as connection:
        for namespace, names in _shards(pods):
            found |= _of(connection, namespace, names, int(now_s))
    return found


def _of(connection: Connection, namespace: str, names: Sequence[str], now_s: int) -> dict[ContainerOfPod, Waiting]:
    where = (Matcher("namespace", "=", namespace), Matcher("pod", "=~", one_of(names)), Matcher("container", "!=", ""))
    stalled = _rates(connection, STALLED, where, now_s)
    faults = _rates(connection, FAILURES, (*where, *MAJOR_FAULTS), now_s)
    # Where the metric is there at all a container without it did not wait: only pressure above 0 is answered with.
    measured = bool(stalled) or _is_known(connection, selector(STALLED, (*connection.source.matchers, *where)), now_s)
    return {
        of: Waiting(stalled.get(of, NO_RATES) if measured else None, faults.get(of, NO_RATES))
        for of in {**stalled, **faults}
    }


def _rates(connection: Connection, metric: str, where: Sequence[Matcher], now_s: int) -> Mapping[ContainerOfPod, Rates]:
    series = selector(metric, (*connection.source.matchers, *where))
    query = f"max by (namespace, pod, container) (rate({series}[{RATE_S}s]))"
    answer = connection.over_range(query, now_s - 2 * WATCH_S, now_s, STEP_S)
    if isinstance(answer, Refusal):
        return {}
    read = read_samples(answer, connection.source)
    return {} if isinstance(read, Refusal) else {of: _as_rates(samples) for of, samples in by_container(read)}


def _as_rates(samples: Samples) -> Rates:
    return Rates(samples.times_s, samples.values)


def _is_known(connection: Connection, series: str, now_s: int) -> bool:
    answer = connection.instant(f"count({series})", now_s)
    return not isinstance(answer, Refusal) and bool(answer.series)


def _shards(pods: Collection[tuple[str, str]]) -> Iterator[tuple[str, Sequence[str]]]:
    for namespace in sorted({namespace for namespace, _ in pods}):
        names = sorted(name for of, name in pods if of == namespace)
        yield from ((namespace, names[at : at + PODS_PER_QUERY]) for at in range(0, len(names), PODS_PER_QUERY))
