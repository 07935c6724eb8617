"""What the operator takes of memory, processor, API server and Prometheus, by how many containers it watches.

Usage: python bench/operator_load.py [--containers 100,1000] [--seconds 60], as root, after `make parts`;
FORESIZE_LANE=NAME beside other clusters. The API server is real, nodes and pods are only said to be there (five to a
Deployment, a container each), and so is their memory: two days of it in a real Prometheus, and a target that goes on.
One policy that resizes in place selects all of them; its window is the default of 14 days, of which 12 are empty. The
operator has its default settings. Figures are of the time until all have a forecast, and of the seconds after. They are
printed, and added to the JSON file that the environment variable BENCH_JSON names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from foresize_dev import backfill, cluster, helm, lanes
from foresize_dev import prometheus as prometheuses
from foresize_dev.cluster import Cluster
from foresize_dev.operator_process import Operator
from foresize_dev.places import TEST_STATE
from foresize_dev.waiting import wait_for
from puppets import Puppet, deployment, puppets

Json = dict[str, Any]
NAMESPACE, PODS_EACH = "crowd", 5
DAYS, STEP_S, MIB = 2, 300, 1 << 20
PODS_A_NODE = 400
DEADLINE_S = 600
STEPS = ("list", "samples", "act", "evict", "write")
"""Of the pass of each tick."""
SIZES: Json = {"requests": {"memory": "200Mi"}, "limits": {"memory": "400Mi"}}
POLICY: Json = {
    "apiVersion": "foresize.dev/v1alpha1",
    "kind": "MemoryPolicy",
    "metadata": {"name": "all"},
    "spec": {"target": {"selector": {}}, "apply": {"atCreation": True, "running": "InPlace"}},
}


def main() -> None:
    """Measure each size on a cluster of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--containers", default="100,1000", help="sizes, with commas")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the operator is watched")
    arguments = parser.parse_args()
    lanes.enter()
    figures = []
    for count in map(int, arguments.containers.split(",")):
        running = cluster.start(cluster.Options(state=TEST_STATE, audit_level="Metadata"))
        try:
            figures.append(_measured(running, count, arguments.seconds))
        finally:
            running.stop()
        print(json.dumps(figures[-1]), flush=True)
    if path := os.environ.get("BENCH_JSON"):
        file = Path(path)
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, "operator_load": figures}, indent=1))


