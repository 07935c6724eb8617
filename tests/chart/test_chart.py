import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from foresize.config.settings import FIELDS
from foresize_dev.places import CHART, CRDS

Json = dict[str, Any]
Render = Callable[..., list[Json]]
POLICY = {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}
WEBHOOK = {"MutatingWebhookConfiguration", "PodDisruptionBudget", "Secret"}
SHORTHANDS = {
    "operator": "operator",
    "prometheus": "prometheus",
    "certificate": "admission.webhook.certificate",
    "webhook": "admission.webhook",
}
"""Variables of the templates, and the values that they stand for."""
VALUES = (CHART / "values.yaml").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SCENARIOS: dict[str, Json] = {
    "defaults": {},
    "no operator": {"operator": {"enabled": False}},
    "all off": {
        "crds": {"enabled": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "mine"},
        "metrics": {"service": {"enabled": False}},
        "admission": {"mode": "none"},
    },
    "webhook": {
        "admission": {"mode": "webhook", "webhook": {"hostNetwork": True}},
        "networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]},
        "metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}, "scrapeAnnotations": True},
    },
    "webhook, cert-manager": {
        "image": {"pullSecrets": ["registry"]},
        "admission": {
            "mode": "webhook",
            "webhook": {
                "certificate": {"certManager": True, "issuerRef": {"name": "ours", "kind": "ClusterIssuer"}},
                "podLabels": {"team": "platform"},
                "podAnnotations": {"note": "x"},
                "tolerations": [{"operator": "Exists"}],
                "affinity": {"nodeAffinity": {}},
                "priorityClassName": "system-cluster-critical",
            },
        },
    },
    "pages": {
        "commonLabels": {"team": "platform"},
        "operator": {"namespaces": ["shop"]},
        "networkPolicy": {"enabled": True, "egress": [{"ports": [{"port": 443}]}]},
        "ui": {
            "enabled": True,
            "tlsSecret": "pages",
            "serviceAnnotations": {"note": "x"},
            "podLabels": {"team": "platform"},
            "podAnnotations": {"note": "x"},
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "system-cluster-critical",
        },
    },
    "all on": {
        "fullnameOverride": "sizes",
        "commonLabels": {"team": "platform"},
        "prometheus": {
            "url": "https://prometheus.monitoring:9090",
            "matchers": 'cluster="eu"',
            "tokenSecret": {"name": "prometheus-token"},
            "caConfigMap": {"name": "prometheus-ca"},
            "headersSecret": {"name": "prometheus-headers"},
            "tenant": "shop",
            "clientCertificateSecret": {"name": "prometheus-client"},
        },
        "operator": {
            "replicas": 2,
            "namespaces": ["shop", "web"],
            "extraEnv": [{"name": "FORESIZE_SAMPLE_MAX_AGE", "value": "5m"}],
            "podLabels": {"team": "platform"},
            "podAnnotations": {"note": "x"},
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "system-cluster-critical",
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
            ],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "podDisruptionBudget": {"enabled": True},
        },
        "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["registry"]},
        "crds": {"keep": False},
        "serviceAccount": {"annotations": {"note": "x"}},
        "rbac": {"extraWorkloads": [{"apiGroup": "argoproj.io", "resources": ["rollouts"]}]},
        "evictions": {"enabled": True, "singleReplicas": True},
        "metrics": {
            "service": {"annotations": {"note": "x"}},
            "scrapeAnnotations": True,
            "serviceMonitor": {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}},
            "podMonitor": {"enabled": True, "namespace": "monitoring"},
            "prometheusRule": {"enabled": True, "runbookUrl": "https://example.com/foresize"},
        },
        "dashboards": {"enabled": True, "annotations": {"grafana_folder": "Foresize"}},
        "networkPolicy": {"enabled": True, "egress": [{"ports": [{"port": 443}]}]},
        "admission": {"mode": "policy"},
    },
}


