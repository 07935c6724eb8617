"""Kills of pods that are gone, as kube-state-metrics recorded them: of these no pod's status tells any more.

A pod that was evicted or replaced takes its last state with it; where nobody watched at the time (the operator was
down), only a record knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from foresize_forecast.pods import Kill
from foresize_forecast.prometheus.promql import Matcher, one_of, selector
from foresize_forecast.prometheus.samples import ContainerOfPod, by_container, read_samples
from foresize_forecast.prometheus.source import Refusal, Source
from foresize_forecast.prometheus.wire import Answer, Connection

REASON = "kube_pod_container_status_last_terminated_reason"
ENDED = "kube_pod_container_status_last_terminated_timestamp"
LIMITS = "kube_pod_container_resource_limits"
SPAN_S = 86_400
"""How far back kills are looked for: longer than an operator is down."""
STEP_S = 300
NAMESPACES_PER_QUERY = 20


def past_kills(source: Source, namespaces: Sequence[str], now_s: float) -> dict[ContainerOfPod, Kill]:
    """The last kill of each container that was killed within a day, with the limit that it then had.

    Empty where kube-state-metrics is not scraped, or cannot be read: then pods' statuses have to tell.
    """
    found: dict[ContainerOfPod, Kill] = {}
    chosen = sorted(set(namespaces))
    with Connection(source) as connection:
        for at in range(0, len(chosen), NAMESPACES_PER_QUERY):
            found |= _of(connection, chosen[at : at + NAMESPACES_PER_QUERY], int(now_s))
    return found


def _of(connection: Connection, namespaces: Sequence[str], now_s: int) -> dict[ContainerOfPod, Kill]:
    where = (*connection.source.matchers, Matcher("namespace", "=~", one_of(namespaces)))
    killed = f"{_highest(selector(REASON, (*where, Matcher('reason', '=', 'OOMKilled'))))} == 1"
    ended = _highest(selector(ENDED, where))
    at_s = _values(connection, f"max_over_time(({ended} and {killed})[{SPAN_S}s:{STEP_S}s])", now_s)
    recent = {of: ended_s for of, ended_s in at_s.items() if now_s - ended_s <= SPAN_S}
    if not recent:
        return {}
    limits = _highest(selector(LIMITS, (*where, Matcher("resource", "=", "memory"))))
    history = _series(connection.over_range(limits, now_s - SPAN_S, now_s, STEP_S), connection.source)
    return {of: Kill(ended_s, _limit_at(history.get(of, {}), ended_s)) for of, ended_s in recent.items()}


def _highest(series: str) -> str:
    """One series a container, whatever else labels it."""
    return f"max by (namespace, pod, container) ({series})"


def _values(connection: Connection, query: str, now_s: int) -> dict[ContainerOfPod, float]:
    answer = connection.instant(query, now_s)
    if isinstance(answer, Refusal):
        return {}
    one = Answer([{**each, "values": [each.get("value")]} for each in answer.series], answer.warnings)
    return {of: next(iter(points.values())) for of, points in _series(one, connection.source).items() if points}


def _series(answer: Answer | Refusal, source: Source) -> dict[ContainerOfPod, dict[float, float]]:
    """Values by time; nothing of what cannot be read."""
    read = answer if isinstance(answer, Refusal) else read_samples(answer, source)
    if isinstance(read, Refusal):
        return {}
    return {
        of: dict(zip(samples.times_s.tolist(), samples.values.tolist(), strict=True))
        for of, samples in by_container(read)
    }


def _limit_at(limits: dict[float, float], at_s: float) -> int | None:
    """The newest limit that was recorded before a kill; the oldest where none was; None without a limit."""
    if not limits:
        return None
    before = [moment_s for moment_s in limits if moment_s <= at_s]
    return int(limits[max(before) if before else min(limits)])
