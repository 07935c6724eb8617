"""What the webhook makes of a new pod. That the admission policy makes the same of it is shown on a real API server."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize.webhook.amounts import amount
from foresize.webhook.birth import Sized, Unsized, birth, workload
from newborns import HASH, IGNORE, OTHER, drawn, memory_of, patched, without_sizes

Json = dict[str, Any]
SIZE = {"request": "100Mi", "limit": "200Mi", "revisions": [HASH]}
CPU = {"cpu": "100m"}


def pod(*containers: Json, revision: str = HASH, inits: tuple[Json, ...] = (), **spec: object) -> Json:
    """Of Deployment web."""
    owner = {"kind": "ReplicaSet", "name": f"web-{revision}", "controller": True}
    metadata = {"labels": {"pod-template-hash": revision}, "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": {"containers": list(containers), "initContainers": list(inits), **spec}}


def container(name: str, request: str = "", limit: str = "", **more: object) -> Json:
    """With memory request and limit; empty ones are left out."""
    sizes = {"requests": request, "limits": limit}
    return {"name": name, "resources": {kind: {"memory": size} for kind, size in sizes.items() if size}, **more}


def pinned(name: str, request: str, limit: str) -> Json:
    """With CPU as a Guaranteed pod has it."""
    resources = {"requests": {"memory": request, **CPU}, "limits": {"memory": limit, **CPU}}
    return {"name": name, "resources": resources}


def born(body: Json, sizes: Json, *, ignored: bool = False) -> Json:
    """The pod as it is created."""
    found = birth(body, sizes, namespace_ignored=ignored)
    return patched(body, found.patch) if isinstance(found, Sized) else body


def memory(body: Json) -> dict[str, tuple[str, str]]:
    """Request and limit of each container."""
    every = [*body["spec"]["containers"], *body["spec"]["initContainers"]]
    parts = ("requests", "limits")
    return {
        each["name"]: tuple(each.get("resources", {}).get(part, {}).get("memory", "") for part in parts)  # type: ignore[misc]
        for each in every
    }


@pytest.mark.parametrize(
    ("size", "template", "expected"),
    [
        pytest.param(SIZE, ("50Mi", "80Mi"), ("100Mi", "200Mi"), id="raised"),
        pytest.param(SIZE, ("500Mi", "800Mi"), ("100Mi", "200Mi"), id="lowered"),
        pytest.param(SIZE, ("50Mi", ""), ("100Mi", "200Mi"), id="limit added"),
        pytest.param(
            {"request": "100Mi"}, ("50Mi", "80Mi"), ("80Mi", "80Mi"), id="request cut to the template's limit"
        ),
        pytest.param({"request": "60Mi"}, ("50Mi", ""), ("60Mi", ""), id="no limit"),
        pytest.param({"request": "9Gi", "limit": "1Gi"}, ("50Mi", ""), ("1Gi", "1Gi"), id="request cut to the limit"),
        pytest.param({"limit": "60Mi"}, ("50Mi", "80Mi"), ("50Mi", "60Mi"), id="limit only"),
        pytest.param({"limit": "60Mi"}, ("", ""), ("", ""), id="limit only, and no request to keep"),
        pytest.param({"request": "lots"}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="request cannot be read"),
        pytest.param({"request": "60Mi", "limit": "0"}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="limit of zero"),
        pytest.param({}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="empty"),
    ],
)
def test_a_size_is_given_within_what_the_pod_can_be(size: Json, template: tuple[str, str], expected: object) -> None:
    """A new pod has the written size, its request is never above its limit, and what cannot be read changes nothing."""
    body = pod(container("app", *template), container("other", "1Mi"))

    assert memory(born(body, {"Deployment/web": {"app": size}}))["app"] == expected


def test_a_new_revision_gets_at_least_its_template() -> None:
    """Pods of a revision never seen have the larger of both sizes, and no limit where their template has none."""

    def new(request: str, limit: str) -> tuple[str, str]:
        return memory(born(pod(container("app", request, limit), revision=OTHER), {"Deployment/web": {"app": SIZE}}))[
            "app"
        ]

    assert new("300Mi", "400Mi") == ("300Mi", "400Mi")
    assert new("50Mi", "400Mi") == ("100Mi", "400Mi")
    assert new("150Mi", "160Mi") == ("150Mi", "200Mi")
    assert new("50Mi", "") == ("100Mi", "")


def test_the_qos_class_stays() -> None:
    """Guaranteed keeps one size for both, Burstable is told apart by a byte, BestEffort is left alone."""
    equal = {"request": "200Mi", "limit": "200Mi"}

    assert (
        memory(born(pod(pinned("app", "150Mi", "150Mi")), {"Deployment/web": {"app": SIZE}}))["app"] == ("200Mi",) * 2
    )
    # 200 Mi = 209,715,200 bytes
    split = memory(born(pod(pinned("app", "50Mi", "80Mi")), {"Deployment/web": {"app": equal}}))["app"]
    assert split == ("209715199", "200Mi")
    assert birth(pod(container("app")), {"Deployment/web": {"app": SIZE}}, namespace_ignored=False) == Unsized(
        "BestEffort"
    )


def test_only_memory_of_the_named_containers_changes() -> None:
    """Devices, storage, claims, other containers and their order stay; init containers are sized, sidecars or not."""
    app = container("app", "50Mi", "80Mi")
    app["resources"]["requests"] |= {"cpu": "1", "ephemeral-storage": "1Gi"}
    app["resources"] |= {"limits": {"memory": "80Mi", "example.com/gpu": "1"}, "claims": [{"name": "x"}]}
    inits = (container("setup", "7Mi"), container("proxy", "20Mi", restartPolicy="Always"))
    body = pod(container("first", "5Mi"), app, inits=inits)
    sizes = {"Deployment/web": {"app": SIZE, "setup": SIZE, "proxy": {"request": "30Mi"}}}
    after = born(body, sizes)

    assert memory(after) == {
        "first": ("5Mi", ""),
        "app": ("100Mi", "200Mi"),
        "setup": ("100Mi", "200Mi"),
        "proxy": ("30Mi", ""),
    }
    assert after["spec"]["containers"][1]["resources"] == {
        "requests": {"memory": "100Mi", "cpu": "1", "ephemeral-storage": "1Gi"},
        "limits": {"memory": "200Mi", "example.com/gpu": "1"},
        "claims": [{"name": "x"}],
    }
    assert after["metadata"]["annotations"] == {"foresize.dev/sized-at-creation": "app,setup,proxy"}


def test_who_opted_out_is_left_alone() -> None:
    """By label or annotation of the pod, by annotation of the namespace; a pod with sizes of its own as well."""
    sizes = {"Deployment/web": {"app": SIZE}}
    for kind in ("labels", "annotations"):
        body = pod(container("app", "50Mi"))
        body["metadata"][kind] = {**body["metadata"].get(kind, {}), **IGNORE}

        assert birth(body, sizes, namespace_ignored=False) == Unsized("ignored")
    assert birth(pod(container("app", "50Mi")), sizes, namespace_ignored=True) == Unsized("ignored")
    whole = pod(container("app", "50Mi"), resources={})
    assert birth(whole, sizes, namespace_ignored=False) == Unsized("pod-level resources")


@pytest.mark.parametrize(
    ("kind", "name", "labels", "key"),
    [
        ("ReplicaSet", f"web-{HASH}", {"pod-template-hash": HASH}, "Deployment/web"),
        ("ReplicaSet", "web", {}, "ReplicaSet/web"),
        ("ReplicaSet", "web-1", {"pod-template-hash": HASH}, "ReplicaSet/web-1"),
        ("StatefulSet", "store", {"controller-revision-hash": HASH}, "StatefulSet/store"),
        ("Job", "nightly-29384756", {}, "CronJob/nightly"),
        ("Job", "weekly-29384756", {}, "Job/weekly-29384756"),
        ("Job", "nightly-2938475", {}, "Job/nightly-2938475"),
    ],
)
def test_whose_pod_it_is(kind: str, name: str, labels: Json, key: str) -> None:
    """A ReplicaSet is folded to its Deployment, a Job to its CronJob where that has sizes."""
    other = {"kind": "ConfigMap", "name": "x"}
    metadata = {"labels": labels, "ownerReferences": [other, {"kind": kind, "name": name, "controller": True}]}

    assert workload({"metadata": metadata}, {"CronJob/nightly": {}}) == key


def test_pods_without_a_controller_are_left_alone() -> None:
    """A bare pod, and one that is only owned, get nothing."""
    body = pod(container("app", "50Mi"))
    body["metadata"]["ownerReferences"][0]["controller"] = False
    sizes = {"Deployment/web": {"app": SIZE}, "": {"app": SIZE}}
    bare = deepcopy(body)
    del bare["metadata"]["ownerReferences"]

    assert birth(bare, sizes, namespace_ignored=False) == Unsized("not owned")
    assert birth(body, sizes, namespace_ignored=False) == Unsized("not owned")


@pytest.mark.parametrize(
    ("owner", "sizes", "expected"),
    [
        pytest.param(None, ["PodLabel/job=etl"], "PodLabel/job=etl", id="bare"),
        pytest.param("Job/run-x7f", ["PodLabel/job=etl"], "PodLabel/job=etl", id="of a Job"),
        pytest.param("Job/run-x7f", ["Job/run-x7f", "PodLabel/job=etl"], "Job/run-x7f", id="of a Job with sizes"),
        pytest.param("Job/run-29384756", ["PodLabel/job=etl"], "Job/run-29384756", id="of a CronJob"),
        pytest.param("Job/run-20261122", ["PodLabel/job=etl"], "PodLabel/job=etl", id="named after a day"),
        pytest.param("StatefulSet/db", ["PodLabel/job=etl"], "StatefulSet/db", id="of another controller"),
        pytest.param("Node/n1", ["PodLabel/job=etl"], "Node/n1", id="static"),
        pytest.param(None, ["PodLabel/team=b", "PodLabel/job=etl"], "PodLabel/job=etl", id="first by name"),
        pytest.param(None, ["PodLabel/job=other"], "", id="another value"),
    ],
)
def test_pods_of_generated_names_go_by_a_label(owner: str | None, sizes: list[str], expected: str) -> None:
    """A label holds together what has no controller, or a Job that says nothing; a controller's own sizes go first."""
    body = pod(container("app", "50Mi"))
    kind, _, name = (owner or "").partition("/")
    body["metadata"] = {"labels": {"job": "etl", "team": "b"}}
    if owner is not None:
        body["metadata"]["ownerReferences"] = [{"kind": kind, "name": name, "controller": True}]

    assert workload(body, {key: {"app": SIZE} for key in sizes}) == expected


