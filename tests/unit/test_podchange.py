"""From targets to one pod's patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, mi, pod, size
from foresize_forecast.deciding.state import Attempt
from foresize_forecast.pods import ContainerView, Kill, PodView, Resize, ResizePhase, Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.podchange import (
    CONTEST_PAUSE_S,
    DEFERRED_GIVE_UP_S,
    ERROR_GIVE_UP_S,
    PodNeeds,
    Proven,
    attempt,
    change,
    way_back,
)
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.resizing.refusals import after_acceptance, after_refusal
from foresize_forecast.sizes import ContainerPolicy, QosClass, Size, WorkloadPolicy

TARGET = {"app": size(100, 146)}


def needs(targets: Mapping[str, Size] = TARGET, **changes: Any) -> PodNeeds:
    """What bears on a pod that runs a proven revision on a node with room."""
    given_: dict[str, Any] = {
        "targets": targets,
        "template": {"app": size(64, 128)},
        "proven": Proven(request=True, limit=True),
        "usage_bytes": {"app": float(mi(50))},
        "room": Room(),
        "attempt": None,
        "raise_only": False,
        "now_s": NOW_S,
    }
    return PodNeeds(**{**given_, **changes})


def test_all_containers_of_a_pod_change_in_one_patch() -> None:
    """Two containers that differ from their targets are in the same patch; one that does not is left out."""
    views = pod(container("app"), container("sidecar", sidecar=True), container("same", size(10, 20)))
    targets = {"app": size(100, 146), "sidecar": size(50, 90), "same": size(10, 20)}
    usage = dict.fromkeys(targets, float(mi(10)))

    assert PodChange({"app": size(100, 146), "sidecar": size(50, 90)}) == change(
        views, needs(targets, usage_bytes=usage)
    )


def test_a_container_that_nobody_measures_is_not_lowered() -> None:
    """A pod on a node that is not scraped keeps 200/400, whatever its workload's other pods could do with."""
    unseen = pod(container(present=size(200, 400)))

    assert change(unseen, needs({"app": size(60, 100)}, usage_bytes={})) is None


def test_a_pod_that_has_its_targets_gets_no_second_patch() -> None:
    """The same input twice gives no second write."""
    assert change(pod(container(present=size(100, 146))), needs()) is None


def test_less_than_a_mebibyte_is_no_change() -> None:
    """A pod written in other units is not patched for a rounding."""
    odd = Size(mi(100) + 1000, mi(146) - 1000)

    assert change(pod(container(present=odd)), needs()) is None


def test_a_new_pod_is_not_patched_for_the_head_room_of_a_request() -> None:
    """Pods are born with 200 MiB where others have 202, the same and a hundredth: no patch; at 199 there is one."""
    target = {"app": size(202, 300)}

    assert change(pod(container(present=size(200, 300))), needs(target)) is None
    assert PodChange(target) == change(pod(container(present=size(199, 300))), needs(target))
    assert PodChange(target) == change(pod(container(present=size(204, 300))), needs(target))


def test_a_limit_is_never_lowered_below_this_pods_use() -> None:
    """A hot replica at 300 MiB keeps 300 x 1.05 + 8 = 323 MiB, though its workload's target is 146."""
    hot = pod(container(present=size(100, 500)))

    assert PodChange({"app": size(100, 323)}) == change(hot, needs(usage_bytes={"app": float(mi(300))}))


def test_a_pod_is_not_lowered_to_a_target_on_untrusted_data() -> None:
    """While data is stale or a rollout goes on, a pod that has more keeps it, and one that has less is raised."""
    assert change(pod(container(present=size(200, 300))), needs(raise_only=True)) is None
    assert PodChange({"app": size(100, 300)}) == change(pod(container(present=size(64, 300))), needs(raise_only=True))


def test_a_guaranteed_pod_stays_guaranteed() -> None:
    """Request and limit move together."""
    made = change(pod(container(present=size(128, 128)), qos=QosClass.GUARANTEED), needs())

    assert PodChange({"app": size(146, 146)}) == made


def test_a_burstable_pod_does_not_become_guaranteed() -> None:
    """Where the CPU is guaranteed already, the memory request stays a MiB under the limit."""
    made = change(pod(container(cpu_guaranteed=True)), needs({"app": size(146, 146)}))

    assert PodChange({"app": size(145, 146)}) == made


def test_a_limit_cannot_be_taken_away() -> None:
    """A target without a limit keeps the one that the pod has, and the request stays under it."""
    assert PodChange({"app": size(128, 128)}) == change(pod(), needs({"app": size(300, None)}))


