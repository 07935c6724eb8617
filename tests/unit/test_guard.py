from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import container, mi, pod, size
from foresize.cluster.autoscalers import Autoscaler
from foresize.cluster.guard import assign
from foresize.cluster.targets import Inventory
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, parse
from foresize.passes.managed import Managed, manage
from foresize_forecast.pods import Room
from foresize_forecast.sizes import QosClass


def policy(name: str, *, created: str = "2026-11-01T00:00:00Z", **spec: Any) -> Policy:
    """A policy for Deployment web that applies all it can."""
    target = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    metadata = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "generation": 1, "creationTimestamp": created}
    applied = {"target": target, "apply": {"atCreation": True, "running": "InPlace"}, **spec}
    parsed = parse({"metadata": metadata, "spec": applied})
    assert isinstance(parsed, Policy), parsed
    return parsed


def workload(**changes: Any) -> Workload:
    """Deployment web of namespace shop."""
    made = Workload(
        namespace="shop",
        api_version="apps/v1",
        kind="Deployment",
        name="web",
        uid="uid-web",
        labels={},
        selector={"matchLabels": {"app": "web"}},
        template={"app": size(64, 128)},
        qos=QosClass.BURSTABLE,
        replicas=3,
    )
    return replace(made, **changes)


def inventory(found: Workload | None = None, **changes: Any) -> Inventory:
    """A cluster with that workload only."""
    each = found or workload()
    return replace(Inventory(workloads={each.key: each}), **changes)


def quiet(found: Inventory, chosen: Policy | None = None) -> str:
    """Why nothing is written to the workload; empty if something may be."""
    ((assignment,), _) = assign([chosen or policy("web")], found)
    return assignment.quiet.state if assignment.quiet else ""


def managed(found: Inventory, **spec: Any) -> Managed:
    """The workload as it is looked at."""
    ((assignment,), _) = assign([policy("web", **spec)], found)
    return manage(assignment, found, {"node-1": mi(3000)}, {"node-1": mi(500), "node-2": mi(100)})


@pytest.mark.parametrize(("kind", "expected_mib"), [("Deployment", 3900), ("DaemonSet", 4000)])
def test_the_largest_node_is_what_its_daemons_leave(kind: str, expected_mib: int) -> None:
    """Of two nodes of 4000 MiB, DaemonSets take 500 and 100; a DaemonSet's own pods are among those that take it."""
    nodes = {"node-1": mi(4000), "node-2": mi(4000)}
    found = inventory(workload(kind=kind), node_allocatable_bytes=nodes)
    target = {"ref": {"apiVersion": "apps/v1", "kind": kind, "name": "web"}}

    assert mi(expected_mib) == managed(found, target=target).bounds.node_allocatable_bytes


def test_the_older_policy_wins() -> None:
    """Of two policies for one workload the older has it, and each is told of the other."""
    old, new = policy("zebra"), policy("ant", created="2026-11-02T00:00:00Z")

    assignments, overlaps = assign([new, old], inventory())

    assert [("zebra", "web")] == [(each.policy.name, each.workload.name) for each in assignments]
    assert ["zebra"] == [each.winner.name for each in overlaps["uid-ant"]]
    assert ["ant"] == [each.loser.name for each in overlaps["uid-zebra"]]


def test_policies_of_one_second() -> None:
    """Two policies of the same age are told apart by name, the same way at every look."""
    for order in ([policy("b"), policy("a")], [policy("a"), policy("b")]):
        assignments, _ = assign(order, inventory())

        assert ["a"] == [each.policy.name for each in assignments]


def everywhere(name: str, created: str) -> Policy:
    """A policy of the cluster, for all workloads of namespace shop."""
    metadata = {"name": name, "uid": f"uid-{name}", "generation": 1, "creationTimestamp": created}
    spec = {"namespaceSelector": {}, "target": {"selector": {}}}
    parsed = parse({"kind": "ClusterMemoryPolicy", "metadata": metadata, "spec": spec})
    assert isinstance(parsed, Policy), parsed
    return parsed


def test_a_namespaces_own_policy_wins_over_one_of_the_cluster() -> None:
    """However old the cluster's is; the other workloads stay under it."""
    own, cluster = policy("web"), everywhere("all", "2020-01-01T00:00:00Z")
    found = inventory(covered={cluster.uid: frozenset({"shop"})})
    api = workload(name="api")
    both = replace(found, workloads={**found.workloads, api.key: api})

    assignments, overlaps = assign([cluster, own], both)

    assert {"web": "web", "api": "all"} == {each.workload.name: each.policy.name for each in assignments}
    assert [("web", "all", True)] == [(o.winner.name, o.loser.name, o.intended) for o in overlaps[cluster.uid]]


def test_of_two_policies_of_the_cluster_the_older_wins() -> None:
    """As in a namespace, and both are told."""
    old, new = everywhere("zebra", "2026-11-01T00:00:00Z"), everywhere("ant", "2026-11-02T00:00:00Z")
    found = inventory(covered=dict.fromkeys((old.uid, new.uid), frozenset({"shop"})))

    ((assignment,), overlaps) = assign([new, old], found)

    assert "zebra" == assignment.policy.name
    assert [False] == [each.intended for each in overlaps[new.uid]]
    assert "ClusterMemoryPolicy" == manage(assignment, found, {}, {}).subject.policy_kind


