"""A real metrics-server on this machine, behind the API server's aggregation layer as in any cluster."""

import base64
from dataclasses import dataclass

from foresize_dev import accounts, network, parts, pki, processes
from foresize_dev.api import ApiError, Json
from foresize_dev.cluster import Cluster
from foresize_dev.prometheus import free_port
from foresize_dev.waiting import wait_for

NAME = "metrics-server"
NAMESPACE = "kube-system"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SERVICE = "v1beta1.metrics.k8s.io"
READY_DEADLINE_S = 60.0
RESOLUTION = ("--metric-resolution=10s", "--kubelet-request-timeout=5s")  # the finest that it allows
RULES = [
    {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
]


@dataclass(frozen=True)
class MetricsServer:
    """The running server."""

    cluster: Cluster

    def stop(self) -> None:
        """Take it out of the API, then end it: an API that does not answer keeps namespaces from being deleted."""
        self.cluster.kubectl("delete", "apiservice", SERVICE, "--wait=true")
        processes.stop(self.cluster.state, [NAME])


def start(cluster: Cluster) -> MetricsServer:
    """Start it and wait until it tells of nodes."""
    port, keys = free_port(), cluster.state / "pki"
    pki.issue(keys, NAME, f"/CN={NAME}", [f"DNS:{NAME}.{NAMESPACE}.svc"])
    _account(cluster)
    config = accounts.write_kubeconfig(cluster.state, cluster.api, NAMESPACE, NAME)
    logins = [f"--{kind}kubeconfig={config}" for kind in ("", "authentication-", "authorization-")]
    shown = [f"--tls-cert-file={keys / NAME}.crt", f"--tls-private-key-file={keys / NAME}.key"]
    nodes = ["--kubelet-preferred-address-types=InternalIP", f"--kubelet-certificate-authority={keys / 'ca.crt'}"]
    program = parts.find_or_build(parts.METRICS_SERVER)
    processes.start(cluster.state, NAME, [program, *logins, f"--secure-port={port}", *shown, *nodes, *RESOLUTION])
    serve(cluster, port)
    wait_for("metrics-server to tell of nodes", lambda: _tells(cluster), READY_DEADLINE_S, every_s=0.5)
    return MetricsServer(cluster)


def serve(cluster: Cluster, port: int) -> None:
    """Have the API server pass on what is asked of metrics.k8s.io to a port of this machine."""
    authority = base64.b64encode((cluster.state / "pki" / "ca.crt").read_bytes()).decode()
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {"ports": [{"name": "https", "port": 443}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [network.node_address(1)], "conditions": {"ready": True}}],
        },
        namespace=NAMESPACE,
    )
    spec = {
        "service": {"name": NAME, "namespace": NAMESPACE, "port": 443},
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "caBundle": authority,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    cluster.apply(
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": SERVICE}, "spec": spec}
    )


def _tells(cluster: Cluster) -> Json:
    processes.require_alive(cluster.state, NAME)
    try:
        return cluster.api.get("/apis/metrics.k8s.io/v1beta1/nodes")["items"]
    except ApiError:
        return None  # not served yet


def _account(cluster: Cluster) -> None:
    accounts.ensure(cluster.api, f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": NAME}})
    accounts.ensure(cluster.api, f"{RBAC}/clusterroles", {"metadata": {"name": NAME}, "rules": RULES})
    binding = {
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
    accounts.ensure(cluster.api, f"{RBAC}/clusterrolebindings", binding)
