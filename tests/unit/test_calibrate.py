"""Margins from forecasts that are made again for days that are over."""

from __future__ import annotations

import math

import numpy as np
import pytest

from foresize_forecast.calibrate import Trials, margins, origin_columns, peak, record, span_intervals, tried
from foresize_forecast.models.peaks import RecentPeak
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

HALF = np.array([0.5])
NO_HEADROOM = np.zeros(1)


def trials(mean: list[float], usage: list[list[float]], seen: list[float]) -> Trials:
    """Flat forecasts of one container, an origin a row."""
    came: FloatArray = np.array(usage, dtype=np.float64)[:, np.newaxis, :]
    flat = np.array(mean)[:, np.newaxis, np.newaxis] * np.ones_like(came)
    return Trials(tuple(range(len(mean))), flat, came, np.array(seen)[:, np.newaxis])


def test_the_step_margin_is_the_conformal_quantile() -> None:
    """Of eleven residuals 0 to 10 an overrun of a quarter leaves two above: the margin is the ninth lowest."""
    # 3 origins of 4, 4 and 3 residuals (one gap), together 0 .. 10: rank ceil(12 x 0.75) = 9, the value 8.
    tried_before = trials([100] * 3, [[100, 103, 106, 109], [101, 104, 107, 110], [102, 105, 108, np.nan]], [0] * 3)
    assert margins(tried_before, np.array([0.25])).step[0] == 8


def test_a_tiny_overrun_takes_the_highest_residual() -> None:
    """Where fewer measurements than 1 / overrun exist, the highest of them is all that is known."""
    tried_before = trials([100] * 3, [[90, 95], [99, 97], [80, 92]], [0] * 3)
    assert margins(tried_before, np.array([0.0001])).step[0] == -1


def test_two_days_may_not_take_anything_off() -> None:
    """With two origins a forecast that was too high both times is still not lowered."""
    tried_before = trials([100] * 2, [[90, 95], [99, 97]], [0] * 2)
    assert margins(tried_before, HALF).step[0] == 0


def test_the_peak_covers_every_day_tried() -> None:
    """The peak's margin is the worst that happened, over the forecast or over the higher of forecast and history."""
    tried_before = trials([100, 200, 100], [[150, 90], [190, 180], [130, 90]], [140, 150, 160])
    found = margins(tried_before, HALF)
    # Over the mean: 50, -10, 30. Over max(mean, seen): 150 - 140, 190 - 200, 130 - 160.
    assert found.peak_over_mean[0] == 50
    assert found.peak_over_seen[0] == 10
    # A coming mean of 120 with 160 seen: 170 by the first, 170 by the second; with 130 seen: 140 by the second.
    assert peak(np.array([120.0]), np.array([160.0]), found)[0] == 170
    assert peak(np.array([120.0]), np.array([130.0]), found)[0] == 140


def test_a_day_is_not_judged_by_what_it_taught() -> None:
    """A day unlike all others exceeds its limit in the record, though the margin of tomorrow includes it."""
    tried_before = trials([100] * 4, [[100, 100], [100, 100], [100, 100], [300, 300]], [100] * 4)
    found = record(tried_before, HALF, NO_HEADROOM)
    np.testing.assert_array_equal(found.exceeded[:, 0], [0, 0, 0, 1])
    # Its demand is 100 (margin 0 from the others): loss 0.5 x 200 over a usage of 300.
    assert found.pinball[3, 0] == pytest.approx(1 / 3)
    assert found.coverage[3, 0] == 0
    score = found.score(0)
    assert score is not None
    assert score.origins == 4
    assert score.exceedances == 1
    assert margins(tried_before, HALF).peak_over_mean[0] == 200


def test_what_was_not_measured_is_not_scored() -> None:
    """A day without measurements counts neither for nor against a model."""
    found = record(trials([100] * 2, [[100, 90], [np.nan, np.nan]], [100] * 2), HALF, NO_HEADROOM)
    score = found.score(0)
    assert score is not None
    assert score.origins == 1
    # Demand 100 against 100 and 90: slack 0 and 0.1.
    assert score.slack == pytest.approx(0.05)


def test_origins_are_days_with_a_past_and_a_future() -> None:
    """Four days of hours are tried from the end of the first, second and third: each with a whole day after it."""
    grid = Grid(0, 3600, 4 * 24)
    span = span_intervals(grid, 86_400)
    assert span == 24
    assert origin_columns(grid, span) == (72, 48, 24)
    assert origin_columns(grid, span, most=2) == (72, 48)
    assert origin_columns(Grid(0, 3600, 35), 24) == ()
    # Ten minutes are tried over a day; a week only as far as half of the history allows.
    assert span_intervals(grid, 600) == 24
    assert span_intervals(grid, 7 * 86_400) == 48


def test_no_model_sees_what_comes_after_its_origin() -> None:
    """Changing the days after an origin does not change the forecast made from it."""
    usage = 100 + np.arange(96, dtype=np.float64).reshape(1, -1)
    key = (ContainerKey("shop", "Deployment/web", "app"),)
    other = usage.copy()
    other[:, 48:] = 1e6
    made = [
        tried(RecentPeak(), History(Grid(0, 3600, 96), key, values, np.full(1, math.nan)), (48,), 24)
        for values in (usage, other)
    ]
    np.testing.assert_array_equal(made[0].mean, made[1].mean)
    # The day's peak before hour 48 is hour 47's: 147.
    assert made[0].mean.max() == 147
    assert made[0].seen[0, 0] == 147
    # Hours 48 to 71 came: 148 to 171.
    assert made[0].usage[0, 0, 0] == 148
