"""Which pods an eviction would help, and whether a new pod would be better off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, forecasted, mi, pod, recent, size
from foresize.webhook import birth
from foresize_forecast.deciding.decide import Verdict
from foresize_forecast.deciding.fast import Recent
from foresize_forecast.deciding.state import Wait, WorkloadState
from foresize_forecast.forecasting.outlook import Shape, ShapeKind
from foresize_forecast.moving.disruption import Disruption, Window
from foresize_forecast.moving.moves import Cause, Wish, born, no_better, wishes
from foresize_forecast.pods import PodView, Resize, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle, Reason
from foresize_forecast.sizes import QosClass, Size
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Observation, Review

MOVES = Disruption(moves=True, after_s=300)
RESTARTS = Disruption(restarts_leaks=True)
FULL = Blocked(Obstacle.NODE_FULL, "requests should grow by 136Mi, its node has 0Mi free")
TARGET = size(200, 300)


def reviewed(target: Size = TARGET, creation: Size = TARGET, waits: dict[str, Wait] | None = None) -> Review:
    """A workload whose container app should have a size."""
    verdict = Verdict(target, target, creation, Reason.FORECAST, "")
    return Review({"app": verdict}, WorkloadState(waits=waits or {}))


def seen(*pods: PodView, now_s: float = NOW_S, **changes: Any) -> Observation:
    """These pods, at some moment."""
    made = Observation(now_s, pods or (pod(),), {}, {"app": size(64, 128)}, QosClass.BURSTABLE)
    return replace(made, **changes)


def wished(
    *pods: PodView,
    blocked: Blocked | None = FULL,
    waited_s: float = 300,
    found: Review | None = None,
    asked: Disruption = MOVES,
) -> Wish | None:
    """The wish for the first pod, which has waited for some time."""
    view = pods[0] if pods else pod()
    waits = {view.uid: Wait("NodeFull", NOW_S - waited_s)}
    review = found or reviewed()
    review = Review(review.verdicts, replace(review.state, waits=waits))
    _, all_of_them = wishes(review, seen(view), {view.name: blocked} if blocked else {}, {}, asked)
    return all_of_them[0] if all_of_them else None


def test_a_pod_that_waited_for_room_is_wished_away() -> None:
    """After the policy's patience, with what stands in its way; not before."""
    wish = wished()

    assert wish is not None
    assert (Cause.NODE_FULL, Obstacle.NODE_FULL, FULL.message) == (wish.cause, wish.obstacle, wish.message)
    assert wished(waited_s=299) is None


def test_a_pod_that_dies_at_each_start_is_wished_away_first() -> None:
    """No size of it can be mended where it is: it does not wait, and nobody's work ends with it."""
    caught = container(present=size(64, 128), held_bytes=mi(64), vain_kills=2, running_since_s=None)
    wish = wished(pod(caught), blocked=None, waited_s=0)

    assert wish is not None
    assert (Cause.NOT_IN_FORCE, False) == (wish.cause, wish.serves)
    assert Cause.NOT_IN_FORCE is next(iter(Cause))  # the order in which they have their turns
    assert wished(pod(replace(caught, vain_kills=1)), blocked=None) is None
    assert wished(pod(caught), asked=Disruption(moves=False)) is None


def test_the_wait_begins_when_it_is_first_seen_and_ends_with_its_reason() -> None:
    """Remembered from look to look, whatever the cause is meanwhile; forgotten once the pod has its size."""
    found = reviewed()
    first, none_yet = wishes(found, seen(), {"web-abc-1": FULL}, {}, MOVES)
    refused = {"web-abc-1": Blocked(Obstacle.DEFERRED, "no room")}
    second, _ = wishes(Review(found.verdicts, first), seen(now_s=NOW_S + 60), refused, {}, MOVES)
    sized = pod(container(present=TARGET))
    third, _ = wishes(Review(found.verdicts, second), seen(sized), {}, {}, MOVES)

    assert () == none_yet
    assert {"uid-1": Wait("NodeFull", NOW_S)} == first.waits == second.waits
    assert {} == third.waits


