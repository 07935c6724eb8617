"""Passes: level-based, each error its policy's own, and nothing written twice."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from apiserver import Request, status
from builders import container, mi, pod
from foresize.cluster.workloads import size_of
from foresize.config.settings import Settings
from foresize.kube import kubeapi
from foresize.kube.kubeapi import ApiError
from foresize.passes import actpass, managed
from foresize.passes.refit import Forecasts
from foresize_forecast.deciding.state import ContainerState, WorkloadState
from foresize_forecast.pods import Kill, PodView
from foresize_forecast.sizes import Size
from objectserver import Objects
from stage import FORECAST, POLICY, SIZES, clusters_policy, deployment, living, policy, staged

RESIZE = "/api/v1/namespaces/shop/pods/web-abc-1/resize"
API_FORECAST = FORECAST.replace("-web", "-api")


def ready(objects: Objects, path: str = POLICY) -> tuple[str, str]:
    """Reason and message of a policy's condition Ready."""
    (condition,) = [each for each in objects.stored[path]["status"]["conditions"] if each["type"] == "Ready"]
    return condition["reason"], condition["message"]


def refusing(objects: Objects, method: str, part: str) -> None:
    """From now on what is asked of paths with this part is answered with 500."""

    def refuse(request: Request) -> tuple[int, Any] | None:
        return status(500, "etcd is away") if (request.method, True) == (method, part in request.path) else None

    objects.refuse = refuse


def deeds(objects: Objects) -> list[tuple[str, str]]:
    """Method and path of all writes but Events, which are posted when there is time."""
    return [each for each in objects.writes() if not each[1].endswith("/events")]


def test_a_pass_resizes_remembers_publishes_and_reports() -> None:
    """The memory is written before the resize; then birth sizes, what people read, and the policy's status."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        written = stage.run(living(objects))

    assert ["POST", "PUT", "PATCH", "POST", "PUT", "PATCH"] == [method for method, _ in written]
    assert [f"{FORECAST}/status", RESIZE] == [path for _, path in written[1:3]]
    assert [f"{FORECAST}/status", f"{POLICY}/status"] == [path for _, path in written[4:]]
    assert "100Mi" == objects.stored[SIZES]["spec"]["sizes"]["Deployment/web"]["app"]["request"]


def test_the_same_again_writes_nothing() -> None:
    """A second pass over pods that have what they should have costs the API server no write."""
    objects = Objects()
    policy(objects, apply={})
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        assert stage.run(living(objects))
        stage.run(living(objects))

        assert [] == stage.run(living(objects))


def test_hundreds_of_pods_are_resized_a_hundred_in_a_pass_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """250 pods of one policy: 100, 100 and 50 in three passes, then none; nothing but policies is listed meanwhile."""
    monkeypatch.setattr(kubeapi, "WRITES_PER_S", 1e6)
    objects = Objects()
    policy(objects)
    deployment(objects)
    pods = [_numbered(objects, number) for number in range(250)]
    done: list[str] = []
    counts = []
    with staged(objects) as stage:
        stage.foresee("web", 100)
        for _ in range(4):
            asked = len(objects.requests)
            resized = [path.split("/")[-2] for _, path in stage.run(*pods) if path.endswith("/resize")]
            listed = {each.path for each in objects.requests[asked:] if each.method == "GET"}
            counts.append(len(resized))
            done += resized
            pods = [replace(each, containers=(container(present=_asked(objects, each)),)) for each in pods]

    assert [100, 100, 50, 0] == counts
    assert len(set(done)) == 250
    assert not any(path.endswith("/pods") for path in listed)


def _numbered(objects: Objects, number: int) -> PodView:
    """One of many pods of web."""
    name = f"web-abc-{number}"
    objects.put(f"/api/v1/namespaces/shop/pods/{name}", {})
    return pod(name=name, uid=f"uid-{number}")


def _asked(objects: Objects, of: PodView) -> Size:
    """The size that was asked for a pod last; its first one where none was."""
    spec = objects.stored[f"/api/v1/namespaces/shop/pods/{of.name}"].get("spec")
    return size_of(spec["containers"][0]["resources"]) if spec else of.containers[0].size


def test_one_workloads_error_is_its_policys_own() -> None:
    """Where one workload's memory cannot be written it is not resized, its policy says so, and others go on."""
    objects = Objects()
    for name in ("web", "api"):
        policy(objects, name)
        deployment(objects, name)
    with staged(objects) as stage:
        for name in ("web", "api"):
            stage.foresee(name, 100)
        refusing(objects, "PUT", "deployment-web")
        written = stage.run(living(objects), living(objects, "api"))

    assert ("PATCH", RESIZE) not in written
    assert ("PATCH", RESIZE.replace("web", "api")) in written
    assert ("PassFailed", "Deployment/web: etcd is away (500)") == ready(objects)
    assert "Working" == ready(objects, POLICY.replace("web", "api"))[0]
    assert ["Deployment/api"] == list(objects.stored[SIZES]["spec"]["sizes"])


