"""What is remembered of workloads, and what becomes of it when others touch its objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from apiserver import Request, serving, status
from builders import NOW_S, mi, size
from foresize.config.quantities import timestamp
from foresize.kube.kubeapi import ApiError, NotFound
from foresize.reporting.records import REPORT_EVERY_S, Records, Subject, object_name
from foresize_forecast.deciding.state import ContainerState, WorkloadState
from foresize_forecast.deciding.stored import dump
from objectserver import Objects

COLLECTION = "/apis/foresize.dev/v1alpha1/namespaces/shop/memoryforecasts"
PATH = f"{COLLECTION}/deployment-web"
WEB = Subject("shop", "apps/v1", "Deployment", "web", "web", "uid-of-policy")
TAUGHT = WorkloadState(containers={"app": ContainerState(target=size(100, 200), kill_floor_bytes=mi(200))})


@contextmanager
def remembering(objects: Objects, *, held: bool = True) -> Iterator[Records]:
    """Records at a server that holds these objects."""
    with serving(objects.answer) as api:
        yield Records(api, lambda: held)


def stored(objects: Objects, state: WorkloadState = TAUGHT, name: str = "deployment-web", **shown: Any) -> None:
    """A MemoryForecast of Deployment web that an earlier operator wrote."""
    owner = {"apiVersion": "foresize.dev/v1alpha1", "kind": "MemoryPolicy", "name": "web", "uid": "uid-of-policy"}
    workload = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    objects.put(
        f"{COLLECTION}/{name}",
        {
            "metadata": {"ownerReferences": [owner]},
            "spec": {"workload": workload, "policy": "web"},
            "status": {**shown, "state": dump(state)},
        },
    )


def shown(request: str, **row: Any) -> dict[str, Any]:
    """What people read: one container."""
    return {"summary": {"container": "app"}, "containers": [{"name": "app", "request": request, **row}]}


def test_memory_outlives_the_operator() -> None:
    """What one process remembered before it acted, the next one knows."""
    objects = Objects()
    with remembering(objects) as records:
        records.remember(WEB, TAUGHT)
    with remembering(objects) as later:
        later.load()

        assert TAUGHT == later.state(WEB.key)


def test_what_another_operator_learnt_meanwhile_is_not_forgotten() -> None:
    """Whoever has the lease again reads anew: nothing of its own earlier memory is left."""
    objects = Objects()
    with remembering(objects) as records:
        records.remember(WEB, WorkloadState())
        api = replace(WEB, name="api")
        records.remember(api, TAUGHT)
        stored(objects, TAUGHT)  # by the other one, which also saw Deployment api go
        del objects.stored[f"{COLLECTION}/deployment-api"]
        records.load()

        assert TAUGHT == records.state(WEB.key)
        assert {WEB.key} == records.workloads()


def test_a_first_look_is_remembered_before_its_object_exists() -> None:
    """What the first look at a workload learns from kills is in the object that is made of it."""
    objects = Objects()
    with remembering(objects) as records:
        records.keep(WEB.key, TAUGHT)
        records.report(WEB, shown("100Mi"), NOW_S)

    assert dump(TAUGHT) == objects.stored[PATH]["status"]["state"]
    assert [("POST", COLLECTION), ("PUT", f"{PATH}/status")] == objects.writes()


def test_nothing_is_written_without_the_lease() -> None:
    """An operator that has lost its lease in the middle of a pass does not write over what the new one remembers."""
    objects = Objects()
    stored(objects)
    with remembering(objects, held=False) as records:
        records.load()
        with pytest.raises(ApiError, match="another operator holds the lease"):
            records.report(WEB, shown("100Mi"), NOW_S)
        with pytest.raises(ApiError, match="another operator holds the lease"):
            records.remember(WEB, WorkloadState())

    assert [] == objects.writes()


def test_a_label_on_the_object_does_no_harm() -> None:
    """Somebody labels a MemoryForecast between two passes: the next status is written all the same, once more."""
    objects = Objects()
    stored(objects)
    with remembering(objects) as records:
        records.load()
        objects.put(PATH, {**objects.stored[PATH], "metadata": {"labels": {"team": "shop"}}})
        records.report(WEB, shown("100Mi"), NOW_S)

    assert "100Mi" == objects.stored[PATH]["status"]["containers"][0]["request"]
    assert {"team": "shop"} == objects.stored[PATH]["metadata"]["labels"]


def test_deleting_an_object_forgets_what_it_held() -> None:
    """`kubectl delete memoryforecast` makes the operator start anew with the workload, and nothing fails over it."""
    objects = Objects()
    stored(objects)
    with remembering(objects) as records:
        records.load()
        del objects.stored[PATH]
        records.report(WEB, shown("100Mi"), NOW_S)

        assert WorkloadState() == records.state(WEB.key)
        records.report(WEB, shown("100Mi"), NOW_S)

    assert "100Mi" == objects.stored[PATH]["status"]["containers"][0]["request"]


def test_nothing_is_done_on_a_memory_that_was_deleted() -> None:
    """Where the object has gone when the memory must be written, the caller is told, and looks again without it."""
    objects = Objects()
    stored(objects)
    with remembering(objects) as records:
        records.load()
        del objects.stored[PATH]
        with pytest.raises(NotFound):
            records.remember(WEB, TAUGHT)

        assert set() == records.workloads()


def test_a_policy_that_is_replaced_leaves_the_memory() -> None:
    """A policy under another name takes over its workloads' objects, also those deleted with the old."""
    renamed = replace(WEB, policy_name="shop", policy_uid="uid-of-another")
    for collected in (False, True):
        objects = Objects()
        stored(objects)
        with remembering(objects) as records:
            records.load()
            if collected:
                del objects.stored[PATH]
            records.remember(renamed, records.state(WEB.key))

        assert ["uid-of-another"] == [each["uid"] for each in objects.stored[PATH]["metadata"]["ownerReferences"]]
        assert "shop" == objects.stored[PATH]["spec"]["policy"]
        assert dump(TAUGHT) == objects.stored[PATH]["status"]["state"]