def test_an_argo_rollouts_pods_are_its_own() -> None:
    """It makes ReplicaSets as a Deployment does, with a label of its own for their hash, which is the revision."""
    body = pod(container("app", "50Mi"))
    body["metadata"]["labels"] = {"rollouts-pod-template-hash": HASH}

    assert workload(body, {}) == "Rollout/web"
    assert memory(born(body, {"Rollout/web": {"app": SIZE}}))["app"] == ("100Mi", "200Mi")


def qos(body: Json) -> str:
    """The class, as Kubernetes defines it, from exact numbers."""
    every = memory_of(body).values()
    sizes = [
        size for each in every for part in each.values() for kind, size in part.items() if kind in {"cpu", "memory"}
    ]
    if not any(sizes):
        return "BestEffort"
    full = all(
        each["limits"].get(kind, 0) > 0 and each["requests"].get(kind) == each["limits"].get(kind)
        for each in every
        for kind in ("cpu", "memory")
    )
    return "Guaranteed" if full else "Burstable"


@given(st.integers(0, 1 << 32))
def test_what_is_given_can_always_be_created(seed: int) -> None:
    """No request is above its limit, the QoS class is as it was, nothing changed but memory, and twice is once."""
    newborn = drawn(Random(seed))  # noqa: S311 - draws pods, guards nothing
    body = defaulted(newborn.pod)
    try:
        after = born(body, newborn.sizes)
    except ValueError:  # a limit of its own that is no whole number: left as it is
        return

    for each in memory_of(after).values():
        request, limit = each["requests"].get("memory"), each["limits"].get("memory")
        assert request is None or limit is None or request <= limit
    assert qos(after) == qos(body)
    rest, before = without_sizes(after), without_sizes(body)
    rest["metadata"].pop("annotations", None)
    before["metadata"].pop("annotations", None)
    assert rest == before
    assert memory_of(born(after, newborn.sizes)) == memory_of(after)


def defaulted(body: Json) -> Json:
    """As the API server fills in before anybody is asked: a request that is missing is the limit."""
    body = deepcopy(body)
    for each in (*body["spec"]["containers"], *body["spec"]["initContainers"]):
        resources = each["resources"]
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **resources.get("requests", {})}
    return body


def test_exact_comparison() -> None:
    """A request a thousandth of a byte above the limit is above it."""
    assert amount("100000000001m") > amount("100000000")
