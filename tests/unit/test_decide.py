"""Targets of one container."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, STEP_S, evidence, forecasted, mi, size
from foresize_forecast.choices import Evidence
from foresize_forecast.decide import Verdict, decide
from foresize_forecast.outlook import NoOutlook, Shape, ShapeKind
from foresize_forecast.plan import Forecasted
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, Size, WorkloadPolicy
from foresize_forecast.state import ContainerState

HOUR_S = 3600
FLAT = [100.0] * 12


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
    """The request is the demand, the limit a ceiling over the peak: 100 x 1.3 + 16 = 146 MiB."""
    verdict, _ = decided(ContainerState(), evidence(size(40, 60)), forecasted(FLAT))

    assert size(100, 146) == verdict.target


def test_a_request_goes_up_the_moment_its_peak_is_due() -> None:
    """Raises wait for nothing."""
    rising = forecasted([60.0] * 6 + [600.0] * 6, cooldown_s=300)
    at_ease = ContainerState(target=size(60, 800), request_needed_at_s=NOW_S)
    early, _ = decided(at_ease, evidence(size(60, 800)), rising)
    due, _ = decided(at_ease, evidence(size(60, 800)), rising, now_s=NOW_S + 6 * STEP_S)

    assert (mi(60), mi(600)) == (early.target.request_bytes, due.target.request_bytes)
    assert Reason.PEAK_AHEAD is due.reason


def test_a_request_is_lowered_only_after_its_cooldown() -> None:
    """Half an hour after it was last needed, not before."""
    high = ContainerState(target=size(300, 400), request_needed_at_s=NOW_S, limit_changed_at_s=NOW_S)
    seen = evidence(size(300, 400))
    early, remembered = decided(high, seen, forecasted(FLAT), now_s=NOW_S + 1799)
    late, _ = decided(remembered, seen, forecasted(FLAT), now_s=NOW_S + 1800)

    assert (mi(300), Reason.COOLDOWN) == (early.target.request_bytes, early.reason)
    assert mi(100) == late.target.request_bytes


def test_a_limit_goes_down_by_half_of_the_gap_at_a_time() -> None:
    """From 1000 towards 146 MiB: 573, then 360 (rounded up to a MiB) after another cooldown."""
    state = ContainerState(target=size(100, 1000))
    first, state = decided(state, evidence(size(100, 1000)), forecasted(FLAT))
    same, state = decided(state, evidence(size(100, 573)), forecasted(FLAT), now_s=NOW_S + 60)
    second, _ = decided(state, evidence(size(100, 573)), forecasted(FLAT), now_s=NOW_S + 1800)

    assert [mi(573), mi(573), mi(360)] == [v.target.limit_bytes for v in (first, same, second)]


def test_nothing_is_lowered_on_stale_data_but_everything_may_be_raised() -> None:
    """Missing, stale or partial data means hold or raise."""
    distrusted = evidence(size(500, 1000), distrust="the newest sample is 300 s old")
    low, _ = decided(ContainerState(), distrusted, forecasted(FLAT))
    high, _ = decided(ContainerState(), distrusted, forecasted([900.0] * 12))

    assert size(500, 1000) == low.target
    assert "300 s old" in low.message
    assert size(900, 1186) == high.target  # 900 x 1.3 + 16


def test_without_a_current_sample_nothing_is_lowered() -> None:
    """What is in use now is unknown, so any decrease could go below it."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 1000), usage_mib=None), forecasted(FLAT))

    assert size(500, 1000) == verdict.target


def test_a_young_history_lowers_no_limit() -> None:
    """An hour of samples may lower a request, a limit needs a day."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 1000)), forecasted(FLAT, days=0.5))

    assert size(100, 1000) == verdict.target


def test_nothing_goes_below_present_use() -> None:
    """The container uses 400 MiB now: 400 x 1.05 + 8 = 428 MiB, whatever the forecast says."""
    verdict, _ = decided(ContainerState(), evidence(size(500, 900), usage_mib=400), forecasted(FLAT))

    assert mi(428) == verdict.target.request_bytes


def test_a_kill_raises_the_limit_at_once_and_says_so() -> None:
    """Twice the limit that killed, even in the middle of a cooldown and above the forecast."""
    killed = ContainerState(
        target=size(100, 146), kills=(Kill(NOW_S - 1, mi(146)),), kill_floor_bytes=mi(292), limit_changed_at_s=NOW_S
    )
    verdict, state = decided(killed, evidence(size(100, 146)), forecasted(FLAT))

    assert (size(100, 292), Reason.OOM_KILLED) == (verdict.target, verdict.reason)
    assert "killed at its limit of 146Mi" in verdict.message
    assert verdict.target == state.target


def test_a_kill_raises_the_limit_also_without_a_forecast() -> None:
    """A container that dies from its first minute has no history, and is cured all the same."""
    killed = ContainerState(kills=(Kill(NOW_S - 1, mi(64)),), kill_floor_bytes=mi(128))
    verdict, _ = decided(killed, evidence(size(32, 64)), NoOutlook("NoHistory", "no samples"))

    assert size(32, 128) == verdict.target


def test_a_trend_that_crosses_the_limit_raises_it() -> None:
    """220 MiB within minutes: 220 x 1.2 = 264 MiB, less than double."""
    seen = evidence(size(100, 146), usage_mib=140, crossing_bytes=mi(220), crossing_limit_bytes=mi(146))
    verdict, _ = decided(ContainerState(target=size(100, 146)), seen, forecasted(FLAT))

    assert (mi(264), Reason.TREND) == (verdict.target.limit_bytes, verdict.reason)


def test_a_held_leak_is_not_fed() -> None:
    """With `leak.action: Hold` neither forecast nor trend raises what leaks."""
    leaking = forecasted([900.0] * 12, shape=Shape(ShapeKind.LEAKING, 1000.0))
    seen = evidence(size(100, 146), crossing_bytes=mi(220), crossing_limit_bytes=mi(146))
    held, _ = decided(ContainerState(), seen, leaking, hold_leaks=True)
    fed, _ = decided(ContainerState(), seen, leaking)

    assert (size(100, 146), Reason.LEAKING) == (held.target, held.reason)
    assert size(900, 1186) == fed.target


def test_strategies_of_the_limit() -> None:
    """Ratio multiplies the request, EqualRequest lifts it to the ceiling, Keep leaves the owner's."""
    seen = evidence(size(40, 60))

    def target(strategy: LimitStrategy) -> Size:
        return decided(ContainerState(), seen, forecasted(FLAT), limit=strategy, limit_ratio=3.0)[0].target

    assert size(100, 300) == target(LimitStrategy.RATIO)
    assert size(146, 146) == target(LimitStrategy.EQUAL_REQUEST)
    assert size(60, 60) == target(LimitStrategy.KEEP)