@pytest.mark.parametrize(
    ("view", "obstacle"),
    [
        (pod(container(present=size(None, None)), qos=QosClass.BEST_EFFORT), Obstacle.BEST_EFFORT),
        (pod(pod_level_resources=True), Obstacle.POD_LEVEL_RESOURCES),
        (pod(container(restarts_on_resize=True)), Obstacle.RESTART_ON_RESIZE),
        (pod(container(running_since_s=None)), Obstacle.BACK_OFF),
        (pod(container(), container("other", running_since_s=None)), Obstacle.BACK_OFF),
        (pod(container(actual=None)), Obstacle.NOT_READY_TO_RESIZE),
        (pod(container(present=size(300, 400)), resize=Resize(ResizePhase.IN_PROGRESS)), Obstacle.RESIZE_IN_PROGRESS),
    ],
)
def test_what_would_be_refused_is_not_tried(view: PodView, obstacle: Obstacle) -> None:
    """Each pod that cannot be resized now says what stands in its way."""
    blocked = change(view, needs())

    assert isinstance(blocked, Blocked)
    assert obstacle is blocked.obstacle
    assert blocked.message


def test_nothing_is_patched_where_the_node_cannot_resize() -> None:
    """On an old kubelet a patch would be accepted or refused, and nothing would come of it."""
    old = Room(node_cannot_resize="its node's kubelet is v1.32.1: resizing pods needs 1.33")

    assert Blocked(Obstacle.NODE_CANNOT_RESIZE, old.node_cannot_resize) == change(pod(), needs(room=old))
    assert change(pod(container(present=size(100, 146))), needs(room=old)) is None


def test_a_raised_limit_does_not_wait_for_a_resize_under_way() -> None:
    """What saves from a kill is not queued behind what is not there yet."""
    waiting = pod(resize=Resize(ResizePhase.DEFERRED, "node has no room", NOW_S - 10.0))

    assert PodChange({"app": size(100, 146)}) == change(waiting, needs())


def test_a_pod_that_ends_or_opted_out_is_left_alone() -> None:
    """Neither gets a patch nor a complaint."""
    assert change(pod(terminating=True), needs()) is None
    assert change(pod(ignored=True), needs()) is None


def test_a_full_node_clips_the_request_but_not_the_limit() -> None:
    """36 MiB of growth, 10 free: the request gets 10, the limit all, for it needs no room."""
    made = change(pod(), needs(room=Room(node_free_bytes=mi(10))))

    assert isinstance(made, PodChange)
    assert {"app": size(74, 146)} == made.sizes
    assert made.clipped == "requests should grow by 36Mi, its node has 10Mi free"


def test_a_full_node_blocks_what_only_raises_a_request() -> None:
    """With no room at all there is nothing to patch."""
    blocked = change(pod(container(present=size(64, 146))), needs(room=Room(node_free_bytes=-mi(5))))

    assert Blocked(Obstacle.NODE_FULL, "requests should grow by 36Mi, its node has 0Mi free") == blocked


def test_a_quota_on_limits_is_respected() -> None:
    """18 MiB more of limits with 4 left in the quota would be refused with 403."""
    blocked = change(pod(), needs(room=Room(quota_limit_free_bytes=mi(4))))

    assert isinstance(blocked, Blocked)
    assert Obstacle.QUOTA is blocked.obstacle


def test_an_unproven_revision_gets_at_least_its_template() -> None:
    """A new image may need what the old one did not: only what is above the template is applied."""
    new = needs({"app": size(30, 500)}, proven=Proven(request=False, limit=False))
    low = needs({"app": size(30, 60)}, proven=Proven(request=True, limit=False), usage_bytes={"app": float(mi(10))})

    assert PodChange({"app": size(64, 500)}) == change(pod(), new)
    assert PodChange({"app": size(30, 128)}) == change(pod(), low)


def test_after_a_refusal_it_waits_longer_each_time() -> None:
    """30 s, 60 s, ... at most an hour, in the API server's words."""
    first = after_refusal(None, "forbidden: quota", NOW_S)
    second = after_refusal(first, "forbidden: quota", NOW_S)
    blocked = change(pod(), needs(attempt=first, now_s=NOW_S + 29))

    assert (30, 60) == (first.wait_until_s - NOW_S, second.wait_until_s - NOW_S)
    assert Blocked(Obstacle.REFUSED, "forbidden: quota") == blocked
    assert change(pod(), needs(attempt=first, now_s=NOW_S + 30)) is not None
    assert after_refusal(Attempt(NOW_S, failures=50), "", NOW_S).wait_until_s == NOW_S + 3600


