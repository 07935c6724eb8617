"""Pods of generated names as workloads."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver import serving
from builders import size
from foresize.cluster.podgroups import MOST_GROUPS, take_groups
from foresize.cluster.targets import Inventory, selected
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, parse
from foresize.reporting.records import object_name
from foresize_forecast.deciding.state import RunsKept, WorkloadState
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.runs.digest import PastRun
from objectserver import Objects

Json = dict[str, Any]
KEY = ("shop", "PodLabel/job=etl")
KEPT = WorkloadState(runs={"app": RunsKept(size(64, 128), (PastRun(0.0, 600.0, 5.0),))})


def policy() -> Policy:
    """All pods of namespace shop with the label job."""
    metadata = {"namespace": "shop", "name": "jobs", "uid": "uid-jobs"}
    parsed = parse({"metadata": metadata, "spec": {"target": {"selector": {}, "groupBy": "job"}}})
    assert isinstance(parsed, Policy), parsed
    return parsed


def pod(objects: Objects, name: str, job: str = "etl", owner: str = "", **changes: str) -> None:
    """A pod with the label, created in the order of the calls; `sized` at its creation, with this `limit`."""
    kind, _, owners_name = owner.partition("/")
    n = len(objects.stored)
    metadata: Json = {"labels": {"job": job}, "creationTimestamp": f"2026-11-01T00:{n // 60:02d}:{n % 60:02d}Z"}
    if owner:
        metadata["ownerReferences"] = [{"kind": kind, "name": owners_name, "controller": True}]
    if "sized" in changes:
        metadata["annotations"] = {"foresize.dev/sized-at-creation": changes["sized"]}
    resources = {"requests": {"memory": "64Mi"}, "limits": {"memory": changes.get("limit", "128Mi")}}
    spec = {"containers": [{"name": "app", "resources": resources}]}
    objects.put(f"/api/v1/namespaces/shop/pods/{name}", {"metadata": metadata, "spec": spec})


def groups(objects: Objects, remembered: dict[tuple[str, str], WorkloadState] | None = None) -> tuple[Workload, ...]:
    """What the policy groups."""
    with serving(objects.answer) as api:
        found = take_groups(api, [policy()], Inventory(), lambda _: remembered or {})
    inventory = Inventory(groups=found)
    return tuple(selected(policy(), inventory))


def test_pods_of_one_value_are_one_workload() -> None:
    """Bare ones and those of Jobs; what a controller that lasts or a CronJob made belongs there."""
    objects = Objects()
    for name, owner in (("a", ""), ("b", "Job/run-1"), ("c", "Job/nightly-29000000"), ("d", "StatefulSet/db")):
        pod(objects, name, owner=owner)
    pod(objects, "e", "report")

    found = groups(objects)

    assert ["PodLabel/job=etl", "PodLabel/job=report"] == [each.key[1] for each in found]
    assert ("b", "a") == found[0].pods  # the newest first
    assert {"matchLabels": {"job": "etl"}} == found[0].selector


def test_a_job_named_after_a_day_is_no_cron_jobs() -> None:
    """`etl-20261122` was made by somebody that day; a CronJob's has the minutes since 1970, as 29000000 is of 2025."""
    objects = Objects()
    for name, owner in (("a", "Job/etl-20261122"), ("b", "Job/etl-29000000")):
        pod(objects, name, owner=owner)

    assert [("a",)] == [each.pods for each in groups(objects)]


def test_what_the_owner_wrote_is_told_from_what_was_sized() -> None:
    """A pod that was sized at its creation does not say what its owner wrote: an earlier one does, or the memory."""
    objects = Objects()
    pod(objects, "a", limit="300Mi")
    pod(objects, "b", sized="app", limit="80Mi")

    assert {"app": size(64, 300)} == groups(objects)[0].template
    del objects.stored["/api/v1/namespaces/shop/pods/a"]
    assert {"app": size(64, 128)} == groups(objects, {KEY: KEPT})[0].template


def test_a_group_without_pods_is_remembered() -> None:
    """Between two runs there may be no pod at all: the next one is born with what those before it earned."""
    [found] = groups(Objects(), {KEY: KEPT, ("shop", "PodLabel/other=x"): KEPT, ("bank", KEY[1]): KEPT})

    assert (KEY, {"app": size(64, 128)}, ()) == (found.key, found.template, found.pods)


def test_a_label_whose_values_never_come_again(caplog: pytest.LogCaptureFixture) -> None:
    """It would make a workload for each pod: some are sized, and the log asks whether that was meant."""
    objects = Objects()
    for number in range(MOST_GROUPS + 1):
        pod(objects, f"p{number}", f"run-{number}")

    assert MOST_GROUPS == len(groups(objects))
    assert "does any value come again?" in caplog.text


def test_the_memory_of_runs_is_stored_small() -> None:
    """A hundred runs are three whole numbers each, and come back as they were."""
    stored = dump(KEPT)

    assert {"app": {"declared": [64 << 20, 128 << 20], "past": [[0, 600, 5]]}} == stored["runs"]
    assert KEPT == load(stored)
    assert "runs" not in dump(WorkloadState())


def test_a_label_becomes_the_name_of_an_object() -> None:
    """Slashes, capitals and equal signs are no part of one; two that look alike differ by a hash."""
    names = {object_name("PodLabel", name) for name in ("example.dev/job=etl", "example.dev-job=etl", "x/Job=etl")}

    assert 3 == len(names)
    assert all(name.replace("-", "").replace(".", "").isalnum() and name == name.lower() for name in names)
