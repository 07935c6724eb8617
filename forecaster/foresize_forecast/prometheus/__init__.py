"""Prometheus as a source of memory history: the slow clock's windows and the fast clock's newest samples.

Reading only. What cannot be read is a value with a reason, never an exception and never a smaller number.
"""

from foresize_forecast.prometheus.activity import activity
from foresize_forecast.prometheus.check import SourceCheck, check
from foresize_forecast.prometheus.history import HistoryAnswer, HistoryRequest, RowFacts, grid_until, history
from foresize_forecast.prometheus.newest import NewestSamples, newest
from foresize_forecast.prometheus.pastkills import past_kills
from foresize_forecast.prometheus.podpeaks import pod_peaks
from foresize_forecast.prometheus.podruns import ended_runs, run_step_s
from foresize_forecast.prometheus.promql import Matcher, parse_matchers, pod_pattern
from foresize_forecast.prometheus.samples import ContainerOfPod
from foresize_forecast.prometheus.source import Metric, Refusal, RefusalKind, Source
from foresize_forecast.prometheus.waiting import waiting

__all__ = [
    "ContainerOfPod",
    "HistoryAnswer",
    "HistoryRequest",
    "Matcher",
    "Metric",
    "NewestSamples",
    "Refusal",
    "RefusalKind",
    "RowFacts",
    "Source",
    "SourceCheck",
    "activity",
    "check",
    "ended_runs",
    "grid_until",
    "history",
    "newest",
    "parse_matchers",
    "past_kills",
    "pod_pattern",
    "pod_peaks",
    "run_step_s",
    "waiting",
]
