"""`foresize doctor` on a set-up that works, and on one where most is wrong."""

from __future__ import annotations

import json
from typing import Any

from commandline import foresize
from foresize_dev import helm
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from scenes import deploy, forecast, past, policy

Json = dict[str, Any]
SWITCH = ("configmap", "foresize-kill-switch", "-n", helm.NAMESPACE)
NOBODY = "http://127.0.0.1:9"


def _deployment(account: str, prometheus_url: str) -> Json:
    """An operator's Deployment as the chart makes it, without pods."""
    labels = {"app.kubernetes.io/name": "foresize", "app.kubernetes.io/component": "operator"}
    container = {
        "name": "operator",
        "image": "none",
        "env": [{"name": "FORESIZE_PROMETHEUS_URL", "value": prometheus_url}],
    }
    pod = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": account, "containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "foresize", "namespace": helm.NAMESPACE, "labels": labels},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod},
    }


def _levels(out: str) -> dict[str, str]:
    """The worst level of each check, by its name."""
    order = ("ok", "unknown", "warning", "failed")
    found: dict[str, str] = {}
    for each in json.loads(out)["checks"]:
        found[each["check"]] = max(found.get(each["check"], "ok"), each["level"], key=order.index)
    return found


def test_a_healthy_set_up(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """All is ok from outside, and with the operator's own rights all that these may see; nothing is written."""
    server = prometheus(history=past(deploy(cluster, namespace), 100))
    cluster.apply(policy(), namespace=namespace)
    started = operator(server.url)
    wait_for("a forecast", lambda: forecast(cluster, namespace).get("summary", {}).get("peak"), 30)

    def found(*arguments: str, as_operator: bool) -> dict[str, str]:
        settings = {"FORESIZE_PROMETHEUS_URL": server.url, "FORESIZE_NAMESPACES": namespace}
        said = foresize(cluster, "doctor", "-o", "json", *arguments, as_operator=as_operator, **settings)
        assert said.err == ""
        return {name: level for name, level in _levels(said.out).items() if name != "Prometheus"}

    names = ("API server", "CRDs", "policies", "permissions", "resize", "admission", "kill switch", "operator")
    well = dict.fromkeys(names, "ok")
    wait_for("all to be ok", lambda: found(as_operator=False) == well, 30)
    since = cluster.audit.mark()
    # Its account may not read how new pods are sized.
    assert {**well, "admission": "unknown"} == found(as_operator=True)
    asked = {write.resource for write in cluster.audit.writes(user=started.user, since=since)}
    assert "selfsubjectaccessreviews" in asked

    # kube-state-metrics is not scraped here: that is said, with what to do, and is no failure.
    told = foresize(cluster, "doctor", FORESIZE_PROMETHEUS_URL=server.url, FORESIZE_NAMESPACES=namespace)
    assert told.code == 0, told.out
    assert "kube_pod_owner is not recorded" in told.out
    assert "Scrape kube-state-metrics." in told.out


def test_a_set_up_where_most_is_wrong(cluster: Cluster, chart: str) -> None:
    """No operator, an account without rights, no Prometheus, all stopped: each with its cure."""
    del chart  # the CRDs and the admission policy are there
    cluster.apply(_deployment("default", NOBODY), namespace=helm.NAMESPACE)
    cluster.kubectl("create", *SWITCH, "--from-literal=stop=true")
    try:
        said = foresize(cluster, "doctor", "-o", "json", "--timeout", "60s")
        words = foresize(cluster, "doctor").out
    finally:
        cluster.kubectl("delete", *SWITCH)
        cluster.kubectl("delete", "deployment/foresize", "-n", helm.NAMESPACE)

    assert said.code == 1, said.out
    levels = _levels(said.out)
    assert {name for name, level in levels.items() if level == "failed"} == {"permissions", "Prometheus", "operator"}
    assert levels["kill switch"] == "warning"
    assert "system:serviceaccount:foresize:default may not patch pods/resize" in words
    assert "does a NetworkPolicy allow it?" in words
    assert "has 0 of 0 pods ready, but nobody renews Lease foresize/foresize" in words
    assert "kubectl delete configmap foresize-kill-switch" in words