def test_what_nobody_foresaw_is_one_workloads_own() -> None:
    """A defect that one workload's data brings to light leaves the others theirs."""
    objects = Objects()
    for name in ("web", "api"):
        policy(objects, name)
        deployment(objects, name)
    nonsense: Any = None
    broken = WorkloadState(revisions=nonsense)
    with staged(objects) as stage:
        stage.records.keep(("shop", "Deployment/web"), broken)
        stage.run(living(objects), living(objects, "api"))

    assert "PassFailed" == ready(objects)[0]
    assert "Working" == ready(objects, POLICY.replace("web", "api"))[0]


def test_a_budget_is_dealt_out_and_said() -> None:
    """Two workloads of a policy want 100 MiB each and use nothing that is known: of 150 each gets three quarters.

    Nothing is measured, so what they have, 64, counts as used.
    """
    objects = Objects()
    policy(objects, target={"selector": {}}, budget="150Mi")
    deployment(objects)
    deployment(objects, "api")
    with staged(objects) as stage:
        for name in ("web", "api"):
            stage.foresee(name, 100)
        stage.run(living(objects), living(objects, "api"))

    told = {each["type"]: each for each in objects.stored[POLICY]["status"]["conditions"]}["WithinBudget"]
    assert ("False", "Shared") == (told["status"], told["reason"])
    expected = "more than 150Mi of requests is wanted; of what it wants gets"
    assert told["message"].startswith(expected)
    assert {"Deployment/web 75%", "Deployment/api 75%"} == set(
        told["message"].removeprefix(expected).strip().split(", ")
    )
    assert "75Mi" == objects.stored[SIZES]["spec"]["sizes"]["Deployment/web"]["app"]["request"]


def test_kills_all_over_the_cluster_stop_decreases_everywhere() -> None:
    """Three workloads killed within the hour: what is seen of a fourth lowers nothing, and its policy says why."""
    kill = Kill(time.time() - 60, mi(100))
    taught = WorkloadState({"app": ContainerState(kills=(kill,), limit_changed_at_s=1.0)})
    objects = Objects()
    for name in ("web", "api", "jobs", "cache"):
        policy(objects, name)
        deployment(objects, name)
    with staged(objects) as stage:
        for name in ("api", "jobs", "cache"):
            stage.records.keep(("shop", f"Deployment/{name}"), taught)
        stage.run(living(objects))
        seen = stage.acts.scene.senses["shop", "Deployment/web"]

    told = {each["type"]: each for each in objects.stored[POLICY]["status"]["conditions"]}["DecreasesAllowed"]
    assert ("False", "KillsRise") == (told["status"], told["reason"])
    assert seen.distrust == told["message"]


def test_policies_that_cannot_be_listed_change_nothing() -> None:
    """While the API server fails nothing is withdrawn: an outage is no deletion."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        refusing(objects, "GET", "memorypolicies")
        before = deeds(objects)
        with pytest.raises(ApiError, match="etcd is away"):
            stage.acts.run()

        assert before == deeds(objects)
        assert [("shop", "Deployment/web")] == list(stage.acts.scene.managed)


def test_a_deleted_policy_is_withdrawn_first() -> None:
    """Its birth sizes go in the next pass; what its workload's kills have taught is kept for a week."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        del objects.stored[POLICY]

        assert [("PUT", SIZES)] == stage.run(living(objects))
        assert {} == objects.stored[SIZES]["spec"]["sizes"]
        assert {("shop", "Deployment/web")} == stage.records.workloads()