def test_a_pod_that_gets_part_of_its_raise_goes_on_waiting() -> None:
    """In the pass that gives it a few mebibytes nothing stands in its way; its wait does not begin anew."""
    found = reviewed(waits={"uid-1": Wait("NodeFull", NOW_S - 200.0)})
    state, _ = wishes(found, seen(), {}, {}, MOVES)

    assert {"uid-1": Wait("NodeFull", NOW_S - 200.0)} == state.waits


def test_a_resize_that_lies_deferred_waits_too() -> None:
    """Its spec says 200 MiB, in force are 64: it is short all the same."""
    deferred = pod(
        container(present=size(200, 300), actual=size(64, 300)), resize=Resize(ResizePhase.DEFERRED, "no room", NOW_S)
    )
    wish = wished(deferred, blocked=None)

    assert wish is not None
    assert (Cause.NODE_FULL, "no room") == (wish.cause, wish.message)


@pytest.mark.parametrize("obstacle", [Obstacle.NODE_TOO_SMALL, Obstacle.INFEASIBLE])
def test_what_never_fits_its_node_does_not_wait(obstacle: Obstacle) -> None:
    """No patience makes a node larger."""
    wish = wished(blocked=Blocked(obstacle, "too small"), waited_s=0)

    assert wish is not None
    assert Cause.NODE_TOO_SMALL is wish.cause


@pytest.mark.parametrize(
    "obstacle",
    [Obstacle.QUOTA, Obstacle.BACK_OFF, Obstacle.BEST_EFFORT, Obstacle.POD_LEVEL_RESOURCES, Obstacle.REFUSED],
)
def test_what_follows_a_pod_everywhere_is_no_reason(obstacle: Obstacle) -> None:
    """A quota, a class or a crash is the same on another node."""
    assert wished(blocked=Blocked(obstacle, "x"), waited_s=9999) is None


def test_a_tenth_is_not_worth_an_eviction() -> None:
    """181 of 200 MiB is near enough, 180 is not."""
    assert wished(pod(container(present=size(181, 300)))) is None
    assert wished(pod(container(present=size(180, 300)))) is not None


@pytest.mark.parametrize(
    ("obstacle", "cause"),
    [
        (Obstacle.NODE_CANNOT_RESIZE, Cause.CANNOT_RESIZE),
        (Obstacle.NOT_READY_TO_RESIZE, Cause.CANNOT_RESIZE),
        (Obstacle.RESTART_ON_RESIZE, Cause.RESTARTS),
    ],
)
def test_where_nothing_can_be_resized_limits_count_too(obstacle: Obstacle, cause: Cause) -> None:
    """On an old kubelet, or where a resize is a restart, a limit that is short is as good as none."""
    short = pod(container(present=size(200, 269)))

    assert wished(short) is None
    wish = wished(short, blocked=Blocked(obstacle, "x"))
    assert wish is not None
    assert cause is wish.cause


def test_a_decrease_that_cannot_be_made_waits_for_an_hour() -> None:
    """A pod of 400 MiB that would be born with 200, and whose decrease the API server refuses."""
    large = pod(container(present=size(400, 500)))
    refused = Blocked(Obstacle.REFUSED, "memory limits cannot be decreased")

    assert wished(large, blocked=refused, waited_s=3599) is None
    wish = wished(large, blocked=refused, waited_s=3600)
    assert wish is not None
    assert Cause.CANNOT_LOWER is wish.cause
    # 250 would save a fifth only.
    assert wished(pod(container(present=size(250, 500))), blocked=refused, waited_s=9999) is None


def test_on_untrusted_data_no_decrease_is_waited_for() -> None:
    """What may not be lowered in place is not lowered by an eviction either."""
    large = pod(container(present=size(400, 500)))
    refused = {"web-abc-1": Blocked(Obstacle.REFUSED, "no")}
    state, _ = wishes(reviewed(), seen(large, distrust="partial data"), refused, {}, MOVES)

    assert {} == state.waits


