"""What a forecast alone asks for, by strategy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import NOW_S, STEP_S, forecasted, mi, size, tail
from foresize_forecast.forecasting.jumps import PRIOR
from foresize_forecast.sizes import GIB, ContainerPolicy, LimitStrategy, Size
from foresize_forecast.sizing.plan import Plan, Step
from foresize_forecast.sizing.wanted import headroom, kill_cost_bytes, wanted

POLICY = ContainerPolicy(limit_headroom=0.25)
TIED = ContainerPolicy(limit=LimitStrategy.EQUAL_REQUEST)


@pytest.mark.parametrize(
    ("level_mib", "seen_mib", "now", "creation"),
    [
        (60, 100, size(50, 75), size(80, 150)),  # 60 x 1.25; the horizon's highest level is 120, x 1.25
        (60, 400, size(50, 75), size(80, 500)),
        (300, 100, size(50, 375), size(80, 375)),
    ],
)
def test_now_and_at_birth(level_mib: float, seen_mib: int, now: Size, creation: Size) -> None:
    """A pod that is born needs the highest level of the horizon, the highest value seen, or what is held now."""
    forecast = forecasted([50, 80], level_mib=[60, 120], cooldown_s=0, seen_peak_bytes=mi(seen_mib))
    found = wanted(forecast, mi(level_mib), POLICY, NOW_S)

    assert (now, mi(level_mib), creation) == (found.now, found.least_limit_bytes, found.creation)
    assert mi(80) == wanted(forecast, mi(120), POLICY, NOW_S + STEP_S).now.request_bytes


@pytest.mark.parametrize(
    ("startup_mib", "limit_mib"),
    [(None, 125), (90, 125), (250, 344)],  # 100 x 1.25 either way; 250 x 1.1 = 275, x 1.25 = 343.75
)
def test_a_start_up_is_held_with_a_margin_of_its_own(startup_mib: int | None, limit_mib: float) -> None:
    """A limit that the container could not start under would kill it again and again."""
    forecast = forecasted([100.0], startup_peak_bytes=None if startup_mib is None else mi(startup_mib))
    found = wanted(forecast, mi(100), POLICY, NOW_S)

    assert size(100, limit_mib) == found.now == found.creation


def test_no_limit_is_smaller_than_what_a_start_takes() -> None:
    """The runtime takes some 10 MiB within it: 16 MiB are held, x 1.25 = 20."""
    found = wanted(forecasted([1.0]), mi(1), POLICY, NOW_S)

    assert (size(1, 20), mi(16)) == (found.now, found.least_limit_bytes)


def test_a_request_is_at_most_the_limit() -> None:
    """Where the plan is ahead of the level, the limit that the level asks for bounds it."""
    forecast = replace(forecasted([50.0]), plan=Plan((Step(NOW_S, mi(500)),), NOW_S + STEP_S))

    assert size(125, 125) == wanted(forecast, mi(100), POLICY, NOW_S).now


def test_a_ratio_is_of_the_request_and_has_no_head_room_of_its_own() -> None:
    """The limit has to be raised as soon as it is below the ratio."""
    policy = ContainerPolicy(limit=LimitStrategy.RATIO, limit_ratio=1.5)
    found = wanted(forecasted([50.0, 80.0], cooldown_s=0, tail=PRIOR), mi(80), policy, NOW_S)

    assert (size(50, 75), mi(75), size(80, 120)) == (found.now, found.least_limit_bytes, found.creation)


def test_a_tied_size_is_what_is_held_and_a_fiftieth() -> None:
    """It is paid for, so it has less head room than a limit alone: 150 x 1.02 = 153 MiB."""
    found = wanted(forecasted([50.0], level_mib=[150.0]), mi(150), TIED, NOW_S)

    assert (size(153, 153), mi(150), size(153, 153)) == (found.now, found.least_limit_bytes, found.creation)
    assert (0.02, 0.25) == (headroom(TIED), headroom(POLICY))


@pytest.mark.parametrize("strategy", [LimitStrategy.KEEP, LimitStrategy.NONE])
def test_a_limit_that_is_not_ours_is_not_asked_for(strategy: LimitStrategy) -> None:
    """Neither now nor at birth."""
    found = wanted(forecasted([50.0, 80.0], cooldown_s=0), mi(80), ContainerPolicy(limit=strategy), NOW_S)

    assert (size(50, None), None, size(80, None)) == (found.now, found.least_limit_bytes, found.creation)


@pytest.mark.parametrize("strategy", LimitStrategy)
def test_a_byte_of_limit_counts_half_where_it_is_not_reserved(strategy: LimitStrategy) -> None:
    """So a kill that is worth 2 GiB days is worth 4 of limit, but for a limit that is the request as well."""
    worth = 2 if strategy is LimitStrategy.EQUAL_REQUEST else 4

    assert worth * GIB == kill_cost_bytes(ContainerPolicy(limit=strategy))
    assert worth * mi(50) == kill_cost_bytes(ContainerPolicy(limit=strategy, kill_cost_bytes=mi(100)))


def test_a_limit_alone_gets_room_that_a_tied_one_does_not() -> None:
    """Over 64 MiB jumps of up to 50 % in a thousandth of hours: 4 GiB a kill pay for their room, 2 GiB do not."""
    # The step of growths above 50 % is 52.2 %: (64 + 64) x 0.522 = 66.8 MiB of room. Without it kills are worth
    # 0.001 x 24 x 4096 = 98 MiB a day, or 49.
    forecast = forecasted([64.0], tail=tail(0.001, 0.5))

    assert mi(131) == wanted(forecast, mi(64), POLICY, NOW_S).least_limit_bytes  # 130.8, in units of a MiB
    assert mi(64) == wanted(forecast, mi(64), TIED, NOW_S).least_limit_bytes
