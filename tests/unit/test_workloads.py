from __future__ import annotations

from typing import Any

import pytest

from builders import size
from foresize.cluster.workloads import opted_out, qos_of, read, size_of
from foresize_forecast.sizes import QosClass


def resources(request: str | None, limit: str | None, *, cpu: tuple[str, str] | None = None) -> dict[str, Any]:
    requests = {**({"memory": request} if request else {}), **({"cpu": cpu[0]} if cpu else {})}
    limits = {**({"memory": limit} if limit else {}), **({"cpu": cpu[1]} if cpu else {})}
    return {"requests": requests, "limits": limits}


def workload(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> dict[str, Any]:
    """A workload as the API server prints it, three pods wanted and there."""
    pod = {"containers": [{"name": "app", "resources": resources("64Mi", "128Mi")}]}
    return {
        "metadata": {"namespace": "shop", "name": "web", "uid": "u", "generation": 2, "labels": {"team": "shop"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {"spec": pod}, **(spec or {})},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, **(status or {})},
    }


def test_read() -> None:
    """A workload is known by its key, its template's sizes and its pods' selector."""
    found = read(workload(), "Deployment")

    assert ("shop", "Deployment/web") == found.key
    assert {"app": size(64, 128)} == found.template
    assert ({"matchLabels": {"app": "web"}}, 3, "") == (found.selector, found.replicas, found.rollout)


def test_native_sidecars_are_sized() -> None:
    """A native sidecar counts as a container, an ordinary init container does not: it has ended when sizes matter."""
    template = {
        "spec": {
            "initContainers": [
                {"name": "migrate", "resources": resources("1Gi", "1Gi")},
                {"name": "proxy", "restartPolicy": "Always", "resources": resources("32Mi", None)},
            ],
            "containers": [{"name": "app"}],
        }
    }

    found = read(workload({"template": template}), "Deployment").template

    assert {"app": size(None, None), "proxy": size(32, None)} == found


@pytest.mark.parametrize("template", [None, "gold", [], {"spec": "x"}, {"spec": {"containers": {}}}])
def test_a_foreign_template_hides_its_sizes(template: object) -> None:
    """A kind whose spec.template is something else than a pod template has no sizes, and breaks nothing."""
    assert {} == read(workload({"template": template}), "Widget", "example.dev/v1").template


def test_a_foreign_kinds_rollout_is_its_own_business() -> None:
    """An Argo Rollout writes the generation that it has observed as text: it is not compared, and breaks nothing."""
    assert "" == read(workload(status={"observedGeneration": "1"}), "Rollout", "argoproj.io/v1alpha1").rollout


def test_request_left_out_is_the_limit() -> None:
    """A container with a limit only asks for as much, as Kubernetes fills it in."""
    assert size(128, 128) == size_of(resources(None, "128Mi"))


@pytest.mark.parametrize(
    ("kind", "spec", "status", "waits"),
    [
        ("Deployment", {}, {}, False),
        ("Deployment", {}, {"observedGeneration": 1}, True),
        # 4 pods with the surge, 2 of them new.
        ("Deployment", {}, {"replicas": 4, "updatedReplicas": 2}, True),
        # Scaled from 1 to 3 and stopped by a quota: no old pods, no rollout.
        ("Deployment", {}, {"replicas": 1, "updatedReplicas": 1}, False),
        ("StatefulSet", {}, {"currentRevision": "a", "updateRevision": "a"}, False),
        ("StatefulSet", {}, {"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1}, True),
        (
            "StatefulSet",
            {"updateStrategy": {"type": "OnDelete"}},
            {"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1},
            False,
        ),
        # Of 3 pods the partition holds back 2, so 1 is all that the rollout wants.
        (
            "StatefulSet",
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
            {"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1},
            False,
        ),
        ("DaemonSet", {}, {"currentNumberScheduled": 3, "updatedNumberScheduled": 3}, False),
        ("DaemonSet", {}, {"currentNumberScheduled": 3, "updatedNumberScheduled": 2}, True),
        # A node has joined: its pod is missing, no pod is old.
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 4, "currentNumberScheduled": 3, "updatedNumberScheduled": 3},
            False,
        ),
        ("ReplicaSet", {}, {"replicas": 1}, False),
    ],
)
def test_rollout(kind: str, spec: dict[str, Any], status: dict[str, Any], *, waits: bool) -> None:
    """A rollout that Kubernetes drives is seen; pods added, lost or left to their owner are none."""
    assert waits == bool(read(workload(spec, status), kind).rollout)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([{}], QosClass.BEST_EFFORT),
        ([resources("64Mi", None)], QosClass.BURSTABLE),
        ([resources("64Mi", "64Mi")], QosClass.BURSTABLE),
        ([resources("1Gi", "1024Mi", cpu=("1", "1000m"))], QosClass.GUARANTEED),
        ([resources(None, "1Gi", cpu=("1", "1"))], QosClass.GUARANTEED),
        ([resources("1Gi", "1Gi", cpu=("1", "1")), {}], QosClass.BURSTABLE),
    ],
)
def test_qos(blocks: list[dict[str, Any]], expected: QosClass) -> None:
    """A pod's class is found as Kubernetes finds it, however its quantities are written."""
    assert expected == qos_of({"containers": [{"name": str(i), "resources": each} for i, each in enumerate(blocks)]})


@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_opt_out(place: str) -> None:
    """`foresize.dev/ignore: "true"` opts out as a label and as an annotation; another value does not."""
    assert opted_out({place: {"foresize.dev/ignore": "true"}})
    assert not opted_out({place: {"foresize.dev/ignore": "false"}})
    assert not opted_out({})


@pytest.mark.parametrize("place", ["labels", "annotations"])
@pytest.mark.parametrize(("value", "said"), [("true", True), ("False", False), ("maybe", None), (None, None)])
def test_an_owner_says_whether_pods_may_be_evicted(place: str, value: str | None, *, said: bool | None) -> None:
    """`foresize.dev/evict`, as a label or as an annotation of the workload: yes, no, or nothing."""
    marks = {} if value is None else {place: {"foresize.dev/evict": value}}
    item = {"metadata": {"namespace": "shop", "name": "web", "uid": "u", **marks}}

    assert read(item, "Deployment").evict is said
