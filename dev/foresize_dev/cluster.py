"""A cluster on this machine: started in seconds, used by an object, removed without a trace."""

import concurrent.futures
import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresize_dev import control_plane, images, machine, network, node, parts, processes, teardown
from foresize_dev.api import Api
from foresize_dev.audit import AuditLog
from foresize_dev.places import DEMO_STATE
from foresize_dev.waiting import wait_for

KUBECTL_TIMEOUT_S = 120
READY_DEADLINE_S = 60.0


class MachineError(RuntimeError):
    """This machine cannot run the cluster; the text names what is missing."""


class KubectlError(RuntimeError):
    """kubectl refused; the text is what it wrote to standard error."""


@dataclass(frozen=True)
class Options:
    """How a cluster is made."""

    state: Path = DEMO_STATE
    nodes: Sequence[str] = ("node-1",)  # none: a control plane alone
    node_memory_bytes: int | None = None  # what pods may have of each node; None: what the machine has
    emulated_version: str | None = None  # like 1.35: an older API from the same programs
    audit_level: str = "RequestResponse"  # of the log of writes; Metadata leaves out the bodies
    housekeeping_s: int = 1  # how old a memory sample may get in the kubelet


@dataclass(frozen=True)
class Cluster:
    """A running cluster. Made by `start`, or by `attach` when another process started it."""

    state: Path
    nodes: tuple[node.Node, ...]

    @property
    def kubeconfig(self) -> Path:
        """Of a user with every right."""
        return self.state / "admin.kubeconfig"

    @property
    def api(self) -> Api:
        """A client of the API server with every right."""
        return control_plane.admin(self.state)

    @property
    def audit(self) -> AuditLog:
        """The log of all writes."""
        return AuditLog(control_plane.audit_log(self.state), self.api)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as admin and return what it printed.

        Raises:
            KubectlError: it refused.
        """
        command = [str(parts.find_or_build(parts.HYPERKUBE)), "kubectl", "--kubeconfig", str(self.kubeconfig)]
        done = subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=KUBECTL_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def apply(self, *manifests: Mapping[str, Any], namespace: str = "default") -> str:
        """`kubectl apply` of objects; returns what kubectl printed."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        return self.kubectl("apply", "--namespace", namespace, "--filename", "-", stdin=body)

    def load_image(self, archive: Path) -> None:
        """Import an image archive into every node, to be used with imagePullPolicy Never."""
        for each in self.nodes:
            node.load_images(self.state, each, archive)

    def restart_api(self) -> None:
        """Start the API server anew after its end; it knows all that it knew, and appends to the audit log."""
        options = Options()
        hyperkube = parts.find_or_build(parts.HYPERKUBE)
        control_plane.start_api(self.state, hyperkube, options.emulated_version, options.audit_level)

    def stop(self, *, keep_logs: bool = False) -> None:
        """Remove the cluster and every trace of it, but for its logs where they are wanted."""
        teardown.tear_down(self.state, keep_logs=keep_logs)


def start(options: Options, say: Callable[[str], None] = lambda _: None) -> Cluster:
    """Boot a cluster and wait until its nodes are Ready.

    A cluster that is there in the same state folder, whole or broken, is removed first.

    Args:
        options: what to boot.
        say: told of each step that is done, with the seconds since the start.

    Raises:
        MachineError: something is missing on this machine, or another cluster runs.
        parts.BuildError: a program could not be built.
    """
    teardown.tear_down(options.state)
    lacking = machine.missing_for_node()
    busy = machine.busy_ports()
    if lacking or busy:
        ports = [f"free ports (in use: {', '.join(map(str, busy))}; is another cluster up?)"] if busy else []
        raise MachineError("cannot run a cluster here, missing: " + "; ".join([*lacking, *ports]))
    built = parts.build_missing((parts.HYPERKUBE, parts.MEMHOG))
    started = time.monotonic()
    boot = _Boot(options, built["hyperkube"], built["memhog"], lambda what: say(_since(started, what)))
    try:
        return boot.run()
    except BaseException:
        teardown.tear_down(options.state, keep_logs=True)
        raise


def attach(state: Path) -> Cluster | None:
    """The cluster that runs in a state folder, or None."""
    if processes.pid_of(state, "kube-apiserver") is None:
        return None
    names = json.loads((state / "nodes.json").read_text())
    return Cluster(state, tuple(node.Node(name, number, state / name) for number, name in enumerate(names, 1)))


@dataclass(frozen=True)
class _Boot:
    """The steps of a start."""

    options: Options
    hyperkube: Path
    memhog: Path
    say: Callable[[str], None]

    def run(self) -> Cluster:
        options, state = self.options, self.options.state
        state.mkdir(parents=True, mode=0o700)
        (state / "nodes.json").write_text(json.dumps(list(options.nodes)))
        control_plane.make_certificates(state)
        network.set_up(state, len(options.nodes))
        nodes = tuple(node.make(state, name, number) for number, name in enumerate(options.nodes, 1))
        self.say("certificates and network")
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            runtimes = beside.submit(self._start_runtimes, nodes)
            control_plane.start_storage_and_api(state, self.hyperkube, options.emulated_version, options.audit_level)
            self.say("API server")
            control_plane.start_controllers(state, self.hyperkube, options.emulated_version)
            runtimes.result()
        self._start_nodes(nodes)
        control_plane.wait_for_service_account(state)
        self.say("controllers")
        cluster = Cluster(state, nodes)
        self._wait_until_ready(cluster)
        return cluster

    def _start_runtimes(self, nodes: Sequence[node.Node]) -> None:
        archive = self.options.state / "workload.tar"
        for each in nodes:
            node.start_runtime(self.options.state, each)
        images.write_workload_archive(archive, self.memhog)
        for each in nodes:
            node.load_images(self.options.state, each, archive)

    def _start_nodes(self, nodes: Sequence[node.Node]) -> None:
        options = self.options
        for each in nodes:
            node.start_kubelet(options.state, self.hyperkube, each, options.node_memory_bytes, options.housekeeping_s)
        if nodes:
            control_plane.start_proxy(options.state, self.hyperkube, nodes[0].name)

    def _wait_until_ready(self, cluster: Cluster) -> None:
        for each in cluster.nodes:

            def ready(name: str = each.name) -> bool:
                processes.require_alive(cluster.state, f"kubelet-{name}")
                conditions = cluster.api.get(f"/api/v1/nodes/{name}")["status"].get("conditions", [])
                return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

            wait_for(f"node {each.name} to be Ready", ready, READY_DEADLINE_S)
            self.say(f"{each.name} Ready")


def _since(started: float, what: str) -> str:
    return f"{time.monotonic() - started:5.1f} s  {what}"
