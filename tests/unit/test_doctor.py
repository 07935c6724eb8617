"""`foresize doctor` against servers that are wrong in one way each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver import Answer, Request, serving, status
from cliruns import cluster, said
from foresize.commands import checkups, inclusterurl
from foresize.commands.deadline import TimedOutError, within
from foresize.commands.findings import Finding, Level, told, worst
from foresize.config.settings import SettingsProblem
from foresize.kube.kubeapi import Api
from foresize_forecast.prometheus import Source, check
from objectserver import Objects

CRDS = Path(__file__).parents[2] / "crds"
Json = dict[str, Any]


def served(answers: dict[str, Any], look: Callable[[Api], Any]) -> Any:
    """What a check finds on a server that has these answers by path, and nothing else."""

    def answer(request: Request) -> Answer:
        found = answers.get(request.path)
        return found if isinstance(found, tuple) else (200, found) if found is not None else status(404, "not found")

    with serving(answer) as api:
        made = look(api)
        return made if isinstance(made, Finding) else list(made)


def schemas() -> Json:
    """The OpenAPI page of the CRDs as an API server shows them."""
    found = {}
    for path in CRDS.glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        version = crd["spec"]["versions"][0]
        found[f"dev.foresize.v1alpha1.{crd['spec']['names']['kind']}"] = version["schema"]["openAPIV3Schema"]
    return {"components": {"schemas": found}}


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        ("v1.36.3", Level.OK, "Kubernetes v1.36.3"),
        ("v1.34.0-gke.100", Level.OK, "v1.34.0-gke.100"),
        ("v1.33.1", Level.WARNING, "lowers no memory limit in place"),
        ("v1.32.9", Level.FAILED, "does not resize pods: 1.33 does"),
    ],
)
def test_versions(version: str, level: Level, words: str) -> None:
    """Too old a Kubernetes is named with the version that would do."""
    [found] = served({"/version": {"gitVersion": version}}, checkups.server)

    assert (level, True) == (found.level, words in found.message)


def test_nodes_that_cannot_resize() -> None:
    """Some of them are a warning, all of them a failure; without pods/resize nothing else is looked at."""
    api = {"resources": [{"name": "pods/resize"}]}

    def nodes(*versions: str) -> Json:
        named = enumerate(versions)
        return {
            "items": [
                {"metadata": {"name": f"n{number}"}, "status": {"nodeInfo": {"kubeletVersion": version}}}
                for number, version in named
            ]
        }

    for versions, level in ((("v1.36.0",), "ok"), (("v1.36.0", "v1.31.0"), "warning"), (("v1.31.0",), "failed")):
        [found] = served({"/api/v1": api, "/api/v1/nodes": nodes(*versions)}, checkups.resize)
        assert level == found.level
    [found] = served({"/api/v1": {"resources": []}}, checkups.resize)
    assert (Level.FAILED, True) == (found.level, "InPlacePodVerticalScaling" in found.cure)


def test_crds_of_this_version_and_of_another() -> None:
    """A field that this program reads and the CRD does not have would be dropped in silence: it is named."""
    kinds = {"resources": [{"name": name} for name in checkups.KINDS]}
    page = schemas()
    [found] = served(
        {"/apis/foresize.dev/v1alpha1": kinds, "/openapi/v3/apis/foresize.dev/v1alpha1": page}, checkups.crds
    )
    assert Level.OK == found.level, found

    spec = page["components"]["schemas"]["dev.foresize.v1alpha1.MemoryPolicy"]["properties"]["spec"]["properties"]
    del spec["pace"]["properties"]["lead"]
    spec["horizon"]["default"] = "12h"
    [found] = served(
        {"/apis/foresize.dev/v1alpha1": kinds, "/openapi/v3/apis/foresize.dev/v1alpha1": page}, checkups.crds
    )
    assert Level.FAILED == found.level
    assert "MemoryPolicy has no spec.pace.lead" in found.message
    assert "MemoryPolicy's spec.horizon is '12h' by default, not '24h'" in found.message

    [found] = served({}, checkups.crds)
    assert (Level.FAILED, True) == (found.level, "no policy can be written" in found.message)


def test_admission_that_does_nothing() -> None:
    """A policy without binding, a webhook without authority or without pods: each is named."""
    policies, bindings, hooks = (
        f"{checkups.ADMISSION}/{plural}"
        for plural in (
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "mutatingwebhookconfigurations",
        )
    )
    slices = "/apis/discovery.k8s.io/v1/namespaces/foresize/endpointslices"
    named, service = {"metadata": {"name": "foresize"}}, {"namespace": "foresize", "name": "hook"}

    def hook(**client: Any) -> Json:
        return {"items": [{**named, "webhooks": [{"clientConfig": client}]}]}

    none: Json = {"items": []}
    cases: list[tuple[Json, Level, str]] = [
        ({policies: none, hooks: none}, Level.WARNING, "nothing sizes new pods"),
        ({policies: {"items": [named]}, bindings: none, hooks: none}, Level.FAILED, "no binding"),
        ({hooks: hook(service=service)}, Level.FAILED, "caBundle is empty"),
        ({hooks: hook(service=service, caBundle="x"), slices: none}, Level.FAILED, "no pod of Service foresize/hook"),
        ({policies: status(403, "no")}, Level.UNKNOWN, "cannot be read"),
        (
            {hooks: hook(service=service, caBundle="x"), slices: {"items": [{"endpoints": [{}]}]}},
            Level.OK,
            "by the webhook",
        ),
        (
            {policies: {"items": [named]}, bindings: {"items": [{"spec": {"policyName": "foresize"}}]}, hooks: none},
            Level.OK,
            "inside the API server",
        ),
    ]
    for answers, level, words in cases:
        [found] = served(answers, checkups.admission)
        assert (level, True) == (found.level, words in found.message), found


def test_an_operator_that_no_longer_renews() -> None:
    """Its Deployment's pods are named beside the Lease; one that runs elsewhere needs no Deployment."""
    path = "/apis/coordination.k8s.io/v1/namespaces/foresize/leases/foresize"
    spec = {"holderIdentity": "pod-1", "renewTime": "2027-01-15T08:00:00.000000Z"}  # 1 800 000 000 s
    there = {"metadata": {"name": "foresize"}, "spec": {"replicas": 1}, "status": {}}

    def found(now_s: float, deployment: Json | None) -> Finding:
        made = served({path: {"spec": spec}}, lambda api: checkups.operator(api, "foresize", deployment, now_s))
        assert isinstance(made, Finding)
        return made

    assert Level.OK == found(1_800_000_007, None).level
    assert "7 s ago" in found(1_800_000_007, None).message
    assert "0 of 1 pods ready" in found(1_800_001_000, there).message
    assert "has no Deployment" in found(1_800_001_000, None).message


