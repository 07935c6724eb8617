from __future__ import annotations

from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from builders import mi
from foresize.cluster.targets import Inventory, selected, take_inventory
from foresize.config.policy import Policy, parse
from foresize_forecast.pods import Room

WEB = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
OWNED = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": True}]


def policy(target: dict[str, Any], *, name: str = "web", namespace: str = "shop") -> Policy:
    """A policy as the API server stores it."""
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "creationTimestamp": "2026-11-01T00:00:00Z",
    }
    parsed = parse({"metadata": metadata, "spec": {"target": target}})
    assert isinstance(parsed, Policy), parsed
    return parsed


def thing(name: str, *, namespace: str = "shop", **parts: Any) -> dict[str, Any]:
    """An object as a LIST prints it."""
    metadata = {"namespace": namespace, "name": name, "uid": f"uid-{name}", **parts.pop("metadata", {})}
    return {"metadata": metadata, "spec": {}, **parts}


class Cluster:
    """An API server that lists what it is given, by path, and counts what it was asked."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = objects
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Answer:
        """Collections that nobody named are empty; a group that nobody named is missing."""
        self.asked.append(request.path)
        if request.path in self.objects:
            found = self.objects[request.path]
            return found if isinstance(found, tuple) else (200, {"items": found} if isinstance(found, list) else found)
        if request.path.startswith("/api/v1/namespaces/") and request.path.count("/") == 4:
            return 200, thing(request.path.rsplit("/", 1)[1])
        if "autoscaling.k8s.io" in request.path or "example.dev" in request.path:
            return status(404, "the server could not find the requested resource")
        if request.path.split("/")[-2] in {"deployments", "replicasets"}:
            return status(404, "not found")
        return 200, {"items": []}


def inventory(objects: dict[str, Any], *policies: Policy) -> Inventory:
    """What is found in a cluster of these objects."""
    with serving(Cluster(objects)) as api:
        return take_inventory(api, policies, Inventory(), clusterwide=True)


def names(chosen: Policy, objects: dict[str, Any]) -> list[str]:
    """The workloads that a policy selects there."""
    return [each.key[1] for each in selected(chosen, inventory(objects, chosen))]


def test_by_selector() -> None:
    """A selector finds workloads of all four kinds by their own labels, in its namespace only, parents only."""
    labels = {"labels": {"team": "shop"}}
    objects = {
        "/apis/apps/v1/deployments": [
            thing("web", metadata=labels),
            thing("other"),
            thing("far", namespace="bank", metadata=labels),
        ],
        "/apis/apps/v1/statefulsets": [thing("db", metadata=labels)],
        "/apis/apps/v1/daemonsets": [thing("agent", metadata=labels)],
        "/apis/apps/v1/replicasets": [
            thing("alone", metadata=labels),
            thing("web-abc", metadata={**labels, "ownerReferences": OWNED}),
        ],
    }

    found = names(policy({"selector": {"matchLabels": {"team": "shop"}}}), objects)

    assert ["DaemonSet/agent", "Deployment/web", "ReplicaSet/alone", "StatefulSet/db"] == found


def test_a_selector_finds_cronjobs() -> None:
    """And no Jobs: theirs are runs of something, or have names that never come again."""
    labels = {"labels": {"team": "shop"}}
    objects = {
        "/apis/batch/v1/cronjobs": [thing("nightly", metadata=labels)],
        "/apis/batch/v1/jobs": [thing("nightly-29000000", metadata=labels)],
    }

    assert ["CronJob/nightly"] == names(policy({"selector": {"matchLabels": {"team": "shop"}}}), objects)


ONCE = {"ref": {"apiVersion": "batch/v1", "kind": "Job", "name": "migrate"}}


def test_a_job_by_its_name() -> None:
    """One that is made anew for each run keeps its size in between; one of a CronJob names that; a typo is named."""
    path = "/apis/batch/v1/namespaces/shop/jobs/migrate"
    chosen = policy(ONCE)
    there = inventory({path: thing("migrate")}, chosen)
    with serving(Cluster({path: status(404, "gone")})) as api:
        between = take_inventory(api, [chosen], there, clusterwide=True)
        never = take_inventory(api, [chosen], Inventory(), clusterwide=True)
    owned = thing("migrate", metadata={"ownerReferences": [{"kind": "CronJob", "name": "nightly", "controller": True}]})

    assert ["Job/migrate"] == [each.key[1] for each in selected(chosen, there)]
    assert there.workloads == between.workloads
    assert ["there is no Job migrate (batch/v1) in shop"] == list(never.missing.values())
    assert ["Job migrate belongs to CronJob nightly: name that one"] == list(
        inventory({path: owned}, chosen).missing.values()
    )


def test_a_custom_resources_statefulset_is_found() -> None:
    """A StatefulSet that another operator made can be sized: its pods are resized, its template is left alone."""
    owner = [{"kind": "Database", "name": "orders", "controller": True}]
    objects = {"/apis/apps/v1/statefulsets": [thing("orders", metadata={"ownerReferences": owner})]}

    assert ["StatefulSet/orders"] == names(policy({"selector": {}}), objects)


def test_lists_do_not_grow_with_policies() -> None:
    """Twenty policies cost the API server no more LISTs than one."""
    policies = [policy(WEB, name=f"p{i}") for i in range(20)]
    cluster = Cluster({"/apis/apps/v1/deployments": [thing("web")]})
    with serving(cluster) as api:
        take_inventory(api, policies[:1], Inventory(), clusterwide=True)
        one = len(cluster.asked)
        take_inventory(api, policies, Inventory(), clusterwide=True)

    assert one == len(cluster.asked) - one


def test_a_missing_target_is_named() -> None:
    """A reference to nothing says what is missing and where; other policies go on."""
    lost, good = policy(WEB, name="lost"), policy({"selector": {}}, name="good")
    kinds = {"resources": [{"kind": "Deployment", "name": "deployments"}]}
    found = inventory({"/apis/apps/v1": kinds, "/apis/apps/v1/statefulsets": [thing("db")]}, lost, good)

    assert "there is no Deployment web (apps/v1) in shop, or it has no scale subresource" == found.missing[lost.uid]
    assert ["StatefulSet/db"] == [each.key[1] for each in selected(good, found)]


def test_a_deployments_replicaset_names_its_deployment() -> None:
    """A reference to a Deployment's ReplicaSet says what to name instead."""
    chosen = policy({"ref": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-abc"}})
    objects = {
        "/apis/apps/v1": {"resources": [{"kind": "ReplicaSet", "name": "replicasets"}]},
        "/apis/apps/v1/namespaces/shop/replicasets/web-abc": thing("web-abc", metadata={"ownerReferences": OWNED}),
    }

    assert ["ReplicaSet web-abc belongs to Deployment web: name that one"] == list(
        inventory(objects, chosen).missing.values()
    )


WIDGET = policy({"ref": {"apiVersion": "example.dev/v1", "kind": "Widget", "name": "web"}})
WIDGETS = {"resources": [{"kind": "Widget", "name": "widgets"}, {"kind": "Scale", "name": "widgets/scale"}]}


def widget(spec: dict[str, Any], selector: str) -> dict[str, Any]:
    """A cluster with a custom kind that has a scale subresource."""
    path = "/apis/example.dev/v1/namespaces/shop/widgets/web"
    scale = {"spec": {"replicas": 3}, "status": {"replicas": 3, "selector": selector}}
    return {"/apis/example.dev/v1": WIDGETS, path: thing("web", spec=spec), f"{path}/scale": scale}


def test_any_kind_with_a_scale_subresource() -> None:
    """A custom kind is sized by its scale subresource, which tells its pods and their number."""
    found = inventory(widget({"template": "gold"}, "app=web"), WIDGET)
    (workload,) = selected(WIDGET, found)

    assert (3, {}, "example.dev/v1") == (workload.replicas, workload.template, workload.api_version)
    assert {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]} == workload.selector


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ({}, "there is no Widget web (example.dev/v1) in shop, or it has no scale subresource"),
        ({"/apis/example.dev/v1": {"resources": []}}, "the API server knows no kind Widget in example.dev/v1"),
        (widget({}, ""), "the scale subresource of Widget web names no selector for its pods"),
        (widget({}, "app web"), "Widget web is not of a shape that can be read: 'app web' is no requirement"),
        ({"/apis/example.dev/v1": status(403, "forbidden")}, "Widget web could not be read: forbidden"),
    ],
)
def test_a_custom_kind_that_cannot_be_followed(objects: dict[str, Any], expected: str) -> None:
    """A custom kind that hides its pods is named with the reason, and breaks nothing."""
    (message,) = inventory(objects, WIDGET).missing.values()

    assert message.startswith(expected)