def test_nothing_in_the_way() -> None:
    """A workload that nobody else sizes may be written to."""
    assert "" == quiet(inventory())


def test_pause() -> None:
    """A paused policy writes nothing."""
    assert "Paused" == quiet(inventory(), policy("web", paused=True))


def test_opt_out() -> None:
    """A workload or a namespace that opted out is left alone."""
    assert "Ignored" == quiet(inventory(workload(ignored=True)))
    assert "Ignored" == quiet(inventory(ignored_namespaces=frozenset({"shop"})))
    assert "" == quiet(inventory(ignored_namespaces=frozenset({"bank"})))


def test_other_autoscalers() -> None:
    """Another autoscaler on the same memory is not fought, and the message says the way out."""
    scaler = Autoscaler("HorizontalPodAutoscaler", "by-memory", "shop", "Deployment/web")
    ((assignment,), _) = assign([policy("web")], inventory(autoscalers=(scaler,)))

    assert assignment.quiet is not None
    assert "Conflict" == assignment.quiet.state
    assert "let it scale by CPU and leave memory to Foresize" in assignment.quiet.message
    assert "" == quiet(inventory(autoscalers=(replace(scaler, namespace="bank"),)))
    assert "" == quiet(inventory(autoscalers=(replace(scaler, target="Deployment/api"),)))


def test_a_pause_stops_both_doors() -> None:
    """A paused policy neither resizes nor sizes new pods."""
    paused = managed(inventory(), paused=True)

    assert (False, False) == (paused.resizes, paused.creates)


def test_a_rollout_keeps_creation() -> None:
    """While new pods roll out they still get their size: that is the moment for it."""
    rolling = managed(inventory(workload(rollout="1 of 3 pods are of an older version")))

    assert "RollingOut" == rolling.quiet
    assert rolling.creates


def test_recommend_only() -> None:
    """A policy that applies nothing writes nothing."""
    shown = managed(inventory(), apply={})

    assert (False, False) == (shown.resizes, shown.creates)


def test_pods_by_controller() -> None:
    """A Deployment's pods are those that it controls, not those that merely have its labels."""
    web = managed(inventory())

    assert web.owns(pod())
    assert not web.owns(pod(owner="Deployment/api", labels={"app": "web"}))
    assert not web.owns(pod(namespace="bank"))


def test_pods_by_labels() -> None:
    """The pods of a custom kind are found by its selector, whatever controls them."""
    custom = managed(inventory(workload(api_version="example.dev/v1", template={})))

    assert custom.owns(pod(owner="ReplicaSet/web-abc", labels={"app": "web"}))
    assert not custom.owns(pod(owner="ReplicaSet/api-abc", labels={"app": "api"}))


def test_a_hidden_template() -> None:
    """Where a custom kind hides its template, its pods tell their containers and class."""
    custom = managed(inventory(workload(api_version="example.dev/v1", template={}, qos=QosClass.BEST_EFFORT)))
    pods = (pod(container("app", size(64, 64)), qos=QosClass.GUARANTEED),)

    assert {"app": size(64, 64)} == custom.template(pods)
    assert QosClass.GUARANTEED == custom.qos(pods)


def test_room() -> None:
    """A pod's room is what its node has left and what its namespace's quota leaves.

    Node: 4096 Mi allocatable, 3000 Mi requested: 1096 Mi left.
    """
    quota = Room(quota_request_free_bytes=mi(10))
    found = managed(inventory(quotas={"shop": quota}, node_allocatable_bytes={"node-1": mi(4096)}))

    room = found.room(pod(node="node-1"))

    assert (mi(1096), mi(4096), mi(10)) == (
        room.node_free_bytes,
        room.node_allocatable_bytes,
        room.quota_request_free_bytes,
    )
    assert (None, None) == (
        found.room(pod(node="new")).node_free_bytes,
        found.room(pod(node="new")).node_allocatable_bytes,
    )


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 28), st.sampled_from("abcdef")), max_size=8, unique=True),
    st.randoms(use_true_random=False),
)
def test_each_workload_has_one_policy_whatever_the_order(drawn: list[tuple[bool, int, str]], shuffle: Random) -> None:
    """Its namespace's own before the cluster's, the oldest of its kind; all others are told of, once each."""
    policies = [
        everywhere(f"{name}{day}", f"2026-11-{day:02}T00:00:00Z")
        if wide
        else policy(f"{name}{day}", created=f"2026-11-{day:02}T00:00:00Z")
        for wide, day, name in drawn
    ]
    policies = [replace(each, uid=f"{each.kind}/{each.name}") for each in policies]
    found = inventory(covered={each.uid: frozenset({"shop"}) for each in policies})
    own = [each for each in policies if each.kind == "MemoryPolicy"]
    expected = min(own or policies, key=lambda each: (each.created_s, each.name), default=None)
    shuffle.shuffle(policies)

    assignments, overlaps = assign(policies, found)

    assert [expected] * bool(policies) == [each.policy for each in assignments]
    assert len(policies) == len(overlaps.get(expected.uid, ())) + 1 if expected else not overlaps
