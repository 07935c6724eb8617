"""How a lower limit spreads: one pod, a tenth, all; back at once when a pod that tries it is killed or not ready."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, forecasted, mi, pod, recent, size
from foresize_forecast.deciding.state import Canary, Stage, WorkloadState
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.pods import Kill, PodView, Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.canary import FIRST_PAUSE_S, WATCH_S, advanced, at_birth_bytes, least_bytes
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.workloads.review import Observation, pod_change, review

PACE = WorkloadPolicy()
HIGH, LOW = mi(256), mi(128)


def pods(*limits_mib: float, ready: bool = True) -> list[PodView]:
    """Pods a, b, ... of these limits, each in force."""
    names = "abcdefghijklmnopqrstuvwxyz"
    return [
        pod(container(present=size(64, limit)), uid=names[i // 26] + names[i % 26], name=f"web-{i}", ready=ready)
        for i, limit in enumerate(limits_mib)
    ]


def wearers(these: list[PodView]) -> list[tuple]:
    """As `advanced` wants them."""
    return [(each, each.containers[0]) for each in these]


def killed(view: PodView, at_s: float) -> PodView:
    """The pod after a kill."""
    (app,) = view.containers
    return replace(view, containers=(replace(app, last_kill=Kill(at_s, app.size.limit_bytes)),))


def after(before: Canary | None, these: list[PodView], now_s: float, limit: int = LOW) -> Canary:
    """The next state, which there is."""
    found = advanced(before, limit, wearers(these), PACE, now_s)
    assert found is not None
    return found


def test_one_pod_then_a_tenth_then_all() -> None:
    """Of 30 pods one tries the lower limit for five minutes, then three for five, then all have it."""
    one = after(None, pods(*[256] * 30), NOW_S)
    assert (Stage.FIRST, 1, HIGH) == (one.stage, len(one.pods), one.held_bytes)

    worn = after(one, pods(128, *[256] * 29), NOW_S + 15)
    assert after(worn, pods(128, *[256] * 29), NOW_S + 15 + WATCH_S - 1) == worn
    share = after(worn, pods(128, *[256] * 29), NOW_S + 15 + WATCH_S)
    assert (Stage.SHARE, 3) == (share.stage, len(share.pods))  # 10 % of 30
    assert set(one.pods) < set(share.pods)

    worn = after(share, pods(128, 128, 128, *[256] * 27), NOW_S + 400)
    done = after(worn, pods(128, 128, 128, *[256] * 27), NOW_S + 400 + WATCH_S)
    assert (Stage.ALL, LOW) == (done.stage, done.limit_bytes)


def test_the_watch_begins_when_the_limit_is_in_force() -> None:
    """A pod whose resize waits has proven nothing yet."""
    one = after(None, pods(256, 256), NOW_S)
    waits = after(one, pods(256, 256), NOW_S + 200)

    assert 0 == waits.worn_since_s


def test_a_pod_that_cannot_try_makes_way_for_another() -> None:
    """It uses more than the limit: after a watch without effect the next pod has its turn, not the same for ever."""
    one = after(None, pods(256, 256, 256), NOW_S)
    other = after(one, pods(256, 256, 256), NOW_S + WATCH_S)

    assert (("aa",), ("ab",)) == (one.pods, other.pods)


def test_a_kill_ends_it() -> None:
    """All pods keep, or get back, at least what they had, for an hour; new ones are born with it too."""
    one = after(None, pods(256, 256), NOW_S)
    (first, second) = pods(128, 256)
    failed = after(one, [killed(first, NOW_S + 20), second], NOW_S + 30)

    assert Stage.FAILED is failed.stage
    assert HIGH == least_bytes(failed, "aa", LOW) == least_bytes(failed, "ab", HIGH) == at_birth_bytes(failed)
    assert failed == after(failed, pods(128, 256), NOW_S + 30 + FIRST_PAUSE_S - 1)
    again = after(failed, pods(256, 256), NOW_S + 30 + FIRST_PAUSE_S)
    assert (Stage.FIRST, 1) == (again.stage, again.failures)


def test_lost_readiness_ends_it() -> None:
    """A pod that tries the limit and is not ready any more, for whatever cause, stops the spread."""
    one = after(None, pods(256, 256), NOW_S)
    (first,), (second,) = pods(128, ready=False), pods(256)

    assert Stage.FAILED is after(one, [first, replace(second, uid="ab")], NOW_S + 30).stage


def test_a_pod_that_was_not_ready_does_not_try() -> None:
    """It could tell nothing."""
    (first,), (second,) = pods(256, ready=False), pods(256)

    assert ("ab",) == after(None, [first, replace(second, uid="ab")], NOW_S).pods


def test_each_failure_doubles_the_pause() -> None:
    """An hour, two, four: a limit that fails again and again is tried at most once a day."""
    failed = Canary(Stage.FAILED, LOW, HIGH, began_s=NOW_S, failures=3)

    assert Stage.FAILED is after(failed, pods(256, 256), NOW_S + 4 * FIRST_PAUSE_S - 1).stage
    assert Stage.FIRST is after(failed, pods(256, 256), NOW_S + 4 * FIRST_PAUSE_S).stage


def test_a_still_lower_limit_begins_anew() -> None:
    """What was watched was another limit; the same pod goes on as the first."""
    one = after(None, pods(256, 256), NOW_S)
    lower = after(one, pods(128, 256), NOW_S + 100, limit=mi(64))

    assert (Stage.FIRST, ("aa",), HIGH, NOW_S + 100) == (lower.stage, lower.pods, lower.held_bytes, lower.began_s)


def test_a_raise_ends_it_at_once() -> None:
    """Where the target is above what all have, nothing is tried any more."""
    one = after(None, pods(256, 256), NOW_S)

    assert Canary(Stage.ALL, mi(300), revision="abc") == after(one, pods(128, 256), NOW_S + 1, limit=mi(300))


def test_what_has_spread_is_not_watched_again() -> None:
    """A pod that is born larger, while the others run well, gets the same limit without stages."""
    done = Canary(Stage.ALL, LOW, revision="abc")

    assert done == after(done, pods(128, 128, 256), NOW_S)


def test_a_new_revision_is_watched_again() -> None:
    """What the old image bore, the new one may not."""
    done = Canary(Stage.ALL, LOW, revision="old")
    these = pods(256, 256)  # of revision abc

    assert Stage.FIRST is after(done, these, NOW_S).stage
    assert Stage.ALL is after(replace(done, revision="abc"), these, NOW_S).stage


def test_a_revision_of_less_than_a_day_starts_no_watch() -> None:
    """Its limit is not lowered under its template's, so there is nothing to try."""
    these = [replace(each, revision="new", created_s=NOW_S - 3600.0) for each in pods(256, 256)]
    _, state, _ = looked(these, WorkloadState(), NOW_S)

    canary = state.container("app").canary
    assert canary is not None
    assert Stage.ALL is canary.stage


