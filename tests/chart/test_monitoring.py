"""How a Prometheus finds what to scrape, and who may reach it."""

from collections.abc import Callable
from typing import Any

import pytest

Json = dict[str, Any]
Render = Callable[..., list[Json]]
WEBHOOK: Json = {"mode": "webhook"}


def of_kind(manifests: list[Json], kind: str) -> dict[str, Json]:
    """The specs of a kind, by name."""
    return {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == kind}


def ports(deployment: Json) -> dict[str, int]:
    """Of its container, by name."""
    [container] = deployment["template"]["spec"]["containers"]
    return {each["name"]: each["containerPort"] for each in container["ports"]}


@pytest.mark.parametrize(("kind", "listed"), [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")])
def test_prometheus_operator_finds_both(render: Render, kind: str, listed: str) -> None:
    """Operator and webhook each have one, with labels and port of theirs, that keeps the namespace of the workload."""
    value = "serviceMonitor" if kind == "ServiceMonitor" else "podMonitor"
    asked = {"enabled": True, "namespace": "monitoring", "interval": "30s", "labels": {"release": "p"}}
    manifests = render({"admission": WEBHOOK, "metrics": {value: asked}})
    deployments = of_kind(manifests, "Deployment")
    services = {
        str(each["spec"]["selector"]): {port["name"]: port["targetPort"] for port in each["spec"]["ports"]}
        for each in manifests
        if each["kind"] == "Service"
    }
    found = [each for each in manifests if each["kind"] == kind]

    assert {each["metadata"]["name"] for each in found} == set(deployments)
    for each in found:
        spec, deployment = each["spec"], deployments[each["metadata"]["name"]]
        [endpoint] = spec[listed]
        labels = spec["selector"]["matchLabels"]
        assert (each["metadata"]["namespace"], each["metadata"]["labels"]["release"]) == ("monitoring", "p")
        assert spec["namespaceSelector"] == {"matchNames": ["foresize"]}
        assert (endpoint["honorLabels"], endpoint["interval"]) == (True, "30s")
        assert labels.items() <= deployment["template"]["metadata"]["labels"].items()
        port = services[str(labels)][endpoint["port"]] if kind == "ServiceMonitor" else endpoint["port"]
        assert ports(deployment)[port] == (8081 if "webhook" in each["metadata"]["name"] else 8080)


def test_pods_are_marked_for_a_prometheus_that_looks_for_marks(render: Render) -> None:
    """Beside annotations of one's own, and not unless asked."""
    values: Json = {"admission": WEBHOOK, "operator": {"podAnnotations": {"note": "x"}}}
    plain = of_kind(render(values), "Deployment")
    marked = of_kind(render({**values, "metrics": {"scrapeAnnotations": True}}), "Deployment")

    def annotations(of: dict[str, Json]) -> dict[str, Json]:
        return {name: each["template"]["metadata"].get("annotations", {}) for name, each in of.items()}

    assert annotations(plain) == {"foresize": {"note": "x"}, "foresize-webhook": {}}
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/path": "/metrics"}
    assert annotations(marked) == {
        "foresize": {"note": "x", "prometheus.io/port": "8080", **scraped},
        "foresize-webhook": {"prometheus.io/port": "8081", **scraped},
    }


def test_nothing_but_metrics_and_reviews_is_let_in(render: Render) -> None:
    """With networkPolicy.enabled: metrics from whom you say, the webhook's port from everywhere, and all ways out."""
    who = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    manifests = render({"admission": WEBHOOK, "networkPolicy": {"enabled": True, "metricsFrom": who}})
    policies, deployments = of_kind(manifests, "NetworkPolicy"), of_kind(manifests, "Deployment")

    assert set(policies) == set(deployments)
    for name, policy in policies.items():
        labels = deployments[name]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
        assert policy["policyTypes"] == ["Ingress"]
        for rule in policy["ingress"]:
            assert {port["port"] for port in rule["ports"]} <= set(ports(deployments[name]))
    assert policies["foresize"]["ingress"] == [{"ports": [{"port": "metrics"}], "from": who}]
    assert policies["foresize-webhook"]["ingress"][1] == {"ports": [{"port": "https"}]}


def test_ways_out_are_closed_but_for_those_that_are_named(render: Render) -> None:
    """networkPolicy.egress is taken as it is written."""
    way: Json = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 6443}]}
    [policy] = of_kind(render({"networkPolicy": {"enabled": True, "egress": [way]}}), "NetworkPolicy").values()

    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [way])


def test_pods_are_restricted_and_their_settings_are_yours(render: Render) -> None:
    """As the restricted Pod Security level asks by default; on OpenShift without ids of the chart's."""
    restricted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    for spec in of_kind(render({"admission": WEBHOOK}), "Deployment").values():
        pod = spec["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert [each["securityContext"] for each in pod["containers"]] == [restricted]
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"))
    for spec in of_kind(render({"admission": WEBHOOK, "podSecurityContext": ids}), "Deployment").values():
        assert not set(ids) & set(spec["template"]["spec"]["securityContext"])


def test_further_objects_come_with_the_release(render: Render) -> None:
    """They are rendered as they are."""
    more: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "{{ b }}"}}

    assert more in render({"extraObjects": [more]})
