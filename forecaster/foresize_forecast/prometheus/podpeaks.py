"""What every pod of the cluster used at most of late: of those that nobody forecasts nothing else is known."""

from __future__ import annotations

from collections.abc import Mapping

from foresize_forecast.prometheus.history import REAL_CONTAINERS
from foresize_forecast.prometheus.promql import selector
from foresize_forecast.prometheus.source import Metric, Refusal, Source
from foresize_forecast.prometheus.wire import Connection

SPAN_S = 3600
"""An hour: what has peaked longer ago peaks as is usual."""


def pod_peaks(source: Source, now_s: float) -> Mapping[tuple[str, str], float] | Refusal:
    """By namespace and name, the sum of the highest working sets of a pod's containers in the last hour, bytes.

    That is at least the pod's own peak. One query, answered with one number a pod.
    """
    series = selector(Metric.WORKING_SET, (*source.matchers, *REAL_CONTAINERS))
    highest = f"max by (namespace, pod, container) (max_over_time({series}[{SPAN_S}s]))"
    with Connection(source) as connection:
        answer = connection.instant(f"sum by (namespace, pod) ({highest})", now_s)
    if isinstance(answer, Refusal):
        return answer
    found: dict[tuple[str, str], float] = {}
    for series_of in answer.series:
        labels, value = series_of["metric"], float(series_of["value"][1])
        if labels.get("pod") and 0 < value < float("inf"):
            found[labels.get("namespace", ""), labels["pod"]] = value
    return found
