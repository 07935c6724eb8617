"""What the chart makes, shown to a real API server: it takes every object, and its strictest pod security every pod."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from foresize_dev import helm
from foresize_dev.cluster import Cluster, KubectlError
from foresize_dev.fixtures import StartPrometheus
from foresize_dev.operator_process import ACCOUNT, Operator
from foresize_dev.places import CHART
from foresize_dev.waiting import wait_for
from scenes import MIB, condition, deploy, forecast, past, policy, resized

Json = dict[str, Any]
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
NOT_SERVED = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "CustomResourceDefinition"}
"""Kinds of others that this cluster does not have, and those that it has from the release."""
EVERYTHING: Json = {
    "fullnameOverride": "shown",
    "prometheus": {"url": "http://prometheus:9090", "tokenSecret": {"name": "token"}},
    "operator": {
        "replicas": 2,
        "podDisruptionBudget": {"enabled": True},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "operator"}},
            }
        ],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
    "rbac": {"templates": True},
    "evictions": {"enabled": True},
    "metrics": {
        "scrapeAnnotations": True,
        **{kind: {"enabled": True} for kind in ("serviceMonitor", "podMonitor", "prometheusRule")},
    },
    "dashboards": {"enabled": True},
    "ui": {"enabled": True, "tlsSecret": "pages"},
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"team": "platform"}}}],
        "egress": [{"ports": [{"port": 6443}]}],
    },
}


@pytest.fixture(params=["policy", "webhook"])
def objects(request: pytest.FixtureRequest, cluster: Cluster, chart: str, namespace: str) -> list[Json]:
    """The chart with everything on, in either way of sizing new pods."""
    del chart  # installed, for its CRDs
    values = {**EVERYTHING, "admission": {"mode": request.param}}
    command = ["template", "shown", str(CHART), "--namespace", namespace, "--values", "-"]
    rendered = helm.helm(cluster, *command, stdin=json.dumps(values))
    return [each for each in yaml.safe_load_all(rendered) if each]


def test_the_api_server_takes_everything(cluster: Cluster, namespace: str, objects: list[Json]) -> None:
    """Every object passes its schema and its rules, with no field that the API server does not know."""
    told = [each for each in objects if each["kind"] not in NOT_SERVED]
    assert {"Deployment", "NetworkPolicy", "PodDisruptionBudget", "ConfigMap", "Pod"} <= {each["kind"] for each in told}
    cluster.apply(
        *(each for each in told if each["kind"] == "ServiceAccount"), namespace=namespace
    )  # a Pod asks for it
    manifests = yaml.safe_dump_all(told)

    said = cluster.kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "--namespace", namespace, "--filename", "-"),
        stdin=manifests,
    )

    assert len(told) == len(said.splitlines())


def test_its_pods_are_let_in_where_pods_are_restricted(cluster: Cluster, namespace: str, objects: list[Json]) -> None:
    """Operator, webhook and `helm test` may run in a namespace that enforces the restricted Pod Security level."""
    cluster.api.request("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    bodies = list(_pods(objects))
    assert len(bodies) >= 2

    for each in bodies:
        made = cluster.api.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", each)
        assert made["spec"]["containers"]


def test_rights_of_some_namespaces_are_enough_there_and_are_none_elsewhere(
    cluster: Cluster, chart: str, namespace: str, prometheus: StartPrometheus
) -> None:
    """Installed for one namespace, the operator does all its work there with rights that end there."""
    del chart  # installed, for its CRDs
    own = f"{namespace}-own"
    values = {
        "fullnameOverride": own,
        "crds": {"enabled": False},
        "admission": {"mode": "none"},
        "serviceAccount": {"name": ACCOUNT},
        "operator": {"enabled": False, "namespaces": [namespace]},
    }
    options = ["--namespace", own, "--create-namespace", "--values", "-"]
    helm.helm(cluster, "install", own, str(CHART), *options, stdin=json.dumps(values))
    try:
        pod = deploy(cluster, namespace)
        server = prometheus(history=past(pod, 200))
        cluster.apply(policy(), namespace=namespace)
        settings = {"prometheus-url": server.url, "namespaces": namespace, "tick": "1s", "lease-duration": "5s"}
        operator = Operator(cluster, settings, name="operator-own", namespace=own).start()
        try:
            resized(cluster, pod, lambda limit: limit > 200 * MIB)
            wait_for("its forecast to be told", lambda: forecast(cluster, namespace).get("containers"), 20)
            wait_for("its policy to be ready", lambda: _is_ready(cluster, namespace), 20)
        finally:
            operator.stop()
        asked = ["auth", "can-i", "patch", "pods", "--subresource=resize", f"--as={operator.user}", "--namespace"]
        assert cluster.kubectl(*asked, namespace).strip() == "yes"
        assert "Forbidden" not in operator.log()
        with pytest.raises(KubectlError):  # it says no, and ends with 1
            cluster.kubectl(*asked, "default")
    finally:
        helm.helm(cluster, "uninstall", own, "--namespace", own)
        cluster.api.request("DELETE", f"/api/v1/namespaces/{own}")


def _is_ready(cluster: Cluster, namespace: str) -> bool:
    return bool(condition(cluster, namespace, "Ready").get("status") == "True")


def _pods(objects: list[Json]) -> Iterator[Json]:
    """As their controllers would make them; their ServiceAccount is not there, and says nothing of their security."""
    for each in objects:
        if each["kind"] == "Pod":
            yield _plain(each["spec"])
        elif each["kind"] == "Deployment":
            yield _plain(each["spec"]["template"]["spec"])


def _plain(spec: Json) -> Json:
    own = {name: value for name, value in spec.items() if name != "serviceAccountName"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "shown-"}, "spec": own}
