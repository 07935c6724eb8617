"""What `kubectl apply` says of a MemoryPolicy that cannot be meant so, and what it makes of one that can."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from foresize_dev.cluster import Cluster, KubectlError

Json = dict[str, Any]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
REF = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
DURATION = r"{0} must be a duration from {1} to {2}, written like .* \(units w, d, h, m, s\)"


@pytest.fixture(autouse=True)
def _installed(chart: str) -> None:
    del chart


def policy(**spec: object) -> Json:
    """A MemoryPolicy for Deployment web."""
    return {
        "apiVersion": "foresize.dev/v1alpha1",
        "kind": "MemoryPolicy",
        "metadata": {"name": "web"},
        "spec": {"target": REF, **spec},
    }


def apply(cluster: Cluster, namespace: str, manifest: Json) -> str:
    """What kubectl says."""
    return cluster.kubectl("apply", "--namespace", namespace, "--filename", "-", stdin=json.dumps(manifest))


def row(**fields: object) -> Json:
    """Spec with one row for container app."""
    return {"containers": [{"name": "app", **fields}]}


@pytest.mark.parametrize(
    ("spec", "refusal"),
    [
        ({"targets": {}}, r'unknown field "spec\.targets"'),
        ({"target": {}}, r"spec\.target: .* exactly one of ref .* and selector"),
        ({"target": {**REF, "selector": {}}}, r"spec\.target: .* exactly one of ref .* and selector"),
        (
            {"target": {"ref": {"apiVersion": "apps/v1", "kind": "Deployment"}}},
            r"spec\.target\.ref\.name: Required value",
        ),
        (
            {"target": {"ref": {"apiVersion": "apps", "kind": "Deployment", "name": "web"}}},
            r"target\.ref\.apiVersion must be group/version, for example apps/v1",
        ),
        (
            {"target": {"ref": {"apiVersion": "apps/v1", "kind": "Pod", "name": "web"}}},
            r"target\.ref\.apiVersion of a Pod must be v1",
        ),
        (
            {"target": {**REF, "barePods": True}},
            r"target\.barePods adds pods to those of target\.selector",
        ),
        (
            {"target": {**REF, "groupBy": "job"}},
            r"target\.groupBy groups the pods that target\.selector finds: remove ref, or groupBy",
        ),
        (
            {"target": {"selector": {}, "groupBy": "job name"}},
            r"target\.groupBy must be the name of a label, for example app\.kubernetes\.io/name",
        ),
        (
            {"target": {"selector": {"matchExpressions": [{"key": "team", "operator": "In"}]}}},
            r"operator In and NotIn need values",
        ),
        (
            {"apply": {"running": "InPlace"}},
            r"apply\.running other than None needs apply\.atCreation or apply\.template",
        ),
        (
            {"apply": {"running": "Sometimes"}},
            r'running: Unsupported value: "Sometimes": supported values: "None", "InPlace", "InPlaceOrEvict"',
        ),
        (row(min="2Gi", max="1Gi"), r"containers\[\]\.min \(2Gi\) must not be above max \(1Gi\)"),
        (
            row(min="4Mi", max="2Mi"),
            r"containers\[\]\.min \(4Mi\) must not be above max \(2Mi\); min is 256Ki where not set",
        ),
        (row(max="lots"), r'"lots": containers\[\]\.max must be a memory quantity from 1Mi to 16Ti'),
        (row(min="64m"), r'"64m": containers\[\]\.min must be a memory quantity from 64Ki to 16Ti'),
        (row(max=-5), r"-5: containers\[\]\.max must be a memory quantity from 1Mi to 16Ti"),
        (row(request={"overrun": 0.9}), r"overrun in body should be less than or equal to 0\.5"),
        (row(request={"overrun": 0}), r"overrun must be from 0\.0001 to 0\.5"),
        (row(limit={"headroom": 11}), r"headroom in body should be less than or equal to 10"),
        (row(limit={"ratio": 3}), r"limit\.ratio is for the strategy Ratio only"),
        (row(limit={"strategy": "Keep", "headroom": 1}), r"limit\.headroom is for the strategy Forecast only"),
        (row(limit={"strategy": "EqualRequest", "headroom": 1}), r"limit\.headroom is for the strategy Forecast only"),
        (
            row(limit={"killCost": "0"}),
            r'"0": containers\[\]\.limit\.killCost must be a memory quantity from 1Mi to 16Ti',
        ),
        ({"containers": [{"name": "a"}, {"name": "a"}]}, r"must not have two rows of the same name"),
        ({"containers": [{"name": "*"}, {"name": "a"}]}, r"must have the row named \* last"),
        ({"containers": [{"name": "A_b"}]}, r'"A_b": containers\[\]\.name must be a container\'s name'),
        ({"containers": []}, r"spec\.containers in body should have at least 1 items"),
        ({"history": {"window": "2 weeks"}}, DURATION.format("history.window", "1h", "90d")),
        ({"history": {"window": "13w"}}, DURATION.format("history.window", "1h", "90d")),
        ({"history": {"step": "0s"}}, DURATION.format("history.step", "15s", "1h")),
        ({"history": {"window": "1h", "step": "10m"}}, r"history\.window must be at least 12 times history\.step"),
        ({"history": {"window": "90d", "step": "15s"}}, r"history\.window must be at most 50000 times history\.step"),
        ({"history": {"metric": "Cache"}}, r'supported values: "WorkingSet", "RSS"'),
        ({"horizon": "1w1d"}, DURATION.format("horizon", "10m", "7d")),
        ({"horizon": "5m"}, DURATION.format("horizon", "10m", "7d")),
        ({"horizon": 24}, r"spec\.horizon in body must be of type string"),
        ({"horizon": "10m", "pace": {"lead": "1h"}}, r"pace\.lead must not be longer than horizon"),
        ({"pace": {"cooldown": "1s"}}, DURATION.format("pace.cooldown", "10s", "24h")),
        ({"startup": {"ignore": "99999999w"}}, DURATION.format("startup.ignore", "0s", "2h")),
        ({"leak": {"action": "Kill"}}, r'supported values: "Alert", "Hold", "Restart"'),
        ({"idle": {"after": "soon"}}, DURATION.format("idle.after", "10s", "7d")),
        ({"rollout": {"canary": -1}}, r"canary in body should be greater than or equal to 0"),
        (
            {"disruption": {"windows": [{"start": "25:00", "duration": "1h"}]}},
            r"start must be a time of day from 00:00 to 23:59",
        ),
        (
            {"disruption": {"windows": [{"start": "01:00", "duration": "1h", "timeZone": "Berlin Time"}]}},
            r"timeZone must be a time zone of the IANA database",
        ),
        ({"disruption": {"after": "2d"}}, DURATION.format("disruption.after", "1s", "24h")),
        ({"leak": {"action": "Restart"}, "apply": {}}, r"leak\.action Restart needs apply\.running to be InPlace"),
        (
            {"idle": {"action": "Evict"}, "apply": {}},
            r"idle\.action Evict and ScaleToZero need apply\.running to be InPl",
        ),
        ({"budget": "0"}, r"budget must be a memory quantity from 1Mi to 1Pi"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_its_field_and_range(
    cluster: Cluster, namespace: str, spec: Json, refusal: str
) -> None:
    """The answer of kubectl apply says which field is wrong, and what is allowed there."""
    with pytest.raises(KubectlError) as refused:
        apply(cluster, namespace, policy(**spec))

    assert re.search(refusal, str(refused.value)), refused.value


@pytest.mark.parametrize(
    ("spec", "refusal"),
    [
        ({}, r"spec\.namespaceSelector: Required value"),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "In"}]}},
            r"namespaceSelector\.matchExpressions: operator In and NotIn need values",
        ),
        ({"namespaceSelector": {}, "horizon": "30d"}, DURATION.format("horizon", "10m", "7d")),
    ],
    ids=str,
)
def test_a_mistake_in_a_policy_of_the_cluster_is_refused(
    cluster: Cluster, namespace: str, spec: Json, refusal: str
) -> None:
    """It has all the rules of a namespace's policy, and its selector of namespaces may not be forgotten."""
    with pytest.raises(KubectlError) as refused:
        apply(cluster, namespace, policy(**spec) | {"kind": "ClusterMemoryPolicy"})

    assert re.search(refusal, str(refused.value)), refused.value


