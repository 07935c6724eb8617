"""Foresize itself in a replay: the operator's own decisions on a trace."""

from __future__ import annotations

import numpy as np

from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.simulate import play
from foresize_forecast.series import ContainerKey, Grid, History
from foresize_forecast.sizes import MIB

HALF_A_DAY_S = 43_200
KEY = ContainerKey("shop", "Deployment/web", "main")


def two_days(values: np.ndarray) -> History:
    return History(Grid(0, 300, 576), (KEY,), values.reshape(1, 576), np.full(1, np.nan))


def test_a_kill_doubles_the_limit_at_once() -> None:
    """A container killed at its limit has twice that limit in the next interval."""
    values = np.full(576, 100.0 * MIB)
    values[400] = 700.0 * MIB
    played = play(two_days(values), Foresize(refit_s=HALF_A_DAY_S))

    # The first day does not count: interval 400 is the 112th of those that do.
    assert played.limit[0, 112] < 700 * MIB
    assert played.limit[0, 113] >= 2 * played.limit[0, 112]


def test_a_flat_container_is_sized_near_its_use() -> None:
    """What never moves has a request a little above its use, and no changes."""
    played = play(two_days(np.full(576, 300.0 * MIB)), Foresize(refit_s=HALF_A_DAY_S))

    # At most the untried margin of a fifth.
    assert played.request.max() <= 300 * MIB * 1.2 + 2 * MIB
    assert played.request.min() >= 300 * MIB
    assert np.count_nonzero(np.diff(played.request)) <= 1


def test_a_gap_lowers_nothing() -> None:
    """While nothing is measured, no size goes down."""
    values = np.full(576, 500.0 * MIB)
    values[300:400] = 100.0 * MIB
    values[400:] = np.nan
    played = play(two_days(values), Foresize(refit_s=HALF_A_DAY_S))

    # The gap is known from interval 402 on, the 114th that counts.
    for sizes in (played.request[0, 114:], played.limit[0, 114:]):
        assert (np.diff(sizes) >= 0).all()
