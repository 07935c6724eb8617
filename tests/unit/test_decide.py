"""Targets of one container."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW_S, STEP_S, evidence, forecasted, mi, size, tail
from foresize_forecast.deciding.choices import Evidence
from foresize_forecast.deciding.decide import Verdict, decide
from foresize_forecast.deciding.ladder import after_kill
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.jumps import PRIOR, held_for
from foresize_forecast.forecasting.outlook import NoOutlook, Shape, ShapeKind
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import GIB, ContainerPolicy, LimitStrategy, Size, WorkloadPolicy, rounded_up
from foresize_forecast.sizing.plan import Forecasted

COOLDOWN_S = WorkloadPolicy().cooldown_s
FLAT = [120.0] * 12
"""Asks for a request of 120 x 1.01 = 121.2, rounded up 121.5 MiB, and a limit of 120 x 1.1 = 132 MiB."""
UNKNOWN = NoOutlook("NoHistory", "no samples")


def decided(
    state: ContainerState,
    seen: Evidence,
    forecast: Forecasted | NoOutlook,
    now_s: float = NOW_S,
    **policy: Any,
) -> tuple[Verdict, ContainerState]:
    """One decision under a policy of defaults."""
    pace = WorkloadPolicy(hold_leaks=policy.pop("hold_leaks", False))
    return decide(state, seen, forecast, (pace, ContainerPolicy(**policy)), now_s)


def test_request_and_limit_follow_the_forecast_apart() -> None:
    """The request is the demand and a hundredth, the limit the level and its head room of a tenth."""
    # request 60 x 1.01 = 60.6, in units of 32 / 128 = 0.25 MiB: 60.75; limit 120 x 1.1 = 132 MiB.
    verdict, _ = decided(ContainerState(), evidence(size(40, 60)), forecasted([60.0] * 12, level_mib=FLAT))

    assert size(60.75, 132) == verdict.target


def test_a_limit_has_room_for_the_jumps_of_its_container() -> None:
    """Jumps of up to 50 % in a hundredth of hours are held for where that costs less than their kills."""
    # No room costs 0.01 x 24 x 4 GiB = 983 MiB (2 GiB, a byte of limit counting half), 50 % room (64 + 64) x 0.5 = 64
    # MiB: (64 + 64) x 1.5 - 64 = 128 MiB, or the step of growths above it, 52.2 %: 131; with head room of a tenth 144.
    verdict, _ = decided(ContainerState(), evidence(size(40, 60)), forecasted([64.0] * 12, tail=tail(0.01, 0.5)))

    assert verdict.target.limit_bytes is not None
    assert 128 * 1.1 <= verdict.target.limit_bytes / mi(1) <= 131 * 1.1


def test_a_dearer_kill_buys_more_room() -> None:
    """What a kill costs is the policy's to say: at next to nothing no room is held, at 100 GiB days all of it."""
    forecast = forecasted([100.0] * 12, tail=tail(0.001, 0.5))
    cheap, _ = decided(ContainerState(), evidence(size(40, 60)), forecast, kill_cost_bytes=mi(1))
    dear, _ = decided(ContainerState(), evidence(size(40, 60)), forecast, kill_cost_bytes=100 * GIB)

    assert (cheap.target.limit_bytes or 0) < mi(111)
    assert (dear.target.limit_bytes or 0) > mi(180)  # (100 + 64) x 1.5 - 64 = 182


def test_a_request_goes_up_the_moment_its_peak_is_due() -> None:
    """Raises wait for nothing."""
    rising = forecasted([60.0] * 6 + [600.0] * 6, cooldown_s=300)
    at_ease = ContainerState(target=size(60, 780), request_needed_at_s=NOW_S)
    early, _ = decided(at_ease, evidence(size(60, 780)), rising)
    due, _ = decided(at_ease, evidence(size(60, 780)), rising, now_s=NOW_S + 6 * STEP_S)

    assert (mi(60), mi(606)) == (early.target.request_bytes, due.target.request_bytes)
    assert Reason.PEAK_AHEAD is due.reason