@pytest.mark.parametrize(
    "spec",
    [
        row(min=33554432, max="1e9"),
        {"horizon": "1h30m", "history": {"window": "1w", "step": "15s"}},
        {"pace": {"lead": "0s", "cooldown": "10s"}, "startup": {"ignore": "0s"}},
        {
            "containers": [
                {"name": "app", "limit": {"strategy": "Ratio", "ratio": 1.5}},
                {"name": "istio-*"},
                {"name": "*"},
            ]
        },
        {"apply": {"atCreation": True, "running": "InPlaceOrEvict"}, "idle": {}, "rollout": {"canary": 0}},
        {"disruption": {"windows": [{"days": ["Sat", "Sun"], "start": "22:30", "duration": "4h"}]}, "budget": "16Gi"},
        {
            "disruption": {
                "windows": [{"start": "22:30", "duration": "4h", "timeZone": "America/New_York"}],
                "after": "1s",
            }
        },
        {"apply": {"atCreation": True, "running": "InPlace"}, "leak": {"action": "Restart"}},
    ],
    ids=str,
)
def test_what_is_within_the_ranges_is_taken(cluster: Cluster, namespace: str, spec: Json) -> None:
    """Quantities with and without units, all units of duration and all strategies are accepted."""
    assert "created" in apply(cluster, namespace, policy(**spec))


