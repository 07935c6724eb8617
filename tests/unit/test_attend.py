"""One look at one workload, and who may look at the same time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from apiserver import Request, status
from builders import NOW_S, container, forecasted, pod, size
from foresize.kube.kubeapi import ApiError
from foresize.passes import attend
from foresize.passes.attend import REMEMBERED
from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize.reporting.forecasts import Look
from foresize_forecast.deciding.state import Change, ContainerState, Wait, WorkloadState
from foresize_forecast.pods import Kill, PodView
from foresize_forecast.reasons import Reason
from foresize_forecast.resizing.podchange import PodChange
from foresize_forecast.sizes import QosClass, Size, WorkloadPolicy
from foresize_forecast.workloads.review import Observation, review
from objectserver import Objects
from stage import FORECAST, Stage, deployment, living, policy, staged

KEY = ("shop", "Deployment/web")


def stored(objects: Objects) -> dict[str, Any]:
    """The operator's memory as the API server has it."""
    state: dict[str, Any] = objects.stored[FORECAST]["status"]["state"]
    return state


def managed(stage: Stage) -> Managed:
    """Deployment web, as a pass found it."""
    stage.run()
    return stage.acts.scene.managed[KEY]


def killed(view: PodView, at_s: float = NOW_S - 60) -> PodView:
    """The pod after a kill at its limit, running again."""
    (app,) = view.containers
    limit = app.size.limit_bytes
    again = replace(app, restarts=1, last_kill=Kill(at_s, limit), running_since_s=at_s + 1)
    return replace(view, containers=(again,))


def scene(objects: Objects) -> None:
    """Deployment web under a policy that applies all it can."""
    policy(objects)
    deployment(objects)


def test_a_kill_is_remembered_before_it_is_cured() -> None:
    """The new limit is in the MemoryForecast before the pod is asked for it: the next operator would know."""
    objects = Objects()
    scene(objects)
    seen: list[int] = []

    def note(request: Request) -> None:
        if request.path.endswith("/resize"):
            seen.append(stored(objects)["containers"]["app"]["killFloor"])

    objects.refuse = note
    with staged(objects) as stage:
        one = managed(stage)
        stage.attendant.attend(one, lambda: (killed(living(objects)),), Senses(), NOW_S)

    # A kill at 128 MiB doubles the limit at most: whatever the ladder's first rung, it is above 128 MiB.
    assert seen
    assert seen[0] > (size(None, 128).limit_bytes or 0)


def test_a_kill_is_not_cured_where_it_cannot_be_remembered() -> None:
    """A memory that cannot be written means no resize: it would be forgotten with the next restart."""
    objects = Objects()
    scene(objects)
    with staged(objects) as stage:
        one = managed(stage)
        objects.refuse = lambda request: status(500, "etcd is away") if request.method == "PUT" else None
        with pytest.raises(ApiError, match="etcd is away"):
            stage.attendant.attend(one, lambda: (killed(living(objects)),), Senses(), NOW_S)

    assert not [path for _, path in objects.writes() if path.endswith("/resize")]


def test_a_report_never_overwrites_what_a_kill_has_taught() -> None:
    """A pass that reports an older look keeps the memory that the kill path has written since."""
    objects = Objects()
    scene(objects)
    with staged(objects) as stage:
        one = managed(stage)
        earlier = stage.attendant.attend(one, lambda: (living(objects),), Senses(), NOW_S)
        stage.attendant.attend(one, lambda: (killed(living(objects)),), Senses(), NOW_S + 1)
        stage.attendant.report(one, earlier)

    assert 1 == len(stored(objects)["containers"]["app"]["kills"])


def test_one_look_at_a_workload_at_a_time() -> None:
    """A pass and several kills at the same moment work one after the other, from one memory."""
    objects = Objects()
    scene(objects)
    looking: list[int] = []
    most: list[int] = []
    with staged(objects) as stage:
        one = managed(stage)

        def pods() -> tuple[PodView, ...]:
            looking.append(1)
            most.append(len(looking))
            time.sleep(0.01)  # long enough for another look to come in between, if it could
            looking.pop()
            return (living(objects),)

        with ThreadPoolExecutor(8) as threads:
            looks = [threads.submit(stage.attendant.attend, one, pods, Senses(), NOW_S) for _ in range(8)]
            for look in looks:
                look.result(30)

    assert [1] * 8 == most