def test_a_limit_goes_up_the_lead_before_its_peak() -> None:
    """The level of the next ten minutes counts: a limit that is raised when the peak is there comes too late."""
    rising = forecasted([60.0] * 6 + [600.0] * 6, cooldown_s=300)
    at_ease = ContainerState(target=size(60, 70), limit_changed_at_s=NOW_S)
    early, _ = decided(at_ease, evidence(size(60, 70)), rising, now_s=NOW_S + 4 * STEP_S)
    due, _ = decided(at_ease, evidence(size(60, 70)), rising, now_s=NOW_S + 4 * STEP_S + 1)

    # The first high interval begins 6 x 300 s from now, 600 s after the fourth ends.
    assert [mi(70), mi(660)] == [each.target.limit_bytes for each in (early, due)]


def test_a_request_follows_what_is_used() -> None:
    """A container that uses more than was forecast has claimed that memory: its request says so at once."""
    verdict, _ = decided(ContainerState(), evidence(size(100, 300), usage_mib=200), forecasted(FLAT))

    assert (mi(202), Reason.IN_USE) == (verdict.target.request_bytes, verdict.reason)
    assert "200Mi are in use" in verdict.message


def test_a_request_that_is_nearly_right_is_left_alone() -> None:
    """Within 4 % of what is planned nothing moves, up or down."""
    up, _ = decided(ContainerState(), evidence(size(116, 132)), forecasted(FLAT))  # 116 x 1.04 = 120.6
    down, _ = decided(ContainerState(), evidence(size(126, 132)), forecasted(FLAT))  # 121.5 x 1.04 = 126.4

    assert [size(116, 132), size(126, 132)] == [up.target, down.target]
    assert Reason.WITHIN_TOLERANCE is up.reason is down.reason


def test_a_request_is_lowered_only_after_its_cooldown() -> None:
    """Two hours after it was last needed, not before."""
    high = ContainerState(target=size(300, 400), request_needed_at_s=NOW_S, limit_changed_at_s=NOW_S)
    seen = evidence(size(300, 400))
    early, remembered = decided(high, seen, forecasted(FLAT), now_s=NOW_S + COOLDOWN_S - 1)
    late, _ = decided(remembered, seen, forecasted(FLAT), now_s=NOW_S + COOLDOWN_S)

    assert (mi(300), Reason.COOLDOWN) == (early.target.request_bytes, early.reason)
    assert mi(121.5) == late.target.request_bytes


def test_a_limit_goes_down_by_half_at_a_time() -> None:
    """From 1000 towards 132 MiB: 500, then 250 after another cooldown."""
    state = ContainerState(target=size(100, 1000))
    first, state = decided(state, evidence(size(100, 1000)), forecasted(FLAT))
    same, state = decided(state, evidence(size(100, 500)), forecasted(FLAT), now_s=NOW_S + COOLDOWN_S - 1)
    second, _ = decided(state, evidence(size(100, 500)), forecasted(FLAT), now_s=NOW_S + COOLDOWN_S)

    assert [mi(500), mi(500), mi(250)] == [v.target.limit_bytes for v in (first, same, second)]


def test_steps_down_only_ever_come_nearer() -> None:
    """From 1000 to what is asked for, a cooldown apart: no step passes it, none goes back, then all is still."""
    # Asked for is 132 MiB (FLAT); 1000 / 2 / 2 = 250, and half of that is below it.
    state, limit, seen = ContainerState(), 1000.0, []
    for step in range(6):
        now_s = NOW_S + step * (COOLDOWN_S + 60.0)
        forecast = forecasted([60.0] * 12, level_mib=FLAT, made_at_s=int(now_s))
        verdict, state = decided(state, evidence(size(60.75, limit)), forecast, now_s)
        limit = (verdict.target.limit_bytes or 0) / mi(1)
        seen.append(limit)

    assert [500.0, 250.0, 132.0, 132.0, 132.0, 132.0] == seen


def test_a_way_back_that_is_bounded_is_gone_all_the_same() -> None:
    """Lowered from 1000 to 500 and killed, where 800 is the maximum by now: pods and new pods get 800, and keep it."""
    lowered = ContainerState(target=size(60.75, 500), limit_before_lowering=mi(1000), limit_changed_at_s=NOW_S - 60.0)
    killed = after_kill(lowered, Kill(NOW_S - 30.0, mi(500)))
    forecast = forecasted([60.0] * 12, level_mib=FLAT)
    back, after = decided(killed, evidence(size(60.75, 500)), forecast, max_bytes=mi(800))
    again, _ = decided(after, evidence(size(60.75, 800)), forecast, max_bytes=mi(800))

    assert mi(800) == back.target.limit_bytes == again.target.limit_bytes
    assert back.creation is not None
    assert mi(800) == back.creation.limit_bytes


