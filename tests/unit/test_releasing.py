"""`foresize release` against a server of objects: in which order it writes, and when it refuses to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from foresize.commands import standstill
from foresize.commands.releasing import NotReleasedError, Wish, release
from objectserver import Objects
from stage import FORECAST, SIZES, clusters_policy, deployment, policy

POD = "/api/v1/namespaces/shop/pods/web-abc-1"
TEMPLATED = "/apis/apps/v1/namespaces/shop/deployments/web"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/foresize/leases/foresize"
SWITCH = "/api/v1/namespaces/foresize/configmaps/foresize-kill-switch"
Json = dict[str, Any]


class Kubelet:
    """Does what is asked of pods; `in_use_mib` is what no limit may be lowered under."""

    def __init__(self, objects: Objects, in_use_mib: int = 0) -> None:
        self._objects, self._in_use_mib = objects, in_use_mib
        objects.refuse = self._answer
        self.renewals = 0

    def _answer(self, request: Request) -> Answer | None:
        if request.path == LEASE and request.method == "GET" and LEASE in self._objects.stored:
            return self._lease()
        if not request.path.endswith("/resize"):
            return None
        [named] = request.body["spec"]["containers"]
        self.put(named["resources"])
        return 200, self._objects.stored[POD]

    def _lease(self) -> Answer:
        """As an operator that lives renews it."""
        self.renewals += 1
        lease = self._objects.stored[LEASE]
        lease["spec"]["renewTime"] = f"2026-11-01T00:00:{self.renewals % 60:02}.000000Z"
        return 200, lease

    def put(self, resources: Json) -> None:
        """Pod web-abc-1 as it is once these resources were asked for it."""
        limit_mib = int(resources["limits"]["memory"].removesuffix("Mi"))
        before = self._objects.stored.get(POD, {}).get("status", {}).get("containerStatuses", [{}])[0]
        refused = limit_mib < self._in_use_mib and "resources" in before
        actual = before["resources"] if refused else resources
        conditions = [{"type": "PodResizeInProgress", "status": "True", "reason": "Error", "message": "below usage"}]
        running = {"name": "app", "resources": actual, "state": {"running": {"startedAt": "2026-11-01T00:00:00Z"}}}
        self._objects.put(
            POD,
            {
                "metadata": {
                    "labels": {"pod-template-hash": "abc"},
                    "ownerReferences": [{"kind": "ReplicaSet", "name": "web-abc", "uid": "u", "controller": True}],
                    "managedFields": [{"manager": "foresize", "operation": "Update", "subresource": "resize"}],
                },
                "spec": {"containers": [{"name": "app", "resources": resources}]},
                "status": {"containerStatuses": [running], "conditions": conditions if refused else []},
            },
        )

    def sizes(self) -> tuple[str, str]:
        """Request and limit in the pod's spec."""
        resources = self._objects.stored[POD]["spec"]["containers"][0]["resources"]
        return resources["requests"]["memory"], resources["limits"]["memory"]


@pytest.fixture
def objects() -> Objects:
    """Deployment web says 64Mi/128Mi, its pod has 200Mi/256Mi, and new ones would get it too."""
    made = Objects()
    deployment(made)
    kubelet(made)
    made.put(SIZES, {"spec": {"sizes": {"Deployment/web": {"app": {"request": "200Mi"}}, "Deployment/b": {}}}})
    return made


def kubelet(objects: Objects, in_use_mib: int = 0) -> Kubelet:
    """A kubelet under whom the pod has 200Mi/256Mi."""
    made = Kubelet(objects, in_use_mib)
    objects.stored.pop(POD, None)
    made.put({"requests": {"memory": "200Mi"}, "limits": {"memory": "256Mi"}})
    return made


def operator_lives(objects: Objects) -> None:
    """Somebody holds the lease, and renews it."""
    times = dict.fromkeys(("acquireTime", "renewTime"), "2026-11-01T00:00:00.000000Z")
    objects.put(LEASE, {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 15, **times}})


def released(objects: Objects, directory: Path, **wish: Any) -> tuple[bool, list[str]]:
    """Whether all went back, and what was said."""
    lines: list[str] = []
    with _kubeconfig(objects, directory) as path:
        complete = release(Wish(kubeconfig=path, **wish), lines.append)
    return complete, lines


@contextmanager
def _kubeconfig(objects: Objects, directory: Path) -> Iterator[str]:
    with serving(objects.answer) as api:
        path = directory / "kubeconfig"
        config = {
            "current-context": "test",
            "contexts": [{"context": {"cluster": "test", "user": "test"}, "name": "test"}],
            "clusters": [{"name": "test", "cluster": {"server": api.client.configuration.host}}],
            "users": [{"name": "test", "user": {}}],
        }
        path.write_text(json.dumps(config))
        yield str(path)


