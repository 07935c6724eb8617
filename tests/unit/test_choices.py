"""Where a size begins to move, and what it is where there is none: the edges of the rules of request and limit."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW_S, evidence, forecasted, mi, size, tail
from foresize_forecast.deciding.choices import Evidence, in_use_bytes
from foresize_forecast.deciding.decide import Verdict, decide
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, Size, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted

UNKNOWN = NoOutlook("NoHistory", "no samples")
FREE = ContainerState()


def decided(seen: Evidence, forecast: Forecasted | NoOutlook, state: ContainerState = FREE, **policy: Any) -> Verdict:
    """One decision of what nothing is remembered of, unless told otherwise."""
    return decide(state, seen, forecast, (WorkloadPolicy(), ContainerPolicy(**policy)), NOW_S)[0]


@pytest.mark.parametrize(
    ("present_mib", "demand_mib", "expected_mib"),
    [
        (100, 104, 100),  # 4 % are nearly right
        (100, 104.1, 106),  # more is raised: planned are 104.5, x 1.01 = 105.545, in units of 0.5 MiB
        (105, 100, 105),  # 101 x 1.04 = 105.04 is nearly right
        (105.5, 100, 101),
        (11, 10, 11),  # 10 x 1.01 in units of 64 KiB is 10.125: 0.875 MiB less is not worth a resize
        (11.125, 10, 10.125),  # a whole one is
    ],
)
def test_a_request_moves_when_it_is_off_by_enough(present_mib: float, demand_mib: float, expected_mib: float) -> None:
    """4 % up or down, and no saving of less than a MiB."""
    seen = evidence(size(present_mib, 1000), usage_mib=9)

    assert mi(expected_mib) == decided(seen, forecasted([demand_mib] * 12)).target.request_bytes


@pytest.mark.parametrize(
    ("lasting_mib", "used_mib", "expected_mib"),
    [
        (100, 100, 100),
        (100.1, 100.1, 101.5),  # what lasts is claimed, a hundredth more with it: 101.1, in units of 0.5 MiB
        (100.1, 103, 104.5),  # as it is now: 103 x 1.01 = 104.03
        (None, 103, 100),  # 3 % for a moment are what a limit is for
        (60, 103, 100),
        (60, 103.1, 104.5),  # more is claimed at once: 104.131
    ],
)
def test_use_above_the_request_is_claimed_when_it_lasts_or_is_far_above(
    lasting_mib: float | None, used_mib: float, expected_mib: float
) -> None:
    """A short spike leaves the request where it is: reserving it for hours would cost more than it is worth."""
    lasting = None if lasting_mib is None else mi(lasting_mib)
    seen = evidence(size(100, 1000), usage_mib=used_mib, sustained_bytes=lasting)

    assert mi(expected_mib) == decided(seen, forecasted([50.0] * 12)).target.request_bytes


@pytest.mark.parametrize(
    ("present_mib", "level_mib", "headroom", "expected_mib"),
    [
        (100, 100, 0.1, 100),  # its head room is being used for what it is for
        (100, 100.3, 0.1, 110.5),  # no room is left: 100.3 x 1.1 = 110.33, in units of 0.5 MiB
        (105, 100, 0.0, 105),  # without head room 5 % too much are near enough
        (105.5, 100, 0.0, 100),
        (33.5, 30, 0.0, 33.5),  # less than 4 MiB are not worth a resize
        (34, 30, 0.0, 30),
        (120, 100, 0.1, 120),  # 110 x 1.2 = 132 is near enough
    ],
)
def test_a_limit_moves_when_it_is_off_by_enough(
    present_mib: float, level_mib: float, headroom: float, expected_mib: float
) -> None:
    """Up when less is left than is held for, down from 5 %, twice its head room and 4 MiB on."""
    seen = evidence(size(10, present_mib), usage_mib=10)
    forecast = forecasted([10.0] * 12, level_mib=[level_mib] * 12)

    assert mi(expected_mib) == decided(seen, forecast, limit_headroom=headroom).target.limit_bytes


@pytest.mark.parametrize(("present_mib", "expected_mib"), [(107, 107), (107.5, 102)])
def test_a_tied_size_comes_down_from_a_twentieth_on(present_mib: float, expected_mib: float) -> None:
    """100 MiB are held at 102: up to 107.1 they are near enough."""
    seen = evidence(size(present_mib, present_mib))
    found = decided(seen, forecasted([100.0] * 12), limit=LimitStrategy.EQUAL_REQUEST)

    assert size(expected_mib, expected_mib) == found.target


@pytest.mark.parametrize(
    ("hours", "expected"), [(0.9, size(500, 1000)), (1, size(101, 1000)), (23.9, size(101, 1000)), (24, size(101, 500))]
)
def test_history_that_lowers(hours: float, expected: Size) -> None:
    """A request needs an hour of it, a limit a day."""
    assert expected == decided(evidence(size(500, 1000)), forecasted([100.0] * 12, days=hours / 24)).target


def test_a_container_without_a_request_is_given_what_is_planned() -> None:
    """At once: there is nothing to wait for, and nothing to be lowered."""
    found = decided(evidence(Size(None, None), usage_mib=None), forecasted([100.0] * 12, days=0.1))

    assert Size(mi(100), None) == found.target


@pytest.mark.parametrize(("days", "limit_mib"), [(0.9, None), (1.0, 132)])
def test_a_container_without_a_limit_is_given_one_after_a_day(days: float, limit_mib: float | None) -> None:
    """Before that nobody knows what it takes; then 120 x 1.1 = 132 MiB."""
    found = decided(evidence(size(120, None)), forecasted([120.0] * 12, days=days))

    assert size(120, limit_mib) == found.target


def test_a_first_limit_is_never_under_present_use() -> None:
    """Forecast at 60 MiB and using 500: 500 x 1.05 + 8 = 533 MiB, or the limit's first second would kill."""
    found = decided(evidence(size(200, None), usage_mib=500), forecasted([60.0] * 12, days=14))

    assert mi(533) == found.target.limit_bytes


