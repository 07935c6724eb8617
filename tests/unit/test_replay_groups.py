"""Kinds of series: shapes, and seasons by autocorrelation."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.replay.groups import BY_ACF, acf_1d, kinds, members
from replays import MIB, PER_DAY, trace

DAYS = 5
TIME = np.arange(DAYS * PER_DAY)


def daily() -> np.ndarray:
    return (200 + 100 * np.sin(2 * np.pi * TIME / PER_DAY)) * MIB


def test_a_daily_curve_is_seasonal_and_noise_is_not() -> None:
    """A curve that repeats each day correlates with itself a day before, one without memory does not."""
    noise = np.random.default_rng(0).normal(200, 20, TIME.size) * MIB
    found = acf_1d(trace(np.array([daily(), noise, np.full(TIME.size, 200.0 * MIB)])))

    assert found[0] > 0.95
    assert abs(found[1]) < 0.3
    assert np.isnan(found[2])


def test_a_trace_of_a_day_has_no_season() -> None:
    """With less than two days there is nothing to compare."""
    assert np.isnan(acf_1d(trace(np.ones((1, PER_DAY))))).all()


def test_every_series_has_one_shape() -> None:
    """The masks of shapes share the series out; the season by autocorrelation comes on top."""
    steady = np.full(TIME.size, 200.0 * MIB)
    rising = np.linspace(200, 400, TIME.size) * MIB
    found = members(kinds(trace(np.array([daily(), steady, rising]))))
    by_shape = np.array([mask for name, mask in found.items() if name != BY_ACF])

    assert [1, 1, 1] == by_shape.sum(axis=0).tolist()
    assert [True, False, False] == found[BY_ACF].tolist()
    assert found["Idle"][1]


@pytest.mark.parametrize("gap", [slice(0, PER_DAY), slice(2 * PER_DAY, 2 * PER_DAY + 9)])
def test_gaps_hide_no_season(gap: slice) -> None:
    """What is missing is left out on both sides."""
    values = daily()
    values[gap] = np.nan

    assert acf_1d(trace(values[np.newaxis]))[0] > 0.9
