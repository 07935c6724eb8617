"""Puts a past into Prometheus: series of numbers become blocks of its database, before it starts."""

import math
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WORKING_SET = "container_memory_working_set_bytes"
RSS = "container_memory_rss"
PROMTOOL_TIMEOUT_S = 300


@dataclass(frozen=True)
class Series:
    """One series on a regular grid that ends before now."""

    metric: str
    labels: Mapping[str, str]
    start_s: float  # Unix time of the first value
    step_s: float
    values: Sequence[float]  # NaN is a gap: no sample is written


def container_memory(
    pod: Mapping[str, str], container: str, start_s: float, step_s: float, values: Sequence[float]
) -> list[Series]:
    """The series that cAdvisor would have given of a container's memory.

    Args:
        pod: `namespace`, `pod` and `node`, by these names.
        container: its name.
        start_s: Unix time of the first value.
        step_s: seconds from one value to the next.
        values: bytes, NaN for a gap; the same for working set and RSS.
    """
    labels = {**scrape_labels(pod["node"]), "namespace": pod["namespace"], "pod": pod["pod"], "container": container}
    return [Series(metric, labels, start_s, step_s, values) for metric in (WORKING_SET, RSS)]


def scrape_labels(node: str) -> dict[str, str]:
    """What the scrape itself says of a kubelet's series, in the past and in the present."""
    return {"job": "kubelet", "metrics_path": "/metrics/cadvisor", "node": node}


def write_blocks(database: Path, series: Sequence[Series]) -> None:
    """Write series into a database that no Prometheus has open.

    Raises:
        RuntimeError: promtool refused; the text says why.
    """
    database.mkdir(parents=True, exist_ok=True)
    text = database.with_name(database.name + ".openmetrics")
    with text.open("w") as file:
        file.writelines(_openmetrics(series))
    command = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=744h", "--quiet", "openmetrics"]
    done = subprocess.run(
        [*command, str(text), str(database)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROMTOOL_TIMEOUT_S,
    )
    text.unlink()
    if done.returncode != 0:
        raise RuntimeError(f"promtool: {done.stderr.strip() or done.stdout.strip()}")


def _openmetrics(series: Sequence[Series]) -> Iterator[str]:
    families: dict[str, list[Series]] = defaultdict(list)
    for one in series:
        families[one.metric].append(one)
    for metric, members in families.items():
        yield f"# TYPE {metric} gauge\n"
        for one in members:
            name = metric + "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in one.labels.items()) + "}"
            for position, value in enumerate(one.values):
                if not math.isnan(value):
                    yield f"{name} {value:.0f} {one.start_s + position * one.step_s:.3f}\n"
    yield "# EOF\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