@pytest.mark.parametrize(
    ("forecast", "expected"),
    [(UNKNOWN, size(100, None)), (forecasted([60.0] * 12, days=0.5), size(303, None))],
    ids=["unknown", "young"],
)
def test_a_tied_size_without_a_limit_is_a_request_until_it_has_one(
    forecast: Forecasted | NoOutlook, expected: Size
) -> None:
    """100 MiB, none, and 300 in use: nothing is capped at the request, and it follows use, 300 x 1.01 = 303 MiB."""
    seen = evidence(size(100, None), usage_mib=300)

    assert expected == decided(seen, forecast, limit=LimitStrategy.EQUAL_REQUEST).target


def test_a_ratio_is_of_the_request_in_force() -> None:
    """Planned are 80 MiB, but 158 are in use: the request is 158 x 1.01 in whole MiB, 160, and the limit twice that."""
    seen = evidence(size(81, 162), usage_mib=158)

    assert size(160, 320) == decided(seen, forecasted([80.0] * 12), limit=LimitStrategy.RATIO, limit_ratio=2.0).target


def test_a_ratio_keeps_what_a_kill_taught() -> None:
    """Its limit does not look at the record of jumps, so a forecast that knows of them is no reason to forget."""
    killed = ContainerState(kills=(Kill(NOW_S - 7200, mi(160)),), kill_floor_bytes=mi(320), need_seen_at_s=NOW_S - 7000)
    seen = evidence(size(81, 320), usage_mib=60)

    assert mi(320) == decided(seen, forecasted([80.0] * 12), killed, limit=LimitStrategy.RATIO).target.limit_bytes


def test_a_ratio_holds_after_a_kill_too() -> None:
    """Killed at 100 MiB, so at least 110. With 99 of a request of 100 MiB in use it is 200 at once, not 110 first."""
    killed = ContainerState(kills=(Kill(NOW_S - 1, mi(100)),), kill_floor_bytes=mi(110))
    seen = evidence(size(100, 100), usage_mib=99)

    assert mi(200) == decided(seen, forecasted([40.0] * 12), killed, limit=LimitStrategy.RATIO).target.limit_bytes


