"""Puts up what the demo plays on: cluster, workloads, Prometheus with a past, Foresize from the chart, its operator."""

import concurrent.futures
import time
from collections.abc import Callable
from dataclasses import dataclass

from foresize_dev import accounts, cluster, helm, prometheus
from foresize_dev.cluster import Cluster
from foresize_dev.demo import cast, timeline
from foresize_dev.demo.timeline import Timeline
from foresize_dev.operator_process import Operator
from foresize_dev.places import DEMO_STATE
from foresize_dev.prometheus import Prometheus
from foresize_dev.waiting import wait_for

HASH_LABEL = "pod-template-hash"
DEADLINE_S = 30.0
SETTINGS = {"tick": "1s", "refit-interval": "60s", "lease-duration": "5s", "inventory-interval": "5s"}
"""The demo's hurry: of the operator's defaults, a day's peaks within two minutes would see nothing."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """All that runs before the policies are applied."""

    cluster: Cluster
    times: Timeline
    prometheus: Prometheus
    operator: Operator


def put_up(say: Say) -> Stage:
    """Start everything; what ran of an earlier demo is removed first.

    Raises:
        cluster.MachineError: the machine cannot run it.
        parts.BuildError: a part could not be built.
    """
    running = cluster.start(cluster.Options(state=DEMO_STATE))
    say(f"a Kubernetes node runs: {_version(running)}, kubeconfig {running.kubeconfig}")
    times = create_workloads(running, say)
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        installing = beside.submit(helm.install, running, {"operator": {"enabled": False}})
        server = start_prometheus(running, times)
        say(f"Prometheus scrapes every second, {timeline.HISTORY_DAYS} days back-filled: {server.url}")
        installing.result()
    say("Helm installed the CRDs and the chart (rights, admission policy)")
    operator = Operator(running, {"prometheus-url": server.url, "namespaces": cast.NAMESPACE, **SETTINGS}).start()
    say(f"the operator runs as {operator.user}, log {operator.log_path}")
    return Stage(running, times, server, operator)


def create_workloads(running: Cluster, say: Say) -> Timeline:
    """Create the Deployments; their day's peaks come two minutes from now."""
    accounts.ensure(running.api, "/api/v1/namespaces", {"metadata": {"name": cast.NAMESPACE}})
    account = f"/api/v1/namespaces/{cast.NAMESPACE}/serviceaccounts/default"
    wait_for(f"ServiceAccount default of {cast.NAMESPACE}", lambda: running.api.get(account), DEADLINE_S)
    times = timeline.starting(time.time())
    running.apply(*cast.deployments(times), namespace=cast.NAMESPACE)
    first, second = map(timeline.clock, times.peaks_s)
    say(f"Deployments {', '.join(cast.APPS)}; the twins need 220Mi daily at {first} and {second} UTC, 60Mi else")
    return times


def start_prometheus(running: Cluster, times: Timeline) -> Prometheus:
    """Start it with a past of the Deployments' present revisions."""
    path = f"/apis/apps/v1/namespaces/{cast.NAMESPACE}/replicasets"

    def hashes() -> dict[str, str] | None:
        found = {each["metadata"]["labels"]["app"]: each for each in running.api.get(path)["items"]}
        labels = {app: each["metadata"]["labels"][HASH_LABEL] for app, each in found.items()}
        return labels if set(labels) == set(cast.APPS) else None

    past = cast.history(times, wait_for("a ReplicaSet of each Deployment", hashes, DEADLINE_S), time.time())
    return prometheus.start(running.state, prometheus.Options(history=past, scrape_interval_s=1), running)


def _version(running: Cluster) -> str:
    return str(running.api.get("/version")["gitVersion"])