def test_limit_range() -> None:
    """The tightest of all LimitRanges counts; a ratio is a quantity (the API server turns 1.5 into 1500m)."""
    ranges = [
        {"type": "Container", "min": {"memory": "16Mi"}, "max": {"memory": "2Gi"}},
        {"type": "Container", "max": {"memory": "1Gi"}, "maxLimitRequestRatio": {"memory": "1500m"}},
        {"type": "Pod", "max": {"memory": "3Gi"}, "min": {"memory": "32Mi"}, "maxLimitRequestRatio": {"memory": "4"}},
        {"type": "Container", "max": {"cpu": "1"}},
    ]
    found = inventory({"/api/v1/limitranges": [thing("bounds", spec={"limits": ranges})]}, policy(WEB))

    pod = {"pod_min_bytes": mi(32), "pod_max_bytes": mi(3072), "pod_ratio_max": 4.0}
    expected = Room(container_min_bytes=mi(16), container_max_bytes=mi(1024), limit_ratio_max=1.5, **pod)
    assert {"shop": expected} == found.limit_ranges


def test_quota() -> None:
    """What a quota leaves is hard less used, the least of all quotas; without one there is no such bound."""
    quotas = [
        thing("a", status={"hard": {"requests.memory": "1Gi"}, "used": {"requests.memory": "1000Mi"}}),
        thing("b", status={"hard": {"memory": "2Gi", "limits.memory": "3Gi"}, "used": {"memory": "1Gi"}}),
    ]
    found = inventory({"/api/v1/resourcequotas": quotas}, policy(WEB), policy(WEB, namespace="bank"))

    # 1024 - 1000 = 24 Mi of the first, 1 Gi of the second; of limits all 3 Gi.
    assert Room(quota_request_free_bytes=mi(24), quota_limit_free_bytes=mi(3072)) == found.quotas["shop"]
    assert Room() == found.quotas["bank"]