def one(manifests: list[Json], kind: str) -> Json:
    """The only manifest of a kind."""
    [found] = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def kinds(manifests: list[Json]) -> list[str]:
    """The kinds of all manifests, each once."""
    return sorted({manifest["kind"] for manifest in manifests})


def leaves(values: Json, path: str = "") -> Iterator[str]:
    """The paths of all values that are not maps."""
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value:
            yield from leaves(value, here)
        else:
            yield here


def test_lint_finds_nothing(helm: Callable[..., str]) -> None:
    """Helm's own linter, in its strict form, has nothing to say."""
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize("values", SCENARIOS.values(), ids=SCENARIOS)
def test_every_manifest_is_named_and_labelled(render: Render, values: Json) -> None:
    """Whatever is switched on or off, each object has the labels that tell where it comes from."""
    for manifest in render(values):
        labels = manifest["metadata"]["labels"]

        assert labels["app.kubernetes.io/name"] == "foresize"
        assert labels["app.kubernetes.io/instance"] == "foresize"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        if "commonLabels" in values:
            assert labels["team"] == "platform"


def test_everything_but_the_operator(render: Render) -> None:
    """operator.enabled=false leaves out the Deployment and the Pod of its `helm test`, and nothing else."""
    with_operator, without = kinds(render()), kinds(render(SCENARIOS["no operator"]))

    assert set(with_operator) - set(without) == {"Deployment", "Pod"}
    assert set(without) - set(with_operator) == set()


