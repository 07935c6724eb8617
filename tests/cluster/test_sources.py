"""When Prometheus is away, refuses or has nothing: sizes are held, it is said where, and it mends by itself."""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from foresize_dev import pki, workloads
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from gate import before
from proofs import counter, resize_by_hand, resizes, see_passes
from scenes import MIB, condition, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
HUNGRY = Memhog({"SCHEDULE": "0s=10Mi,8s=150Mi"}, request="20Mi", limit="40Mi")
FIRST = "$2b$04$abcdefghijklmnopqrstuuvybHXQqehXl2NdtAhT6BAmwe6EZ8HOi"
SECOND = "$2b$04$abcdefghijklmnopqrstuu0m4FNu/b0Ul0dVXpD5yXn5kdSneXCgS"
"""The passwords "first" and "second", as bcrypt writes them."""
NOBODY = "http://127.0.0.1:9"


def test_prometheus_away_means_hold(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Nothing is lowered while it is away, and the policy says at which address nobody answers."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    cluster.apply(policy(), namespace=namespace)
    started = operator(server.url)
    resized(cluster, pod, lambda limit: limit > 200 * MIB)

    server.stop()
    away = _history(cluster, namespace, "False")
    assert "PrometheusUnreachable" == away["reason"]
    assert server.url in away["message"]
    _is_held(cluster, started, pod)


@pytest.mark.parametrize(("status", "reason"), [(401, "PrometheusUnauthorized"), (404, "PrometheusNotFound")])
def test_a_prometheus_that_refuses_is_named_and_forgiven(  # noqa: PLR0913, PLR0917 - fixtures and two parameters
    cluster: Cluster,
    namespace: str,
    prometheus: StartPrometheus,
    operator: StartOperator,
    status: int,
    reason: str,
) -> None:
    """The condition has its answer and its address; sizes are held; once it answers, lowering goes on by itself."""
    pod = deploy(cluster, namespace)
    with before(prometheus(history=past(pod, 200, hours=26)).url) as gate:
        cluster.apply(policy(history={"window": "2d", "step": "5m"}), namespace=namespace)
        started = operator(gate.url, refit_interval="5s")
        resized(cluster, pod, lambda limit: limit > 200 * MIB)

        gate.closed = status
        refused = _history(cluster, namespace, "False")
        assert reason == refused["reason"]
        assert gate.url in refused["message"]
        assert str(status) in refused["message"]
        _is_held(cluster, started, pod)

        gate.closed = 0
        _history(cluster, namespace, "True")
        resized(cluster, pod, lambda limit: limit < 600 * MIB)


def test_a_prometheus_that_wants_to_know_its_clients(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, tmp_path: Path
) -> None:
    """With its own authority, a client's certificate and a password, sizes are found; a new password is one more file.

    While the old one is still in the file, nothing is lowered, and the condition names the file and nothing in it.
    """
    keys, password = cluster.state / "pki", tmp_path / "password"
    pki.issue(keys, "prometheus", "/CN=prometheus", ["IP:127.0.0.1"])
    pki.issue(keys, "prometheus-client", "/CN=foresize")
    (tmp_path / "user").write_text("foresize")
    password.write_text("first")
    tls = {"cert_file": str(keys / "prometheus.crt"), "key_file": str(keys / "prometheus.key")}
    asks = {"client_ca_file": str(keys / "ca.crt"), "client_auth_type": "RequireAndVerifyClientCert"}
    web = {"tls_server_config": {**tls, **asks}, "basic_auth_users": {"foresize": FIRST}}
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200), web=web)
    cluster.apply(policy(), namespace=namespace)
    started = operator(
        server.url,
        prometheus_ca_file=str(keys / "ca.crt"),
        prometheus_certificate_file=str(keys / "prometheus-client.crt"),
        prometheus_key_file=str(keys / "prometheus-client.key"),
        prometheus_user_file=str(tmp_path / "user"),
        prometheus_password_file=str(password),
    )
    resized(cluster, pod, lambda limit: limit > 200 * MIB)

    server.web_file.write_text(json.dumps({**web, "basic_auth_users": {"foresize": SECOND}}))
    refused = _history(cluster, namespace, "False")
    assert "PrometheusUnauthorized" == refused["reason"]
    assert str(password) in refused["message"]
    _is_held(cluster, started, pod)

    password.write_text("second")
    _history(cluster, namespace, "True")
    assert "first" not in started.log()


def test_kills_are_cured_without_prometheus(cluster: Cluster, namespace: str, operator: StartOperator) -> None:
    """A container that needs 150 MiB with a limit of 40 lives after two kills, with nobody at Prometheus' address.

    After a third, where a raise came too late for one of its starts.
    """
    cluster.apply(policy(), namespace=namespace)
    started = operator(NOBODY)
    see_passes(started, 1)
    cluster.apply(workloads.deployment("web", HUNGRY), namespace=namespace)

    pod = wait_for("web at 160 MiB", lambda: _at_limit(cluster, namespace, "web", 160 * MIB), 60)
    assert workloads.restarts(pod) in {2, 3}
    away = _history(cluster, namespace, "False")
    assert NOBODY in away["message"]