STATIC = 'Resize is infeasible for Guaranteed Pods alongside Memory Manager policy "Static"'
SWAPPED = "In-place resize of containers with swap is not supported."
DAY_S = 86_400


def test_what_a_nodes_configuration_forbids_is_asked_for_once_a_day() -> None:
    """A static memory manager refuses Guaranteed pods, in a kubelet's words as recorded; then an eviction may help."""
    told = after_refusal(None, STATIC, NOW_S)

    assert NOW_S + DAY_S == told.wait_until_s
    assert Blocked(Obstacle.NODE_CANNOT_RESIZE, STATIC) == change(pod(), needs(attempt=told, now_s=NOW_S + DAY_S - 1))
    assert isinstance(change(pod(), needs(attempt=told, now_s=NOW_S + DAY_S)), PodChange)


def test_with_swap_a_limit_is_raised_and_a_request_is_kept() -> None:
    """The kubelet refuses another request of a container that may swap: its limit still saves it from a kill."""
    told = after_refusal(None, SWAPPED, NOW_S)
    has = pod(container(present=size(64, 128)))
    both = {"app": size(100, 256)}
    made = change(has, needs(both, attempt=told, now_s=NOW_S + 1))

    assert PodChange({"app": size(64, 256)}) == made
    after = after_acceptance(attempt(has, told, made, NOW_S + 1), NOW_S + 1)
    assert (SWAPPED, NOW_S + DAY_S, True) == (after.message, after.wait_until_s, after.done)
    assert change(pod(container(present=size(64, 256))), needs(both, attempt=after, now_s=NOW_S + 2)) is None
    ended = after_acceptance(after, NOW_S + DAY_S)
    assert ("", 0.0) == (ended.message, ended.wait_until_s)


def test_a_limit_that_never_reached_the_kernel_is_written_again() -> None:
    """A resize during back-off leaves the old limit in the cgroup; another value, half a MiB less, makes it written.

    Once in ten seconds of one run; then back and forth, for the kubelet writes only what differs.
    """
    killed = container(present=size(100, 146), last_kill=Kill(NOW_S - 60.0, mi(64)), running_since_s=NOW_S - 50.0)
    less = PodChange({"app": size(100, 145.5)})
    assert less == change(pod(killed), needs(attempt=Attempt(NOW_S - 55.0)))

    held = container(present=size(100, 146), held_bytes=mi(64), running_since_s=NOW_S - 50.0)
    after = replace(held, size=size(100, 145.5))
    assert less == change(pod(held), needs(attempt=Attempt(NOW_S - 51.0)))
    assert change(pod(held), needs(attempt=Attempt(NOW_S - 9.0))) is None
    assert PodChange({"app": size(100, 146)}) == change(pod(after), needs(attempt=Attempt(NOW_S - 10.0)))
    assert change(pod(replace(after, held_bytes=None)), needs()) is None  # it has arrived


BESIDE = {"app": size(64, 292), "side": size(32, 64)}
"""Twice the limit that killed for one container, what it has for the other."""


def waiting(beside: ContainerView | None = None, **changes: Any) -> PodView:
    """A pod whose app was killed at 146 MiB and waits, beside a container that runs."""
    app = container(present=size(64, 146), last_kill=Kill(NOW_S - 1.0, mi(146)), running_since_s=None)
    return pod(replace(app, **changes), beside or container("side", size(32, 64)))


def carrying(view: PodView, usage_mib: float | None = 20, **changes: Any) -> PodChange | Blocked | None:
    """What is patched in it."""
    usage = {} if usage_mib is None else {"side": float(mi(usage_mib))}
    return change(view, needs(BESIDE, usage_bytes=usage, template={}, **changes))


def test_a_raise_in_back_off_is_carried_by_a_container_that_runs() -> None:
    """Another limit of that one has the kubelet write the pod's cgroup: half a MiB less, and next time back."""
    assert PodChange({"app": size(64, 292), "side": size(32, 63.5)}) == carrying(waiting())
    moved = container("side", size(32, 63.5))
    assert PodChange({"app": size(64, 292), "side": size(32, 64)}) == carrying(waiting(moved))