def test_minimum_maximum_and_limit_range_bound_the_target() -> None:
    """A policy's maximum and the LimitRange's, whichever is less."""
    seen = evidence(size(40, 60), room=Room(container_max_bytes=mi(120)))
    bounded, _ = decided(ContainerState(), seen, forecasted(FLAT), max_bytes=mi(130))
    floored, _ = decided(ContainerState(), evidence(size(40, 60)), forecasted([10.0] * 4), min_bytes=mi(64))

    assert size(100, 120) == bounded.target
    assert mi(64) == floored.target.request_bytes


def test_a_pod_is_born_with_the_most_that_its_plan_needs() -> None:
    """A pod born at night while the operator is dead must live through the next peak."""
    later = forecasted([60.0] * 6 + [600.0] * 6, cooldown_s=300)
    verdict, _ = decided(ContainerState(), evidence(size(60, 900)), later)

    assert mi(60) == verdict.target.request_bytes
    assert size(600, 796) == verdict.creation  # 600 x 1.3 + 16


targets = st.builds(size, st.integers(32, 2000), st.integers(2000, 4000))
forecasts = st.builds(
    forecasted, st.lists(st.floats(1, 4000), min_size=1, max_size=6), days=st.sampled_from([0.01, 0.5, 14.0])
)
observed = st.builds(
    evidence,
    targets,
    usage_mib=st.one_of(st.none(), st.floats(1, 3000)),
    distrust=st.sampled_from(["", "stale"]),
)
states = st.builds(ContainerState, target=st.one_of(st.none(), targets), kill_floor_bytes=st.integers(0, mi(8000)))


@given(states, observed, forecasts)
def test_the_same_input_twice_gives_the_same_target(
    state: ContainerState, seen: Evidence, forecast: Forecasted
) -> None:
    """A second look at the same moment changes nothing."""
    first, remembered = decided(state, seen, forecast)
    second, _ = decided(remembered, seen, forecast)

    assert first.target == second.target


@given(states, observed, forecasts)
def test_a_target_is_always_a_size_that_kubernetes_takes(
    state: ContainerState, seen: Evidence, forecast: Forecasted
) -> None:
    """Request at most the limit, both within minimum and maximum."""
    verdict, _ = decided(state, seen, forecast, min_bytes=mi(64), max_bytes=mi(1024))
    for made in (verdict.target, verdict.creation):
        assert made is not None
        assert made.request_bytes is not None
        assert made.limit_bytes is not None
        assert mi(64) <= made.request_bytes <= made.limit_bytes <= mi(1024)


@given(states, observed, forecasts)
def test_untrusted_data_never_lowers(state: ContainerState, seen: Evidence, forecast: Forecasted) -> None:
    """With stale samples every target is at least what it was."""
    before = state.target or seen.present
    verdict, _ = decided(state, replace(seen, distrust="stale"), forecast)

    assert verdict.target.request_bytes is not None
    assert verdict.target.limit_bytes is not None
    assert verdict.target.request_bytes >= (before.request_bytes or 0)
    assert verdict.target.limit_bytes >= (before.limit_bytes or 0)


@given(states, observed, forecasts)
def test_a_decrease_leaves_room_for_present_use(state: ContainerState, seen: Evidence, forecast: Forecasted) -> None:
    """What is lowered stays above what is used now."""
    before = state.target or seen.present
    verdict, _ = decided(state, seen, forecast)
    usage = seen.usage_bytes
    for old, new in (
        (before.request_bytes, verdict.target.request_bytes),
        (before.limit_bytes, verdict.target.limit_bytes),
    ):
        if old is not None and new is not None and new < old:
            assert usage is not None
            assert new > usage
