"""Writes the reference of the metrics from their own words: `python -m foresize_dev.metricdocs > docs/metrics.md`."""

import re
import sys
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import CollectorRegistry

from foresize import metrics
from foresize.webhook import metrics as webhook

HEAD = """# Metrics

Made from `operator/foresize/metrics.py` and `operator/foresize/webhook/metrics.py` by
`python -m foresize_dev.metricdocs > docs/metrics.md`. Both are served at `/metrics`: the operator's on port 8080, the
webhook's on port 8081.

Labels named `namespace` are those of the workload, so a scrape has to keep them: `honor_labels: true`, which the
chart's ServiceMonitor and PodMonitor set. At most `metrics.containers` (2000) containers have series of their own:
those that leak first, then by what they request; `0` leaves out all of them. Sums by namespace count every container.

Of several operators only the one that holds the Lease tells of workloads. Beside these, the operator serves those of
every Python process (`process_resident_memory_bytes`, `process_cpu_seconds_total`, `python_info` and so on).
"""
PAGES = (("The operator", metrics.REGISTRY), ("The webhook", webhook.REGISTRY))


def named(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """The labels of each of our own metrics, by its full name."""
    return {name: labels for name, labels, _ in _found(registry)}


def markdown() -> str:
    """The page docs/metrics.md."""
    parts = [HEAD]
    for title, registry in PAGES:
        rows = (
            f"| `{name}` | {metric.type} | {', '.join(f'`{label}`' for label in labels)} | {metric.documentation} |"
            for name, labels, metric in _found(registry)
        )
        parts.append("\n".join([f"## {title}\n", "| metric | type | labels | |\n| --- | --- | --- | --- |", *rows, ""]))
    return "\n".join(parts)


def _found(registry: CollectorRegistry) -> Iterator[tuple[str, tuple[str, ...], Metric]]:
    # The library has no public list of collectors, and what it shows of one says nothing of labels without values.
    for collector in sorted(set(registry._collector_to_names), key=lambda each: getattr(each, "_name", "")):  # noqa: SLF001
        if re.match("foresize_", getattr(collector, "_name", "")):
            [metric] = getattr(collector, "describe")()  # noqa: B009 - typed where it is abstract only
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            yield name, tuple(getattr(collector, "_labelnames")), metric  # noqa: B009 - as the line above


if __name__ == "__main__":
    sys.stdout.write(markdown())