def test_what_carries_a_raise_is_not_lowered_on_a_guess() -> None:
    """Where its use is unknown or not to be trusted it gets half a MiB more, and back; near its limit nothing."""
    more = PodChange({"app": size(64, 292), "side": size(32, 64.5)})
    assert more == carrying(waiting(), None)
    assert more == carrying(waiting(), raise_only=True)
    moved = waiting(container("side", size(32, 64.5)))
    assert PodChange({"app": size(64, 292), "side": size(32, 64)}) == carrying(moved, None)
    most = WorkloadPolicy(containers=(("*", ContainerPolicy(max_bytes=mi(64))),))
    for refused in (carrying(waiting(), 60), carrying(waiting(), None, pace=most)):
        assert isinstance(refused, Blocked)
        assert Obstacle.BACK_OFF is refused.obstacle


@pytest.mark.parametrize(
    "view",
    [
        waiting(last_kill=None),  # it never ran, or ended for another reason
        waiting(container("side", size(32, None))),  # the pod's cgroup has no limit
        waiting(container("side", size(32, 64), running_since_s=None)),
        waiting(container("side", size(32, 64), restarts_on_resize=True)),
        waiting(container("side", size(32, 64), actual=size(32, 50))),  # a resize is under way
        waiting(container("side", size(64, 64))),  # no room under its limit for less
        waiting(container("stranger", size(32, 64))),  # the policy is not about it
    ],
)
def test_what_can_carry_nothing_is_left_alone(view: PodView) -> None:
    """Then the raise waits for the container to run."""
    blocked = carrying(view)

    assert isinstance(blocked, Blocked)
    assert Obstacle.BACK_OFF is blocked.obstacle


def test_what_was_just_asked_is_given_time_to_arrive() -> None:
    """A limit that did not arrive is carried once in ten seconds; a higher one at once, for it was killed again."""
    held = waiting(size=size(64, 292), actual=size(64, 292), held_bytes=mi(146))
    before = Attempt(NOW_S - 9.0, asked={"app": size(64, 292), "side": size(32, 63.5)})
    doubled = Attempt(NOW_S - 1.0, asked={"app": size(64, 146), "side": size(32, 64)})

    assert isinstance(carrying(held, attempt=before), Blocked)
    assert PodChange({"app": size(64, 291.5), "side": size(32, 63.5)}) == carrying(
        held, attempt=replace(before, at_s=NOW_S - 10.0)
    )
    assert isinstance(carrying(waiting(), attempt=doubled), PodChange)


def test_a_pod_that_is_caught_is_freed_before_it_is_moved() -> None:
    """Killed twice more at a limit that was raised, with a container that runs beside it: no need for another pod."""
    caught = waiting(size=size(64, 292), actual=size(64, 292), held_bytes=mi(146), vain_kills=2)

    assert PodChange({"app": size(64, 291.5), "side": size(32, 63.5)}) == carrying(caught)


def test_a_guaranteed_pod_that_carries_a_raise_stays_guaranteed() -> None:
    """Request and limit of the container that runs move together."""
    app = container(present=size(146, 146), last_kill=Kill(NOW_S - 1.0, mi(146)), running_since_s=None)
    view = pod(app, container("side", size(64, 64)), qos=QosClass.GUARANTEED)

    assert PodChange({"app": size(292, 292), "side": size(63.5, 63.5)}) == carrying(view)


def test_a_container_that_dies_too_soon_to_be_cured_in_place_is_said_to() -> None:
    """Killed twice more at a limit that was raised: it is told what to do, not that it backs off."""
    dead = container(present=size(100, 146), held_bytes=mi(64), vain_kills=2, running_since_s=None)
    caught = change(pod(dead), needs())

    assert isinstance(caught, Blocked)
    assert Obstacle.NOT_IN_FORCE is caught.obstacle
    words = "app dies before a higher limit reaches the kernel, which holds it to 64Mi while its status shows 146Mi"
    assert f"{words}; a new pod has it from its start: delete the pod" == caught.message
    patient = change(pod(replace(dead, vain_kills=1)), needs())
    assert isinstance(patient, Blocked)
    assert Obstacle.BACK_OFF is patient.obstacle
    assert isinstance(change(pod(replace(dead, running_since_s=NOW_S - 1.0)), needs()), PodChange)  # another chance