def test_policies_that_complain() -> None:
    """The first condition that is not as it should be is told; one that nobody has looked at as well."""

    def policy(name: str, **conditions: str) -> Json:
        said_of = [{"type": kind, "status": value, "reason": "R", "message": "m"} for kind, value in conditions.items()]
        return {"metadata": {"name": name, "namespace": "shop"}, "status": {"conditions": said_of}}

    well = policy("a", Ready="True", Conflict="False")
    assert [Level.OK] == [each.level for each in checkups.policies([well])]
    wrong = list(checkups.policies([well, policy("b", Ready="True", Conflict="True"), policy("c")]))
    assert ["MemoryPolicy shop/b: R: m", "MemoryPolicy shop/c: NotSeenYet: no operator has looked at it"] == [
        each.message for each in wrong
    ]
    many = [policy(str(number)) for number in range(5)]
    assert "2 more" in list(checkups.policies(many))[-1].message


def test_the_worst_counts() -> None:
    """What is unknown is no failure, and the sum says how many of each."""
    found = [Finding("a", Level.OK, ""), Finding("b", Level.UNKNOWN, "")]

    assert (Level.UNKNOWN, "2 checks: 1 ok, 1 unknown.") == (worst(found), told(found))
    assert "All 1 checks are ok." == told(found[:1])
    assert Level.FAILED == worst([*found, Finding("c", Level.FAILED, ""), Finding("d", Level.WARNING, "")])


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://prometheus.monitoring:9090", "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy"),
        ("https://p.m.svc", "/api/v1/namespaces/m/services/https:p:443/proxy"),
        ("http://p.m.svc.cluster.local/base/", "/api/v1/namespaces/m/services/p:80/proxy/base"),
        ("http://127.0.0.1:9090", None),
        ("http://prometheus:9090", None),
        ("http://metrics.example.com:9090", None),
    ],
)
def test_services_are_reached_through_the_api_server(url: str, path: str | None) -> None:
    """Only what is a Service's address is: whatever else is asked where it says."""
    assert path == inclusterurl.service_path(url)


