"""Room above the highest peak: what room costs against what a kill costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast.runs.headroom import headroom
from foresize_forecast.series import FloatArray


def room(highest: float, median: float, runs: int, price: float = 10.0) -> float:
    """The room of one peak."""
    return float(headroom(np.array([highest]), np.array([median]), np.array([runs]), price)[0])


def test_room_is_what_the_formula_says() -> None:
    """Three runs, highest 110, median 100: by hand.

    H = ln 3 + 0.5772 + 1/6 = 1.8425; s = 10 / (1.8425 - 0.6931) = 8.700; d = 8.700 x ln(1100 / (3 x 8.700)) = 32.55.
    """
    assert 32.55 == pytest.approx(room(110, 100, 3), abs=0.01)


def test_more_runs_of_the_same_spread_ask_for_less_room() -> None:
    """A hundred runs have shown more: s = 10 / (5.1874 - 0.6931) = 2.225, d = 2.225 x ln(1100 / 222.5) = 3.556."""
    assert 3.556 == pytest.approx(room(110, 100, 100), abs=0.001)


def test_a_dearer_kill_asks_for_more_room() -> None:
    """Each factor of e in the price is one scale s of room: 8.700 bytes here."""
    assert 8.700 == pytest.approx(room(110, 100, 3, 10 * np.e) - room(110, 100, 3, 10.0), abs=0.001)


def test_kills_that_cost_nothing_ask_for_no_room() -> None:
    """Where the price is low and the spread wide, the highest that was seen is enough."""
    assert 0.0 == room(110, 10, 100, price=1e-3)


def test_runs_that_needed_nothing_ask_for_no_room() -> None:
    """All zeros are answered, not divided by."""
    assert 0.0 == room(0, 0, 3)


def cost(size: FloatArray, highest: float, scale: float, runs: int, price: float) -> FloatArray:
    """Expected cost of room, as the rule states it: written again, to look for its least value by trying."""
    total: FloatArray = size + np.exp(-size / scale) / runs * price * highest
    return total


@given(st.floats(1.0, 1e6), st.floats(0.3, 0.999), st.integers(2, 500), st.floats(0.1, 1000))
def test_no_other_room_costs_less(highest: float, share: float, runs: int, price: float) -> None:
    """The room is where the expected cost is least: a thousand others cost no less."""
    median = share * highest
    scale = (highest - median) / (np.log(runs) + 0.5772156649 + 1 / (2 * runs) - np.log(2))
    if scale < 1e-4 * highest:
        return
    chosen = room(highest, median, runs, price)
    others = np.linspace(0, 20 * scale, 1000)

    assert cost(np.array([chosen]), highest, scale, runs, price)[0] <= cost(
        others, highest, scale, runs, price
    ).min() * (1 + 1e-9)
