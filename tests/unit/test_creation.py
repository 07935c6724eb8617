"""What new pods are born with, as it follows from looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import NOW_S, forecasted, pod, size
from foresize.cluster.guard import assign
from foresize.cluster.targets import Inventory
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, parse
from foresize.passes.creation import births, entry
from foresize.passes.managed import Managed, manage
from foresize.reporting.forecasts import Look
from foresize_forecast.deciding.state import WorkloadState
from foresize_forecast.pods import Room
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.workloads.review import Observation, review

TEMPLATE = {"app": size(64, 128)}
WRITTEN = {"app": {"request": "100Mi", "limit": "200Mi"}}


def managed(*, bounds: Room | None = None, **apply: Any) -> Managed:
    """Deployment web under a policy for it."""
    target = {"ref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    metadata = {
        "namespace": "shop",
        "name": "web",
        "uid": "uid",
        "generation": 1,
        "creationTimestamp": "2026-11-01T00:00:00Z",
    }
    parsed = parse({"metadata": metadata, "spec": {"target": target, "apply": {"atCreation": True, **apply}}})
    assert isinstance(parsed, Policy)
    web = Workload("shop", "apps/v1", "Deployment", "web", "uid-web", {}, {}, TEMPLATE, QosClass.BURSTABLE, 3)
    inventory = Inventory(workloads={web.key: web}, limit_ranges={"shop": bounds or Room()})
    ((assignment,), _) = assign([parsed], inventory)
    return manage(assignment, inventory, {}, {})


def look(one: Managed, demand_mib: list[float] | None = None) -> Look:
    """A look at one pod, with a forecast or without."""
    seen = Observation(NOW_S, (pod(),), {}, TEMPLATE, QosClass.BURSTABLE, one.bounds)
    forecasts = {"app": forecasted(demand_mib)} if demand_mib else {}
    return Look(seen, review(WorkloadState(), seen, forecasts, WorkloadPolicy()), forecasts, applies=False)


def test_new_pods_get_the_most_of_the_horizon() -> None:
    """Of a demand of 100 and then 200 MiB they get what 200 needs: limit 200 x 1.1 = 220 MiB at least."""
    one = managed()

    made = entry(one, look(one, [100.0] * 6 + [200.0] * 6), {})

    assert (made.sizes["app"].request_bytes or 0) >= size(200, None).request_bytes
    assert (made.sizes["app"].limit_bytes or 0) >= size(None, 220).limit_bytes
    assert set() == made.undecided


def test_runs_have_no_revisions() -> None:
    """A Job's pods carry no template hash: a size that waited for a known one would never be given."""
    one = managed()
    nightly = replace(one, workload=replace(one.workload, api_version="batch/v1", kind="CronJob"))

    assert entry(nightly, replace(look(one, [100.0] * 12), seen=replace(look(one).seen, pods=())), {}).revisions is None


def test_without_a_forecast_the_size_that_is_written_holds() -> None:
    """Between a restart and the first refit nothing is known, and nothing is taken back."""
    one = managed()

    assert ({}, {"app"}) == ((made := entry(one, look(one), WRITTEN)).sizes, made.undecided)


def test_a_size_that_a_limit_range_has_outlawed_goes() -> None:
    """A pod that could be created without Foresize can be created with it: 200Mi is above a maximum of 150Mi."""
    one = managed(bounds=Room(container_max_bytes=size(150, None).request_bytes))

    assert set() == entry(one, look(one), WRITTEN).undecided


def test_what_is_no_size_goes() -> None:
    """What somebody wrote into MemorySizes that cannot be read is not kept."""
    one = managed()

    assert set() == entry(one, look(one), {"app": {"request": "much"}}).undecided


def test_a_policy_that_leaves_new_pods_alone_wants_nothing() -> None:
    """No entry, and no owner, of a workload whose new pods are left alone."""
    one = managed(atCreation=False)

    assert {} == births({one.key: one}, {one.key: look(one, [100.0] * 12)}, lambda _: {})


def test_a_look_that_failed_is_not_an_empty_one() -> None:
    """A workload that could not be looked at has no entry, so what is written stays; its policy still owns it."""
    one = managed()

    found = births({one.key: one}, {}, lambda _: WRITTEN)["shop"]

    assert ({}, ["web"]) == (found.entries, [owner.name for owner in found.owners.values()])