def test_a_limit_within_its_head_room_is_not_lowered() -> None:
    """Twice the head room above what is wanted, 132 x 1.2 = 158.4 MiB, is near enough."""
    near, _ = decided(ContainerState(), evidence(size(120, 158)), forecasted(FLAT))
    far, _ = decided(ContainerState(), evidence(size(120, 159)), forecasted(FLAT))

    assert [mi(158), mi(132)] == [near.target.limit_bytes, far.target.limit_bytes]


def test_nothing_is_lowered_on_stale_data_but_everything_may_be_raised() -> None:
    """Missing, stale or partial data means hold or raise."""
    distrusted = evidence(size(500, 550), distrust="the newest sample is 300 s old")
    low, _ = decided(ContainerState(), distrusted, forecasted(FLAT))
    high, _ = decided(ContainerState(), distrusted, forecasted([600.0] * 12))

    assert size(500, 550) == low.target
    assert "300 s old" in low.message
    assert size(606, 660) == high.target  # 600 x 1.01 and 600 x 1.1


def test_without_a_current_sample_nothing_is_lowered() -> None:
    """What is in use now is unknown, so any decrease could go below it."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 1000), usage_mib=None), forecasted(FLAT))

    assert size(500, 1000) == verdict.target


def test_a_young_history_lowers_no_limit() -> None:
    """An hour of samples may lower a request, a limit needs a day."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 1000)), forecasted(FLAT, days=0.5))

    assert size(121.5, 1000) == verdict.target


def test_nothing_goes_below_present_use() -> None:
    """The container uses 400 MiB now: a limit of at least 400 x 1.05 + 8 = 428 MiB, whatever the forecast says."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 600), usage_mib=400), forecasted(FLAT))

    assert size(404, 428) == verdict.target


def test_after_a_start_a_container_may_do_all_that_it_was_seen_to_do() -> None:
    """For an hour the limit holds the highest sample ever seen, 300 MiB: it loads, fills and warms up."""
    forecast = forecasted(FLAT, seen_peak_bytes=mi(300))
    young, _ = decided(ContainerState(), evidence(size(120, 132), started_s=NOW_S - 3599.0), forecast)
    old, _ = decided(ContainerState(), evidence(size(120, 132), started_s=NOW_S - 3600.0), forecast)

    assert [mi(330), mi(132)] == [young.target.limit_bytes, old.target.limit_bytes]


def test_a_kill_raises_the_limit_at_once_and_says_so() -> None:
    """Twice the limit that killed, even in the middle of a cooldown and above the forecast."""
    killed = ContainerState(
        target=size(120, 132), kills=(Kill(NOW_S - 1, mi(132)),), kill_floor_bytes=mi(264), limit_changed_at_s=NOW_S
    )
    verdict, state = decided(killed, evidence(size(120, 132)), forecasted(FLAT))

    assert (size(120, 264), Reason.OOM_KILLED) == (verdict.target, verdict.reason)
    assert "killed at its limit of 132Mi" in verdict.message
    assert verdict.target == state.target


def test_a_kill_raises_the_limit_also_without_a_forecast() -> None:
    """A container that dies from its first minute has no history, and is cured all the same."""
    killed = ContainerState(kills=(Kill(NOW_S - 1, mi(64)),), kill_floor_bytes=mi(128))
    verdict, _ = decided(killed, evidence(size(32, 64)), UNKNOWN)

    assert size(32, 128) == verdict.target


def test_memory_that_rises_above_its_level_raises_the_limit() -> None:
    """Seen on its way to 150 MiB where 120 are held: 150 x 1.1 = 165 MiB, before it gets there."""
    seen = evidence(size(120, 132), usage_mib=118, rising_bytes=mi(150))
    verdict, state = decided(ContainerState(target=size(120, 132)), seen, forecasted(FLAT))

    assert (size(120, 165), Reason.TREND) == (verdict.target, verdict.reason)
    assert "to 150Mi" in verdict.message
    assert NOW_S + 3600 == state.fast_until_s


def test_without_a_kill_a_rise_at_most_doubles_the_level() -> None:
    """Seen on its way to a gibibyte, it gets what 240 MiB need: 264 MiB. A heap fills what it is given."""
    seen = evidence(size(120, 132), usage_mib=118, rising_bytes=mi(1024))

    assert mi(264) == decided(ContainerState(), seen, forecasted(FLAT))[0].target.limit_bytes


def test_without_a_forecast_a_rise_above_the_limit_raises_it() -> None:
    """On its way to 100 MiB at a limit of 64 it gets 100 and the room that is usual for such a container."""
    seen = evidence(size(32, 64), usage_mib=60, rising_bytes=mi(100))
    verdict, _ = decided(ContainerState(), seen, UNKNOWN)

    # A kill is worth 2 GiB reserved, so 4 GiB of limit.
    assert (rounded_up(held_for(mi(100), PRIOR, 4 * GIB)), Reason.TREND) == (verdict.target.limit_bytes, verdict.reason)


def test_without_a_forecast_nothing_else_moves() -> None:
    """Too high or too low, nobody knows: it stays, and says why."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 900), usage_mib=10), UNKNOWN)

    assert (size(500, 900), None, None) == (verdict.target, verdict.wanted, verdict.creation)
    assert verdict.message.endswith("no samples")