def test_a_memory_that_was_deleted_does_not_delay_a_cure() -> None:
    """A MemoryForecast that somebody deletes just before a kill: the workload is looked at without it, and resized."""
    objects = Objects()
    scene(objects)
    with staged(objects) as stage:
        one = managed(stage)
        del objects.stored[FORECAST]
        look = stage.attendant.attend(one, lambda: (killed(living(objects)),), Senses(), NOW_S)

    assert {} == look.blocked
    assert 1 == len([path for _, path in objects.writes() if path.endswith("/resize")])
    assert 1 == len(stored(objects)["containers"]["app"]["kills"])


def test_a_long_refusal_is_remembered_in_short() -> None:
    """Thousands of pods that are refused in a thousand words each still fit into one object."""
    objects = Objects()
    scene(objects)
    with staged(objects) as stage:
        one = managed(stage)
        objects.refuse = lambda request: status(403, "x" * 5000) if request.path.endswith("/resize") else None
        look = stage.attendant.attend(one, lambda: (killed(living(objects)),), Senses(), NOW_S)

    assert "x" * REMEMBERED == look.review.state.attempts["uid-web"].message


def test_what_only_recommends_touches_no_pod() -> None:
    """Without spec.apply a kill is learnt from, and nothing is done."""
    objects = Objects()
    policy(objects, apply={})
    deployment(objects)
    with staged(objects) as stage:
        one = managed(stage)
        before = objects.writes()
        look = stage.attendant.attend(one, lambda: (killed(living(objects)),), Senses(), NOW_S)

    assert before == objects.writes()
    assert 1 == len(look.review.state.container("app").kills)
    assert look.review.state.container("app").target is None


def test_what_is_paused_wishes_no_pod_away() -> None:
    """A policy that moves pods, and is paused: nothing is wished, and who waited begins anew after it."""
    objects = Objects()
    policy(objects, apply={"atCreation": True, "running": "InPlaceOrEvict"}, paused=True)
    deployment(objects)
    with staged(objects) as stage:
        one = managed(stage)
        waited = replace(stage.records.state(one.key), waits={"uid-web": Wait("NodeFull", 0.0)})
        stage.records.keep(one.key, waited)
        look = stage.attendant.attend(one, lambda: (living(objects),), Senses(), NOW_S)

    assert ((), {}) == (look.wishes, look.review.state.waits)


def test_a_workload_without_pods_is_looked_at() -> None:
    """Scaled to nothing it has no pod to resize, and no error."""
    objects = Objects()
    scene(objects)
    with staged(objects) as stage:
        look = stage.attendant.attend(managed(stage), tuple, Senses(), NOW_S)

    assert ({}, ()) == (look.blocked, look.seen.pods)
    assert isinstance(look.review.state, WorkloadState)


def test_only_the_killed_pod_is_resized_at_once() -> None:
    """The kill path acts on one pod; the others follow with the next pass."""
    objects = Objects()
    scene(objects)
    with staged(objects) as stage:
        one = managed(stage)
        other = pod(container(present=size(64, 128)), name="web-abc-2", uid="uid-2")
        views = (killed(living(objects)), other)
        stage.attendant.attend(one, lambda: views, Senses(), NOW_S, only="uid-web")

    assert ["/api/v1/namespaces/shop/pods/web-abc-1/resize"] == [
        path for _, path in objects.writes() if path.endswith("/resize")
    ]


def test_a_pods_event_says_what_moved_its_target() -> None:
    """A kill decides at once, the pod gets its size when it runs again: what then holds the size is not why it came."""
    view, after = pod(container(present=size(64, 128))), size(64, 256)
    seen = Observation(NOW_S, (view,), {}, {"app": size(64, 128)}, QosClass.BURSTABLE)
    found = review(WorkloadState(), seen, {"app": forecasted([50.0] * 12)}, WorkloadPolicy())
    change = Change(NOW_S - 10, size(64, 128), after, Reason.OOM_KILLED, "limit 128Mi -> 256Mi: killed at its limit")
    remembered = found.state.with_container("app", ContainerState(last_change=change))
    look = Look(seen, replace(found, state=remembered), {}, applies=True)
    titled: Any = SimpleNamespace(policy=SimpleNamespace(title="MemoryPolicy web"))

    def said(wanted: Size) -> str:
        order = attend._Order(view, PodChange({"app": wanted}))  # noqa: SLF001 - what a person reads
        return attend._sentence(titled, look, order)  # noqa: SLF001 - the same

    assert "64 MiB/128 MiB -> 64 MiB/256 MiB (killed at its limit); MemoryPolicy web" in said(after)
    assert "killed" not in said(size(64, 200))
