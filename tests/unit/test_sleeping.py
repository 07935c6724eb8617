"""From looks to scale: the intent first, one write for one cause, and nobody asleep for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apiserver import Answer, Request, status
from builders import NOW_S, container, forecasted, pod, size
from foresize.config.settings import Settings
from foresize.passes.senses import Foreseen
from foresize.reporting.forecasts import Look, status_of
from foresize_forecast.deciding.state import SleepPhase
from foresize_forecast.moving.idle import Activity
from objectserver import Objects
from stage import FORECAST, POLICY, Stage, deployment, policy, staged

KEY = ("shop", "Deployment/web")
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
SCALE = f"{WEB}/scale"
NOTHING = Activity(
    1800, 1.0, 10, 0.001, received_bytes_per_s=9, sent_bytes_per_s=9, memory_high_bytes=9e6, memory_swing_bytes=0
)
Json = dict[str, Any]


@pytest.fixture
def objects() -> Objects:
    made = Objects()
    policy(made, idle={"action": "ScaleToZero"})
    deployment(made)
    made.stored[WEB]["spec"]["replicas"] = 2
    return made


def looked(stage: Stage, now_s: float = NOW_S, wake: str = "") -> Look:
    """One look at web at this moment, whose two pods do nothing, as the first pass's inventory had it but for this."""
    if not stage.acts.scene.managed:
        stage.acts.run()
    awake = stage.objects.stored[WEB]["spec"]["replicas"]
    managed = stage.acts.scene.managed[KEY]
    managed = replace(managed, workload=replace(managed.workload, replicas=awake, wake=wake))
    pods = tuple(pod(container(present=size(64, 128)), name=f"web-{at}", uid=f"uid-{at}") for at in range(awake))
    foreseen = Foreseen({"app": forecasted([50.0] * 24)}, made_at_s=now_s)
    senses = stage.acts.scene.senses[KEY]
    known = type(senses)(foreseen=foreseen, activity={each.name: NOTHING for each in pods})
    look = stage.attendant.attend(managed, lambda: pods, known, now_s)
    return stage.sleeper.attend(managed, look, now_s)


def scalings(objects: Objects) -> list[int]:
    """The numbers of replicas that were asked for."""
    return [each.body["spec"]["replicas"] for each in objects.requests if (each.method, each.path) == ("PATCH", SCALE)]


def told(objects: Objects) -> Json:
    """The stored memory of its sleep."""
    found: Json = objects.stored[FORECAST]["status"]["state"]["sleep"]
    return found


def test_it_is_scaled_to_zero_after_that_was_written_down(objects: Objects) -> None:
    """Two replicas are in the MemoryForecast, which outlives its policy, when the API server is asked for none."""
    seen: list[Any] = []

    def note(request: Request) -> None:
        if (request.method, request.path) == ("PATCH", SCALE):
            seen.append((told(objects)["phase"], told(objects)["replicas"], _owners(objects)))

    with staged(objects, Settings()) as stage:
        objects.refuse = note
        look = looked(stage)
        assert [("Going", 2, None)] == seen
        assert [0] == scalings(objects)
        assert "Asleep" == status_of(look)["summary"]["state"]
        assert 2 == status_of(look)["idle"]["asleep"]["replicas"]
        again = looked(stage, NOW_S + 60)

    assert [0] == scalings(objects)
    assert "no need is forecast" == again.sleep_words


def test_it_is_woken_once_on_request_and_its_forecast_is_its_policys_again(objects: Objects) -> None:
    """The annotation acts once, however many looks see it."""
    with staged(objects, Settings()) as stage:
        looked(stage)
        looks = [looked(stage, NOW_S + after_s, "true") for after_s in (60, 120)]
        stage.attendant.report(stage.acts.scene.managed[KEY], looks[-1])

    assert [0, 2] == scalings(objects)
    assert [SleepPhase.AWAKE] * 2 == [each.review.state.sleep.phase for each in looks if each.review.state.sleep]
    assert _owners(objects)


def test_a_refusal_is_told_and_the_workload_stays_as_it_is(objects: Objects) -> None:
    """Without the chart's rbac.scale the API server says no: asked once, and again after a pause."""

    def forbids(request: Request) -> Answer | None:
        return status(403, "cannot patch deployments/scale") if request.path == SCALE and request.body else None

    with staged(objects, Settings()) as stage:
        objects.refuse = forbids
        looks = [looked(stage, NOW_S + after_s) for after_s in (0, 60)]

    assert [0] == scalings(objects)
    assert "it could not be scaled: cannot patch deployments/scale" == looks[1].sleep_words
    assert status_of(looks[1])["idle"]["held"] == looks[1].sleep_words
    assert 2 == objects.stored[WEB]["spec"]["replicas"]


def test_a_number_that_somebody_has_written_meanwhile_is_kept(objects: Objects) -> None:
    """It was read as two and is five by the time of the write: not scaled."""
    with staged(objects, Settings()) as stage:
        stage.acts.run()

        def meanwhile(request: Request) -> None:
            if (request.method, request.path) == ("GET", SCALE):
                objects.stored[WEB]["spec"]["replicas"] = 5

        objects.refuse = meanwhile
        look = looked(stage)

    assert [] == scalings(objects)
    assert "it has 5 replicas and not 2: somebody else has scaled it" == look.sleep_words


def test_without_the_lease_nothing_is_scaled(objects: Objects) -> None:
    """No intent is written down either."""
    with staged(objects, Settings()) as stage:
        stage.acts.run()
        stage.held = False
        looked(stage)

    assert [] == scalings(objects)


def test_who_sleeps_without_a_policy_is_woken_and_forgotten(objects: Objects) -> None:
    """The policy was deleted: its workload has its replicas back, once, and the memory of it goes."""
    with staged(objects, Settings(inventory_interval_s=0)) as stage:
        looked(stage)
        objects.stored.pop(POLICY)
        for _ in range(3):
            stage.acts.run()

    assert [0, 2] == scalings(objects)
    assert FORECAST not in objects.stored


def test_what_its_owner_made_anew_is_not_woken(objects: Objects) -> None:
    """Another workload of the name, with no replicas because its owner says so."""
    with staged(objects, Settings(inventory_interval_s=0)) as stage:
        looked(stage)
        objects.stored.pop(POLICY)
        objects.stored[WEB]["metadata"]["uid"] = "another"
        stage.acts.run()

    assert [0] == scalings(objects)


def _owners(objects: Objects) -> Any:
    return objects.stored[FORECAST]["metadata"].get("ownerReferences")