@pytest.mark.parametrize("forecast", [UNKNOWN, forecasted([100.0] * 12)], ids=["unknown", "known"])
def test_a_limit_that_its_owner_keeps_is_not_raised_by_kills(forecast: Forecasted | NoOutlook) -> None:
    """With `Keep` it is theirs, whatever it kills; with `None` a pod that has one is cured of it."""
    killed = ContainerState(kills=(Kill(NOW_S - 1, mi(200)),), kill_floor_bytes=mi(400))
    seen = evidence(size(100, 200))

    assert mi(200) == decided(seen, forecast, killed, limit=LimitStrategy.KEEP).target.limit_bytes
    cured = decided(seen, forecast, killed, limit=LimitStrategy.NONE)
    assert (mi(400), Reason.OOM_KILLED) == (cured.target.limit_bytes, cured.reason)


@pytest.mark.parametrize("forecast", [UNKNOWN, forecasted([100.0] * 12)], ids=["unknown", "known"])
def test_what_has_no_limit_is_given_none_by_kills(forecast: Forecasted | NoOutlook) -> None:
    """A node that ran out killed it: a limit would not have helped."""
    killed = ContainerState(kills=(Kill(NOW_S - 1, None),))
    found = decided(evidence(size(100, None)), forecast, killed, limit=LimitStrategy.NONE)

    assert size(100, None) == found.target


def test_a_rise_does_not_move_a_limit_that_is_not_ours() -> None:
    """With `None` a limit that a pod has is raised by kills alone."""
    seen = evidence(size(100, 128), usage_mib=100, rising_bytes=mi(150))

    assert mi(128) == decided(seen, forecasted([100.0] * 12), limit=LimitStrategy.NONE).target.limit_bytes


@pytest.mark.parametrize(("until_s", "raised"), [(NOW_S + 1.0, True), (float(NOW_S), False)])
def test_without_a_forecast_a_rise_is_held_for_its_hour(until_s: float, raised: bool) -> None:  # noqa: FBT001 - a case
    """What the fast clock saw counts until its hour is over, and then no more."""
    state = ContainerState(fast_level_bytes=mi(100), fast_until_s=until_s)
    found = decided(evidence(size(32, 64)), UNKNOWN, state)

    assert raised == ((found.target.limit_bytes or 0) > mi(100))
    assert raised or found.target == size(32, 64)


def test_what_is_not_known_to_leak_is_not_held_as_a_leak() -> None:
    """With `leak.action: Hold`, but no forecast yet, memory that rises gets its limit."""
    seen = evidence(size(32, 64), usage_mib=60, rising_bytes=mi(100))
    found, _ = decide(FREE, seen, UNKNOWN, (WorkloadPolicy(hold_leaks=True), ContainerPolicy()), NOW_S)

    assert Reason.TREND is found.reason


def test_a_limit_at_its_request_waits_for_it() -> None:
    """Its own cooldown is over, the request's is not: that is what it waits for."""
    waiting = ContainerState(target=size(303, 303), request_needed_at_s=NOW_S - 3600.0)
    found = decided(evidence(size(303, 303), usage_mib=90), forecasted([100.0] * 12), waiting)

    assert (size(303, 303), Reason.COOLDOWN) == (found.target, found.reason)


def test_unknown_use_has_no_margin() -> None:
    """Nothing is asked for what is not known: 100 x 1.05 + 8 = 113 MiB where it is."""
    assert (0, mi(113)) == (in_use_bytes(None), in_use_bytes(float(mi(100))))


def test_a_limit_that_use_has_nearly_reached_is_not_raised_for_it() -> None:
    """Use of 190 MiB with its margin is 207.5: a limit of 200 that is too high for the forecast stays as it is."""
    found = decided(evidence(size(192, 200), usage_mib=190), forecasted([100.0] * 12))

    assert mi(200) == found.target.limit_bytes


