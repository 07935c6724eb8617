"""What kind of curve a container's memory draws."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.forecasting.outlook import Shape, ShapeKind
from foresize_forecast.forecasting.shape import concordance, shapes
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

MIB = 1 << 20
STEP_S = 300
HOUR = 12
DAY = 24 * HOUR


def shape_of(curve_mib: FloatArray, startup_mib: float = np.nan) -> Shape:
    grid = Grid(0, STEP_S, curve_mib.size)
    key = (ContainerKey("shop", "Deployment/web", "app"),)
    return shapes(History(grid, key, curve_mib[np.newaxis] * MIB, np.full(1, startup_mib * MIB)))[0]


def noisy(curve: FloatArray, mib: float = 2.0, seed: int = 1) -> FloatArray:
    return np.asarray(curve + np.random.default_rng(seed).normal(0, mib, curve.size))


@pytest.mark.parametrize("seed", range(20))
def test_flat_memory_is_flat(seed: int) -> None:
    """Noise around a level is neither a season nor a leak, whatever the noise."""
    assert shape_of(noisy(np.full(14 * DAY, 200.0), seed=seed)).kind is ShapeKind.FLAT


def test_a_steady_rise_is_a_leak_with_its_rate() -> None:
    """Two days of 5 MiB an hour are called a leak, at that rate."""
    found = shape_of(noisy(200 + 5 * np.arange(2 * DAY) / HOUR))
    assert found.kind is ShapeKind.LEAKING
    assert found.growth_bytes_per_s == pytest.approx(5 * MIB / 3600, rel=0.05)


@pytest.mark.parametrize("mib_an_hour", [3, 7, 13])
def test_a_rise_without_any_noise_is_a_leak(mib_an_hour: float) -> None:
    """What is left around a perfect line is rounding, not inertia that would hide the rise."""
    assert shape_of(300 - mib_an_hour * np.arange(20 * HOUR, 0, -1) / HOUR).kind is ShapeKind.LEAKING


def test_a_leak_that_begins_late_is_seen() -> None:
    """After thirteen flat days, a day of steady growth without a restart is a leak."""
    curve = np.concatenate([np.full(13 * DAY, 200.0), 200 + 10 * np.arange(DAY) / HOUR])
    assert shape_of(noisy(curve)).kind is ShapeKind.LEAKING


def test_restarts_do_not_hide_a_leak() -> None:
    """A leak that is killed every 30 hours is still one, an hour after a kill too."""
    hours = np.arange(7 * DAY) / HOUR
    for last in (7 * DAY, 6 * DAY + 8 * HOUR):
        assert shape_of(noisy(200 + 20 * (hours[:last] % 30))).kind is ShapeKind.LEAKING


def test_bursts_do_not_hide_a_leak() -> None:
    """Short bursts on top of a leak do not change its name."""
    curve = noisy(200 + 5 * np.arange(2 * DAY) / HOUR)
    curve[::30] += 300
    assert shape_of(curve).kind is ShapeKind.LEAKING


def test_a_filling_cache_grows_but_does_not_leak() -> None:
    """A rise that slows down to nothing is not called a leak."""
    hours = np.arange(2 * DAY) / HOUR
    found = shape_of(noisy(100 + 300 * (1 - np.exp(-hours / 10))))
    assert found.kind is not ShapeKind.LEAKING


def test_a_days_rise_is_a_season() -> None:
    """Memory that rises every morning and falls every evening is seasonal, in the middle of its rise too."""
    at = np.arange(7 * DAY) / DAY
    for cut in (7 * DAY, 6 * DAY + 12 * HOUR, 6 * DAY + 10 * HOUR):
        curve = noisy(300 + 150 * np.sin(2 * np.pi * (at[:cut] - 0.25)), 5)
        assert shape_of(curve).kind is ShapeKind.SEASONAL


def test_short_daily_peaks_are_a_season() -> None:
    """One peak of five minutes a day is a season: the hour's highest value shows it."""
    curve = noisy(np.full(7 * DAY, 200.0))
    curve[100::DAY] = 800
    assert shape_of(curve).kind is ShapeKind.SEASONAL


def test_peaks_at_random_are_bursts() -> None:
    """Peaks without a rule are bursts."""
    curve = noisy(np.full(7 * DAY, 200.0))
    curve[np.random.default_rng(3).choice(curve.size, 12, replace=False)] = 600
    assert shape_of(curve).kind is ShapeKind.BURSTY


@pytest.mark.parametrize("size", [1, HOUR, 5 * HOUR])
def test_a_young_container_has_no_shape_yet(size: int) -> None:
    """Less than six hours say nothing."""
    assert shape_of(np.full(size, 100.0)).kind is ShapeKind.UNKNOWN


def test_a_jump_is_not_a_leak() -> None:
    """A new level after a release is a step, not growth that goes on."""
    curve = np.concatenate([np.full(DAY, 200.0), np.full(DAY, 300.0)])
    assert shape_of(noisy(curve)).kind is not ShapeKind.LEAKING


def test_concordance_counts_pairs_that_rise() -> None:
    """Of the six pairs of 1, 3, 2, 4 five rise and one falls: tau is 4 / 6."""
    tau, _ = concordance(np.array([1.0, 3.0, 2.0, 4.0]))
    assert tau == pytest.approx(4 / 6)


def test_memory_in_which_nothing_moves_is_idle() -> None:
    """A day within 0.5 %: 200 to 200.9 MiB. A day with one value of 202, or with an hour unseen, proves nothing."""
    still = np.full(3 * DAY, 200.0)
    still[::7] = 200.9
    moved, unseen = still.copy(), still.copy()
    moved[-HOUR] = 202.0
    unseen[-3 * HOUR : -2 * HOUR] = np.nan

    kinds = [shape_of(curve).kind for curve in (still, moved, unseen)]
    assert [ShapeKind.IDLE, ShapeKind.FLAT, ShapeKind.FLAT] == kinds


def test_what_was_before_the_last_day_does_not_hide_that_it_is_idle_now() -> None:
    """Two days at 260 MiB, then a day in which nothing moves."""
    curve = np.concatenate([noisy(np.full(2 * DAY, 220.0)), np.full(DAY, 200.0)])
    assert shape_of(curve).kind is ShapeKind.IDLE


def test_a_start_that_takes_half_more_than_all_that_follows_has_its_own_name() -> None:
    """Some 205 MiB while it runs: a start with 320 is a peak of its own, one with 290 is not."""
    curve = noisy(np.full(2 * DAY, 200.0))
    assert shape_of(curve, 320).kind is ShapeKind.STARTUP_PEAK
    assert shape_of(curve, 290).kind is ShapeKind.FLAT


def test_a_leaks_rate_is_told_with_its_slowest_and_fastest_third() -> None:
    """Three times 12 hours at 4, 5 and 6 MiB an hour: the whole at 5, between 4 and 6."""
    rates = np.repeat([4.0, 5.0, 6.0], 12 * HOUR) / HOUR
    found = shape_of(noisy(200 + np.cumsum(rates), mib=4))

    assert found.kind is ShapeKind.LEAKING
    told = (found.growth_low_bytes_per_s, found.growth_bytes_per_s, found.growth_high_bytes_per_s)
    assert told == pytest.approx((4 * MIB / 3600, 5 * MIB / 3600, 6 * MIB / 3600), rel=0.05)