@pytest.mark.parametrize(("these", "pace"), [(pods(256), PACE), (pods(256, 256), WorkloadPolicy(canary=0)), ([], PACE)])
def test_without_others_or_wish_there_are_no_stages(these: list[PodView], pace: WorkloadPolicy) -> None:
    """A single pod is its own canary; rollout.canary: 0 lowers all at once."""
    found = advanced(None, LOW, wearers(these), pace, NOW_S)

    assert found is None or Stage.ALL is found.stage


def test_it_survives_the_operator() -> None:
    """The stage is stored with the rest of the memory."""
    state = WorkloadState()
    for canary in (after(None, pods(256, 256), NOW_S), Canary(Stage.FAILED, LOW, HIGH, NOW_S, failures=2)):
        state = state.with_container("app", replace(state.container("app"), canary=canary))
        assert state == load(dump(state))


def seen(these: list[PodView], now_s: float) -> Observation:
    """Pods of 40 MiB in use under a template of 64/256 MiB."""
    usage = {(each.name, "app"): recent([40.0] * 5) for each in these}
    return Observation(now_s, tuple(these), usage, {"app": size(64, 256)}, QosClass.BURSTABLE)


def looked(
    these: list[PodView], state: WorkloadState, now_s: float, first: int = 1
) -> tuple[list[PodView], WorkloadState, list]:
    """One look, what it sends done at once: the pods after it, the memory and what it said of each pod."""
    observed = seen(these, now_s)
    found = review(state, observed, {"app": forecasted([40.0] * 12)}, WorkloadPolicy(cooldown_s=600, canary=first))
    said = [pod_change(each, found, observed, Room()) for each in these]
    made = [_done(each, one) for each, one in zip(these, said, strict=True)]
    return made, found.state, said


