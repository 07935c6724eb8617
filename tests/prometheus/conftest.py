"""A real Prometheus and a real VictoriaMetrics on loopback, filled with two hours that the tests know by heart."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from foresize_dev import parts
from foresize_forecast.prometheus import Source

BASE_S = 1_790_000_100
"""Start of the data: a multiple of 300."""
MIB = 1 << 20
BOOT_DEADLINE_S = 60


@dataclass(frozen=True)
class Server:
    """The server, and what is in it."""

    source: Source
    base_s: int
    kind: str
    """`prometheus` or `victoriametrics`."""
    odd_texts: tuple[str, ...]
    """Label values of the metric `odd`, one series each; the sample's value is the text's place here."""


@pytest.fixture(scope="session", params=["prometheus", "victoriametrics"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port, texts = tmp_path_factory.mktemp(request.param), _free_port(), _odd_texts()
    lines = [*_lines(), *_waiting_lines(), *_killed_lines(), *_acting_lines(), *_odd_lines(texts)]
    process = _prometheus(folder, port, lines) if request.param == "prometheus" else _victoria_metrics(folder, port)
    url = f"http://127.0.0.1:{port}"
    try:
        if request.param == "prometheus":
            _await_ready(f"{url}/-/ready", process, folder)
        else:
            _await_ready(f"{url}/health", process, folder)
            put(url, lines)
        yield Server(Source(url, timeout_s=20), BASE_S, request.param, texts)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Server]:
    """A VictoriaMetrics that looks at a few samples for each query, and refuses others."""
    port = _free_port()
    process = _victoria_metrics(tmp_path, port, "-search.maxSamplesPerQuery=400")
    url = f"http://127.0.0.1:{port}"
    try:
        _await_ready(f"{url}/health", process, tmp_path)
        put(url, list(_lines()))
        yield Server(Source(url, timeout_s=20, retries=0), BASE_S, "victoriametrics", ())
    finally:
        process.terminate()
        process.wait(20)


def _prometheus(folder: Path, port: int, lines: list[str]) -> subprocess.Popen[bytes]:
    for program in ("prometheus", "promtool"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed (Debian package prometheus)")
    _back_fill(folder, lines)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")
    flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y"]
    return _start(folder, ["prometheus", *flags, f"--web.listen-address=127.0.0.1:{port}"])


def _victoria_metrics(folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    program = parts.find(parts.VICTORIA_METRICS)
    if program is None:
        pytest.skip("VictoriaMetrics is not built (make parts)")
    flags = ["-storageDataPath=data", "-retentionPeriod=100y"]
    return _start(folder, [str(program), *flags, *more, f"-httpListenAddr=127.0.0.1:{port}"])


def put(url: str, lines: list[str]) -> None:
    """As `promtool` does for Prometheus; times are milliseconds here, and what was imported is seen after a flush."""
    text = "\n".join(
        f"{head} {round(float(at_s) * 1000)}" for head, _, at_s in (line.rpartition(" ") for line in lines)
    )
    requests.post(f"{url}/api/v1/import/prometheus", data=text.encode(), timeout=60).raise_for_status()
    requests.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()


def _lines() -> Iterator[str]:
    """Samples every 60 s, 30 s off the minute, so that none lies on the boundary of an interval."""
    ws, rss, mib = "container_memory_working_set_bytes", "container_memory_rss", MIB
    old, new = "web-6d4cf56db6-x7k2p", "web-75b4f9d8c4-b2bcd"
    # The first pod of web lives for the first hour at 100 MiB, with one sample of 200 MiB at 1530 s, in (1500, 1800].
    yield from _series(ws, _of("shop", old, "web"), 0, 3600, lambda t: (200 if t == 1530 else 100) * mib)
    # The second one for the second hour: 300 MiB in its first 5 minutes, then 120 MiB; seen by two Prometheus replicas,
    # of which b reads 1 MiB more.
    for replica, more in (("a", 0), ("b", 1)):
        labels = {**_of("shop", new, "web"), "prometheus_replica": replica}
        yield from _series(ws, labels, 3600, 7200, lambda t, more=more: ((300 if t < 3900 else 120) + more) * mib)
        yield from _series(rss, labels, 3600, 7200, lambda _, more=more: (90 + more) * mib)
    # What is no container of ours: the pod's sum and the pause container.
    for container in ("", "POD"):
        yield from _series(ws, _of("shop", new, container), 0, 7200, lambda _: 900 * mib)
    # A pod with a name like one of web's that belongs to someone else, and one of web's with a name like nobody's.
    yield from _series(ws, _of("shop", "web-bcdfg-bcdfg", "web"), 0, 7200, lambda _: 800 * mib)
    yield from _series(ws, _of("shop", "renamed", "helper"), 0, 7200, lambda _: 40 * mib)
    owners = [
        ("kube_pod_owner", {"pod": old}, "ReplicaSet", "web-6d4cf56db6"),
        ("kube_pod_owner", {"pod": new}, "ReplicaSet", "web-75b4f9d8c4"),
        ("kube_pod_owner", {"pod": "renamed"}, "ReplicaSet", "web-75b4f9d8c4"),
        ("kube_pod_owner", {"pod": "web-bcdfg-bcdfg"}, "DaemonSet", "web-bcdfg"),
        ("kube_replicaset_owner", {"replicaset": "web-6d4cf56db6"}, "Deployment", "web"),
        ("kube_replicaset_owner", {"replicaset": "web-75b4f9d8c4"}, "Deployment", "web"),
    ]
    for metric, owned, kind, name in owners:
        labels = {"namespace": "shop", **owned, "owner_kind": kind, "owner_name": name, "owner_is_controller": "true"}
        yield from _series(metric, labels, 0, 3600, lambda _: 1)
    # A namespace without recorded owners: db, db-proxy, and a pod that is neither.
    for pod, size in (("db-0", 10), ("db-1", 20), ("db-proxy-0", 30), ("dbx0", 500)):
        yield from _series(ws, {**_of("bare", pod, "main"), "cluster": "eu"}, 0, 7200, lambda _, size=size: size * mib)
    yield from _series(ws, {**_of("bare", "db-0", "main"), "cluster": "us"}, 0, 7200, lambda _: 70 * mib)
    # Values that cannot be memory, each for 5 minutes of its own; 0 is a container that has exited.
    absurd = ["5e6", "NaN", "-5e6", "+Inf", "1e18", "0", "6e6"]
    yield from _series(ws, _of("absurd", "odd-0", "main"), 0, 2100, lambda t: absurd[t // 300])
    # A short job: its pods never outlive their start-up.
    for i in range(3):
        pod = f"job-2930000{i}-bcdf{i + 4}"
        yield from _series(ws, _of("batch", pod, "main"), 1800 * (i + 1), 1800 * (i + 1) + 180, lambda _: 64 * mib)


def _waiting_lines() -> Iterator[str]:
    # Limits lowered at 6000 s: slow/api-0 stands still for 31 % of the time from then on, 1 % before; calm/api-0, on
    # the same kind of node, never does, for all its major faults; old/api-0's node measures faults only, 80 a second.
    psi, faults = "container_pressure_memory_stalled_seconds_total", "container_memory_failures_total"
    major = {"failure_type": "pgmajfault", "scope": "container"}
    for namespace in ("slow", "calm"):
        steep = 0.3 if namespace == "slow" else 0.0
        labels = _of(namespace, "api-0", "main")
        yield from _series(psi, labels, 0, 7200, lambda t, s=steep: (s > 0) * 0.01 * t + s * max(0, t - 6000))
    for namespace in ("calm", "old"):
        labels = {**_of(namespace, "api-0", "main"), **major}
        yield from _series(faults, labels, 0, 7200, lambda t: 80 * max(0, t - 6000))
        for other in ({"failure_type": "pgfault", "scope": "container"}, {**major, "scope": "hierarchy"}):
            yield from _series(faults, {**labels, **other}, 0, 7200, lambda t: 9000 * t)


def _killed_lines() -> Iterator[str]:
    """From kube-state-metrics.

    gone/web was killed at 3000 s at a limit of 100 MiB, which was 200 from 4000 s on, and its pod went at 5000 s; its
    sidecar came to a good end. gone/none was killed without a limit.
    """
    for pod, container, why in (
        ("web-1", "web", "OOMKilled"),
        ("web-1", "side", "Completed"),
        ("none-1", "x", "OOMKilled"),
    ):
        labels = _of("gone", pod, container)
        reason = {**labels, "reason": why}
        yield from _series("kube_pod_container_status_last_terminated_reason", reason, 3000, 5000, lambda _: 1)
        yield from _series(
            "kube_pod_container_status_last_terminated_timestamp", labels, 3000, 5000, lambda _: BASE_S + 3000
        )
        if pod == "web-1":
            limit = {**labels, "resource": "memory", "unit": "byte"}
            name = "kube_pod_container_resource_limits"
            yield from _series(name, limit, 0, 5000, lambda t: (100 if t < 4000 else 200) * MIB)
            yield from _series(name, {**labels, "resource": "cpu"}, 0, 5000, lambda _: 2)


def _acting_lines() -> Iterator[str]:
    """Pods that do something, and that do not; of waits-0 two replicas of Prometheus have recorded the same."""
    cpu, ws = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
    received, sent = "container_network_receive_bytes_total", "container_network_transmit_bytes_total"
    spans = {"waits-0": (0, 7200), "bursts-0": (0, 7200), "young-0": (6100, 7200), "ended-0": (0, 6400)}
    for pod, (start_s, end_s) in spans.items():
        labels = _of("act", pod, "main")
        for replica in ("a", "b") if pod == "waits-0" else ("a",):
            told = {**labels, "prometheus_replica": replica}
            yield from _series(cpu, told, start_s, end_s, lambda t: 0.001 * t)
            yield from _series(ws, told, start_s, end_s, lambda t: (100 + (t // 60) % 2) * MIB)
            for metric, rate in ((received, 100), (sent, 50)) if pod != "young-0" else ():
                network = {"namespace": "act", "pod": pod, "interface": "eth0", "prometheus_replica": replica}
                yield from _series(metric, network, start_s, end_s, lambda t, rate=rate: rate * t)
    # A sidecar that works for half a core from 6000 to 6300 s, and three connections then.
    side = _of("act", "bursts-0", "side")
    yield from _series(cpu, side, 0, 7200, lambda t: 0.5 * min(300, max(0, t - 6000)))
    connected = {**_of("act", "bursts-0", ""), "tcp_state": "established"}
    yield from _series("container_network_tcp_usage_total", connected, 0, 7200, lambda t: 3 * (6000 < t < 6300))


def _odd_texts() -> tuple[str, ...]:
    """Label values with everything that could be mistaken for syntax; the seed makes every run the same."""
    chosen = random.Random(7)  # noqa: S311 - not for secrets
    alphabet = "a0\"\\'`.*+?|()[]{}^$,=~!#- \n\té中"
    made = {"".join(chosen.choices(alphabet, k=chosen.randint(1, 8))) for _ in range(150)}
    return tuple(sorted(made | {'a"b', "a\\b", "a.b", "axb", 'a",x="', "a|b", "a", "b", "\\", "\\d+", "a\nb"}))


def _odd_lines(texts: tuple[str, ...]) -> Iterator[str]:
    for place, text in enumerate(texts):
        yield from _series("odd", {"text": text}, 0, 60, lambda _, place=place: place + 1)


def _of(namespace: str, pod: str, container: str) -> dict[str, str]:
    return {"namespace": namespace, "pod": pod, "container": container}


def _series(
    metric: str, labels: Mapping[str, str], start_s: int, end_s: int, value_at: Callable[[int], object]
) -> Iterator[str]:
    written = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)
    for t in range(start_s + 30, end_s, 60):
        yield f"{metric}{{{written}}} {value_at(t)} {BASE_S + t}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _back_fill(folder: Path, lines: list[str]) -> None:
    by_metric: dict[str, list[str]] = {}
    for line in lines:
        by_metric.setdefault(line.partition("{")[0], []).append(line)
    text = "".join(f"# TYPE {metric} gauge\n" + "\n".join(found) + "\n" for metric, found in by_metric.items())
    (folder / "history.om").write_text(text + "# EOF\n", encoding="utf-8")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "history.om", "data"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def _start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)


def _await_ready(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + BOOT_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    pytest.fail(f"{url} was not ready within {BOOT_DEADLINE_S} s:\n{(folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
