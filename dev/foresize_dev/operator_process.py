"""Runs the operator as a process of this machine, with the rights of the chart's ServiceAccount and no more."""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foresize_dev import accounts, helm, processes
from foresize_dev.api import ApiError
from foresize_dev.cluster import Cluster
from foresize_dev.places import REPOSITORY
from foresize_dev.prometheus import free_port
from foresize_dev.waiting import wait_for

ACCOUNT = "foresize"
LEASE = "foresize"
NOT_FOUND = 404
START_DEADLINE_S = 60.0
STOP_GRACE_S = 15.0
PROGRAM = "import sys; from foresize.cli import main; sys.exit(main())"  # what the installed command runs


@dataclass(frozen=True)
class Operator:
    """One operator of a cluster, running or not. Settings are those of `foresize run`, like {"tick": "1s"}."""

    cluster: Cluster
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "operator"
    namespace: str = helm.NAMESPACE
    metrics_port: int = field(default_factory=free_port)
    probe_port: int = field(default_factory=free_port)

    @property
    def log_path(self) -> Path:
        """What it wrote, over all its starts."""
        return processes.log_path(self.cluster.state, self.name)

    @property
    def pid(self) -> int | None:
        """Of the running process; None when it does not run."""
        return processes.pid_of(self.cluster.state, self.name)

    @property
    def user(self) -> str:
        """Who it is to the API server and in the audit log."""
        return f"system:serviceaccount:{self.namespace}:{ACCOUNT}"

    def log(self) -> str:
        """What it wrote until now, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, *, wait: bool = True) -> "Operator":
        """Start it, and wait until its liveness probe answers unless told not to."""
        state = self.cluster.state
        kubeconfig = accounts.write_kubeconfig(state, self.cluster.api, self.namespace, ACCOUNT)
        environment = {
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "forecaster")),
            "PYTHONUNBUFFERED": "1",
            **{f"FORESIZE_{name.upper().replace('-', '_')}": value for name, value in self._all_settings().items()},
        }
        processes.start(state, self.name, [sys.executable, "-c", PROGRAM, "run"], environment)
        if wait:
            wait_for("the operator's liveness probe", self._answers, START_DEADLINE_S)
        return self

    def stop(self) -> None:
        """Ask it to end, as Kubernetes does; kill it and its workers when it takes too long."""
        processes.stop(self.cluster.state, [self.name], STOP_GRACE_S)

    def kill(self) -> None:
        """End it and its workers at once, as a node that loses power does."""
        if (pid := self.pid) is not None:
            os.killpg(pid, signal.SIGKILL)
        processes.stop(self.cluster.state, [self.name], 0)

    def forget_lease(self) -> None:
        """Remove the Lease, so that the next operator need not wait until that of a killed one runs out."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{LEASE}"
        try:
            self.cluster.api.request("DELETE", path)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise

    def metrics(self) -> str:
        """Its metrics page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            page: bytes = answer.read()
        return page.decode()

    def _all_settings(self) -> dict[str, str]:
        own = {
            "operator-namespace": self.namespace,
            "metrics-port": str(self.metrics_port),
            "probe-port": str(self.probe_port),
        }
        return {**own, **self.settings}

    def _answers(self) -> bool:
        processes.require_alive(self.cluster.state, self.name)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probe_port}/healthz", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