def _done(view: PodView, wanted: PodChange | Blocked | None) -> PodView:
    if not isinstance(wanted, PodChange):
        return view
    (app,) = view.containers
    return replace(view, containers=(replace(app, size=wanted.sizes["app"], actual=wanted.sizes["app"]),))


def limits(these: list[PodView]) -> list[int]:
    """Limits of pods."""
    return [each.containers[0].size.limit_bytes or 0 for each in these]


def test_a_look_lowers_one_pods_limit_and_says_why_not_the_others() -> None:
    """The request, which kills nothing, goes down everywhere, the limit on one pod; the others say what they await."""
    made, state, _ = looked(pods(256, 256, 256), WorkloadState(), NOW_S)
    assert 1 == sum(limit < HIGH for limit in limits(made))
    assert {40} == {int((each.containers[0].size.request_bytes or 0) / mi(1)) for each in made}

    _, _, said = looked(made, state, NOW_S + 60)
    [first, *_] = [each for each in said if each is not None]
    assert isinstance(first, Blocked)
    assert Obstacle.CANARY is first.obstacle
    assert "1 of 3 pods try a limit of 128Mi until " in first.message


@given(
    count=st.integers(2, 40),
    first=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(1, 700), st.sampled_from(["none", "kill", "unready", "gone"])), max_size=25),
)
def test_whatever_happens_few_pods_try_and_none_keeps_what_failed(
    count: int, first: int, steps: list[tuple[int, str]]
) -> None:
    """At most the canaries or a tenth have a limit that is not proven; nobody keeps one that failed; no raise waits."""
    these, state, now_s = pods(*[256] * count), WorkloadState(), float(NOW_S)
    for wait_s, happens in steps:
        now_s += wait_s
        these = _changed(these, state, happens, now_s)
        these, state, _ = looked(these, state, now_s, first)
        canary, target = state.container("app").canary, state.container("app").target
        assert canary is not None
        assert target is not None
        lowered = sum(limit < canary.held_bytes for limit in limits(these))
        if canary.stage in {Stage.FIRST, Stage.SHARE}:
            assert lowered <= max(first, count // 10)
        if canary.stage is Stage.FAILED:
            assert 0 == lowered
        assert min(limits(these)) >= (target.limit_bytes or 0)  # a raise reaches all in the look that decides it


def _changed(these: list[PodView], state: WorkloadState, happens: str, now_s: float) -> list[PodView]:
    """Something befalls the first pod that tries a limit."""
    canary = state.container("app").canary
    trying = canary.pods[0] if canary is not None and canary.pods else ""
    done = {
        "none": lambda each: each,
        "kill": lambda each: killed(each, now_s - 0.5),
        "unready": lambda each: replace(each, ready=False),
        "gone": lambda each: replace(each, uid=f"{each.uid}x", containers=(container(present=size(64, 256)),)),
    }[happens]
    return [done(each) if each.uid == trying else replace(each, ready=True) for each in these]
