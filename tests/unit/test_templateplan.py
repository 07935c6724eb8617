"""What a pod template should say: the plan's highest, where it pays, and nothing that is another's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, mi, size
from foresize_forecast.deciding.state import TemplateWrite, WorkloadState
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.pods import Room
from foresize_forecast.reasons import Obstacle
from foresize_forecast.resizing.podchange import Proven
from foresize_forecast.resizing.templateplan import (
    COOLDOWN_S,
    NOTHING,
    RETRY_S,
    Held,
    TemplateNeeds,
    TemplatePlan,
    planned,
)
from foresize_forecast.sizes import ContainerPolicy, QosClass, Size

DAY = 86_400


def needs(**changes: Any) -> TemplateNeeds:
    """A template without memory; new pods should have 200/300 MiB, 100 are in use."""
    made = TemplateNeeds(
        held={"app": Held(NOTHING)},
        born={"app": size(200, 300)},
        proven=Proven(request=True, limit=True),
        usage_bytes={"app": float(mi(100))},
    )
    return replace(made, **changes)


def test_memory_that_is_absent_is_written() -> None:
    """The plan's highest of the horizon, as new pods should have it."""
    assert TemplatePlan({"app": size(200, 300)}) == planned(needs(), NOW_S)


def test_what_says_so_already_is_not_written_again() -> None:
    """Nor what is near: 10 % more or less would only roll out pods."""
    for near in (size(200, 300), size(184, 280), size(216, 320)):
        assert TemplatePlan() == planned(needs(held={"app": Held(near)}), NOW_S)


@pytest.mark.parametrize("far", [size(150, 300), size(200, 400), size(200, None), size(None, 300)])
def test_what_is_far_off_is_written(far: Size) -> None:
    """One of the two values is enough."""
    assert {"app": size(200, 300)} == planned(needs(held={"app": Held(far)}), NOW_S).sizes


def test_anothers_memory_is_left_to_him_and_he_is_named() -> None:
    """Its container is skipped, a second one without an owner is written all the same."""
    held = {"app": Held(size(64, 128), "kubectl-client-side-apply"), "side": Held(NOTHING)}
    found = planned(needs(held=held, born={"app": size(200, 300), "side": size(50, 60)}), NOW_S)

    assert {"side": size(50, 60)} == found.sizes
    assert found.blocked is not None
    assert Obstacle.TEMPLATE_OWNED is found.blocked.obstacle
    assert "written for app by kubectl-client-side-apply: take it out of the manifest" in found.blocked.message


def test_force_takes_it_over() -> None:
    """With apply.templateForce the owner is overruled, which the policy's author has asked for."""
    held = {"app": Held(size(64, 128), "kubectl-client-side-apply")}

    assert TemplatePlan({"app": size(200, 300)}) == planned(needs(held=held, force=True), NOW_S)


def test_one_write_a_day() -> None:
    """However much a plan changes, pods are rolled out once a day at most; what waits is said."""
    far = {"held": {"app": Held(size(90, 120))}, "written": TemplateWrite(NOW_S, done=True)}

    waits = planned(needs(**far), NOW_S + COOLDOWN_S - 1)
    assert not waits.sizes
    assert waits.blocked is not None
    assert Obstacle.TEMPLATE_WAITS is waits.blocked.obstacle
    assert planned(needs(**far), NOW_S + COOLDOWN_S).sizes


def test_what_cures_a_kill_waits_for_nothing() -> None:
    """Killed at the limit that was written an hour ago, in a rollout that is stuck by it: raised now, not tomorrow."""
    low = {"held": {"app": Held(size(190, 250))}, "written": TemplateWrite(NOW_S, done=True), "waits": "a rollout"}

    assert not planned(needs(**low), NOW_S + 60).sizes
    assert {"app": size(200, 300)} == planned(needs(**low, killed=frozenset({"app"})), NOW_S + 60).sizes
    enough = low | {"held": {"app": Held(size(90, 300))}, "killed": frozenset({"app"})}
    assert not planned(needs(**enough), NOW_S + 60).sizes  # its limit is no lower than wanted: no cure


def test_a_write_that_may_not_have_been_made_is_made_again() -> None:
    """The operator died between writing its intent and the template: sent again, the API server changes nothing."""
    assert planned(needs(written=TemplateWrite(NOW_S)), NOW_S + 5).sizes


def test_a_refusal_is_told_and_tried_again_after_an_hour() -> None:
    """In the API server's words."""
    refused = needs(written=TemplateWrite(NOW_S, message="not yours"))

    told = planned(refused, NOW_S + RETRY_S - 1).blocked
    assert told is not None
    assert (Obstacle.TEMPLATE_REFUSED, "not yours") == (told.obstacle, told.message)
    assert planned(refused, NOW_S + RETRY_S).sizes