def deeds(objects: Objects) -> list[tuple[str, str]]:
    """What was written, without leases and Events, and without what was only asked."""
    other = ("/events", "/selfsubjectreviews")
    return [each for each in objects.writes() if "/leases" not in each[1] and not each[1].endswith(other)]


def test_birth_sizes_go_first_and_pods_follow(objects: Objects, tmp_path: Path) -> None:
    """A pod that ends in between is born as its owner wrote it; other workloads' entries stay."""
    complete, lines = released(objects, tmp_path, workload="shop/web")

    assert complete
    assert [("PUT", SIZES), ("PATCH", f"{POD}/resize")] == deeds(objects)
    assert {"Deployment/b": {}} == objects.stored[SIZES]["spec"]["sizes"]
    assert [
        "shop/Deployment/web: pod web-abc-1: app 200 MiB/256 MiB -> 64 MiB/128 MiB",
        "shop/Deployment/web: 1 of 1 pods have their owner's sizes",
    ] == lines


def test_a_second_release_writes_nothing(objects: Objects, tmp_path: Path) -> None:
    """What has gone back stays as it is."""
    released(objects, tmp_path, workload="shop/Deployment/web")
    before = deeds(objects)

    assert released(objects, tmp_path, workload="shop/Deployment/web")[0]
    assert before == deeds(objects)


def test_all_finds_what_no_policy_names_any_more(objects: Objects, tmp_path: Path) -> None:
    """With policies and forecasts deleted, the pods themselves tell who resized them."""
    del objects.stored[SIZES]

    assert released(objects, tmp_path)[0]
    assert [("PATCH", f"{POD}/resize")] == deeds(objects)


def test_all_leaves_no_birth_sizes(objects: Objects, tmp_path: Path) -> None:
    """Also of workloads that are gone: one of the same name would be born with them."""
    complete, lines = released(objects, tmp_path)

    assert complete
    assert {} == objects.stored[SIZES]["spec"]["sizes"]
    assert "there is no Deployment b in shop" in lines


def test_a_template_goes_back_before_its_pods(objects: Objects, tmp_path: Path) -> None:
    """One that we wrote is given back; its pods follow in place where it rolls out none."""
    mine = {"f:containers": {'k:{"name":"app"}': {"f:resources": {"f:requests": {"f:memory": {}}}}}}
    objects.stored[TEMPLATED]["metadata"]["managedFields"] = [
        {"manager": "foresize", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {"f:spec": mine}}}}
    ]

    complete, lines = released(objects, tmp_path, workload="shop/web")
    assert complete
    assert [("PUT", SIZES), ("PATCH", TEMPLATED), ("PATCH", f"{POD}/resize")] == deeds(objects)
    assert "shop/Deployment/web: its pod template says again what its owner wrote" in lines


def test_a_dry_run_writes_nothing_at_all(objects: Objects, tmp_path: Path) -> None:
    """Not even the lease is asked for."""
    complete, lines = released(objects, tmp_path, dry_run=True)

    assert complete
    assert [] == objects.writes()
    assert "shop/Deployment/web: pod web-abc-1: would change app 200 MiB/256 MiB -> 64 MiB/128 MiB" in lines


def test_a_policy_that_applies_is_in_the_way_while_an_operator_lives(objects: Objects, tmp_path: Path) -> None:
    """The refusal names the policy and every way out, and nothing is written."""
    policy(objects)
    operator_lives(objects)

    with pytest.raises(NotReleasedError) as refused:
        released(objects, tmp_path, workload="shop/web")
    assert 1 == refused.value.code
    for words in ("MemoryPolicy web applies", "Pause or delete", "foresize.dev/ignore=true", "foresize-kill-switch"):
        assert words in str(refused.value)
    assert [] == deeds(objects)


def test_a_policy_that_applies_is_told_of_where_no_operator_lives(objects: Objects, tmp_path: Path) -> None:
    """At an uninstall with the operator gone first, the way back is open, and what would close it is said."""
    policy(objects)

    complete, lines = released(objects, tmp_path)
    assert complete
    assert "shop/Deployment/web: MemoryPolicy web still applies; an operator that starts sizes it again" in lines
    assert ("64Mi", "128Mi") == (Kubelet(objects).sizes())
    assert not objects.stored[LEASE]["spec"].get("holderIdentity")


def test_the_kill_switch_opens_the_way_back(objects: Objects, tmp_path: Path) -> None:
    """A living operator that has said that it is stopped leaves the workload alone: pods go back under its eyes."""
    policy(objects)
    operator_lives(objects)
    objects.put(SWITCH, {"data": {"stop": "true"}})
    objects.stored["/apis/foresize.dev/v1alpha1/namespaces/shop/memorypolicies/web"]["status"] = {
        "observedGeneration": 1
    }
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    objects.put(FORECAST, {"spec": {"workload": workload}, "status": {"summary": {"state": "Stopped"}}})

    assert released(objects, tmp_path)[0]
    assert ("PATCH", f"{POD}/resize") in deeds(objects)