def _measured(running: Cluster, count: int, seconds: float) -> Json:
    helm.install(running, {"operator": {"enabled": False}})
    running.kubectl("create", "namespace", NAMESPACE)
    nodes = [Puppet(f"crowd-{number}") for number in range(-(-count // PODS_A_NODE))]
    with puppets(running, NAMESPACE, *nodes):
        names = [f"web-{number}" for number in range(count // PODS_EACH)]
        for name in names:
            made = deployment(name, nodes, PODS_EACH, SIZES)
            running.api.request("POST", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", made)
        pods = wait_for("the pods", lambda: _all_running(running, count), DEADLINE_S, every_s=2)
        with _exporter(pods) as target:
            options = prometheuses.Options(history=_past(pods), scrape_interval_s=15, targets={"kubelet": target})
            server = prometheuses.start(running.state, options)
            running.apply(POLICY, namespace=NAMESPACE)
            operator = Operator(running, {"prometheus-url": server.url})
            try:
                return {"containers": count, "workloads": len(names), **_watched(running, operator, names, seconds)}
            finally:
                operator.stop()
                server.stop()


def _watched(running: Cluster, operator: Operator, names: Sequence[str], seconds: float) -> Json:
    began_s = time.monotonic()
    operator.start()
    most = [0, 0]

    def all_forecast() -> bool:
        most[:] = [max(before, now) for before, now in zip(most, _memory(operator), strict=True)]
        path = f"/apis/foresize.dev/v1alpha1/namespaces/{NAMESPACE}/memoryforecasts"
        told = [
            each for each in running.api.get(path)["items"] if each.get("status", {}).get("summary", {}).get("peak")
        ]
        return len(told) >= len(names)

    wait_for("all forecasts", all_forecast, DEADLINE_S, every_s=2)
    forecast_s = time.monotonic() - began_s
    before, processor = _counts(operator), _processor_s(operator)
    time.sleep(seconds)
    after = _counts(operator)
    each = {name: (after[name] - before.get(name, 0.0)) / seconds for name in after}
    passes = max(1.0, after["passes"] - before["passes"])
    own, all_of_it = _memory(operator)
    return {
        "until_all_forecast_s": round(forecast_s, 1),
        "peak_mib": round(max(most[1], all_of_it) / MIB),
        "operator_mib": round(own / MIB),
        "with_workers_mib": round(all_of_it / MIB),
        "processor": round((_processor_s(operator) - processor) / seconds, 3),
        "pass_s": round((after["pass_seconds"] - before["pass_seconds"]) / passes, 2),
        "api_reads_per_s": round(each["reads"], 2),
        "api_writes_per_s": round(each["writes"], 2),
        "prometheus_queries_per_s": round(each["queries"], 2),
    }


def _counts(operator: Operator) -> dict[str, float]:
    """Totals of the operator's own metrics."""
    page = operator.metrics()

    def total(name: str, labels: str = "") -> float:
        found = re.findall(rf"^{name}(?:\{{[^}}]*{labels}[^}}]*\}})? (\S+)$", page, re.MULTILINE)
        return sum(map(float, found))

    return {
        "reads": total("foresize_api_request_seconds_count", 'verb="GET"'),
        "writes": total("foresize_api_request_seconds_count")
        - total("foresize_api_request_seconds_count", 'verb="GET"'),
        "queries": total("foresize_prometheus_query_seconds_count"),
        "passes": total("foresize_pass_seconds_count", 'step="act"'),
        "pass_seconds": sum(total("foresize_pass_seconds_sum", f'step="{step}"') for step in STEPS),
    }


def _family(operator: Operator) -> list[int]:
    """The operator and its workers: it leads a session of its own."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == operator.pid:  # its session
                found.append(int(folder.name))
    return found


def _memory(operator: Operator) -> tuple[int, int]:
    """Bytes of the operator itself, and with its workers, what they share counted once."""
    sizes = {pid: _proportional(pid) for pid in _family(operator)}
    return sizes.get(operator.pid or 0, 0), sum(sizes.values())


def _proportional(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def _processor_s(operator: Operator) -> float:
    used = 0
    for pid in _family(operator):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def _all_running(running: Cluster, count: int) -> list[str] | None:
    """Names of the pods, once all of them are said to run."""
    pods = running.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
    up = [each["metadata"]["name"] for each in pods if each["status"].get("phase") == "Running"]
    return up if len(up) >= count else None


def _past(pods: Sequence[str]) -> list[backfill.Series]:
    """Two days of each pod: a level of its own, and a rise each day."""
    count = DAYS * 86_400 // STEP_S
    start_s = time.time() - count * STEP_S
    made = []
    for number, pod in enumerate(pods):
        who = {"namespace": NAMESPACE, "pod": pod, "node": "crowd-0"}
        values = [_bytes(number, start_s + STEP_S * at) for at in range(count)]
        made.append(backfill.container_memory(who, "app", start_s, STEP_S, values)[0])
    return made


def _bytes(number: int, at_s: float) -> float:
    """What a pod uses at a time: 100 to 163 MiB by its number, 60 more in the hours from 9 to 17."""
    is_day = int(at_s % 86_400 // 3600) in range(9, 17)
    return (100 + number % 64 + 60 * is_day) * MIB


@contextmanager
def _exporter(pods: Sequence[str]) -> Iterator[str]:
    """Where the present is told, as a kubelet would: host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now_s = time.time()
            lines = (
                f'container_memory_working_set_bytes{{namespace="{NAMESPACE}",pod="{pod}",container="app"}} '
                f"{_bytes(number, now_s):.0f}\n"
                for number, pod in enumerate(pods)
            )
            data = "".join(lines).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
