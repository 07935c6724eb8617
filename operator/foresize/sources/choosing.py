"""Which source the settings choose."""

from __future__ import annotations

from dataclasses import replace

from foresize import metrics
from foresize.config.settings import Settings
from foresize.kube.kubeapi import Api
from foresize.sources.metricsserver import MetricsServer
from foresize.sources.reader import FromPrometheus, Reader

METRICS_SERVER, PROMETHEUS = "metrics-server", "prometheus"
LEAST_S = 1.0


def reader(settings: Settings, api: Api) -> Reader | None:
    """Where memory is read: what is set, else Prometheus where it has an address; None where it needs one and has none.

    metrics-server is asked once a tick; it has something new every 15 s, unless it was told otherwise.
    """
    source = settings.source()
    meant = settings.metrics_source == METRICS_SERVER
    if meant or (source is None and settings.metrics_source != PROMETHEUS):
        return MetricsServer(api, settings.namespaces, max(LEAST_S, settings.tick_s), meant=meant)
    return None if source is None else FromPrometheus(replace(source, asked=metrics.asked))