def test_a_rollout_or_a_closed_window_is_waited_for() -> None:
    """Two rollouts at once would tell nothing of either."""
    assert not planned(needs(waits="a rollout is in progress"), NOW_S).sizes


def test_best_effort_stays_best_effort() -> None:
    """A size would change its quality of service; the way out is named."""
    found = planned(needs(qos=QosClass.BEST_EFFORT), NOW_S)

    assert not found.sizes
    assert found.blocked is not None
    assert "give its template a cpu request" in found.blocked.message


def test_guaranteed_stays_guaranteed() -> None:
    """Forced: request and limit are one value, the higher."""
    held = {"app": Held(size(64, 64), "helm")}

    found = planned(needs(held=held, force=True, qos=QosClass.GUARANTEED), NOW_S)
    assert {"app": size(300, 300)} == found.sizes


@pytest.mark.parametrize(
    "changes",
    [
        {"distrust": "no samples for an hour"},
        {"usage_bytes": {}},
        {"proven": Proven(request=False, limit=False)},
    ],
)
def test_nothing_is_lowered_on_what_is_not_known(changes: dict[str, Any]) -> None:
    """Stale data, no sample, a new revision: what stands there stays, or rises."""
    assert TemplatePlan() == planned(needs(held={"app": Held(size(400, 600))}, **changes), NOW_S)


def test_never_under_use() -> None:
    """310 MiB in use: a request of that, a limit with its margin, 310 x 1.05 + 8 = 333.5 MiB."""
    found = planned(needs(usage_bytes={"app": float(mi(310))}), NOW_S).sizes["app"]

    assert (mi(310), mi(334)) == (found.request_bytes, found.limit_bytes)


def test_never_outside_the_policys_bounds() -> None:
    """310 MiB in use and a maximum of 256: the owner's word on what it may cost goes before."""
    bounds = {"app": ContainerPolicy(max_bytes=mi(256))}
    found = planned(needs(usage_bytes={"app": float(mi(310))}, policies=bounds), NOW_S).sizes

    assert {"app": size(256, 256)} == found


def test_never_outside_the_limitrange() -> None:
    """Else no pod of the template could be created."""
    found = planned(needs(room=Room(container_max_bytes=mi(250))), NOW_S).sizes

    assert {"app": size(200, 250)} == found


def test_burstable_stays_burstable_beside_pinned_cpu() -> None:
    """Request and limit would be equal, and with CPU pinned that is Guaranteed: the request is a MiB less."""
    assert {"app": size(299, 300)} == planned(needs(born={"app": size(300, 300)}, cpu_pinned=True), NOW_S).sizes
    assert {"app": size(300, 300)} == planned(needs(born={"app": size(300, 300)}), NOW_S).sizes


def test_what_we_wrote_stays_ours_without_a_forecast() -> None:
    """An apply that left a container out would take its memory away: what is ours is always named."""
    held = {"app": Held(NOTHING), "side": Held(size(50, 60))}

    assert {"app": size(200, 300), "side": size(50, 60)} == planned(needs(held=held), NOW_S).sizes


def test_it_survives_the_operator() -> None:
    """The last write is stored with the rest of the memory."""
    for written in (TemplateWrite(NOW_S, done=True), TemplateWrite(NOW_S, message="no"), TemplateWrite(NOW_S)):
        state = WorkloadState(template=written)
        assert state == load(dump(state))


parts = st.integers(1, 2000).map(mi)
sizes = st.tuples(parts, parts).map(lambda both: Size(min(both), max(both)))
held = st.one_of(st.just(NOTHING), sizes)


@given(held, sizes, st.integers(0, 2000), st.sampled_from([QosClass.BURSTABLE, QosClass.GUARANTEED]))
def test_a_template_that_was_written_is_at_rest(present: Size, born: Size, used_mib: int, qos: QosClass) -> None:
    """A day later, with nothing new, there is no second rollout; and no size is under what was in use."""
    asked = needs(held={"app": Held(present)}, born={"app": born}, usage_bytes={"app": float(mi(used_mib))}, qos=qos)
    first = planned(asked, NOW_S)
    if first.sizes:
        made = first.sizes["app"]
        assert (made.limit_bytes or 0) > mi(used_mib)
        after = replace(asked, held={"app": Held(made)}, written=TemplateWrite(NOW_S, done=True))
        assert TemplatePlan() == planned(after, NOW_S + 2 * DAY)