def test_a_workload_that_is_gone_for_good_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its MemoryForecast is deleted after its time; where that fails, the pass goes on and tries again."""
    monkeypatch.setattr(managed, "KEPT_S", -1.0)
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.run()
        objects.stored.pop("/apis/apps/v1/namespaces/shop/deployments/web")
        objects.stored[POLICY]["metadata"]["generation"] = 2
        refusing(objects, "DELETE", "memoryforecasts")
        assert ("PATCH", f"{POLICY}/status") in stage.run()
        assert FORECAST in objects.stored
        objects.refuse = lambda _: None
        stage.run()

    assert FORECAST not in objects.stored


def test_an_invalid_policy_costs_one_write_and_nobody_else_anything() -> None:
    """A spec that cannot be read is told once; its status keeps its counts and is not written at each tick."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.run()
        kept = objects.stored[POLICY]["status"]
        objects.put(POLICY, {**objects.stored[POLICY], "spec": {"target": {}}})
        objects.stored[POLICY]["metadata"]["generation"] = 2
        assert [("PATCH", f"{POLICY}/status")] == stage.run()
        assert "InvalidSpec" == ready(objects)[0]
        assert kept["workloads"] == objects.stored[POLICY]["status"]["workloads"]

        assert [] == stage.run()


def test_a_policy_deleted_while_a_pass_runs() -> None:
    """Its status has nowhere to go, and nothing is made of it."""
    objects = Objects()
    policy(objects)
    deployment(objects)

    def vanish(request: Request) -> None:
        if request.method == "PATCH" and request.path.startswith(POLICY):
            objects.stored.pop(POLICY, None)

    objects.refuse = vanish
    with staged(objects) as stage:
        stage.run()

    assert POLICY not in objects.stored


def test_a_lost_lease_ends_all_writes() -> None:
    """An operator that has lost its lease in the middle of a pass writes neither sizes nor memories."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.held = False

        assert [("PATCH", f"{POLICY}/status")] == stage.run(living(objects))


def test_a_new_workload_is_looked_for_at_once() -> None:
    """A pod of a Deployment that is not known yet brings the next look at workloads forward, once."""
    objects = Objects()
    policy(objects)
    with staged(objects) as stage:
        stage.run()
        assert "TargetNotFound" == ready(objects)[0]
        deployment(objects)
        newborn = living(objects)
        assert stage.acts.is_surprised_by(newborn)
        assert not stage.acts.is_surprised_by(newborn)
        stage.run(newborn)

        assert [("shop", "Deployment/web")] == list(stage.acts.scene.managed)


def test_a_look_for_new_workloads_that_failed_is_made_again() -> None:
    """An API server that fails just then does not make the new workload wait for the next interval."""
    objects = Objects()
    policy(objects)
    with staged(objects) as stage:
        stage.run()
        deployment(objects)
        stage.acts.is_surprised_by(living(objects))
        refusing(objects, "GET", "deployments")
        with pytest.raises(ApiError):
            stage.acts.run()
        objects.refuse = lambda _: None
        stage.run()

        assert [("shop", "Deployment/web")] == list(stage.acts.scene.managed)


def test_pods_that_no_policy_can_select_are_no_surprise() -> None:
    """A Job for every minute of the day costs no look at all workloads each, nor memory."""
    objects = Objects()
    policy(objects)
    with staged(objects) as stage:
        stage.run()

        assert not stage.acts.is_surprised_by(pod(owner="Job/report-29000001"))
        assert not stage.acts.is_surprised_by(pod(owner="Deployment/web", namespace="other"))


def test_birth_sizes_that_somebody_edits_are_set_right() -> None:
    """When workloads are listed anew, MemorySizes is read as well."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        objects.stored[SIZES]["spec"]["sizes"]["Deployment/web"]["app"]["request"] = "1Ti"
        objects.stored[POLICY]["metadata"]["generation"] = 2  # else it is read after a minute
        stage.run(living(objects))

    assert "100Mi" == objects.stored[SIZES]["spec"]["sizes"]["Deployment/web"]["app"]["request"]


