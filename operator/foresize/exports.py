"""What a pass found, as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from foresize import metrics
from foresize.forecasts import Look, present
from foresize_forecast.outlook import ShapeKind
from foresize_forecast.plan import Forecasted
from foresize_forecast.sizes import Size

SIZES = (metrics.REQUEST, metrics.LIMIT, metrics.WANTED_REQUEST, metrics.WANTED_LIMIT)


def export(looks: Mapping[tuple[str, str], Look]) -> None:
    """Show what the last pass found; what is no longer managed disappears."""
    for gauge in (*SIZES, metrics.PEAK, metrics.LEAKING, metrics.BLOCKED):
        gauge.clear()
    for (namespace, workload), look in looks.items():
        for blocked in look.blocked.values():
            metrics.BLOCKED.labels(blocked.obstacle).inc()
        for name, verdict in look.review.verdicts.items():
            _export_container((namespace, workload, name), present(name, look.seen), verdict.target, look)


def _export_container(labels: tuple[str, str, str], now: Size, target: Size, look: Look) -> None:
    values = (now.request_bytes, now.limit_bytes, target.request_bytes, target.limit_bytes)
    for gauge, value in zip(SIZES, values, strict=True):
        if value is not None:
            gauge.labels(*labels).set(value)
    forecast = look.forecasts.get(labels[2])
    if isinstance(forecast, Forecasted):
        metrics.PEAK.labels(*labels).set(forecast.outlook.peak_bytes)
        metrics.LEAKING.labels(*labels).set(forecast.outlook.shape.kind is ShapeKind.LEAKING)