def test_opted_out_namespace() -> None:
    """A namespace that carries the mark is known as opted out."""
    marked = thing("shop", metadata={"labels": {"foresize.dev/ignore": "true"}})

    assert {"shop"} == inventory({"/api/v1/namespaces/shop": marked}, policy(WEB)).ignored_namespaces


def test_nodes() -> None:
    """Nodes are known by what can be allocated on them."""
    nodes = [{"metadata": {"name": "node-1"}, "status": {"allocatable": {"memory": "4Gi"}}}]

    assert {"node-1": mi(4096)} == inventory({"/api/v1/nodes": nodes}, policy(WEB)).node_allocatable_bytes


TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


@pytest.mark.parametrize(
    ("metrics", "conflicts"),
    [
        ([{"type": "Resource", "resource": {"name": "memory"}}], True),
        ([{"type": "ContainerResource", "containerResource": {"name": "memory", "container": "app"}}], True),
        ([{"type": "Resource", "resource": {"name": "cpu"}}], False),
        ([{"type": "Pods", "pods": {"metric": {"name": "queue"}}}], False),
    ],
)
def test_horizontal_autoscaler(metrics: list[dict[str, Any]], *, conflicts: bool) -> None:
    """A HorizontalPodAutoscaler is another that acts on memory only where it scales by memory."""
    scaler = thing("web", spec={"scaleTargetRef": TARGET, "metrics": metrics})
    found = inventory({"/apis/autoscaling/v2/horizontalpodautoscalers": [scaler]}, policy(WEB))

    assert conflicts == bool(found.autoscalers)


