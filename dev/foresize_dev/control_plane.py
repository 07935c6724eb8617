"""etcd, API server, controller manager, scheduler and kube-proxy of one cluster, on loopback."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from foresize_dev import network, pki, processes
from foresize_dev.api import Api
from foresize_dev.waiting import wait_for

API_PORT = 6443
ETCD_PORT = 2379
PORTS = (API_PORT, ETCD_PORT, ETCD_PORT + 1, 10249, 10250, 10256, 10257, 10259)  # the last five are Kubernetes' own
SERVER = f"https://127.0.0.1:{API_PORT}"
ETCD = f"http://127.0.0.1:{ETCD_PORT}"
USERS = {
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
}
SERVICE = "kubernetes.default.svc"
ISSUER = f"https://{SERVICE}.cluster.local"
READS = ["get", "list", "watch"]
CHART_ACCOUNTS = ["system:serviceaccounts:foresize", "system:serviceaccounts:pages"]
"""The groups of the accounts in the namespaces that the chart is installed into: whole, and the pages alone."""
BOOT_DEADLINE_S = 60.0


def make_certificates(state: Path) -> None:
    """All certificates and kubeconfigs of the control plane, into the state folder."""
    folder = state / "pki"
    pki.make_authorities(folder)
    addresses = [f"IP:{address}" for address in ("127.0.0.1", network.node_address(1), network.API_SERVICE_ADDRESS)]
    names = [f"DNS:{name}" for name in ("localhost", "kubernetes", SERVICE, f"{SERVICE}.cluster.local")]
    pki.issue(folder, "apiserver", "/CN=kube-apiserver", [*addresses, *names])
    pki.issue(folder, "kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    pki.issue(folder, "front-client", "/CN=front-proxy-client", authority=pki.FRONT_AUTHORITY)
    for user, subject in USERS.items():
        pki.issue(folder, user, subject)
        pki.write_kubeconfig(state / f"{user}.kubeconfig", folder, SERVER, pki.certificate_user(folder, user))


def admin(state: Path) -> Api:
    """A client with every right."""
    folder = state / "pki"
    return Api(SERVER, folder / "ca.crt", folder / "admin.crt", folder / "admin.key")


def start_storage_and_api(state: Path, hyperkube: Path, emulated_version: str | None, audit_level: str) -> None:
    """Start etcd and the API server, and wait until it says it is ready."""
    processes.start(state, "etcd", [hyperkube, "etcd", *_etcd_flags(state)])
    # Ended by itself when etcd is not there in time, so etcd first.
    wait_for("etcd", _alive_and(state, "etcd", _etcd_healthy), BOOT_DEADLINE_S, every_s=0.02)
    start_api(state, hyperkube, emulated_version, audit_level)


def start_api(state: Path, hyperkube: Path, emulated_version: str | None, audit_level: str) -> None:
    """Start the API server of an etcd that runs, and wait until it says it is ready."""
    flags = [*_api_flags(state), *_audit_flags(state, audit_level), *_emulation(emulated_version)]
    processes.start(state, "kube-apiserver", [hyperkube, "kube-apiserver", *flags])
    api = admin(state)
    probe = _alive_and(state, "kube-apiserver", lambda: api.get("/readyz") == "ok")
    wait_for("the API server", probe, BOOT_DEADLINE_S, every_s=0.05)


def start_controllers(state: Path, hyperkube: Path, emulated_version: str | None) -> None:
    """Start controller manager and scheduler."""
    folder = state / "pki"
    for name, short, more in (
        ("kube-controller-manager", "controller-manager", _controller_flags(folder)),
        ("kube-scheduler", "scheduler", ["--kube-api-qps=1000", "--kube-api-burst=2000"]),
    ):
        config = state / f"{short}.kubeconfig"
        logins = [f"--{kind}kubeconfig={config}" for kind in ("", "authentication-", "authorization-")]
        common = ["--leader-elect=false", "--bind-address=127.0.0.1", *_emulation(emulated_version)]
        processes.start(state, name, [hyperkube, name, *logins, *common, *more])


def wait_for_service_account(state: Path) -> None:
    """Wait until pods can be created: each needs its namespace's default ServiceAccount."""
    api = admin(state)
    path = "/api/v1/namespaces/default/serviceaccounts/default"
    probe = _alive_and(state, "kube-controller-manager", lambda: api.get(path))
    wait_for("the default ServiceAccount", probe, BOOT_DEADLINE_S, every_s=0.05)


