"""Whether a Prometheus has what sizing needs: for conditions and the command line, before anything depends on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.prometheus.history import REAL_CONTAINERS, metric_missing
from foresize_forecast.prometheus.promql import Matcher, selector
from foresize_forecast.prometheus.samples import read_samples
from foresize_forecast.prometheus.source import Metric, Refusal, Source
from foresize_forecast.prometheus.wire import Connection

SPAN_S = 600
STALE_S = 300.0
"""Prometheus itself calls a series stale after 5 minutes."""


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a source has.

    Attributes:
        problems: what keeps sizing from working, or from working well, in words; empty: nothing.
        scrape_step_s: median time between samples of a container; None where it has no two.
        newest_age_s: seconds since the newest sample looked at.
        owners_recorded: whether kube-state-metrics has recorded the owners of pods.
    """

    problems: tuple[str, ...]
    scrape_step_s: float | None = None
    newest_age_s: float | None = None
    owners_recorded: bool = False


def check(source: Source, now_s: float, step_s: int | None = None) -> SourceCheck:
    """Look whether the source answers, has the metrics, is fresh and is sampled finely enough for `step_s`."""
    with Connection(source) as connection:
        missing = metric_missing(connection, Metric.WORKING_SET, now_s)
        if missing:
            return SourceCheck((missing.message,))
        problems = []
        without_rss = metric_missing(connection, Metric.RSS, now_s)
        if without_rss:
            problems.append(f"{without_rss.message} The fast clock needs it; it stays off.")
        times = _sample_times(connection, now_s)
        if isinstance(times, Refusal):
            return SourceCheck((*problems, times.message))
        scrape_step_s, newest_age_s = times
        problems += _pace_problems(source, scrape_step_s, newest_age_s, step_s)
        owners = _owners_recorded(connection, now_s)
        if not owners:
            problems.append("kube_pod_owner is not recorded: pods are told by name. Scrape kube-state-metrics.")
        return SourceCheck(tuple(problems), scrape_step_s, newest_age_s, owners)


def _sample_times(connection: Connection, now_s: float) -> tuple[float | None, float | None] | Refusal:
    """Median distance and age of the samples of one pod: all pods of a node are scraped together."""
    chosen = (*connection.source.matchers, *REAL_CONTAINERS)
    one = connection.instant(f"topk(1, {selector(Metric.WORKING_SET, chosen)})", now_s)
    if isinstance(one, Refusal):
        return one
    if not one.series:
        return None, None
    labels = one.series[0].get("metric", {})
    chosen += tuple(Matcher(label, "=", str(labels.get(label, ""))) for label in ("namespace", "pod", "container"))
    answer = connection.instant(f"{selector(Metric.WORKING_SET, chosen)}[{SPAN_S}s]", now_s)
    series = answer if isinstance(answer, Refusal) else read_samples(answer, connection.source)
    if isinstance(series, Refusal):
        return series
    times_s = [samples.times_s for _, samples in series if samples.times_s.size]
    distances = np.concatenate([np.diff(each) for each in times_s]) if times_s else np.array([])
    step_s = float(np.median(distances)) if distances.size else None
    return step_s, min((now_s - float(each[-1]) for each in times_s), default=None)


def _pace_problems(
    source: Source, scrape_step_s: float | None, newest_age_s: float | None, step_s: int | None
) -> list[str]:
    problems = []
    if newest_age_s is None or newest_age_s > STALE_S:
        problems.append(f"Prometheus at {source.shown_url} has no sample of the last {STALE_S:g} s: is it scraping?")
    if step_s and scrape_step_s and scrape_step_s > step_s:
        problems.append(
            f"Samples come every {scrape_step_s:g} s, but history.step is {step_s} s: most intervals would be empty."
        )
    return problems


def _owners_recorded(connection: Connection, now_s: float) -> bool:
    answer = connection.instant(f"count({selector('kube_pod_owner', connection.source.matchers)})", now_s)
    return not isinstance(answer, Refusal) and bool(answer.series)