def test_prometheus_through_the_api_server() -> None:
    """Queries go to the Service's proxy as GETs, and what the API server refuses is told in its words."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return 200, {"status": "success", "data": {"resultType": "vector", "result": []}}

    path = "/api/v1/namespaces/m/services/p:9090/proxy"
    with serving(answer) as api, inclusterurl.reached(api, path) as url:
        found = check(Source(url, retries=0, timeout_s=5), time.time())
    assert {("GET", f"{path}/api/v1/query")} == {(each.method, each.path) for each in asked}
    assert "container_memory_working_set_bytes" in asked[0].query["query"]
    assert "container_memory_working_set_bytes" in found.problems[0]

    with serving(lambda _: status(403, "services p:9090 is forbidden")) as api, inclusterurl.reached(api, path) as url:
        found = check(Source(url, retries=0, timeout_s=5), time.time())
    assert "services p:9090 is forbidden" in found.problems[0]


def test_what_takes_too_long_is_given_up() -> None:
    """Exit code 124 and how to give it more; an error inside is raised as it was."""
    with pytest.raises(TimedOutError, match=r"within 0.05 s: give it more with --timeout"):
        within(0.05, lambda: time.sleep(5))
    with pytest.raises(SettingsProblem):
        within(5, lambda: (_ for _ in ()).throw(SettingsProblem("x")))
    assert 2 == said("doctor", "--timeout", "soon").exit_code
    assert 2 == said("doctor", "--timeout", "0s").exit_code


def test_an_api_server_that_does_not_answer(tmp_path: Path) -> None:
    """The program ends when its time is over."""
    objects = Objects()
    objects.refuse = lambda _: (time.sleep(3), status(500, "slow"))[1]
    with cluster(objects, tmp_path) as kubeconfig:
        result = said("doctor", "--kubeconfig", kubeconfig, "--timeout", "1s")

    assert (124, True) == (result.exit_code, "no answer within 1 s" in result.stderr)


def test_nothing_is_there(tmp_path: Path) -> None:
    """Every check says what is wrong; the formats say the same; an empty setting is not a URL."""
    objects = Objects()
    objects.put("/version", {"gitVersion": "v1.36.3"})
    objects.put("/api/v1", {"resources": []})
    objects.refuse = lambda request: (200, {"status": {"allowed": False}}) if request.method == "POST" else None
    with cluster(objects, tmp_path) as kubeconfig:
        result = said("doctor", "--kubeconfig", kubeconfig, "-o", "json")
        same = said("doctor", "--kubeconfig", kubeconfig, "-o", "yaml")
        wrong = said("doctor", "--kubeconfig", kubeconfig, "--prometheus", "prometheus:9090")

    checks = json.loads(result.stdout)["checks"]
    failed = {each["check"] for each in checks if each["level"] == "failed"}
    assert 1 == result.exit_code
    assert {"CRDs", "permissions", "resize", "operator"} == failed
    assert "warning" == next(each["level"] for each in checks if each["check"] == "metrics-server")
    assert json.loads(result.stdout) == yaml.safe_load(same.stdout)
    assert "no Prometheus is set" in result.stdout
    assert "--prometheus-url: 'prometheus:9090'" in wrong.stdout