def test_an_operator_that_has_not_noticed_is_waited_for(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that was paused a moment ago: until the operator has said so, nothing is given back."""
    monkeypatch.setattr("foresize.commands.releasing.NOTICE_DEADLINE_S", 0.3)
    policy(objects, paused=True)
    operator_lives(objects)

    with pytest.raises(NotReleasedError, match="has not said within 0 s that it leaves it alone: nothing was changed"):
        released(objects, tmp_path, workload="shop/web")
    assert [] == deeds(objects)


def test_a_limit_that_the_kubelet_refuses_is_told_and_not_left_lying(objects: Objects, tmp_path: Path) -> None:
    """150 MiB are in use and the owner's limit is 128: the pod keeps what it has, in its spec too."""
    lively = kubelet(objects, in_use_mib=150)

    complete, lines = released(objects, tmp_path, workload="shop/web")
    assert not complete
    assert ("200Mi", "256Mi") == lively.sizes()
    assert "shop/Deployment/web: pod web-abc-1 keeps its size: below usage" in lines
    assert "shop/Deployment/web: 0 of 1 pods have their owner's sizes" in lines


def test_a_pod_that_the_api_server_refuses_is_told(objects: Objects, tmp_path: Path) -> None:
    """The refusal is the API server's own words, and the exit code tells that not all went back."""
    objects.refuse = lambda request: status(403, "not yours") if request.path.endswith("/resize") else None

    complete, lines = released(objects, tmp_path, workload="shop/web")
    assert not complete
    assert "shop/Deployment/web: pod web-abc-1 keeps its size: not yours" in lines


def test_a_lease_that_is_neither_free_nor_renewed_stops_a_release(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether an operator lives is not guessed."""
    monkeypatch.setattr(standstill, "LEASE_DEADLINES", 0.03)
    objects.refuse = lambda _: None
    operator_lives(objects)

    with pytest.raises(NotReleasedError, match="neither free nor renewed"):
        released(objects, tmp_path, workload="shop/web")


@pytest.mark.parametrize("name", ["web", "shop/", "/web", "a/b/c/d"])
def test_a_name_that_is_none_is_an_error_of_use(objects: Objects, tmp_path: Path, name: str) -> None:
    """Exit code 2, with how to write it."""
    with pytest.raises(NotReleasedError, match="write NAMESPACE/NAME") as refused:
        released(objects, tmp_path, workload=name)
    assert 2 == refused.value.code


def test_a_workload_that_is_not_there_is_named(objects: Objects, tmp_path: Path) -> None:
    """Nothing is done where there is nothing."""
    with pytest.raises(NotReleasedError, match="there is no Deployment other in shop"):
        released(objects, tmp_path, workload="shop/other")


def test_a_policy_of_the_cluster_is_in_the_way_too(objects: Objects, tmp_path: Path) -> None:
    """Also where only one namespace is to be given back."""
    clusters_policy(objects)
    objects.put("/api/v1/namespaces/shop", {"metadata": {"labels": {"memory": "sized"}}})
    operator_lives(objects)

    with pytest.raises(NotReleasedError, match="ClusterMemoryPolicy all applies"):
        released(objects, tmp_path, workload="shop/web")


def test_a_policy_that_groups_pods_is_in_the_way_of_its_groups(objects: Objects, tmp_path: Path) -> None:
    """A group of pods is named as its MemoryForecast names it, slash and all; while it is applied to it is kept."""
    labels = {"labels": {"example.dev/job": "etl"}}
    objects.put("/api/v1/namespaces/shop/pods/etl-x7k2p", {"metadata": labels, "spec": {"containers": []}})
    policy(objects, "jobs", target={"selector": {}, "groupBy": "example.dev/job"})
    name = "shop/PodLabel/example.dev/job=etl"
    operator_lives(objects)

    with pytest.raises(NotReleasedError) as refused:
        released(objects, tmp_path, workload=name)
    assert f"MemoryPolicy jobs applies to {name}" in str(refused.value)


def test_a_groups_birth_sizes_are_withdrawn(objects: Objects, tmp_path: Path) -> None:
    """Its runs keep their sizes to their end; the next one is born as its owner wrote it."""
    entry = {"PodLabel/job=etl": {"app": {"request": "200Mi"}}}
    objects.put(SIZES, {"spec": {"sizes": entry}})

    complete, lines = released(objects, tmp_path, workload="shop/PodLabel/job=etl")

    assert complete
    assert {} == objects.stored[SIZES]["spec"]["sizes"]
    assert ["shop/PodLabel/job=etl: its runs keep their sizes to their end"] == lines