@pytest.mark.parametrize(
    ("spec", "conflicts"),
    [
        ({}, True),
        ({"updatePolicy": {"updateMode": "InPlaceOrRecreate"}}, True),
        ({"updatePolicy": {"updateMode": "Off"}}, False),
        ({"resourcePolicy": {"containerPolicies": [{"containerName": "*", "controlledResources": ["cpu"]}]}}, False),
        ({"resourcePolicy": {"containerPolicies": [{"containerName": "*", "mode": "Off"}]}}, False),
        # Containers without a row of their own are still sized.
        ({"resourcePolicy": {"containerPolicies": [{"containerName": "app", "mode": "Off"}]}}, True),
    ],
)
def test_vertical_autoscaler(spec: dict[str, Any], *, conflicts: bool) -> None:
    """A VerticalPodAutoscaler is another that acts on memory until it is Off or told to leave memory alone."""
    scaler = thing("web", spec={"targetRef": TARGET, **spec})
    found = inventory({"/apis/autoscaling.k8s.io/v1/verticalpodautoscalers": [scaler]}, policy(WEB))

    assert conflicts == bool(found.autoscalers)


def everywhere(selector: dict[str, Any], target: dict[str, Any] | None = None) -> Policy:
    """A policy of the cluster."""
    metadata = {"name": "all", "uid": "uid-all", "generation": 1, "creationTimestamp": "2026-11-01T00:00:00Z"}
    spec = {"namespaceSelector": selector, "target": target or {"selector": {}}}
    parsed = parse({"kind": "ClusterMemoryPolicy", "metadata": metadata, "spec": spec})
    assert isinstance(parsed, Policy), parsed
    return parsed


def spaces(**labels: dict[str, str]) -> dict[str, Any]:
    """A cluster with these namespaces and a Deployment web in each."""
    return {
        "/api/v1/namespaces": [thing(name, metadata={"labels": each}) for name, each in labels.items()],
        "/apis/apps/v1/deployments": [thing("web", namespace=name) for name in labels],
    }


SIZED = {"memory": "sized"}


def test_a_policy_of_the_cluster_is_about_the_namespaces_with_its_labels() -> None:
    """A namespace that loses its label is left out at the next look, and so is one that is being deleted."""
    chosen = everywhere({"matchLabels": SIZED})
    objects = spaces(shop=SIZED, bank=SIZED, gone=SIZED, other={})
    objects["/api/v1/namespaces"][2]["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z"

    found = inventory(objects, chosen)
    objects["/api/v1/namespaces"][0]["metadata"]["labels"] = {}
    later = inventory(objects, chosen)

    assert [("bank", "Deployment/web"), ("shop", "Deployment/web")] == [each.key for each in selected(chosen, found)]
    assert [("bank", "Deployment/web")] == [each.key for each in selected(chosen, later)]


def test_a_policy_of_the_cluster_leaves_reserved_namespaces_alone() -> None:
    """An empty selector is every namespace but kube-system and Foresize's own."""
    chosen = everywhere({})
    with serving(Cluster(spaces(shop={}, foresize={}))) as api:
        found = take_inventory(api, [chosen], Inventory(), clusterwide=True, reserved={"foresize", "kube-system"})

    assert {"shop"} == found.namespaces(chosen)


def test_a_reference_of_the_cluster_is_followed_in_each_namespace() -> None:
    """It is lost only where none of the namespaces has what it names."""
    chosen = everywhere({}, WEB)
    objects = spaces(shop={}, bank={})
    objects["/apis/apps/v1/deployments"] = [thing("web")]

    found = inventory(objects, chosen)
    objects["/apis/apps/v1/deployments"] = []
    lost = inventory(objects, chosen)

    assert ([("shop", "Deployment/web")], {}) == ([each.key for each in selected(chosen, found)], dict(found.missing))
    assert {chosen.uid: "none of its namespaces has a Deployment web (apps/v1)"} == lost.missing


def test_a_namespace_that_opted_out_is_known_to_a_policy_of_the_cluster() -> None:
    """The list of namespaces tells their annotations as well."""
    objects = spaces(shop={}, bank={"foresize.dev/ignore": "true"})

    assert {"bank"} == inventory(objects, everywhere({})).ignored_namespaces
