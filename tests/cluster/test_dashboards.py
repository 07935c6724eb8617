"""The dashboards' queries, asked of a real Prometheus that scrapes a real operator at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from foresize_dev import prometheus as prometheuses
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.dashboards import files
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.prometheus import Options, Prometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from scenes import MIB, Ages, deploy, past, policy, resized

KILLED = Memhog({"SCHEDULE": "0s=10Mi,8s=100Mi"}, request="20Mi", limit="40Mi")
LEAK_MIB_PER_H = 3.0


@pytest.fixture
def watch(cluster: Cluster) -> Iterator[Callable[[Operator], Prometheus]]:
    """Starts a server that scrapes nodes and an operator; it is stopped after the test."""
    servers: list[Prometheus] = []

    def start(operator: Operator) -> Prometheus:
        options = Options(scrape_interval_s=1, targets={"foresize": f"127.0.0.1:{operator.metrics_port}"})
        servers.append(prometheuses.start(cluster.state, options, cluster, "watcher"))
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


def test_every_panel_shows_something(
    cluster: Cluster,
    namespace: str,
    prometheus: StartPrometheus,
    operator: StartOperator,
    watch: Callable[[Operator], Prometheus],
) -> None:
    """One policy with a budget over workloads that are resized, killed and leaking: no panel is empty."""
    web = deploy(cluster, namespace)
    leaky = deploy(cluster, namespace, "leaky", hold={"HOLD": "90Mi"}, limit="200Mi")
    server = prometheus(history=[*past(web, 200), *past(leaky, _leaking)])
    everything = policy(budget="4Gi")
    everything["spec"]["target"] = {"selector": {}}
    cluster.apply(everything, namespace=namespace)
    started = operator(server.url, refit_interval="5s")
    resized(cluster, web, lambda limit: limit > 200 * MIB)
    watcher = watch(started)
    cluster.apply(workloads.deployment("killed", KILLED), namespace=namespace)
    wait_for("a kill to be cured", lambda: _is_positive(watcher, "foresize_kill_to_resize_seconds_count"), 60)

    wait_for("data in each panel", lambda: not _empty(watcher, namespace, web["spec"]["nodeName"]), 90, every_s=2)
    assert _empty(watcher, namespace, web["spec"]["nodeName"]) == []
    _each_label_is_kept(watcher, started, namespace)


def _leaking(ages_s: Ages) -> Ages:
    """A day's steady rise to 90 MiB, and a little noise, as a process has."""
    noise: Ages = np.random.default_rng(7).normal(0, 0.2, ages_s.size)
    return 90 - LEAK_MIB_PER_H * ages_s / 3600 + noise


def _is_positive(server: Prometheus, metric: str) -> bool:
    return any(float(each["value"][1]) > 0 for each in server.query(metric))


def _empty(server: Prometheus, namespace: str, node: str) -> list[str]:
    """Panels of the operator's dashboards that would have nothing to show; the webhook's have a test of their own."""
    chosen = {"namespace": namespace, "workload": "Deployment/web", "container": ".*", "name": "web", "node": node}
    return [
        f"{dashboard.name}: {panel}: {promql}"
        for dashboard in files.ALL
        for panel, promql in files.questions(dashboard, **chosen).items()
        if "foresize_webhook" not in promql and not server.has_numbers(promql)
    ]


def _each_label_is_kept(server: Prometheus, started: Operator, namespace: str) -> None:
    """What the operator says of a workload arrives under the workload's own namespace."""
    found = server.query(f'foresize_container_request_bytes{{namespace="{namespace}", workload="Deployment/web"}}')
    assert [each["metric"]["instance"] for each in found] == [f"127.0.0.1:{started.metrics_port}"]