def test_a_policy_that_does_not_evict_wishes_nothing() -> None:
    """In place only, nothing is remembered either; nor for pods that go, opted out, or wait for a node."""
    state, none = wishes(reviewed(), seen(), {"web-abc-1": FULL}, {}, Disruption())

    assert ({}, ()) == (state.waits, none)
    for changes in ({"terminating": True}, {"ignored": True}, {"node": ""}):
        assert wished(pod(**changes)) is None


def leak(mib_an_hour: float) -> dict[str, Forecasted]:
    """A forecast of a leak."""
    shape = Shape(ShapeKind.LEAKING, mi(mib_an_hour) / 3600)
    return {"app": forecasted([100.0] * 12, shape=shape)}


def leaking(used_mib: float, asked: Disruption = RESTARTS, rate: float = 20, **changes: Any) -> Wish | None:
    """The wish for a pod with a limit of 300 MiB that leaks 20 MiB an hour, or as much as is said."""
    view = pod(container(present=size(100, 300)))
    samples: dict[tuple[str, str], Recent] = {("web-abc-1", "app"): recent([used_mib] * 5)}
    found = seen(view, recent=samples, **changes)
    _, all_of_them = wishes(reviewed(size(100, 300)), found, {}, leak(rate), asked)
    return all_of_them[0] if all_of_them else None


def test_a_leak_is_restarted_an_hour_before_it_ends_by_itself() -> None:
    """At 280 of 300 MiB, 20 an hour, there is an hour left; at 279 there is more. Stale data restarts nothing."""
    wish = leaking(280)

    assert wish is not None
    assert (Cause.LEAK, Obstacle.LEAKS) == (wish.cause, wish.obstacle)
    assert "app leaks, and reaches its limit of 300Mi in 60 minutes" == wish.message
    assert leaking(279) is None
    assert leaking(280, distrust="the newest sample is 300 s old") is None
    assert leaking(280, asked=MOVES) is None


def test_a_leak_is_restarted_in_the_last_window_before_its_end() -> None:
    """NOW_S is 08:00Z on a Friday: the next window opens in 10 h, so what ends within 11 h is restarted now."""
    night = replace(RESTARTS, windows=(Window(18 * 60, 3600),))

    assert leaking(190, asked=night, rate=10) is not None  # 110 MiB are 11 hours
    assert leaking(189, asked=night, rate=10) is None
    assert leaking(149, asked=night, rate=100) is None  # less than half of its limit: it was restarted lately
    assert leaking(190, asked=replace(night, horizon_s=39_599), rate=10) is None  # beyond its horizon


def test_the_most_urgent_goes_first() -> None:
    """A leak before what never fits, before who has waited longest."""
    pods = [pod(name=f"web-{n}", uid=f"uid-{n}") for n in range(3)]
    waits = {"uid-0": Wait("NodeFull", NOW_S - 400.0), "uid-1": Wait("NodeFull", NOW_S - 500.0)}
    blocked = {"web-0": FULL, "web-1": FULL, "web-2": Blocked(Obstacle.NODE_TOO_SMALL, "too small")}
    _, found = wishes(reviewed(waits=waits), seen(*pods), blocked, {}, MOVES)

    assert ["web-2", "web-1", "web-0"] == [wish.pod.name for wish in found]


@pytest.mark.parametrize(
    ("template", "entry", "known", "qos", "expected"),
    [
        (size(64, 128), size(200, 300), True, QosClass.BURSTABLE, size(200, 300)),
        (size(250, 280), size(200, 300), False, QosClass.BURSTABLE, size(250, 300)),
        (size(64, None), size(200, 300), False, QosClass.BURSTABLE, size(200, None)),
        (size(64, 128), Size(mi(200), None), True, QosClass.BURSTABLE, size(128, 128)),
        (size(64, 128), Size(None, mi(300)), True, QosClass.BURSTABLE, size(64, 300)),
        (size(128, 128), size(200, 300), True, QosClass.GUARANTEED, size(300, 300)),
    ],
)
def test_what_a_new_pod_gets_is_what_the_admission_policy_says(
    *, template: Size, entry: Size, known: bool, qos: QosClass, expected: Size
) -> None:
    """A known revision gets its entry, a new one the larger; never a request above its limit."""
    assert expected == born(template, entry, known=known, qos=qos)


