"""Without a Prometheus: a real metrics-server, as an API of the cluster, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from foresize_dev import metrics_server
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator
from foresize_dev.waiting import wait_for
from proofs import counter, see_passes
from scenes import MIB, condition, deploy, now, policy, sizes

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[metrics_server.MetricsServer]:
    running = metrics_server.start(cluster)
    yield running
    running.stop()


@pytest.mark.usefixtures("server")
def test_memory_is_read_from_metrics_server(cluster: Cluster, namespace: str, operator: StartOperator) -> None:
    """Newest samples are there, the conditions say where from and for how long, and nothing is lowered for a day."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    started = operator("", metrics_source="metrics-server", refit_interval="5s")

    words = "memory is read from metrics-server and remembered by this process alone, 0.1 hours until now"
    said = _said(cluster, namespace, "HistoryAvailable", words)
    assert said["reason"] in {"NoSamples", "NoForecast"}
    held = _said(cluster, namespace, "DecreasesAllowed", "24 hours")
    assert ("False", "MetricsServer") == (held["status"], held["reason"])
    used = wait_for("a sample", lambda: counter(started, "foresize_container_usage_bytes"), 40)
    assert 35 * MIB < used < 60 * MIB
    see_passes(started)
    assert sizes(now(cluster, pod)) == ("64Mi", "128Mi")


@pytest.mark.usefixtures("server")
def test_a_forgotten_address_lowers_nothing(cluster: Cluster, namespace: str, operator: StartOperator) -> None:
    """With nothing set metrics-server is read as well, and the condition says what has to be set to lower anything."""
    deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    operator("", refit_interval="5s")

    held = _said(cluster, namespace, "DecreasesAllowed", "no Prometheus is set")
    assert "--metrics-source=metrics-server" in held["message"]


def _said(cluster: Cluster, namespace: str, kind: str, words: str) -> Json:
    """A condition, once it has these words."""

    def reached() -> Json | None:
        found = condition(cluster, namespace, kind)
        return found if words in found.get("message", "") else None

    return wait_for(f"{kind} with {words!r}", reached, 60)