def test_defaults_are_written_out(cluster: Cluster, namespace: str) -> None:
    """A policy that names its target only changes nothing, and shows all that it has by default."""
    apply(cluster, namespace, policy())
    stored = cluster.api.get(f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memorypolicies/web")

    limit = {"strategy": "Forecast", "headroom": 0.1, "killCost": "2Gi", "ratio": 2}
    assert stored["spec"] == {
        "target": REF,
        "paused": False,
        "apply": {"atCreation": False, "running": "None", "template": False, "templateForce": False},
        "containers": [{"name": "*", "min": "256Ki", "request": {"overrun": 0.03}, "limit": limit}],
        "history": {"window": "14d", "step": "5m", "metric": "WorkingSet"},
        "horizon": "24h",
        "startup": {"ignore": "5m"},
        "pace": {"lead": "10m", "cooldown": "2h"},
        "leak": {"action": "Alert"},
        "pressure": {"evict": "None", "reserve": "None"},
        "disruption": {"after": "5m", "evictionsPerHour": 6},
    }


def test_forecasts_are_worth_reading(cluster: Cluster, namespace: str) -> None:
    """A line of kubectl get memoryforecasts shows what a container has, what it will need, and when."""
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memoryforecasts"
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"kind": "MemoryForecast", "apiVersion": "foresize.dev/v1alpha1", "metadata": {"name": "deployment-web"}}
    cluster.api.request("POST", path, {**body, "spec": {"workload": workload, "policy": "web"}})
    summary = {
        "container": "app",
        "request": "64Mi",
        "wanted": "100Mi",
        "limit": "128Mi",
        "peak": "150Mi",
        "peakIn": "12m",
        "model": "prophet",
        "shape": "Seasonal",
        "state": "Raised",
    }
    status = {"status": {"summary": summary, "state": {"v": 1, "anything": {"goes": []}}}}
    cluster.api.request("PATCH", f"{path}/deployment-web/status", status, "application/merge-patch+json")
    head, line = cluster.kubectl("get", "mfc", "--namespace", namespace).splitlines()

    assert " ".join(head.split()) == "NAME WORKLOAD CONTAINER REQUEST WANTED LIMIT PEAK IN MODEL SHAPE STATE"
    assert " ".join(line.split()) == "deployment-web web app 64Mi 100Mi 128Mi 150Mi 12m prophet Seasonal Raised"
    assert cluster.api.get(f"{path}/deployment-web")["status"]["state"] == status["status"]["state"]


def test_policies_are_worth_reading(cluster: Cluster, namespace: str) -> None:
    """A line of kubectl get memorypolicies shows what a policy does; kubectl get foresize finds all of our kinds."""
    apply(cluster, namespace, policy(apply={"atCreation": True, "running": "InPlace"}))
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memorypolicies/web/status"
    condition = {"type": "Ready", "status": "True", "reason": "Sizing", "message": ""}
    numbers = {"workloads": 3, "requested": "2Gi", "wanted": "1Gi", "killsLastDay": 0}
    status = {"status": {"conditions": [condition], **numbers}}
    cluster.api.request("PATCH", path, status, "application/merge-patch+json")
    head, line = cluster.kubectl("get", "mpol", "--namespace", namespace).splitlines()

    assert " ".join(head.split()) == "NAME READY CREATION RUNNING WORKLOADS REQUESTED WANTED KILLS PASS"
    assert " ".join(line.split()) == "web True true InPlace 3 2Gi 1Gi 0"
    assert "memorypolicy.foresize.dev/web" in cluster.kubectl("get", "foresize", "--namespace", namespace, "-o", "name")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_can_be_applied(cluster: Cluster, namespace: str, example: Path) -> None:
    """Each example is accepted by the API server as it is."""
    applied = cluster.kubectl("apply", "--namespace", namespace, "--filename", str(example))

    assert "created" in applied
    cluster.kubectl("delete", "--namespace", namespace, "--filename", str(example))


def test_there_are_examples() -> None:
    """The examples that the test above applies exist."""
    assert len(EXAMPLES) == 9
