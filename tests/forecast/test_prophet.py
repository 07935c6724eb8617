"""Prophet behind the protocol: what it answers, refuses and leaves behind."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import pytest

from forecast.curves import MIB, daily, days, history, noise
from foresize_forecast.forecasting.models.prophet import Prophet


def test_a_fit_leaves_no_file_and_no_log_behind(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """An operator that fits for months does not fill /tmp or its log."""
    of = history(daily(days(5), seed=1))
    Prophet().fit(of).forecast(288, (0.5,))  # the first fit of a process loads machine code
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    Prophet().fit(of).forecast(288, (0.5,))
    assert not list(tmp_path.iterdir())
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_global_random_numbers_are_left_alone() -> None:
    """A fit neither uses nor moves numpy's global generator."""
    np.random.seed(7)  # noqa: NPY002 - the generator in question
    expected = np.random.RandomState(7).random_sample()
    of = history(daily(days(5), seed=1))
    first = Prophet().fit(of).forecast(288, (0.9,))
    assert np.random.random_sample() == expected  # noqa: NPY002 - as above
    second = Prophet().fit(of).forecast(288, (0.9,))
    assert np.array_equal(first.mean, second.mean)
    assert np.array_equal(first.quantiles, second.quantiles)


def test_falling_memory_does_not_fall_below_zero() -> None:
    """A line that points below zero ends at zero."""
    at = days(5)
    forecast = Prophet().fit(history(np.maximum(500 - 99 * at, 1.0))).forecast(5 * 288, (0.01, 0.99))
    assert forecast.mean.min() >= 0
    assert forecast.quantiles.min() >= 0


def test_quantiles_rise_with_their_levels_and_widen_with_time() -> None:
    """A higher level is a higher size, and far ahead is less certain than near."""
    forecast = Prophet().fit(history(daily(days(14), seed=2))).forecast(2 * 288, (0.1, 0.5, 0.9, 0.99))
    assert np.all(np.diff(forecast.quantiles, axis=0) >= 0)
    width = forecast.quantiles[-1, 0] - forecast.quantiles[0, 0]
    assert width[-1] >= width[0]


def test_constant_memory_is_its_own_forecast() -> None:
    """A container that never changes is forecast to stay, to a millionth of a per cent.

    The least noise that Prophet knows is 1e-9 of the scale; the 0.99 quantile is 2.33 of it higher.
    """
    forecast = Prophet().fit(history(np.full(3 * 288, 100.0))).forecast(10, (0.99,))
    assert np.all(forecast.mean == 100 * MIB)
    assert forecast.quantiles == pytest.approx((1 + 2.33e-9) * 100 * MIB, rel=1e-10)


@pytest.mark.parametrize("scale", [2.0**-20, 1.0, 2.0**28])
def test_any_scale_is_fitted(scale: float) -> None:
    """Bytes and hundreds of tebibytes are forecast as well as mebibytes."""
    forecast = Prophet().fit(history(scale * daily(days(5), seed=3))).forecast(288, ())
    assert forecast.refusals == (None,)
    assert forecast.mean.max() == pytest.approx(scale * 465 * MIB, rel=0.05)


def test_what_cannot_be_fitted_is_refused_with_a_reason() -> None:
    """Too few days, two points, or nothing at all: a reason, not an exception, and the others are still answered."""
    full = daily(days(5), seed=4)
    nothing = np.full_like(full, np.nan)
    two = nothing.copy()
    two[[3, 700]] = 100
    forecast = Prophet().fit(history(nothing, two, full)).forecast(12, (0.5,))
    assert "are needed" in str(forecast.refusals[0])
    assert "are needed" in str(forecast.refusals[1])
    assert forecast.refusals[2] is None
    assert np.isnan(forecast.mean[:2]).all()
    assert not np.isnan(forecast.mean[2]).any()


def test_long_gaps_are_bridged() -> None:
    """Half of the history missing does not stop a forecast."""
    curve = daily(days(14), seed=5) + noise(days(14).size, seed=6)
    curve[500:2500] = np.nan
    forecast = Prophet().fit(history(curve)).forecast(288, ())
    assert not np.isnan(forecast.mean).any()