def test_without_a_forecast_new_pods_are_born_with_what_a_kill_taught() -> None:
    """Killed at 64 MiB before anything is known of it: the pod that takes its place starts with 128."""
    state = after_kill(ContainerState(), Kill(NOW_S - 5.0, mi(64)))
    verdict, _ = decided(state, evidence(size(32, 64)), UNKNOWN)

    assert (size(32, 128), size(32, 128)) == (verdict.target, verdict.creation)


def test_a_held_leak_is_not_fed() -> None:
    """With `leak.action: Hold` neither forecast nor rise raises what leaks."""
    leaking = forecasted([600.0] * 12, shape=Shape(ShapeKind.LEAKING, 1000.0))
    seen = evidence(size(100, 146), rising_bytes=mi(900))
    held, _ = decided(ContainerState(), seen, leaking, hold_leaks=True)
    fed, _ = decided(ContainerState(), evidence(size(100, 146)), leaking)

    assert (size(100, 146), Reason.LEAKING) == (held.target, held.reason)
    assert size(606, 660) == fed.target


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (LimitStrategy.RATIO, size(121.5, 365)),  # 121.5 x 3 = 364.5
        (LimitStrategy.EQUAL_REQUEST, size(122.5, 122.5)),  # 120 x 1.02 = 122.4, up to 122.5
        (LimitStrategy.KEEP, size(60, 60)),  # the owner's limit, and the request under it
        (LimitStrategy.NONE, size(60, 60)),  # a running pod's limit cannot be taken away
    ],
)
def test_strategies_of_the_limit(strategy: LimitStrategy, expected: Size) -> None:
    """Ratio multiplies the request, EqualRequest lifts it to the ceiling, Keep and None leave the owner's."""
    made, _ = decided(ContainerState(), evidence(size(40, 60)), forecasted(FLAT), limit=strategy, limit_ratio=3.0)

    assert expected == made.target


def test_a_tied_size_has_little_head_room_and_comes_down_in_steps() -> None:
    """Where limit and request are one, the request waits for the limit: from 400 it goes to 200, not to 122.5 MiB."""
    seen = evidence(size(400, 400))
    verdict, _ = decided(ContainerState(), seen, forecasted(FLAT), limit=LimitStrategy.EQUAL_REQUEST)

    assert size(200, 200) == verdict.target


def test_minimum_maximum_and_limit_range_bound_the_target() -> None:
    """A policy's maximum and the LimitRange's, whichever is less."""
    seen = evidence(size(40, 60), room=Room(container_max_bytes=mi(125)))
    bounded, _ = decided(ContainerState(), seen, forecasted(FLAT), max_bytes=mi(130))
    floored, _ = decided(ContainerState(), evidence(size(40, 60)), forecasted([10.0] * 4), min_bytes=mi(64))

    assert size(121.5, 125) == bounded.target
    assert mi(64) == floored.target.request_bytes


def test_a_pod_is_born_with_the_most_that_its_plan_needs() -> None:
    """A pod born at night while the operator is dead must live through the next peak."""
    later = forecasted([60.0] * 6 + [600.0] * 6, cooldown_s=300)
    verdict, _ = decided(ContainerState(), evidence(size(60, 900)), later)

    assert mi(60) == verdict.target.request_bytes
    assert size(600, 660) == verdict.creation  # 600 x 1.1