def test_no_address_is_said(cluster: Cluster, namespace: str, operator: StartOperator) -> None:
    """An operator that was given no Prometheus says so on every policy, with the setting's name."""
    deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    operator("")

    unset = _history(cluster, namespace, "False")
    assert "NoPrometheusUrl" == unset["reason"]
    assert "--prometheus-url" in unset["message"]


def test_no_such_metric_is_said(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A Prometheus without samples of the workload: no forecast, and the condition says what was not found."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url, prometheus_matchers='cluster="nowhere"')

    missing = _history(cluster, namespace, "False")
    assert "NoSuchMetric" == missing["reason"]
    assert "has no samples of container_memory_working_set_bytes" in missing["message"]
    assert 'for cluster="nowhere"; is the kubelet\'s /metrics/cadvisor scraped?' in missing["message"]
    see_passes(started)
    assert sizes(now(cluster, pod)) == ("64Mi", "128Mi")
    wait_for("the forecast to say so", lambda: forecast(cluster, namespace)["summary"]["state"] == "NoForecast", 20)


def test_a_killed_container_is_resized_as_soon_as_it_runs(
    cluster: Cluster, namespace: str, operator: StartOperator, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the status that tells of the restart to the answer to the resize, by the API server's own clock.

    Passes are half a minute apart here: no pass does it.
    """
    since = cluster.audit.mark()
    names = [f"web-{number}" for number in range(4)]
    cluster.apply(*(policy(name, target=name) for name in names), namespace=namespace)
    started = operator(NOBODY, tick="30s")
    wait_for("a first pass", lambda: counter(started, "foresize_pass_seconds_count", 'step="write"'), 20)
    cluster.apply(*(workloads.deployment(name, HUNGRY) for name in names), namespace=namespace)
    for name in names:
        wait_for(f"{name} at 160 MiB", lambda name=name: _at_limit(cluster, namespace, name, 160 * MIB), 90)

    waits_ms = [
        1000 * (_instant_s(patch) - running)
        for patch in resizes(cluster, started, namespace, since)
        if (running := _running_before(cluster, patch, since)) is not None
    ]
    with capsys.disabled():
        told = f"median {statistics.median(waits_ms):.0f}, {min(waits_ms):.0f} to {max(waits_ms):.0f} ms"
        print(f"\nfrom Running after a kill to the resize: {told} ({len(waits_ms)} kills)")  # noqa: T201 - a figure to read
    assert 2 * len(names) <= len(waits_ms) <= 3 * len(names)
    assert statistics.median(waits_ms) < 10_000  # the machine may be busy; 100 is what is meant


def _is_held(cluster: Cluster, started: Operator, pod: Json) -> None:
    """Make the pod larger than it need be: nothing lowers it again."""
    resize_by_hand(cluster, pod, request="500Mi", limit="600Mi")
    resized(cluster, pod, lambda limit: limit == 600 * MIB)
    see_passes(started)
    assert sizes(now(cluster, pod)) == ("500Mi", "600Mi")


def _history(cluster: Cluster, namespace: str, status: str) -> Json:
    """The condition HistoryAvailable, once it has this status."""

    def reached() -> Json | None:
        found = condition(cluster, namespace, "HistoryAvailable")
        return found if found.get("status") == status and found["reason"] != "FetchingHistory" else None

    return wait_for(f"HistoryAvailable={status}", reached, 60)


def _at_limit(cluster: Cluster, namespace: str, app: str, limit_bytes: int) -> Json | None:
    """The pod once the kernel enforces this limit on it and it holds what it needs.

    Or a MiB less: where a raise comes too late for a start, it is written again half a MiB off, and doubled from there.
    """
    [pod] = workloads.pods(cluster, namespace, app)
    reached = (
        limit_bytes - MIB <= (workloads.limit_bytes(pod) or 0) <= limit_bytes and workloads.used_bytes(pod) > 140 * MIB
    )
    return pod if reached else None


def _running_before(cluster: Cluster, patch: Write, since: int) -> float | None:
    """When the kubelet's last status before a resize was answered that told of a container running again."""
    told = [
        _instant_s(write)
        for write in cluster.audit.writes(namespace=patch.namespace, since=since)
        if (write.resource, write.name) == ("pods/status", patch.name) and write.at < patch.at and _restarted(write)
    ]
    return told[-1] if told else None


def _restarted(write: Write) -> bool:
    statuses = write.body.get("status", {}).get("containerStatuses", [])
    return any("running" in each.get("state", {}) and each.get("restartCount") for each in statuses)


def _instant_s(write: Write) -> float:
    return datetime.fromisoformat(write.at).timestamp()