def start_proxy(state: Path, hyperkube: Path, node: str) -> None:
    """Start kube-proxy, which makes the addresses of Services work from pods and from the machine."""
    flags = [
        f"--kubeconfig={state / 'kube-proxy.kubeconfig'}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={network.POD_NETWORK}",
        f"--hostname-override={node}",
        f"--bind-address={network.node_address(1)}",
        # The machine's connection tracking is not ours to set.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]
    processes.start(state, "kube-proxy", [hyperkube, "kube-proxy", *flags])


def _alive_and(state: Path, name: str, probe: Callable[[], object]) -> Callable[[], object]:
    def check() -> object:
        processes.require_alive(state, name)
        return probe()

    return check


def _etcd_healthy() -> bool:
    with urllib.request.urlopen(f"{ETCD}/health", timeout=2) as answer:  # noqa: S310 - the server is our own
        return bool(json.load(answer)["health"] == "true")


def _etcd_flags(state: Path) -> list[str]:
    peer = f"http://127.0.0.1:{ETCD_PORT + 1}"
    return [
        "--name=foresize",
        f"--data-dir={state / 'etcd'}",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=foresize={peer}",
        "--unsafe-no-fsync",  # a cluster that is thrown away need not survive a power cut
        "--log-level=warn",
    ]


def _api_flags(state: Path) -> list[str]:
    folder = state / "pki"
    return [
        f"--etcd-servers={ETCD}",
        f"--secure-port={API_PORT}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={network.node_address(1)}",  # pods reach it there; loopback is refused
        f"--service-cluster-ip-range={network.SERVICE_NETWORK}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--tls-cert-file={folder / 'apiserver.crt'}",
        f"--tls-private-key-file={folder / 'apiserver.key'}",
        f"--kubelet-client-certificate={folder / 'kubelet-client.crt'}",
        f"--kubelet-client-key={folder / 'kubelet-client.key'}",
        f"--kubelet-certificate-authority={folder / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={folder / 'sa.pub'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        *_aggregation_flags(folder),
        "--endpoint-reconciler-type=master-count",  # the lease one leaves a second's gap at start
        "--max-requests-inflight=1000",
        "--max-mutating-requests-inflight=500",
    ]


def _aggregation_flags(folder: Path) -> list[str]:
    return [
        f"--requestheader-client-ca-file={folder / 'front.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={folder / 'front-client.crt'}",
        f"--proxy-client-key-file={folder / 'front-client.key'}",
        "--enable-aggregator-routing=true",
    ]


def _audit_flags(state: Path, level: str) -> list[str]:
    """Log every write before it is answered, so a test can prove what was written and by whom.

    Of the chart's accounts reads as well: what they never ask for need not be granted.
    """
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Metadata", "userGroups": CHART_ACCOUNTS, "verbs": READS},
            {"level": "None", "verbs": READS},
            {"level": "Metadata", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "serviceaccounts/token"]}]},
            {"level": level},
        ],
    }
    file = state / "audit-policy.json"
    file.write_text(json.dumps(policy))
    return [f"--audit-policy-file={file}", f"--audit-log-path={audit_log(state)}", "--audit-log-maxsize=2000"]


def audit_log(state: Path) -> Path:
    """Where the API server logs writes, a JSON object a line."""
    return state / "log" / "audit.jsonl"


def _controller_flags(folder: Path) -> list[str]:
    return [
        f"--service-account-private-key-file={folder / 'sa.key'}",
        f"--root-ca-file={folder / 'ca.crt'}",
        f"--cluster-signing-cert-file={folder / 'ca.crt'}",
        f"--cluster-signing-key-file={folder / 'ca.key'}",
        "--use-service-account-credentials",
        "--kube-api-qps=500",  # the default of 20 makes the boot take twice as long
        "--kube-api-burst=1000",
        "--node-monitor-grace-period=10m",  # some tests' nodes have no kubelet that says it is alive
    ]


def _emulation(version: str | None) -> list[str]:
    return [f"--emulated-version={version}"] if version else []
