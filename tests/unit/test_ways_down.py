"""Request and limit on their way down, each by its own rule."""

from __future__ import annotations

from dataclasses import replace

from builders import NOW_S, container, evidence, forecasted, mi, pod, size
from foresize_forecast.deciding.decide import decide
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.resizing.podchange import PodNeeds, Proven, change
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import ContainerPolicy, WorkloadPolicy


def test_a_limit_that_comes_down_takes_no_request_with_it() -> None:
    """A request whose cooldown runs stays, and the limit stops at it: one resize less after each peak."""
    policies = (WorkloadPolicy(), ContainerPolicy())
    state = ContainerState(target=size(303, 355), request_needed_at_s=NOW_S - 3600.0, limit_changed_at_s=0.0)
    forecast = forecasted([100.0] * 12)
    seen = evidence(size(303, 355), usage_mib=90)

    # Half of 355 is 177.5, below the request of 303, which was needed an hour ago: its cooldown is two hours.
    first, state = decide(state, seen, forecast, policies, NOW_S)
    again, state = decide(state, evidence(first.target, usage_mib=90), forecast, policies, NOW_S + 15.0)

    assert (size(303, 303), Reason.FORECAST) == (first.target, first.reason)
    assert (size(303, 303), Reason.COOLDOWN) == (again.target, again.reason)


def test_a_limit_goes_on_down_when_its_request_has() -> None:
    """Once the request is lowered the limit follows, a cooldown after it last moved."""
    policies = (WorkloadPolicy(), ContainerPolicy())
    state = ContainerState(target=size(302, 302), request_needed_at_s=NOW_S - 7200.0, limit_changed_at_s=NOW_S - 7200.0)

    verdict, _ = decide(state, evidence(size(302, 302), usage_mib=90), forecasted([100.0] * 12), policies, NOW_S)

    # 100 MiB and 1 % are 101; half of 302 is 151.
    assert size(101, 151) == verdict.target


UP = size(120, 262)
KILLED = ContainerState(target=UP, kills=(Kill(NOW_S, mi(131)),), kill_floor_bytes=mi(262))
"""Killed at 131 MiB, now."""


def test_what_a_kill_taught_holds_in_full_for_a_day() -> None:
    """Where it never used more again: for a day twice the limit that killed, then a fifth above it."""
    policies = (WorkloadPolicy(), ContainerPolicy())
    forecast = forecasted([120.0] * 12)
    day, _ = decide(KILLED, evidence(UP), forecast, policies, NOW_S + 86_400)
    later, _ = decide(KILLED, evidence(UP), forecast, policies, NOW_S + 86_401)

    # One step could take it down to 131 MiB; the floor is now 131 x 1.2 = 157.2, in units of a MiB 158.
    assert [mi(262), mi(158)] == [day.target.limit_bytes, later.target.limit_bytes]


def test_what_a_kill_taught_goes_when_the_need_is_known() -> None:
    """Seen at 140 MiB since: a forecast of an hour after the kill knows what is needed, and what is not."""
    policies = (WorkloadPolicy(), ContainerPolicy())
    seen = decide(KILLED, evidence(UP, usage_mib=140), forecasted([120.0] * 12), policies, NOW_S + 60)[1]

    def later(made_at_s: int, of: ContainerState) -> int | None:
        forecast = forecasted([140.0] * 12, made_at_s=made_at_s)
        return decide(of, evidence(UP), forecast, policies, NOW_S + 7200)[0].target.limit_bytes

    # 140 x 1.1 = 154 MiB; half of 262 is less.
    assert NOW_S + 60 == seen.need_seen_at_s
    assert [mi(262), mi(154)] == [later(made_at_s, seen) for made_at_s in (NOW_S + 3599, NOW_S + 3600)]
    assert mi(262) == later(NOW_S + 3600, KILLED)  # not seen, so nobody knows yet


def test_a_pods_request_is_lowered_down_to_its_use() -> None:
    """A pod of 10 MiB gets the request of 10.1 that was decided: a limit's margin over use is not paid for."""
    small = pod(container(present=size(64, 64)))
    needs = PodNeeds(
        targets={"app": size(10.125, 40)},
        template={"app": size(64, 64)},
        proven=Proven(request=True, limit=True),
        usage_bytes={"app": float(mi(10))},
        room=Room(),
        attempt=None,
        raise_only=False,
        now_s=NOW_S,
    )

    assert PodChange({"app": size(10.125, 40)}) == change(small, needs)
    # A pod that uses more than what was decided keeps that; use of 12.51 MiB is rounded up by 64 KiB, to 12.5625.
    hot = replace(needs, usage_bytes={"app": float(mi(12.51))})
    assert PodChange({"app": size(12.5625, 40)}) == change(small, hot)
