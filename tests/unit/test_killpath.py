"""From a container that runs again to its resize, without waiting for a pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from builders import container, size
from foresize import metrics
from foresize.passes.killpath import KillPath
from foresize_forecast.pods import Kill, PodView
from objectserver import Objects
from stage import SIZES, Stage, deployment, living, policy, staged

LABELS = {"namespace": "shop", "workload": "Deployment/web", "container": "app"}


def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for it, for 20 seconds at most."""
    deadline_s = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline_s, f"waited 20 s for {what}"
        time.sleep(0.01)


@contextmanager
def acting(objects: Objects) -> Iterator[tuple[Stage, KillPath, list[None]]]:
    """A kill path beside passes of which one has run, and how often it woke them."""
    policy(objects)
    deployment(objects)
    woken: list[None] = []
    with staged(objects) as stage:
        stage.run(living(objects))
        kills = KillPath(
            stage.attendant, stage.admission, stage.events, acts=stage.acts, wake=lambda: woken.append(None)
        )
        yield stage, kills, woken
        kills.close()


def killed(view: PodView) -> PodView:
    """The pod after a kill at its limit a minute ago, running again."""
    (app,) = view.containers
    now_s = time.time()
    again = replace(app, restarts=1, last_kill=Kill(now_s - 60, app.size.limit_bytes), running_since_s=now_s - 59)
    return replace(view, containers=(again,))


def resizes(objects: Objects) -> list[str]:
    """Pods that were asked to resize."""
    return [path for _, path in objects.writes() if path.endswith("/resize")]


def notes(objects: Objects, reason: str) -> list[tuple[str, str]]:
    """Kind and words of the Events of a reason."""
    posted = [each.body for each in list(objects.requests) if each.path.endswith("/events")]
    return [(body["regarding"]["kind"], body["note"]) for body in posted if body["reason"] == reason]


def test_a_killed_container_is_resized_and_it_is_told() -> None:
    """Its pod gets a higher limit as soon as it runs again; pod and MemoryForecast say so."""
    objects = Objects()
    with acting(objects) as (stage, kills, _):
        view = killed(living(objects))
        stage.watch.pods = [view]
        kills.on_kill(view, view.containers[0])
        kills.on_running(view, view.containers[0])
        until(lambda: bool(resizes(objects)), "a resize")
        until(lambda: len(notes(objects, "MemoryResized")) == 1, "the pod's Event")
        reason = str(stage.records.state(("shop", "Deployment/web")).container("app").last_change.reason)
        until(lambda: len(notes(objects, reason)) == 1, "the MemoryForecast's Event")

    [(kind, words)] = notes(objects, "MemoryResized")
    assert ("Pod", True) == (kind, "(killed at its limit of 128Mi)" in words), words
    assert ["MemoryForecast"] == [kind for kind, _ in notes(objects, reason)]


def test_a_container_that_waits_is_raised_where_another_one_runs() -> None:
    """The one beside it carries the raise before it starts again: the kill itself is what is acted on."""
    objects = Objects()
    with acting(objects) as (stage, kills, _):
        view = living(objects)
        (app,) = view.containers
        ((key, one),) = stage.acts.scene.managed.items()
        workload = replace(one.workload, template={**one.workload.template, "side": size(32, 64)})
        stage.acts.scene = replace(stage.acts.scene, managed={key: replace(one, workload=workload)})
        dead = replace(app, last_kill=Kill(time.time() - 1, app.size.limit_bytes), running_since_s=None)
        pair = replace(view, containers=(dead, container("side", size(32, 64))))
        stage.watch.pods = [pair]
        kills.on_kill(pair, dead)
        until(lambda: bool(resizes(objects)), "a resize")

    patched = next(each.body for each in objects.requests if each.path.endswith("/resize"))
    limits = {each["name"]: each["resources"]["limits"]["memory"] for each in patched["spec"]["containers"]}
    assert {"app": "256Mi", "side": "66048Ki"} == limits  # twice 128 MiB; 64.5 MiB, for its use is unknown


def test_a_container_that_was_never_killed_is_left_to_the_pass() -> None:
    """A restart for another reason is no reason to hurry."""
    objects = Objects()
    with acting(objects) as (stage, kills, _):
        view = living(objects)
        stage.watch.pods = [view]
        kills.on_running(view, view.containers[0])

    assert [] == resizes(objects)


def test_a_killed_run_brings_the_next_pass_forward() -> None:
    """Its retry is born ten seconds later: what it is born with cannot wait for a tick. A server's kill can."""
    objects = Objects()
    ref = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly"}
    policy(objects, "nightly", target={"ref": ref})
    resources = {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    template = {"spec": {"containers": [{"name": "app", "resources": resources}]}}
    objects.put(
        "/apis/batch/v1/namespaces/shop/cronjobs/nightly", {"spec": {"jobTemplate": {"spec": {"template": template}}}}
    )
    with acting(objects) as (_, kills, woken):
        server, run = killed(living(objects)), killed(living(objects))
        kills.on_kill(server, server.containers[0])
        before = len(woken)
        kills.on_kill(replace(run, owner="Job/nightly-29000000"), run.containers[0])

    assert (0, 1) == (before, len(woken))


def test_after_the_lease_is_lost_nothing_is_managed() -> None:
    """A kill that is seen by an operator that has nothing to say any more is left to the one that has."""
    objects = Objects()
    with acting(objects) as (stage, kills, woken):
        stage.acts.rest()
        view = killed(living(objects))
        before = metrics.REGISTRY.get_sample_value("foresize_oom_kills_total", LABELS) or 0.0
        kills.on_kill(view, view.containers[0])
        kills.on_running(view, view.containers[0])

    assert before == (metrics.REGISTRY.get_sample_value("foresize_oom_kills_total", LABELS) or 0.0)
    assert ([], []) == (resizes(objects), woken)


def test_a_stranger_wakes_the_pass() -> None:
    """A pod of a Deployment that came since the last pass has workloads listed anew, now."""
    objects = Objects()
    with acting(objects) as (_, kills, woken):
        stranger = living(objects, "api")
        kills.on_running(stranger, stranger.containers[0])
        kills.on_running(stranger, stranger.containers[0])

    assert [None] == woken


def test_a_kill_while_the_operator_ends() -> None:
    """It is left to the next operator, without a word of failure."""
    objects = Objects()
    with acting(objects) as (stage, kills, _):
        view = killed(living(objects))
        stage.watch.pods = [view]
        kills.close()
        kills.on_running(view, view.containers[0])

    assert [] == resizes(objects)


def test_a_pod_born_with_its_template_is_told() -> None:
    """Errors in the API server's mutation are silent: a pod that got 64 MiB and not the 100 written is warned of."""
    objects = Objects()
    with acting(objects) as (stage, kills, _):
        stage.foresee("web", 100)
        stage.run(living(objects))
        assert "100Mi" == objects.stored[SIZES]["spec"]["sizes"]["Deployment/web"]["app"]["request"]
        unsized = replace(living(objects), created_s=time.time())
        sized = replace(unsized, uid="uid-2", containers=(container(present=size(100, 146)),))
        old = replace(unsized, uid="uid-3", created_s=time.time() - 3600)
        for view in (unsized, sized, old):
            kills.on_running(view, view.containers[0])
        until(lambda: bool(notes(objects, "BornUnsized")), "the Event")

    assert 1 == len(notes(objects, "BornUnsized"))
