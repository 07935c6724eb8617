"""What passes ask of whoever knows how much memory containers use; none of them knows who that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from foresize_forecast import prometheus
from foresize_forecast.deciding.stalls import Waiting
from foresize_forecast.moving.idle import Activity
from foresize_forecast.pods import Kill
from foresize_forecast.prometheus import ContainerOfPod, HistoryAnswer, HistoryRequest, NewestSamples, Refusal, Source
from foresize_forecast.series import Grid

Key = tuple[str, str]


class Reader(Protocol):
    """Memory of containers, now and before. Thread-safe; what cannot be read is a value with a reason."""

    def newest(self, namespaces: Sequence[str], now_s: float, span_s: int) -> NewestSamples:
        """The samples of the last seconds of every container in the namespaces."""

    def history(self, requests: Sequence[HistoryRequest], grid: Grid) -> HistoryAnswer:
        """What the containers of the requested workloads used in each interval."""

    def waiting(self, pods: Collection[Key], now_s: float) -> Mapping[ContainerOfPod, Waiting]:
        """How long containers of some pods wait for memory."""

    def activity(self, namespaces: Collection[str], span_s: int, now_s: float) -> Mapping[Key, Activity]:
        """What pods did besides using memory."""

    def pod_peaks(self, now_s: float) -> Mapping[Key, float] | Refusal:
        """What every pod used at most in the last hour, bytes."""

    def past_kills(self, namespaces: Sequence[str], now_s: float) -> Mapping[ContainerOfPod, Kill]:
        """Kills on record of containers whose pods may be gone."""


class FromPrometheus:
    """A Prometheus, or whatever answers as one."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def newest(self, namespaces: Sequence[str], now_s: float, span_s: int) -> NewestSamples:
        """As of any reader."""
        return prometheus.newest(self._source, namespaces, now_s, span_s)

    def history(self, requests: Sequence[HistoryRequest], grid: Grid) -> HistoryAnswer:
        """As of any reader."""
        return prometheus.history(self._source, requests, grid)

    def waiting(self, pods: Collection[Key], now_s: float) -> Mapping[ContainerOfPod, Waiting]:
        """As of any reader."""
        return prometheus.waiting(self._source, pods, now_s)

    def activity(self, namespaces: Collection[str], span_s: int, now_s: float) -> Mapping[Key, Activity]:
        """As of any reader."""
        return prometheus.activity(self._source, namespaces, span_s, now_s)

    def pod_peaks(self, now_s: float) -> Mapping[Key, float] | Refusal:
        """As of any reader."""
        return prometheus.pod_peaks(self._source, now_s)

    def past_kills(self, namespaces: Sequence[str], now_s: float) -> Mapping[ContainerOfPod, Kill]:
        """As of any reader."""
        return prometheus.past_kills(self._source, namespaces, now_s)
