"""What a pass found, as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Gauge

from foresize import metrics
from foresize.reporting.forecasts import Look, present
from foresize_forecast.outlook import ShapeKind
from foresize_forecast.plan import Forecasted
from foresize_forecast.sizes import Size

SIZES = (metrics.REQUEST, metrics.LIMIT, metrics.WANTED_REQUEST, metrics.WANTED_LIMIT)
GAUGES = (*SIZES, metrics.PEAK, metrics.LEAKING, metrics.BLOCKED)
Labels = tuple[str, ...]
Values = dict[Gauge, dict[Labels, float]]


def export(looks: Mapping[tuple[str, str], Look]) -> None:
    """Show what the last pass found; what is no longer managed disappears, and a scrape in between misses nothing."""
    values: Values = {gauge: {} for gauge in GAUGES}
    for (namespace, workload), look in looks.items():
        for blocked in look.blocked.values():
            obstacle = (str(blocked.obstacle),)
            values[metrics.BLOCKED][obstacle] = values[metrics.BLOCKED].get(obstacle, 0) + 1
        for name, verdict in look.review.verdicts.items():
            _add(values, (namespace, workload, name), present(name, look.seen), verdict.target, look)
    for gauge, wanted in values.items():
        show(gauge, wanted)


def _add(values: Values, labels: Labels, now: Size, target: Size, look: Look) -> None:
    sizes = (now.request_bytes, now.limit_bytes, target.request_bytes, target.limit_bytes)
    for gauge, value in zip(SIZES, sizes, strict=True):
        if value is not None:
            values[gauge][labels] = value
    forecast = look.forecasts.get(labels[2])
    if isinstance(forecast, Forecasted):
        values[metrics.PEAK][labels] = forecast.peak_bytes
        values[metrics.LEAKING][labels] = forecast.outlook.shape.kind is ShapeKind.LEAKING


def show(gauge: Gauge, wanted: Mapping[Labels, float]) -> None:
    """Make a gauge tell these values by labels, and no others."""
    for labels, value in wanted.items():
        gauge.labels(*labels).set(value)
    shown = [tuple(sample.labels.values()) for metric in gauge.collect() for sample in metric.samples]
    for labels in shown:
        if labels not in wanted:
            gauge.remove(*labels)
