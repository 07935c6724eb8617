"""The webhook as the chart installs it."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from foresize.webhook.options import parse

Json = dict[str, Any]
Render = Callable[..., list[Json]]
NAME = "foresize-webhook"
CERT_MANAGER: Json = {"certManager": True}
WRITES = {"create", "update", "patch", "delete"}


def installed(render: Render, **webhook: object) -> dict[str, Json]:
    """What belongs to the webhook, by kind."""
    manifests = render({"admission": {"mode": "webhook", "webhook": webhook}})
    return {each["kind"]: each for each in manifests if each["metadata"]["name"] == NAME}


def granted(role: Json) -> set[tuple[str, str, str]]:
    """(resource, name or `*`, verb) of all rules."""
    return {
        right
        for rule in role["rules"]
        for right in product(rule["resources"], rule.get("resourceNames", ["*"]), rule["verbs"])
    }


def test_pod_creation_never_depends_on_it(render: Render) -> None:
    """Where it fails or takes more than 2 s pods are created without it; its own namespace is out of its reach."""
    [webhook] = installed(render)["MutatingWebhookConfiguration"]["webhooks"]
    [by_name, by_label] = webhook["namespaceSelector"]["matchExpressions"]

    assert (webhook["failurePolicy"], webhook["timeoutSeconds"], webhook["sideEffects"]) == ("Ignore", 2, "None")
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert by_name["values"] == ["foresize", "kube-system", "kube-public", "kube-node-lease"]
    assert (by_label["key"], by_label["operator"], by_label["values"]) == ("foresize.dev/ignore", "NotIn", ["true"])
    assert [rule["operations"] for rule in webhook["rules"]] == [["CREATE"]]


def test_it_asks_about_the_same_pods_as_the_policy(render: Render) -> None:
    """Match conditions and namespaces are those of the admission policy, word for word."""
    by_kind = {each["kind"]: each for each in render({"admission": {"mode": "policy"}})}
    policy = by_kind["MutatingAdmissionPolicy"]["spec"]
    binding = by_kind["MutatingAdmissionPolicyBinding"]["spec"]["matchResources"]
    [webhook] = installed(render)["MutatingWebhookConfiguration"]["webhooks"]

    assert webhook["matchConditions"] == policy["matchConditions"]
    assert webhook["namespaceSelector"] == binding["namespaceSelector"]
    assert webhook["reinvocationPolicy"] == policy["reinvocationPolicy"]


def test_two_replicas_stay_available(render: Render) -> None:
    """Two, on different nodes where that can be; a drain takes one at a time, a rollout starts the new one first."""
    parts = installed(render)
    deployment = parts["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    [spread] = pod["topologySpreadConstraints"]
    labels = deployment["selector"]["matchLabels"]

    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert (spread["topologyKey"], spread["labelSelector"]["matchLabels"]) == ("kubernetes.io/hostname", labels)
    assert parts["PodDisruptionBudget"]["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    assert parts["Service"]["spec"]["selector"] == labels
    assert labels.items() <= deployment["template"]["metadata"]["labels"].items()


def test_operator_and_webhook_are_told_apart(render: Render) -> None:
    """No selector of the one matches a pod of the other."""
    found = {
        each["metadata"]["name"]: each["spec"]
        for each in render({"admission": {"mode": "webhook"}})
        if each["kind"] == "Deployment"
    }
    selectors = {name: spec["selector"]["matchLabels"].items() for name, spec in found.items()}
    labels = {name: spec["template"]["metadata"]["labels"].items() for name, spec in found.items()}

    assert {(one, other) for one in found for other in found if selectors[one] <= labels[other]} == {
        ("foresize", "foresize"),
        (NAME, NAME),
    }


@pytest.mark.parametrize("certificate", [{}, CERT_MANAGER], ids=["its own", "cert-manager's"])
def test_it_may_do_nothing_to_the_machine(render: Render, certificate: Json) -> None:
    """No root, no capability, nothing it can write to."""
    pod = installed(render, certificate=certificate)["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(mount["readOnly"] for mount in container.get("volumeMounts", []))


def test_its_rights_are_its_own_certificate(render: Render) -> None:
    """It reads sizes and namespaces, and writes one Secret and the authority in its own configuration."""
    parts = installed(render)

    assert granted(parts["ClusterRole"]) == {
        ("memorysizes", "*", "list"),
        ("memorysizes", "*", "watch"),
        ("namespaces", "*", "list"),
        ("namespaces", "*", "watch"),
        ("mutatingwebhookconfigurations", NAME, "list"),
        ("mutatingwebhookconfigurations", NAME, "watch"),
        ("mutatingwebhookconfigurations", NAME, "patch"),
    }
    assert granted(parts["Role"]) == {
        ("secrets", NAME, "list"),
        ("secrets", NAME, "watch"),
        ("secrets", NAME, "update"),
    }


def test_with_cert_manager_it_writes_nothing(render: Render) -> None:
    """cert-manager makes the certificate and tells the API server; what is left to the webhook is reading."""
    parts = installed(render, certificate=CERT_MANAGER)
    certificate = parts["Certificate"]["spec"]

    assert {"Secret", "Role"} & parts.keys() == set()
    assert not {verb for _, _, verb in granted(parts["ClusterRole"])} & WRITES
    assert certificate["dnsNames"] == [f"{NAME}.foresize.svc"]
    assert certificate["issuerRef"]["name"] == parts["Issuer"]["metadata"]["name"]
    assert parts["MutatingWebhookConfiguration"]["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": f"foresize/{NAME}"
    }
    [volume] = parts["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == certificate["secretName"]


def test_its_authority_outlives_the_certificate(render: Render) -> None:
    """What the API server is told to trust stays good while one certificate takes the place of another."""
    manifests = render({"admission": {"mode": "webhook", "webhook": {"certificate": CERT_MANAGER}}})
    named = {(each["kind"], each["metadata"]["name"]): each.get("spec") for each in manifests}
    authority = named["Certificate", f"{NAME}-authority"]

    assert named["Issuer", NAME] == {"ca": {"secretName": authority["secretName"]}}
    assert (authority["isCA"], authority["duration"]) == (True, "87600h")  # 10 years of 365 days
    assert authority["privateKey"]["rotationPolicy"] == "Never"
    assert named["Issuer", authority["issuerRef"]["name"]] == {"selfSigned": {}}


def test_an_issuer_of_ones_own_is_used(render: Render) -> None:
    """Named, it signs instead, and no self-signed one is made."""
    parts = installed(render, certificate={**CERT_MANAGER, "issuerRef": {"name": "ours", "kind": "ClusterIssuer"}})

    assert "Issuer" not in parts
    assert parts["Certificate"]["spec"]["issuerRef"] == {
        "name": "ours",
        "kind": "ClusterIssuer",
        "group": "cert-manager.io",
    }


@pytest.mark.parametrize("certificate", [{"life": "30d"}, CERT_MANAGER], ids=["its own", "cert-manager's"])
def test_each_flag_is_one_of_the_webhooks(render: Render, certificate: Json) -> None:
    """The Deployment passes what the program understands, under the names of what the chart makes."""
    parts = installed(render, certificate=certificate, port=10250)
    [container] = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    options = parse(container["args"])
    service = parts["MutatingWebhookConfiguration"]["webhooks"][0]["clientConfig"]["service"]

    assert container["command"] == ["foresize-webhook"]
    assert container["ports"][0]["containerPort"] == options.port == 10250
    assert container["ports"][1]["containerPort"] == options.probe_port
    assert (
        (service["name"], service["namespace"])
        == (options.names.service, options.names.namespace)
        == (NAME, "foresize")
    )
    assert parts["Service"]["metadata"]["name"] == options.names.service
    if certificate == CERT_MANAGER:
        assert str(options.certificate_folder) == container["volumeMounts"][0]["mountPath"]
    else:
        assert (options.names.secret, options.names.configuration) == (NAME, NAME)
        assert options.certificate_life_s == 30 * 86_400