template_sizes = st.one_of(
    st.builds(size, st.one_of(st.none(), st.integers(1, 300)), st.none()),
    st.builds(lambda request, more: size(request, request + more), st.integers(1, 300), st.integers(0, 300)),
)
entry_sizes = st.one_of(
    template_sizes, st.builds(lambda limit: size(None, limit), st.one_of(st.none(), st.integers(1, 600)))
)


@given(template=template_sizes, entry=entry_sizes, known=st.booleans(), pinned=st.booleans())
def test_what_a_new_pod_gets_is_what_the_webhook_gives(
    *, template: Size, entry: Size, known: bool, pinned: bool
) -> None:
    """Whatever is written and whatever the template says: the size by which an eviction is judged is the new pod's."""
    if pinned:
        template = Size(template.limit_bytes, template.limit_bytes)
    resources = _resources(template, {"cpu": "1"} if pinned else {})
    item = {"spec": {"containers": [{"name": "app", "resources": resources}]}, "metadata": {"labels": {}}}
    written = {name: quantity for name, quantity in zip(("request", "limit"), _written(entry), strict=True) if quantity}
    sizes = {"app": written | ({} if known else {"revisions": []})}
    given_ = [birth.bounded(each, item) for each in birth.wanted(birth.asked(item, sizes))]
    qos = QosClass.GUARANTEED if birth.guaranteed(item) else QosClass.BURSTABLE

    (request, limit) = (given_[0].request, given_[0].limit) if given_ else _written(template)
    assert (request, limit) == _written(born(template, entry, known=known, qos=qos))


def _written(memory: Size) -> tuple[str, str]:
    return tuple("" if each is None else str(each) for each in (memory.request_bytes, memory.limit_bytes))  # type: ignore[return-value]  # two


def _resources(memory: Size, more: dict[str, str]) -> dict[str, dict[str, str]]:
    request, limit = _written(memory)
    return {
        "requests": more | ({"memory": request} if request else {}),
        "limits": more | ({"memory": limit} if limit else {}),
    }


def test_an_eviction_that_helps_nothing_is_not_made() -> None:
    """Without a size at creation, or with one of before, the new pod would be where the old one is."""
    wish = wished()
    assert wish is not None
    targets = {"app": TARGET}

    assert no_better(wish, {"app": size(200, 300)}, targets) is None
    same = no_better(wish, {"app": size(64, 128)}, targets)
    assert same is not None
    assert "a new pod would be created with requests of 64Mi, and it has 64Mi: that helps nothing" == same.message
    assert no_better(wish, {}, targets) is not None
    assert no_better(wish, {"app": size(200, 280)}, targets) is not None
    assert no_better(replace(wish, cause=Cause.LEAK), {}, targets) is None


def test_a_decrease_has_to_save_a_quarter() -> None:
    """From 400 MiB: 300 is enough, 301 is not."""
    large = wished(pod(container(present=size(400, 500))), blocked=Blocked(Obstacle.REFUSED, "no"), waited_s=3600)
    assert large is not None

    assert no_better(large, {"app": size(300, 500)}, {"app": TARGET}) is None
    assert no_better(large, {"app": size(301, 500)}, {"app": TARGET}) is not None


def test_waits_are_numbers_that_can_be_stored() -> None:
    """NumPy's times never get into the memory of an operator."""
    state, _ = wishes(reviewed(), seen(now_s=float(np.float64(NOW_S))), {"web-abc-1": FULL}, {}, MOVES)

    assert [float] == [type(each.since_s) for each in state.waits.values()]
