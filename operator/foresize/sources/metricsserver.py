"""metrics-server, where there is no Prometheus: it tells the present alone, so what it told is kept here.

A thread reads it as long as the operator runs, whoever holds the Lease: an operator that takes over has seen as much.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from foresize.config.quantities import memory_bytes
from foresize.kube.kubeapi import Api, ApiError, Forbidden, NotFound
from foresize_forecast.deciding.stalls import Waiting
from foresize_forecast.moving.idle import Activity
from foresize_forecast.pods import Kill
from foresize_forecast.prometheus import (
    ContainerOfPod,
    HistoryAnswer,
    HistoryRequest,
    NewestSamples,
    Refusal,
    RefusalKind,
)
from foresize_forecast.sampled import (
    LONG_ENOUGH_S,
    MOST_CONTAINERS,
    Sampled,
    history_of,
    newest_of,
    peaks_of,
    with_samples,
)
from foresize_forecast.series import Grid

logger = logging.getLogger(__name__)

METRICS = "/apis/metrics.k8s.io/v1beta1"
PEAKS_S = 3600
HOUR_S = 3600
NOT_MEANT = "nothing is lowered: no Prometheus is set, and --metrics-source=metrics-server does not say that is meant"
Key = tuple[str, str]
Json = dict[str, Any]


class MetricsServer:
    """A reader of what metrics-server told since this process started."""

    def __init__(self, api: Api, namespaces: Sequence[str], every_s: float, *, meant: bool) -> None:
        """Nothing is read before `start`.

        Args:
            api: the API server that passes questions on to it.
            namespaces: the only ones to read; empty: all at once.
            every_s: seconds between two readings.
            meant: whether somebody chose it; else nothing is ever lowered for what it tells.
        """
        self._api, self._namespaces, self._every_s, self._meant = api, namespaces, every_s, meant
        self._known = Sampled()
        """Replaced whole by the thread that reads: whoever has read it once may go on with it."""
        self._refusal: Refusal | None = _refusal("it has not answered yet", meant=meant)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Read from now on. Returns at once."""
        threading.Thread(target=self._loop, name="metrics-server", daemon=True).start()

    def stop(self) -> None:
        """Read no more."""
        self._stopped.set()

    def read(self, now_s: float) -> None:
        """Ask once, and keep what is new."""
        try:
            found = [each for path in self._paths() for each in self._api.list(path)]
        except ApiError as error:
            if self._refusal is None:
                logger.warning("metrics-server was not read: %s", error)
            self._refusal = _refusal(_why(error), meant=self._meant)
            return
        self._known = with_samples(self._known, (sample for each in found for sample in _samples(each)), now_s)
        self._refusal = None

    def newest(self, namespaces: Sequence[str], now_s: float, span_s: int) -> NewestSamples:
        """As of any reader; with why nothing is lowered while too little was seen."""
        containers, refusals = newest_of(self._known, namespaces, now_s, span_s), {}
        if self._refusal is not None:
            containers, refusals = {}, dict.fromkeys(namespaces, self._refusal)
        return NewestSamples(now_s, containers, refusals, note=self._note(), held=self._held())

    def history(self, requests: Sequence[HistoryRequest], grid: Grid) -> HistoryAnswer:
        """As of any reader."""
        if self._refusal is not None:
            refusals = {(each.namespace, each.workload): self._refusal for each in requests}
            return HistoryAnswer.of({}, grid, refusals)
        return history_of(self._known, requests, grid)

    def waiting(self, pods: Collection[Key], now_s: float) -> Mapping[ContainerOfPod, Waiting]:
        """Nothing: it does not tell."""
        del pods, now_s
        return {}

    def activity(self, namespaces: Collection[str], span_s: int, now_s: float) -> Mapping[Key, Activity]:
        """Nothing: processor time alone, which it tells, is no evidence that a pod does nothing."""
        del namespaces, span_s, now_s
        return {}

    def pod_peaks(self, now_s: float) -> Mapping[Key, float] | Refusal:
        """As of any reader."""
        return self._refusal or peaks_of(self._known, now_s, PEAKS_S)

    def past_kills(self, namespaces: Sequence[str], now_s: float) -> Mapping[ContainerOfPod, Kill]:
        """Nothing: pods' statuses have to tell."""
        del namespaces, now_s
        return {}

    def _loop(self) -> None:
        while not self._stopped.is_set():
            try:
                self.read(time.time())
            except Exception:  # a loop must not end
                logger.exception("metrics-server was not read")
            self._stopped.wait(self._every_s)

    def _paths(self) -> Iterator[str]:
        return (
            (f"{METRICS}/namespaces/{each}/pods" for each in self._namespaces)
            if self._namespaces
            else iter([f"{METRICS}/pods"])
        )

    def _note(self) -> str:
        hours = self._known.seen_s / HOUR_S
        return f"memory is read from metrics-server and remembered by this process alone, {hours:.1f} hours until now"

    def _held(self) -> str:
        """Why nothing is lowered; empty where something may be."""
        if not self._meant:
            return NOT_MEANT
        if self._known.seen_s < LONG_ENOUGH_S:
            hours, needed = self._known.seen_s / HOUR_S, LONG_ENOUGH_S // HOUR_S
            return f"nothing is lowered before metrics-server has been read for {needed} hours; it has for {hours:.1f}"
        if self._known.left_out:
            return f"nothing is lowered: the history of {MOST_CONTAINERS} containers can be kept; set a Prometheus"
        return ""


def _samples(metrics: Json) -> Iterator[tuple[ContainerOfPod, float, float]]:
    """Of one PodMetrics; nothing of what cannot be read."""
    try:
        at_s = datetime.fromisoformat(metrics["timestamp"]).timestamp()
        pod = metrics["metadata"]
        for each in metrics["containers"]:
            of = ContainerOfPod(pod["namespace"], pod["name"], each["name"])
            yield of, at_s, float(memory_bytes(each["usage"]["memory"]))
    except (KeyError, TypeError, ValueError) as error:
        logger.debug("metrics of a pod that cannot be read: %r", error)


def _why(error: ApiError) -> str:
    if isinstance(error, NotFound):
        return "the API metrics.k8s.io is not served: is metrics-server installed?"
    if isinstance(error, Forbidden):
        return f"its rights do not allow it (operator.metricsSource of the chart grants them): {error.message}"
    return str(error)


def _refusal(why: str, *, meant: bool) -> Refusal:
    if meant:
        return Refusal(RefusalKind.NO_METRICS_SERVER, f"metrics-server cannot be read: {why}")
    words = f"no Prometheus is set (--prometheus-url), and metrics-server cannot be read instead: {why}"
    return Refusal(RefusalKind.NOT_SET, words)
