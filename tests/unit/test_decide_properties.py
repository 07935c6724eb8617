"""What holds for every decision, whatever is remembered, seen and forecast."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, STEP_S, evidence, forecasted, mi, size, tail
from foresize_forecast.deciding import ladder
from foresize_forecast.deciding.choices import Evidence, in_use_bytes
from foresize_forecast.deciding.decide import Verdict, decide
from foresize_forecast.deciding.fast import level
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.jumps import PRIOR
from foresize_forecast.forecasting.outlook import NoOutlook, Shape, ShapeKind
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, Size, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted

DAY_S = 86_400
PACE = WorkloadPolicy()
SETTING = [LimitStrategy.FORECAST, LimitStrategy.RATIO, LimitStrategy.EQUAL_REQUEST]


def used(present: Size, usage_mib: float | None, lasting: float, of_request: float | None, **changes: Any) -> Evidence:
    """What is seen of a container, of which a share lasted; its use is so much of its request where that is given."""
    if usage_mib is not None and of_request is not None:
        usage_mib = of_request * (present.request_bytes or 0) / mi(1)
    sustained = None if usage_mib is None else lasting * usage_mib * mi(1)
    return evidence(present, usage_mib=usage_mib, sustained_bytes=sustained, **changes)


targets = st.builds(lambda request, more: size(request, request + more), st.integers(8, 2000), st.integers(0, 2000))
forecasts = st.builds(
    forecasted,
    st.lists(st.floats(1, 4000), min_size=1, max_size=6),
    days=st.sampled_from([0.01, 0.5, 14.0]),
    tail=st.sampled_from([PRIOR, tail(0.0, 0.0), tail(0.01, 0.5)]),
    seen_peak_bytes=st.integers(mi(1), mi(4000)),
    shape=st.sampled_from([Shape(ShapeKind.FLAT), Shape(ShapeKind.LEAKING, 1000.0)]),
)
perhaps = st.one_of(forecasts, st.just(NoOutlook("NoHistory", "no samples")))
observed = st.builds(
    used,
    targets,
    usage_mib=st.one_of(st.none(), st.floats(1, 3000)),
    lasting=st.one_of(st.just(1.0), st.floats(0, 1)),
    of_request=st.one_of(st.none(), st.floats(0.99, 1.05)),
    rising_bytes=st.one_of(st.none(), st.floats(mi(1), mi(6000))),
    started_s=st.sampled_from([None, NOW_S - 10.0, NOW_S - 90_000.0]),
    distrust=st.sampled_from(["", "stale"]),
    ample=st.booleans(),
)
moments = st.one_of(st.just(0.0), st.floats(NOW_S - DAY_S, NOW_S))
states = st.builds(
    ContainerState,
    target=st.one_of(st.none(), targets),
    request_needed_at_s=moments,
    limit_changed_at_s=moments,
    kill_floor_bytes=st.integers(0, mi(8000)),
    fast_level_bytes=st.integers(0, mi(4000)),
    fast_until_s=st.floats(NOW_S - 3600, NOW_S + 3600),
)
policies = st.builds(
    ContainerPolicy, limit=st.sampled_from(SETTING), kill_cost_bytes=st.sampled_from([mi(1), mi(3072)])
)


def decided(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> tuple[Verdict, ContainerState]:
    """One decision now."""
    return decide(state, seen, forecast, (PACE, policy), NOW_S)


@given(states, observed, perhaps, policies)
def test_a_second_look_at_the_same_moment_changes_nothing(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """There is no second write, but for memory that rises to more than a look may follow."""
    first, remembered = decided(state, seen, forecast, policy)
    second, _ = decided(remembered, seen, forecast, policy)

    assert (first, remembered) == decided(state, seen, forecast, policy)
    if remembered == state or (seen.rising_bytes or 0.0) <= remembered.fast_level_bytes + 1:
        assert first.target == second.target
    else:
        assert (second.target.limit_bytes or 0) >= (first.target.limit_bytes or 0)


@given(states, observed, forecasts, policies)
def test_a_reserve_only_adds_to_a_request(
    state: ContainerState, seen: Evidence, forecast: Forecasted, policy: ContainerPolicy
) -> None:
    """Whoever asks for reserves is never given less, and without a limit that follows the request no other limit."""
    on_nodes = replace(seen, room=Room(node_allocatable_bytes=mi(8000)))
    plain, reserving = (
        decide(state, on_nodes, forecast, (pace, policy), NOW_S)[0]
        for pace in (PACE, replace(PACE, reserve_movers=True))
    )

    assert plain.wanted is not None
    assert reserving.wanted is not None
    assert (reserving.wanted.request_bytes or 0) >= (plain.wanted.request_bytes or 0)
    if policy.limit is not LimitStrategy.RATIO:
        assert plain.wanted.limit_bytes == reserving.wanted.limit_bytes


@given(states, observed, perhaps, policies)
def test_ample_memory_takes_nothing_away(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """Where a node has memory to spare no target is lower than elsewhere; where a limit is paid for they are equal."""
    fits, ample = (decided(state, replace(seen, ample=each), forecast, policy)[0].target for each in (False, True))

    assert (ample.limit_bytes or 0) >= (fits.limit_bytes or 0)
    assert (ample.request_bytes or 0) >= (fits.request_bytes or 0)
    if policy.limit is LimitStrategy.EQUAL_REQUEST:
        assert ample == fits


@given(states, observed, perhaps, policies)
def test_looks_at_the_same_moment_come_to_an_end(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """Each look doubles at most what is held: from 1 MiB to the 6000 of these examples it takes 13 of them."""
    for _ in range(13):
        verdict, state = decided(state, seen, forecast, policy)

    assert verdict.target == decided(state, seen, forecast, policy)[0].target


@given(states, observed, perhaps, policies)
def test_a_target_is_always_a_size_that_kubernetes_takes(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """Request at most the limit (equal where they are tied), both within minimum and maximum."""
    verdict, _ = decided(state, seen, forecast, replace(policy, min_bytes=mi(64), max_bytes=mi(1024)))
    for made in (verdict.target, verdict.wanted, verdict.creation):
        if made is None:
            assert isinstance(forecast, NoOutlook)
            continue
        assert made.request_bytes is not None
        assert made.limit_bytes is not None
        assert mi(64) <= made.request_bytes <= made.limit_bytes <= mi(1024)
        assert policy.limit is not LimitStrategy.EQUAL_REQUEST or made.request_bytes == made.limit_bytes


@given(states, observed, perhaps, policies)
def test_untrusted_data_never_lowers(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """With stale samples or none every target is at least what it was."""
    before = state.target or seen.present
    for distrusted in (replace(seen, distrust="stale"), replace(seen, usage_bytes=None, sustained_bytes=None)):
        verdict, _ = decided(state, distrusted, forecast, policy)

        assert (verdict.target.request_bytes or 0) >= (before.request_bytes or 0)
        assert (verdict.target.limit_bytes or 0) >= (before.limit_bytes or 0)


@given(states, observed, perhaps, policies)
def test_a_decrease_leaves_room_for_present_use(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """A request that is lowered stays above what is used now, a limit above that and its margin."""
    before = state.target or seen.present
    verdict, _ = decided(state, seen, forecast, policy)
    request, limit = verdict.target.request_bytes or 0, verdict.target.limit_bytes or 0
    if request < (before.request_bytes or 0):
        assert seen.usage_bytes is not None
        assert request >= seen.usage_bytes
    if limit < (before.limit_bytes or 0):
        assert limit >= in_use_bytes(seen.usage_bytes) >= (seen.usage_bytes or 0) * 1.05 + mi(8)


@given(states, observed, perhaps, policies)
def test_a_limit_is_lowered_by_half_at_most_and_once_in_a_cooldown(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """A forecast that is wrong costs one step, and the next hours show it."""
    before = (state.target or seen.present).limit_bytes or 0
    after = decided(state, seen, forecast, policy)[0].target.limit_bytes or 0
    if after < before:
        assert after >= before / 2 - 1
        assert state.limit_changed_at_s + PACE.cooldown_s <= NOW_S


@given(states, observed, perhaps, policies)
def test_a_limit_is_never_below_what_kills_taught(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook, policy: ContainerPolicy
) -> None:
    """Not now, not what is wanted, not for a pod that is born."""
    verdict, _ = decided(state, seen, forecast, policy)
    for made in (verdict.target, verdict.wanted, verdict.creation):
        assert made is None or (made.limit_bytes or 0) >= state.kill_floor_bytes


@given(states, observed, perhaps)
def test_what_is_used_is_claimed_at_once(
    state: ContainerState, seen: Evidence, forecast: Forecasted | NoOutlook
) -> None:
    """With a forecast the request covers what lasts, and use but for 3 % of itself, as far as the limit allows."""
    verdict, _ = decided(state, seen, forecast, ContainerPolicy())
    if isinstance(forecast, Forecasted) and seen.usage_bytes is not None:
        least = min(max(seen.sustained_bytes or 0.0, seen.usage_bytes / 1.03), verdict.target.limit_bytes or 0)
        assert (verdict.target.request_bytes or 0) >= least - 1


@given(
    targets,
    st.lists(st.tuples(st.floats(1, 4000), perhaps, st.booleans()), min_size=1, max_size=40),
    policies,
    st.sampled_from([1200, 7200]),
)
def test_a_limit_that_killed_does_not_come_back_within_a_day_while_the_need_is_not_known(
    first: Size, ticks: list[tuple[float, Forecasted | NoOutlook, bool]], policy: ContainerPolicy, every_s: int
) -> None:
    """At least twice the one that killed for an hour; for a day, unless more was used and a forecast knows of it."""
    state, present, made_at_s = ContainerState(), first, NOW_S
    taught: list[Kill] = []
    for at, (usage_mib, forecast, refit) in enumerate(ticks):
        now_s = NOW_S + every_s * at
        made_at_s = now_s if refit else made_at_s
        if isinstance(forecast, Forecasted):
            forecast = replace(forecast, outlook=replace(forecast.outlook, made_at_s=made_at_s))  # noqa: PLW2901
        if usage_mib * mi(1) > (present.limit_bytes or 0):
            taught.append(Kill(float(now_s), present.limit_bytes))
            state = ladder.after_kill(state, taught[-1])
        seen = evidence(present, usage_mib=min(usage_mib, (present.limit_bytes or 0) / mi(1)))
        verdict, state = decide(state, seen, forecast, (PACE, policy), now_s)
        present = verdict.target
        known = isinstance(forecast, Forecasted) and 0 < state.need_seen_at_s <= made_at_s
        if known and made_at_s - state.kills[-1].at_s >= 3600:
            taught = []  # another kill begins anew
        for kill in taught:
            if now_s - kill.at_s <= DAY_S:
                assert (present.limit_bytes or 0) >= 2 * (kill.limit_bytes or 0)


@given(targets, st.lists(st.floats(1, 1e6), min_size=1, max_size=60), forecasts)
def test_without_a_kill_what_rises_is_fed_a_dozen_times_a_day_and_twice_what_is_held(
    present: Size, rising_mib: list[float], forecast: Forecasted
) -> None:
    """Heaps and caches fill what they are given: no look more than doubles it, nor goes past what was seen."""
    state, seen = ContainerState(), evidence(present)
    for at, rising in enumerate(rising_mib):
        now_s = NOW_S + STEP_S * 4.0 * at
        held = max(level(state, now_s), forecast.outlook.highest_level)
        asked = replace(seen, rising_bytes=rising * mi(1))
        _, after = decide(state, asked, forecast, (PACE, ContainerPolicy()), now_s)

        risen = level(after, now_s) > level(state, now_s)
        assert not risen or after.fast_level_bytes <= min(2 * held, rising * mi(1))
        assert len([raised for raised in after.fast_raises_s if now_s - raised < DAY_S]) <= 12
        state = after


@given(targets, observed)
def test_keep_and_none_leave_a_limit_alone(present: Size, seen: Evidence) -> None:
    """A limit that its owner keeps is neither raised nor lowered; the request stays under it."""
    verdict, _ = decided(
        ContainerState(target=present), seen, forecasted([900.0] * 6), ContainerPolicy(limit=LimitStrategy.KEEP)
    )

    assert present.limit_bytes == verdict.target.limit_bytes
    assert verdict.reason is not Reason.OOM_KILLED
