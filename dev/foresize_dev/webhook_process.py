"""Runs a replica of the webhook as a process of this machine, behind the chart's own Service, with its ServiceAccount.

The chart is installed with no replicas; the process gets the flags of its Deployment. An EndpointSlice takes the place
of the one that Kubernetes makes for pods that are ready: API server, Service name, TLS and rights are as in a cluster.
"""

import os
import resource
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from foresize_dev import accounts, helm, network, processes
from foresize_dev.api import Json
from foresize_dev.cluster import Cluster
from foresize_dev.control_plane import API_PORT
from foresize_dev.places import REPOSITORY
from foresize_dev.prometheus import free_port
from foresize_dev.waiting import wait_for

NAME = "foresize-webhook"
READY_DEADLINE_S = 30.0
STOP_GRACE_S = 15.0


@dataclass(frozen=True)
class Webhook:
    """One replica, running or not."""

    cluster: Cluster
    number: int = 0
    certificate_folder: Path | None = None  # where the Secret of its certificate is mounted, if somebody else keeps it
    port: int = field(default_factory=free_port)
    probe_port: int = field(default_factory=free_port)

    @property
    def name(self) -> str:
        """Of the process and its EndpointSlice."""
        return f"webhook-{self.number}"

    @property
    def pid(self) -> int | None:
        """Of the running process; None when it does not run."""
        return processes.pid_of(self.cluster.state, self.name)

    @property
    def user(self) -> str:
        """Who it is to the API server and in the audit log."""
        return f"system:serviceaccount:{helm.NAMESPACE}:{NAME}"

    def log(self) -> str:
        """What it wrote until now, over all its starts."""
        path = processes.log_path(self.cluster.state, self.name)
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> "Webhook":
        """Start it, wait until it is ready, and have the API server ask it."""
        state = self.cluster.state
        environment = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "forecaster")),
            "PYTHONUNBUFFERED": "1",
        }
        own = [f"--account-folder={self._account()}", f"--port={self.port}", f"--probe-port={self.probe_port}"]
        if self.certificate_folder is not None:
            own.append(f"--certificate-folder={self.certificate_folder}")
        program = [sys.executable, "-m", "foresize.webhook", *self._flags(), *own, "--drain=1s"]
        processes.start(state, self.name, program, environment)
        wait_for(f"{self.name} to be ready", self._ready, READY_DEADLINE_S, every_s=0.05)
        self.cluster.apply(self._endpoints(), namespace=helm.NAMESPACE)
        return self

    def stop(self) -> None:
        """Take it from the Service and ask it to end, as Kubernetes does with a pod."""
        self.leave()
        processes.stop(self.cluster.state, [self.name], STOP_GRACE_S)

    def kill(self) -> None:
        """End it at once; the API server goes on asking it."""
        processes.stop(self.cluster.state, [self.name], 0)

    def leave(self) -> None:
        """Take it from the Service."""
        self.cluster.kubectl(
            "delete", "endpointslice", self.name, "--namespace", helm.NAMESPACE, "--ignore-not-found", "--wait=false"
        )

    def metrics(self) -> str:
        """Its metrics page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.probe_port}/metrics", timeout=10) as answer:
            page: bytes = answer.read()
        return page.decode()

    def resident_bytes(self) -> int:
        """Memory that it uses now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    def _account(self) -> Path:
        """A folder as the kubelet mounts it."""
        folder = self.cluster.state / "account" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "token").write_text(accounts.token(self.cluster.api, helm.NAMESPACE, NAME))
        (folder / "ca.crt").write_bytes((self.cluster.state / "pki" / "ca.crt").read_bytes())
        return folder

    def _flags(self) -> list[str]:
        """As the chart's Deployment has them."""
        path = f"/apis/apps/v1/namespaces/{helm.NAMESPACE}/deployments/{NAME}"
        flags: list[str] = self.cluster.api.get(path)["spec"]["template"]["spec"]["containers"][0]["args"]
        return flags

    def _ready(self) -> bool:
        processes.require_alive(self.cluster.state, self.name)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probe_port}/readyz", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False

    def _endpoints(self) -> dict[str, Json]:
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": self.name, "labels": {"kubernetes.io/service-name": NAME}},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [network.node_address(1)], "conditions": {"ready": True}}],
        }