def test_what_is_switched_off_is_left_out(render: Render) -> None:
    """With all parts off only the operator and its test remain, under the account that exists already."""
    manifests = render(SCENARIOS["all off"])

    assert kinds(manifests) == ["Deployment", "Pod"]
    assert one(manifests, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
    assert one(manifests, "Pod")["spec"]["serviceAccountName"] == "mine"


@pytest.mark.parametrize("name", ["defaults", "all on"])
def test_the_release_is_tested_from_where_the_operator_stands(render: Render, name: str) -> None:
    """`helm test` runs `foresize doctor` with the operator's image, account, settings, files and restrictions."""
    manifests = render(SCENARIOS[name])
    pod, operator = one(manifests, "Pod"), one(manifests, "Deployment")["spec"]["template"]["spec"]
    [asked], [runs] = pod["spec"]["containers"], operator["containers"]

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert asked["args"] == ["doctor"]
    assert pod["spec"]["restartPolicy"] == "Never"
    for same in ("image", "env", "volumeMounts", "securityContext"):
        assert asked[same] == runs[same]
    for same in ("serviceAccountName", "volumes", "securityContext"):
        assert pod["spec"][same] == operator[same]
    selectors = (each["spec"].get("selector") for each in manifests if each["kind"] == "Service")
    assert not [each for each in selectors if each.items() <= pod["metadata"]["labels"].items()]


@pytest.mark.parametrize(
    ("mode", "apis", "installed"),
    [
        ("auto", True, POLICY),
        ("auto", False, WEBHOOK),
        ("policy", False, POLICY),
        ("webhook", True, WEBHOOK),
        ("none", True, set()),
    ],
)
def test_pod_creation_is_sized_by_the_one_or_the_other(
    render: Render, *, mode: str, apis: bool, installed: set[str]
) -> None:
    """The admission policy comes by itself with an API server that has the API, the webhook without; never both."""
    known = {} if apis else {"apis": ""}
    manifests = render({"admission": {"mode": mode}}, **known)

    assert installed == set(kinds(manifests)) & (POLICY | WEBHOOK)


def test_pod_creation_never_depends_on_foresize(render: Render) -> None:
    """A policy that fails is ignored, one without sizes allows, and the release's own namespace is out of its reach."""
    manifests = render()
    binding = one(manifests, "MutatingAdmissionPolicyBinding")["spec"]
    [by_name, _] = binding["matchResources"]["namespaceSelector"]["matchExpressions"]

    assert one(manifests, "MutatingAdmissionPolicy")["spec"]["failurePolicy"] == "Ignore"
    assert binding["paramRef"] == {"name": "foresize", "parameterNotFoundAction": "Allow"}
    assert by_name["values"] == ["foresize", "kube-system", "kube-public", "kube-node-lease"]


def test_crds_are_the_projects_own() -> None:
    """The chart's CRDs are the files of crds/, byte for byte."""
    source = {path.name: path.read_bytes() for path in CRDS.glob("*.yaml")}
    copies = {path.name: path.read_bytes() for path in (CHART / "files" / "crds").glob("*.yaml")}

    assert copies == source
    assert len(source) == 4


@pytest.mark.parametrize("keep", [True, False])
def test_crds_are_upgraded_and_kept(render: Render, *, keep: bool) -> None:
    """Helm renders the CRDs as they are, so an upgrade brings them up to date; by default they outlive the release."""
    rendered = {
        manifest["metadata"]["name"]: manifest
        for manifest in render({"crds": {"keep": keep}})
        if manifest["kind"] == "CustomResourceDefinition"
    }
    for path in CRDS.glob("*.yaml"):
        crd = rendered.pop(path.stem)

        assert crd["spec"] == yaml.safe_load(path.read_text())["spec"]
        assert crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == ("keep" if keep else None)
    assert rendered == {}


def test_a_typo_fails_at_install(render: Render) -> None:
    """A value that does not exist is refused by its name, at any depth."""
    for values, name in (({"promtheus": {}}, "promtheus"), ({"operator": {"tik": "1s"}}, "tik")):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            render(values)

        assert f"additional properties '{name}' not allowed" in refused.value.stderr


@pytest.mark.parametrize(
    "values",
    [
        {"prometheus": {"url": "prometheus:9090"}},
        {"operator": {"tick": "15"}},
        {"operator": {"fitWorkers": 0}},
        {"forecaster": {"engine": "ray"}},
        {"forecaster": {"daskAddress": "scheduler:8786"}},
        {"operator": {"logFormat": "xml"}},
        {"evictions": {"perHour": -1}},
        {"operator": {"namespaces": ["Shop"]}},
        {"image": {"digest": "latest"}},
        {"admission": {"mode": "yes"}},
        {"admission": {"webhook": {"port": 443}}},
        {"admission": {"webhook": {"port": 8081}}},
        {"admission": {"webhook": {"certificate": {"life": "90"}}}},
        {"admission": {"webhook": {"certificate": {"issuerRef": {"kind": "Vault"}}}}},
        {"metrics": {"containers": -1}},
        {"metrics": {"prometheusRule": {"runbookUrl": "example.com"}}},
        {"metrics": {"prometheusRule": {"alerts": {"ForesizeMemoryleak": {"enabled": False}}}}},
        {"metrics": {"prometheusRule": {"alerts": {"ForesizeMemoryLeak": {"for": "soon"}}}}},
        {"dashboards": {"labelValue": 1}},
        {"rbac": {"extraWorkloads": [{"apiGroup": "*", "resources": ["*"]}]}},
    ],
    ids=str,
)
def test_a_bad_value_is_refused(values: Json) -> None:
    """What the operator or Kubernetes could not use is refused before anything is installed."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA)


def test_every_value_is_documented_and_in_the_schema() -> None:
    """A comment stands above each value or above the group that it is in; the schema describes each."""
    values = yaml.safe_load(VALUES)
    jsonschema.validate(values, SCHEMA)
    lines = VALUES.splitlines()
    for number, line in enumerate(lines):
        if re.match(r" *\w+: .*", line):
            above = next(each for each in reversed(lines[:number]) if not re.match(r" *[\w./]+:", each))

            assert above.lstrip().startswith("#"), line

    assert SCHEMA["additionalProperties"] is False
    assert set(values) | {"global"} == set(SCHEMA["properties"])
    for path in leaves(values):
        node = SCHEMA
        for key in path.split("."):
            if "properties" not in node:
                break  # a map of the user's own keys
            assert node["additionalProperties"] is False, path
            assert key in node["properties"], path
            node = node["properties"][key]
        assert node["description"], path


def test_every_value_is_used() -> None:
    """No value stands in values.yaml that no template reads."""
    templates = "\n".join(path.read_text() for path in (CHART / "templates").rglob("*.*"))
    for short, long in SHORTHANDS.items():
        templates = templates.replace(f"${short}.", f".Values.{long}.")
    used = set(re.findall(r"\.Values\.([A-Za-z.]+)", templates))
    for path in leaves(yaml.safe_load(VALUES)):
        parents = {path.rsplit(".", n)[0] for n in range(path.count(".") + 1)}

        assert parents & used, path


@pytest.mark.parametrize(("values", "allowed"), [({}, "0"), ({"evictions": {"enabled": True, "perHour": 7}}, "7")])
def test_nothing_is_evicted_unless_the_chart_says_so(render: Render, values: Json, allowed: str) -> None:
    """Without evictions.enabled the operator's own budget is none at all, whatever policies ask for."""
    [container] = one(render(values), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert {each["name"]: each.get("value") for each in container["env"]}["FORESIZE_EVICTIONS_PER_HOUR"] == allowed


def test_secrets_reach_the_operator_as_files_alone(render: Render) -> None:
    """Every credential is a Secret that is mounted; a variable names its file, and nothing of it is in an argument."""
    names = {
        "basicAuthSecret": "user",
        "headersSecret": "headers",
        "clientCertificateSecret": "client",
        "caSecret": "ca",
    }
    given = {value: {"name": f"my-{volume}"} for value, volume in names.items()}
    pod = one(render({"prometheus": given}), "Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    files = {each["name"]: str(each.get("value")) for each in container["env"] if "_FILE" in each["name"]}

    secrets = {each["name"]: each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    assert {f"prometheus-{volume}": f"my-{volume}" for volume in names.values()} == secrets
    assert {f"/etc/foresize/prometheus-{volume}" for volume in names.values()} == {
        each for each in mounted.values() if each.startswith("/etc")
    }
    assert {
        "FORESIZE_PROMETHEUS_USER_FILE": "/etc/foresize/prometheus-user/username",
        "FORESIZE_PROMETHEUS_PASSWORD_FILE": "/etc/foresize/prometheus-user/password",
        "FORESIZE_PROMETHEUS_CERTIFICATE_FILE": "/etc/foresize/prometheus-client/tls.crt",
        "FORESIZE_PROMETHEUS_KEY_FILE": "/etc/foresize/prometheus-client/tls.key",
        "FORESIZE_PROMETHEUS_CA_FILE": "/etc/foresize/prometheus-ca/ca.crt",
    } == files
    assert not any("my-" in str(each) for each in container["args"])


@pytest.mark.parametrize("both", [("tokenSecret", "basicAuthSecret"), ("caConfigMap", "caSecret")])
def test_of_two_that_exclude_each_other_none_is_guessed(render: Render, both: tuple[str, str]) -> None:
    """A token and a password, or authorities from two places, are refused at install, by the values' names."""
    with pytest.raises(subprocess.CalledProcessError) as refused:
        render({"prometheus": {each: {"name": "x"} for each in both}})

    assert all(f"prometheus.{each}.name" in refused.value.stderr for each in both)


def test_each_variable_is_a_setting_of_the_operator(render: Render) -> None:
    """The Deployment sets no variable that the operator does not know, and each value passes its check."""
    for values in (SCENARIOS["defaults"], SCENARIOS["all on"]):
        [container] = one(render(values), "Deployment")["spec"]["template"]["spec"]["containers"]
        given = {each["name"]: each["value"] for each in container["env"] if each["name"].startswith("FORESIZE_")}
        known = {field.env: field for field in FIELDS}
        for name, value in given.items():
            assert name in known
            if value:
                known[name].parse(value)