@pytest.mark.parametrize(
    ("phase", "patience_s"),
    [(ResizePhase.DEFERRED, DEFERRED_GIVE_UP_S), (ResizePhase.ERROR, ERROR_GIVE_UP_S), (ResizePhase.INFEASIBLE, 0)],
)
def test_a_resize_that_cannot_be_is_taken_back(phase: ResizePhase, patience_s: int) -> None:
    """After its patience the spec goes back to what is in force, so that the scheduler stops counting it."""
    waiting = container(present=size(900, 900), actual=size(64, 128))
    young = pod(waiting, resize=Resize(phase, "no room", NOW_S - patience_s + 1.0))
    old = pod(waiting, resize=Resize(phase, "no room", NOW_S - patience_s))

    assert way_back(young, NOW_S) is None
    assert PodChange({"app": size(64, 128)}, "no room") == way_back(old, NOW_S)


def test_a_resize_that_goes_on_is_not_taken_back() -> None:
    """In progress is hope."""
    going = pod(container(actual=size(1, 2)), resize=Resize(ResizePhase.IN_PROGRESS, since_s=NOW_S - 9999.0))

    assert way_back(going, NOW_S) is None


sizes_mib = st.builds(lambda request, more: size(request, request + more), st.integers(1, 500), st.integers(0, 500))


@given(
    present=sizes_mib,
    target=sizes_mib,
    qos=st.sampled_from([QosClass.GUARANTEED, QosClass.BURSTABLE]),
    cpu_guaranteed=st.booleans(),
    tight=st.booleans(),
)
def test_a_patch_keeps_the_class_and_the_order_of_request_and_limit(
    *, present: Size, target: Size, qos: QosClass, cpu_guaranteed: bool, tight: bool
) -> None:
    """Whatever is wanted, what is sent has request <= limit and the pod's class of before."""
    if qos is QosClass.GUARANTEED:
        present = Size(present.limit_bytes, present.limit_bytes)
    elif cpu_guaranteed and present.request_bytes == present.limit_bytes:
        return
    view = pod(container(present=present, cpu_guaranteed=cpu_guaranteed), qos=qos)
    made = change(view, needs({"app": target}, room=Room(node_free_bytes=mi(3) if tight else None)))
    if isinstance(made, PodChange):
        sent = made.sizes["app"]
        assert sent.request_bytes is not None
        assert sent.limit_bytes is not None
        assert sent.request_bytes <= sent.limit_bytes
        if qos is QosClass.GUARANTEED:
            assert sent.request_bytes == sent.limit_bytes
        elif cpu_guaranteed:
            assert sent.request_bytes < sent.limit_bytes


def asked(at_s: float = NOW_S - 120, overwritten: int = 0, failures: int = 0) -> Attempt:
    """A resize to 100 MiB, at most 200."""
    return Attempt(at_s, failures, asked={"app": size(100, 200)}, overwritten=overwritten, done=True)


def test_what_somebody_else_changed_is_changed_back_once() -> None:
    """Ours were 100 and 200 MiB, and 64 and 128 are there: once it is put right, and remembered; then it is theirs."""
    theirs = pod(container(present=size(64, 128)), rewriter="krr-enforcer")
    first = change(theirs, needs({"app": size(100, 200)}, attempt=asked()))
    assert isinstance(first, PodChange)
    again = attempt(theirs, asked(), first, NOW_S)
    assert 1 == again.overwritten

    later = needs({"app": size(100, 200)}, attempt=replace(again, at_s=NOW_S - 120, done=True))
    found = change(theirs, later)
    assert isinstance(found, Blocked)
    assert Obstacle.CONTESTED is found.obstacle
    assert found.message.startswith("krr-enforcer changes what Foresize writes")


@pytest.mark.parametrize(
    "last",
    [
        asked(at_s=NOW_S - 10, overwritten=1),  # the watch may not have told of it yet
        asked(overwritten=1, failures=1),  # it was refused, so nothing of ours is there
        replace(asked(overwritten=1), done=False),  # it was perhaps never sent: the operator was killed
        asked(at_s=NOW_S - CONTEST_PAUSE_S, overwritten=1),  # a day later it is tried again
        Attempt(NOW_S - 120, overwritten=1),  # nothing is known of what was asked
    ],
)
def test_a_contest_needs_proof(last: Attempt) -> None:
    """Without it sizes are put right as ever."""
    theirs = pod(container(present=size(64, 128)))

    assert isinstance(change(theirs, needs({"app": size(100, 200)}, attempt=last)), PodChange)


def test_a_new_target_is_no_contest() -> None:
    """What was asked for is there, and something else is wanted now."""
    ours = pod(container(present=size(100, 200)))
    found = change(ours, needs({"app": size(150, 300)}, attempt=asked(overwritten=1)))

    assert isinstance(found, PodChange)
    assert 1 == attempt(ours, asked(overwritten=1), found, NOW_S).overwritten
