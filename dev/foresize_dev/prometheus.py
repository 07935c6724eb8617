"""A real Prometheus on loopback: scrapes the nodes' containers, has a past where one was given."""

import json
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foresize_dev import accounts, backfill, processes
from foresize_dev.api import Api, Json
from foresize_dev.cluster import Cluster
from foresize_dev.node import Node
from foresize_dev.waiting import wait_for

READY_DEADLINE_S = 60.0
QUERY_TIMEOUT_S = 30
KUBELET_PORT = 10250
NAMESPACE = "foresize-dev"
ACCOUNT = "prometheus"


@dataclass(frozen=True)
class Options:
    """What a Prometheus knows and scrapes."""

    history: Sequence[backfill.Series] = ()
    scrape_interval_s: int = 5
    targets: Mapping[str, str] = field(default_factory=dict)  # job -> host:port, scraped at /metrics
    labels: Mapping[str, str] = field(default_factory=dict)  # on every series, as of one of several clusters
    address: str = "127.0.0.1"  # 0.0.0.0 lets pods reach it
    port: int = 0  # 0: a free one
    web: Mapping[str, object] = field(default_factory=dict)  # its --web.config.file: certificates, users


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    state: Path
    name: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Of the server, from this machine."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def web_file(self) -> Path:
        """Where its certificates and users are, which it reads anew for each request."""
        return self.state / self.name / "web.json"

    def query(self, promql: str, at_s: float | None = None) -> list[dict[str, Json]]:
        """The result of an instant query, now or at a Unix time."""
        parameters = {"query": promql} | ({} if at_s is None else {"time": f"{at_s:.3f}"})
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=QUERY_TIMEOUT_S) as answer:  # noqa: S310 - the server is our own
            result: list[dict[str, Json]] = json.load(answer)["data"]["result"]
        return result

    def has_numbers(self, promql: str) -> bool:
        """Whether a query has a result that could be drawn: a quotient of nothing is NaN."""
        return any(each["value"][1] != "NaN" for each in self.query(promql))

    def wait_for_samples(self, promql: str, deadline_s: float = 60.0) -> list[dict[str, Json]]:
        """Wait until a query has a result, like the first scrape of a new pod."""
        return wait_for(f"samples of {promql}", lambda: self.query(promql), deadline_s, every_s=0.3)

    def stop(self) -> None:
        """End the server. Its folder stays until its cluster is removed."""
        processes.stop(self.state, [self.name])


def start(state: Path, options: Options, cluster: Cluster | None = None, name: str = "prometheus") -> Prometheus:
    """Start a server and wait until it answers.

    Args:
        state: folder for its data, log and pid; a cluster's, so that it goes with the cluster.
        options: its past and its targets.
        cluster: whose nodes to scrape; none: only `options.targets`.
        name: tells servers in one folder apart.
    """
    folder = state / name
    folder.mkdir(parents=True, exist_ok=True)
    if options.history:
        backfill.write_blocks(folder / "data", options.history)
    config = folder / "prometheus.json"
    config.write_text(json.dumps(_config(options, cluster, folder), indent=1))
    scheme = "https" if "tls_server_config" in options.web else "http"
    server = Prometheus(state, name, options.port or free_port(), scheme)
    flags = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=400d",
        f"--web.listen-address={options.address}:{server.port}",
        "--log.level=warn",
    ]
    if options.web:
        server.web_file.write_text(json.dumps(options.web))
        flags.append(f"--web.config.file={server.web_file}")
    processes.start(state, name, ["prometheus", *flags])

    def ready() -> bool:
        processes.require_alive(state, name)
        if options.web:  # who asks is not known here
            with socket.create_connection(("127.0.0.1", server.port), timeout=2):
                return True
        with urllib.request.urlopen(f"{server.url}/-/ready", timeout=2) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK

    wait_for("Prometheus to be ready", ready, READY_DEADLINE_S)
    return server


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _config(options: Options, cluster: Cluster | None, folder: Path) -> dict[str, object]:
    jobs: list[dict[str, object]] = [
        {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in options.targets.items()
    ]
    if cluster is not None:
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(_scraper_token(cluster.api))
        jobs.append(_kubelet_job(cluster.nodes, cluster.state / "pki" / "ca.crt", token, options.labels))
    interval = f"{options.scrape_interval_s}s"
    return {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": jobs}


def _kubelet_job(nodes: Sequence[Node], authority: Path, token: Path, labels: Mapping[str, str]) -> dict[str, object]:
    return {
        "job_name": "kubelet",
        "scheme": "https",
        "metrics_path": "/metrics/cadvisor",
        "tls_config": {"ca_file": str(authority)},
        "authorization": {"credentials_file": str(token)},
        "static_configs": [
            {
                "targets": [f"{node.address}:{KUBELET_PORT}"],
                "labels": {**backfill.scrape_labels(node.name), **labels},
            }
            for node in nodes
        ],
    }


def _scraper_token(api: Api) -> str:
    """A token that may read the nodes' metrics and nothing else, as a Prometheus in the cluster would have."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    accounts.ensure(api, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    accounts.ensure(api, f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
    role = f"{NAMESPACE}-{ACCOUNT}"
    rules = [{"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}]
    accounts.ensure(api, f"{rbac}/clusterroles", {"metadata": {"name": role}, "rules": rules})
    binding = {
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    accounts.ensure(api, f"{rbac}/clusterrolebindings", binding)
    return accounts.token(api, NAMESPACE, ACCOUNT)