def test_an_object_that_was_there_already_keeps_what_it_holds() -> None:
    """A MemoryForecast that came after the operator had read them all (a restored backup) is taken as it is."""
    objects = Objects()
    with remembering(objects) as records:
        records.load()
        stored(objects)
        records.ensure(WEB)

        assert TAUGHT == records.state(WEB.key)


@pytest.mark.parametrize(
    "state", [{"version": 2}, {"version": 1, "containers": []}, {"version": 1, "containers": {"app": {"target": []}}}]
)
def test_an_unreadable_memory_is_one_workloads_own(state: dict[str, Any]) -> None:
    """A status.state that somebody has spoilt is told in the log; the operator starts, others keep theirs."""
    objects = Objects()
    stored(objects)
    stored_api = {**objects.stored[PATH], "spec": {"workload": {"kind": "Deployment", "name": "api"}}}
    objects.put(f"{COLLECTION}/deployment-api", stored_api)
    objects.stored[PATH]["status"]["state"] = state
    with remembering(objects) as records:
        records.load()

        assert WorkloadState() == records.state(WEB.key)
        assert TAUGHT == records.state(("shop", "Deployment/api"))


def test_objects_of_other_names_are_nobodys() -> None:
    """A copy of a MemoryForecast under a name of one's own teaches the operator nothing."""
    objects = Objects()
    stored(objects, name="my-copy")
    with remembering(objects) as records:
        records.load()

        assert set() == records.workloads()


def test_figures_are_written_every_few_minutes_and_deeds_at_once() -> None:
    """A peak that moves is worth a write after 5 minutes, a request that moves at once, the same status never."""
    objects = Objects()
    with remembering(objects) as records:
        records.report(WEB, shown("100Mi", peak="90Mi"), NOW_S)
        made = len(objects.writes())
        records.report(WEB, shown("100Mi", peak="91Mi"), NOW_S + REPORT_EVERY_S - 1)
        records.report(WEB, shown("100Mi", peak="90Mi"), NOW_S + REPORT_EVERY_S + 1)
        assert made == len(objects.writes())

        records.report(WEB, shown("120Mi", peak="90Mi"), NOW_S + 15)
        records.report(WEB, shown("120Mi", peak="91Mi"), NOW_S + 15 + REPORT_EVERY_S)

    assert made + 2 == len(objects.writes())


def test_a_new_operator_does_not_write_all_objects_again() -> None:
    """Figures that were written a minute ago by the operator before are not due for another four."""
    objects = Objects()
    stored(objects, **shown("100Mi", peak="90Mi"), observedAt=timestamp(NOW_S - 60))
    with remembering(objects) as records:
        records.load()
        records.report(WEB, shown("100Mi", peak="91Mi"), NOW_S)

    assert [] == objects.writes()


def test_a_write_that_fails_is_made_at_the_next_look() -> None:
    """An API server that answers 500 for a while costs nothing but time."""
    objects = Objects()
    stored(objects)
    with remembering(objects) as records:
        records.load()
        objects.refuse = lambda request: status(500, "etcd is away") if request.method == "PUT" else None
        with pytest.raises(ApiError, match="etcd is away"):
            records.report(WEB, shown("100Mi"), NOW_S)
        objects.refuse = lambda _: None
        records.report(WEB, shown("100Mi"), NOW_S + 15)

    assert timestamp(NOW_S + 15) == objects.stored[PATH]["status"]["observedAt"]


def test_workloads_that_are_gone_for_good_are_forgotten() -> None:
    """Their objects are deleted, also where Kubernetes was quicker."""
    for there in (True, False):
        objects = Objects()
        stored(objects)
        with remembering(objects) as records:
            records.load()
            if not there:
                del objects.stored[PATH]
            records.forget(WEB.key)

            assert (set(), {}) == (records.workloads(), objects.stored)


def test_names_of_objects_fit_and_differ() -> None:
    """`deployment-web`; names too long for a label are cut and told apart by a hash."""
    long = ["x" * 70 + end for end in ("a", "b")]
    names = [object_name("Deployment", name) for name in long]

    assert "deployment-web" == object_name("Deployment", "web")
    assert [63, 63] == [len(name) for name in names]
    assert names[0] != names[1]


def test_the_server_keeps_versions() -> None:
    """The tests' own server refuses what was written upon an old version, as the API server does."""
    objects = Objects()
    stored(objects)
    old = {**objects.stored[PATH], "metadata": {"resourceVersion": "1"}}

    code, _ = objects.answer(Request("PUT", f"{PATH}/status", {}, old, "application/json"))

    assert 409 == code