def test_without_a_forecast_the_higher_of_kill_and_rise_counts() -> None:
    """A kill at 200 MiB taught 400; what rises to 100 does not take that away."""
    state = ContainerState(
        kills=(Kill(NOW_S - 1, mi(200)),),
        kill_floor_bytes=mi(400),
        fast_level_bytes=mi(100),
        fast_until_s=NOW_S + 1.0,
    )
    found = decided(evidence(size(100, 200)), UNKNOWN, state)

    assert (mi(400), Reason.OOM_KILLED) == (found.target.limit_bytes, found.reason)


def test_what_others_need_is_not_waited_for() -> None:
    """A request that was needed a minute ago waits for its cooldown, but not where it does nothing on a short node."""
    used = ContainerState(target=size(200, 1000), request_needed_at_s=NOW_S - 60.0)
    busy, idle = (evidence(size(200, 1000), needed_by_others=each) for each in (False, True))

    assert mi(200) == decided(busy, forecasted([100.0] * 12), used).target.request_bytes
    # 100 MiB and a hundredth: 101.
    assert mi(101) == decided(idle, forecasted([100.0] * 12), used).target.request_bytes


def test_where_memory_is_ample_a_limit_stays_longer_and_a_request_does_not() -> None:
    """Three cooldowns after its last change a limit goes down, but not where nobody is in need: there after four."""
    cooldown_s = WorkloadPolicy().cooldown_s
    since = ContainerState(target=size(200, 1000), limit_changed_at_s=NOW_S - 3 * cooldown_s)
    later = ContainerState(target=size(200, 1000), limit_changed_at_s=NOW_S - 4 * cooldown_s)
    fits, ample = (evidence(size(200, 1000), ample=each) for each in (False, True))
    flat = forecasted([100.0] * 12)

    assert size(101, 500) == decided(fits, flat, since).target
    assert size(101, 1000) == decided(ample, flat, since).target
    assert size(101, 500) == decided(ample, flat, later).target


def test_a_limit_that_is_paid_for_waits_no_longer() -> None:
    """Where it is the request as well, ample memory of a node changes nothing."""
    cooldown_s = WorkloadPolicy().cooldown_s
    since = ContainerState(target=size(1000, 1000), limit_changed_at_s=NOW_S - cooldown_s)
    seen = evidence(size(1000, 1000), ample=True)

    assert size(500, 500) == decided(seen, forecasted([100.0] * 12), since, limit=LimitStrategy.EQUAL_REQUEST).target


def test_a_large_movers_reserve_is_part_of_its_request_where_it_is_asked_for() -> None:
    """Of 1000 MiB one hour in ten rises by a half: that much is asked for with it; else 1000 and that.

    It is no more than 2 % of a node of 64 GiB (1311 MiB), and there it stays as it is.
    """
    jumpy = forecasted([1000.0] * 12, tail=tail(0.1, 0.5))
    asked = (WorkloadPolicy(reserve_movers=True), ContainerPolicy())
    state = ContainerState(target=size(500, 4000))

    def request(policies: tuple[WorkloadPolicy, ContainerPolicy], node_gib: int | None) -> float:
        room = Room(node_allocatable_bytes=None if node_gib is None else node_gib << 30)
        seen = evidence(size(500, 4000), usage_mib=450, room=room)
        return (decide(state, seen, jumpy, policies, NOW_S)[0].target.request_bytes or 0) / mi(1)

    # Growths are told apart by 3 % of a logarithm, so half is 52.2 %: (1064 x 1.522 - 64) x 1.01 = 1571, in whole MiB.
    assert 1572 == request(asked, 16)
    seen = evidence(size(500, 4000), usage_mib=450, room=Room(node_allocatable_bytes=16 << 30))
    assert "as a large mover it may need 1556Mi within the hour" in decide(state, seen, jumpy, asked, NOW_S)[0].message
    assert [1010] * 3 == [
        request(asked, 64),
        request(asked, None),
        request((WorkloadPolicy(), ContainerPolicy()), 16),
    ]
