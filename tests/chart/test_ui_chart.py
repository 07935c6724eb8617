"""The pages as the chart installs them."""

from collections.abc import Callable
from itertools import product
from typing import Any

Json = dict[str, Any]
Render = Callable[..., list[Json]]
NAME = "foresize-ui"
ON: Json = {"ui": {"enabled": True}}


def of_ui(manifests: list[Json]) -> dict[str, Json]:
    """What belongs to the pages, by kind; of several of a kind the last."""
    return {each["kind"]: each for each in manifests if each["metadata"]["name"] == NAME}


def rights(manifests: list[Json]) -> set[tuple[str, str]]:
    """(resource, verb) of both of its roles."""
    return {
        right
        for each in manifests
        if each["kind"] == "ClusterRole" and each["metadata"]["name"].startswith(NAME)
        for rule in each["rules"]
        for right in product(rule["resources"], rule["verbs"])
    }


def test_they_are_off_by_default(render: Render) -> None:
    """Nothing of them is there unless ui.enabled says so."""
    assert of_ui(render()) == {}


def test_they_only_read(render: Render) -> None:
    """Their account may get and list what pages are made of; what it may create is questions. No Secret, no node."""
    found = rights(render(ON))

    assert {right for right in found if right[1] not in {"get", "list"}} == {
        ("tokenreviews", "create"),
        ("subjectaccessreviews", "create"),
    }
    assert not {"secrets", "configmaps", "nodes"} & {resource for resource, _ in found}


def test_their_rights_end_where_the_operators_do(render: Render) -> None:
    """With operator.namespaces it reads workloads and forecasts in those alone."""
    bound = [
        (each["metadata"].get("namespace", ""), each["roleRef"]["name"])
        for each in render({**ON, "operator": {"namespaces": ["shop", "web"]}})
        if each["kind"].endswith("Binding") and each["metadata"]["name"].startswith(NAME)
    ]

    assert sorted(bound) == [("", f"{NAME}-readers"), ("shop", NAME), ("web", NAME)]


def test_they_ask_who_reads(render: Render) -> None:
    """They are served as shared, restricted as all pods are, and found by their Service alone."""
    manifests = render({**ON, "networkPolicy": {"enabled": True}})
    parts = of_ui(manifests)
    pod = parts["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    labels = parts["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    others = [
        each for each in manifests if each["kind"] in {"Deployment", "Service"} and each["metadata"]["name"] != NAME
    ]

    assert container["args"] == ["ui", "--shared", "--port=8090"]
    assert pod["serviceAccountName"] == NAME
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert parts["Service"]["spec"]["selector"].items() <= labels
    assert parts["NetworkPolicy"]["spec"]["ingress"] == [{"ports": [{"port": "pages"}]}]
    for other in others:
        selector = other["spec"]["selector"]
        assert not selector.get("matchLabels", selector).items() <= labels


def test_tls_by_a_secret(render: Render) -> None:
    """ui.tlsSecret is mounted, served with, and probed over TLS."""
    pod = of_ui(render({"ui": {"enabled": True, "tlsSecret": "pages"}}))["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert {"name": "certificate", "secret": {"secretName": "pages"}} in pod["volumes"]
    assert "--certificate-folder=/etc/foresize/certificate" in container["args"]
    assert (
        container["readinessProbe"]["httpGet"]["scheme"] == container["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    )
