"""How long it takes from `git clone` to the first forecast that is explained, step by step, as the README says it.

Usage: python bench/first_five_minutes.py, as root, after `make parts`; FORESIZE_LANE=NAME beside other clusters.
The project is cloned and installed as a user does; the image is built from the clone and loaded into a cluster of this
machine's own, with a Deployment and a Prometheus that has 14 days of its history. What a user has already (a cluster,
Prometheus) and what is done once for all users of a registry (the image) is timed too, and not counted. The figures are
printed, and added to the JSON file that the environment variable BENCH_JSON names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foresize_dev import backfill, cluster, helm, lanes, network, operator_image, parts, workloads
from foresize_dev import prometheus as prometheuses
from foresize_dev.cluster import Cluster
from foresize_dev.places import REPOSITORY, TEST_STATE
from foresize_dev.waiting import wait_for

NAMESPACE, NAME = "shop", "web"
DAYS, STEP_S = 14, 300
MIB = 1 << 20
DEADLINE_S = 300


@dataclass
class Walk:
    """What was done, and how long each step took."""

    steps: list[tuple[str, float, bool]] = field(default_factory=list)

    @contextmanager
    def step(self, words: str, *, counted: bool = True) -> Iterator[None]:
        """Time one; it is said at once."""
        began_s = time.monotonic()
        yield
        took_s = time.monotonic() - began_s
        self.steps.append((words, took_s, counted))
        print(f"{took_s:7.1f} s  {'' if counted else '(not counted) '}{words}", flush=True)

    def counted_s(self) -> float:
        """The sum of what a user waits for."""
        return sum(took_s for _, took_s, counted in self.steps if counted)


def main() -> None:
    """Walk it once."""
    walk = Walk()
    with tempfile.TemporaryDirectory(prefix="foresize-first-") as folder:
        clone, environment = Path(folder) / "foresize", Path(folder) / "venv"
        with walk.step("git clone"):
            _run("git", "clone", "--quiet", "--depth=1", f"file://{REPOSITORY}", str(clone))
        with walk.step("pip install . (`foresize`, and so `kubectl foresize`)"):
            _run(sys.executable, "-m", "venv", str(environment))
            _run(str(environment / "bin" / "pip"), "install", "--quiet", str(clone))
        with walk.step("the image is built", counted=False):
            archive = operator_image.find_or_build()
        lanes.enter()
        with walk.step("a cluster with a Deployment, and a Prometheus with 14 days of it", counted=False):
            running = cluster.start(cluster.Options(state=TEST_STATE))
            url = _furnished(running)
            running.load_image(archive)
        try:
            _forecast(walk, running, clone, environment, url)
        finally:
            running.stop()
    print(f"{walk.counted_s():7.1f} s  from `git clone` to the first forecast explained")
    _keep({"steps": walk.steps, "counted_s": walk.counted_s()})


def _forecast(walk: Walk, running: Cluster, clone: Path, environment: Path, url: str) -> None:
    with walk.step("helm upgrade --install, until the operator is ready"):
        repository, _, tag = operator_image.IMAGE.rpartition(":")
        image = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
        helm.install(running, {"image": image, "prometheus": {"url": url}}, chart=clone / "charts" / "foresize")
        running.kubectl("rollout", "status", "deploy/foresize", "--namespace", helm.NAMESPACE, "--timeout=200s")
    with walk.step("kubectl apply of the first policy, until its first MemoryForecast has a peak"):
        running.kubectl(
            "apply", "--namespace", NAMESPACE, "--filename", str(clone / "examples" / "recommend-only.yaml")
        )
        wait_for("the first forecast", lambda: _peak(running), DEADLINE_S, every_s=0.5)
    with walk.step("kubectl foresize explain"):
        told = _plugin(running, environment, "explain", f"{NAMESPACE}/{NAME}")
    print(f"\n{running.kubectl('get', 'memoryforecasts', '--namespace', NAMESPACE)}\n{told}")


def _furnished(running: Cluster) -> str:
    """What a user's cluster has; returns where its Prometheus is."""
    running.kubectl("create", "namespace", NAMESPACE)
    hog = workloads.Memhog(hold={"HOLD": "60Mi"}, request="512Mi", limit="512Mi")
    running.apply(workloads.deployment(NAME, hog), namespace=NAMESPACE)
    [pod] = workloads.wait_until_ready(running, NAMESPACE, NAME, 1)
    who = {"namespace": NAMESPACE, "pod": f"{pod['metadata']['name'].rsplit('-', 1)[0]}-bcdfg"}
    count = DAYS * 86_400 // STEP_S
    start_s = time.time() - count * STEP_S
    hours = (start_s + STEP_S * np.arange(count)) % 86_400 / 3600
    usage = (120 + 90 * np.maximum(0, np.sin((hours - 6) / 12 * np.pi))) * MIB
    past = backfill.container_memory({**who, "node": pod["spec"]["nodeName"]}, "app", start_s, STEP_S, list(usage))
    options = prometheuses.Options(history=past, scrape_interval_s=15, address="0.0.0.0")  # noqa: S104 - pods reach it
    server = prometheuses.start(running.state, options, running)
    return f"http://{network.node_address(1)}:{server.port}"


def _peak(running: Cluster) -> object:
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{NAMESPACE}/memoryforecasts/deployment-{NAME}"
    return running.api.get(path).get("status", {}).get("summary", {}).get("peak")


def _plugin(running: Cluster, environment: Path, *arguments: str) -> str:
    """What the plugin says: kubectl finds `kubectl-foresize` in the PATH."""
    kubectl = [str(parts.find_or_build(parts.HYPERKUBE)), "kubectl", "foresize", *arguments]
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    known = {"PATH": path, "HOME": os.environ["HOME"], "KUBECONFIG": str(running.kubeconfig), "COLUMNS": "160"}
    return _run(*kubectl, env=known)


def _run(*command: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S, env=env)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _keep(figures: object) -> None:
    if path := os.environ.get("BENCH_JSON"):
        file = Path(path)
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, "first_five_minutes": figures}, indent=1))


if __name__ == "__main__":
    main()