def test_a_deleted_memoryforecast_is_no_error() -> None:
    """A person deletes the object between two passes: the workload is looked at anew, and nothing fails."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        del objects.stored[FORECAST]
        written = stage.run(living(objects))

        assert ("PATCH", RESIZE) in written
        assert "Working" == ready(objects)[0]
        assert FORECAST in objects.stored


def test_a_pod_that_is_gone_is_no_error() -> None:
    """A pod that went between the look and the resize needs none."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    gone = living(objects)
    objects.stored.pop("/api/v1/namespaces/shop/pods/web-abc-1")
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(gone)

    assert "Working" == ready(objects)[0]


def test_refusals_that_vanish_meanwhile() -> None:
    """The slow clock forgets a refusal while a status is made of it: the status is made without."""

    class Vanishing(dict[Any, Any]):
        def __contains__(self, _: object) -> bool:
            return True

    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        assert isinstance(stage.forecasts, Forecasts)
        stage.forecasts.refusals = Vanishing()
        stage.run()

    assert "Working" == ready(objects)[0]


def labelled(objects: Objects, **labels: str) -> None:
    """Namespace shop with these labels."""
    objects.put("/api/v1/namespaces/shop", {"metadata": {"labels": labels}})


def owner(objects: Objects, path: str) -> tuple[str, str]:
    """Kind and name of the policy that owns an object."""
    (reference,) = objects.stored[path]["metadata"]["ownerReferences"]
    return reference["kind"], reference["name"]


def test_a_policy_of_the_cluster_sizes_what_is_in_its_namespaces() -> None:
    """What is written for it belongs to it, so that Kubernetes deletes it with the policy; its status is its own."""
    objects = Objects()
    path = clusters_policy(objects)
    labelled(objects, memory="sized")
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        written = stage.run(living(objects))

    assert ("PATCH", RESIZE) in written
    assert ("PATCH", f"{path}/status") in written
    assert [("ClusterMemoryPolicy", "all")] * 2 == [owner(objects, each) for each in (FORECAST, SIZES)]
    assert {"policy": "all", "policyKind": "ClusterMemoryPolicy"}.items() <= objects.stored[FORECAST]["spec"].items()
    assert (1, 1) == tuple(objects.stored[path]["status"][name] for name in ("namespaces", "workloads"))


def test_a_namespaces_own_policy_takes_a_workload_over() -> None:
    """The older policy of the cluster gives way at once, what was learnt goes on, and both say who has it."""
    objects = Objects()
    path = clusters_policy(objects)
    labelled(objects, memory="sized")
    deployment(objects)
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        policy(objects, apply={})
        stage.run(living(objects))

    assert ("MemoryPolicy", "web") == owner(objects, FORECAST)
    assert {} == objects.stored[SIZES]["spec"]["sizes"]
    assert "NamespacePolicyFirst" == ready(objects, path)[0]
    assert "Working" == ready(objects)[0]


def test_a_namespace_that_loses_its_label_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the inventory's interval its birth sizes are withdrawn, before anything else is done."""
    objects = Objects()
    clusters_policy(objects)
    labelled(objects, memory="sized")
    deployment(objects)
    start_s = actpass.time.time()
    with staged(objects) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        labelled(objects)
        monkeypatch.setattr(actpass.time, "time", lambda: start_s + Settings().inventory_interval_s + 1)
        written = stage.run(living(objects))

    assert ("PUT", SIZES) == written[0]
    assert {} == objects.stored[SIZES]["spec"]["sizes"]


def test_rights_that_end_at_namespaces(caplog: pytest.LogCaptureFixture) -> None:
    """Policies of the cluster are not followed there, which is said once; the namespaces' own go on."""
    objects = Objects()
    clusters_policy(objects)
    policy(objects)
    deployment(objects)
    with staged(objects, Settings(namespaces=("shop",))) as stage:
        stage.foresee("web", 100)
        stage.run(living(objects))
        stage.run(living(objects))

    assert ("MemoryPolicy", "web") == owner(objects, FORECAST)
    assert 1 == caplog.text.count("ClusterMemoryPolicies are not followed")


def test_a_cluster_without_the_kind(caplog: pytest.LogCaptureFixture) -> None:
    """Where its CRD or the right to read it is missing, that is said once and all else goes on."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    with staged(objects) as stage:
        objects.refuse = lambda request: status(403, "no") if "clustermemory" in request.path else None
        stage.run(living(objects))
        stage.run(living(objects))

    assert "Working" == ready(objects)[0]
    assert 1 == caplog.text.count("ClusterMemoryPolicies are not followed: no")
