"""What pods did in a span of time, besides using memory: the evidence of who is idle. One query for 20 namespaces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foresize_forecast.moving.idle import Activity
from foresize_forecast.prometheus.history import REAL_CONTAINERS
from foresize_forecast.prometheus.promql import Matcher, one_of, quoted, selector
from foresize_forecast.prometheus.source import Metric, Refusal, RefusalKind, Source
from foresize_forecast.prometheus.wire import Connection

CPU = "container_cpu_usage_seconds_total"
RECEIVED = "container_network_receive_bytes_total"
SENT = "container_network_transmit_bytes_total"
CONNECTIONS = "container_network_tcp_usage_total"
CONNECTIONS_6 = "container_network_tcp6_usage_total"
"""cAdvisor's. The kubelet leaves out the last two; a cAdvisor of one's own with `--enable_metrics=tcp` has them."""
ESTABLISHED = Matcher("tcp_state", "=", "established")
RATE_S = 300
"""Rates are taken over five minutes: some samples at any usual scrape interval, and a short burst still shows."""
MOMENTS = 5
"""... at so many moments in such a span, so that no burst falls between two of them."""
MOST_MOMENTS = 360
"""In all: beyond six hours the rates are taken over longer spans."""
NAMESPACES_PER_QUERY = 20
SIGNAL = "signal"
POD = "namespace, pod"
CONTAINER = "namespace, pod, container"
INTERFACE = "namespace, pod, interface"
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Pace:
    """How a span is looked at."""

    span_s: int

    @property
    def rate_s(self) -> int:
        """Over which a rate is taken: five minutes, all of a shorter span, more where it is very long."""
        return min(self.span_s, max(RATE_S, MOMENTS * self.span_s // MOST_MOMENTS))

    @property
    def step_s(self) -> int:
        """From one moment to the next."""
        return max(1, self.rate_s // MOMENTS)


def activity(source: Source, namespaces: Iterable[str], span_s: int, now_s: float) -> dict[Key, Activity]:
    """What every pod in some namespaces did in the last `span_s` seconds, by (namespace, pod).

    A pod of which nothing is measured is absent, as are all of a namespace that could not be read, or that was read in
    part: what is not known is nobody's idleness.
    """
    found: dict[Key, Activity] = {}
    shards = list(_shards(sorted(set(namespaces))))
    with Connection(source) as connection:
        while shards:
            shard = shards.pop()
            answer = connection.instant(_query(source, shard, _Pace(span_s)), now_s)
            if not isinstance(answer, Refusal):
                found |= {} if answer.warnings else _read(answer.series, _Pace(span_s), now_s)
            elif answer.kind is RefusalKind.TOO_LARGE and len(shard) > 1:
                shards += [shard[: len(shard) // 2], shard[len(shard) // 2 :]]
    return found


def _shards(namespaces: Sequence[str]) -> Iterator[Sequence[str]]:
    return (namespaces[i : i + NAMESPACES_PER_QUERY] for i in range(0, len(namespaces), NAMESPACES_PER_QUERY))


def _query(source: Source, namespaces: Sequence[str], pace: _Pace) -> str:
    """All signals in one query, each with its name in a label."""
    where = (*source.matchers, Matcher("namespace", "=~", one_of(namespaces)))
    within = (*where, *REAL_CONTAINERS)
    cpu, memory = selector(CPU, within), selector(Metric.WORKING_SET, within)
    span, moments = f"[{pace.span_s}s]", f"[{pace.span_s}s:{pace.step_s}s]"

    def rate(series: str, by: str) -> str:
        return f"sum by ({POD}) (max by ({by}) (max_over_time(rate({series}[{pace.rate_s}s]){moments})))"

    def most(series: str, by: str) -> str:
        return f"sum by ({POD}) (max by ({by}) (max_over_time({series}{span})))"

    established = [selector(name, (*where, ESTABLISHED)) for name in (CONNECTIONS, CONNECTIONS_6)]
    swing = f"max_over_time({memory}{span}) - min_over_time({memory}{span})"
    signals = {
        "cpu": rate(cpu, CONTAINER),
        "received": rate(selector(RECEIVED, where), INTERFACE),
        "sent": rate(selector(SENT, where), INTERFACE),
        "high": most(memory, CONTAINER),
        "swing": f"sum by ({POD}) (max by ({CONTAINER}) ({swing}))",
        "moments": f"count_over_time((sum by ({POD}) (rate({cpu}[{pace.rate_s}s]))){moments})",
        "newest": f"min by ({POD}) (max by ({CONTAINER}) (timestamp({cpu})))",
        "connections": most(established[0], CONTAINER),
        "connections6": most(established[1], CONTAINER),
    }
    return " or ".join(
        f'label_replace({query}, {quoted(SIGNAL)}, {quoted(name)}, "", "")' for name, query in signals.items()
    )


def _read(series: Iterable[Mapping[str, Any]], pace: _Pace, now_s: float) -> dict[Key, Activity]:
    told: dict[Key, dict[str, float]] = {}
    for each in series:
        labels, value = each.get("metric") or {}, _number(each.get("value"))
        of = (labels.get("namespace", ""), labels.get("pod", ""))
        if all(of) and value is not None:
            told.setdefault(of, {})[labels.get(SIGNAL, "")] = value
    return {of: _activity(signals, pace, now_s) for of, signals in told.items()}


def _activity(signals: Mapping[str, float], pace: _Pace, now_s: float) -> Activity:
    newest_s = signals.get("newest")
    known = [signals[name] for name in ("connections", "connections6") if name in signals]
    return Activity(
        span_s=pace.span_s,
        covered=min(1.0, signals.get("moments", 0.0) / max(1, pace.span_s // pace.step_s)),
        age_s=None if newest_s is None else max(0.0, now_s - newest_s),
        cpu_cores=signals.get("cpu"),
        received_bytes_per_s=signals.get("received"),
        sent_bytes_per_s=signals.get("sent"),
        memory_high_bytes=signals.get("high"),
        memory_swing_bytes=signals.get("swing"),
        connections=sum(known) if known else None,
    )


def _number(value: Any) -> float | None:  # noqa: ANN401 - as Prometheus answers
    """A sample's value; None for what measures nothing."""
    try:
        number = float(value[1])
    except (TypeError, ValueError, IndexError, KeyError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
