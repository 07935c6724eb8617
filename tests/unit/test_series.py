"""Grids, gaps and block peaks."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.forecasting.quantile import row_medians, row_quantiles
from foresize_forecast.series import ContainerKey, Grid, History, peaks

NAN = np.nan
KEY = ContainerKey("shop", "Deployment/web", "app")


def one(*values: float, step_s: int = 300) -> History:
    return History(Grid(0, step_s, len(values)), (KEY,), np.array([values]), np.full(1, NAN))


def test_an_instant_belongs_to_the_interval_that_ends_with_it() -> None:
    """A sample at 600 s is part of the second interval of five minutes, as Prometheus' ranges have it."""
    grid = Grid(0, 300, 3)
    # Interval i is (300 i, 300 (i + 1)].
    assert [grid.index_at(at) for at in (0, 1, 300, 301, 600, 900, 901)] == [-1, 0, 0, 1, 1, 2, 3]
    assert list(grid.ends_s) == [300, 600, 900]
    assert grid.after(2) == Grid(900, 300, 2)
    assert grid.tail(2) == Grid(300, 300, 2)


def test_blocks_are_aligned_to_now() -> None:
    """Of five intervals in blocks of two, the oldest is left out: the newest block is always whole."""
    blocks = one(9, 1, NAN, NAN, NAN).block_peaks(2)
    assert blocks.grid == Grid(300, 600, 2)
    np.testing.assert_array_equal(blocks.usage, [[1, NAN]])


def test_a_history_shorter_than_a_block_has_no_blocks() -> None:
    """Five minutes of history have no hourly peak, and that is no error."""
    assert one(1).block_peaks(12).usage.shape == (1, 0)


def test_a_gap_stays_a_gap() -> None:
    """The peak of values with a gap is that of the values; of nothing it is nothing."""
    np.testing.assert_array_equal(peaks(np.array([[NAN, 2, 1], [NAN, NAN, NAN]])), [2, NAN])
    np.testing.assert_array_equal(peaks(np.empty((1, 0))), [NAN])


def test_days_count_measurements_only() -> None:
    """Two hours of which one is a gap are 1/24 of a day."""
    assert one(1, NAN, step_s=3600).observed_days()[0] == pytest.approx(1 / 24)


def test_a_backtest_sees_the_past_only() -> None:
    """A history cut at its second interval ends there."""
    cut = one(1, 2, 3).until(2)
    assert cut.grid.end_s == 600
    np.testing.assert_array_equal(cut.usage, [[1, 2]])


def test_shapes_that_contradict_each_other_are_refused() -> None:
    """An array that does not fit its grid is named with both shapes."""
    with pytest.raises(ValueError, match=r"\(1, 2\).*\(1, 3\)"):
        History(Grid(0, 300, 3), (KEY,), np.zeros((1, 2)), np.zeros(1))
    with pytest.raises(ValueError, match="step_s"):
        Grid(0, 0, 1)


def test_quantiles_are_values_that_were_measured() -> None:
    """The 0.5 quantile of 4, a gap, 1 and 3 is 3; a row without values has none."""
    rows = np.array([[4, NAN, 1, 3], [NAN, NAN, NAN, NAN]])
    # ceil(3 x 0.5) = 2nd lowest = 3; ceil(3 x 0.99) = 3rd = 4; ceil(3 x 0.33) = 1st = 1.
    np.testing.assert_array_equal(row_quantiles(rows, (0.33, 0.5, 0.99)), [[1, NAN], [3, NAN], [4, NAN]])
    np.testing.assert_array_equal(row_medians(rows), [3, NAN])
    assert row_quantiles(rows, ()).shape == (0, 2)
