"""Peers of recent maxima, oracles and what they share, each on a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foresize_forecast.replay.peers import ORACLES, PEERS, AutopilotMax, DayMax, Krr
from foresize_forecast.replay.peers.oracles import daily, hourly
from foresize_forecast.replay.peers.recent import highest_lately
from foresize_forecast.replay.peers.windows import in_force, trailing_count, trailing_max
from foresize_forecast.replay.trace import Sizer, Track
from foresize_forecast.series import FloatArray
from replays import MIB, NAN, trace

HOUR_S = 3600
USAGE = arrays(np.float64, (2, 30), elements=st.one_of(st.just(NAN), st.integers(1, 9).map(float)))


def requests(sizer: Sizer, values: list[float], step_s: int = HOUR_S, declared: float = NAN) -> FloatArray:
    """What is in force before each value and after the last."""
    played = trace([[*values, NAN]], step_s, declared=np.array([declared]))
    sizes = sizer.sizes(played, Track.BURSTABLE, lambda _: None)
    np.testing.assert_array_equal(sizes.request, sizes.limit)
    return sizes.request[0]


def test_krr_is_the_maximum_and_15_percent() -> None:
    """KRR asks for the highest sample and 15 %, in whole MiB."""
    # 200.5 MiB x 1.15 = 230.575, rounded up.
    assert 231 * MIB == requests(Krr(), [100 * MIB, 200.5 * MIB, 150 * MIB])[-1]


def test_krr_never_goes_below_100_mib() -> None:
    """KRR's floor holds for small containers."""
    assert 100 * MIB == requests(Krr(), [10 * MIB] * 5)[-1]


def test_krr_forgets_after_14_days() -> None:
    """A peak older than 14 days counts no more."""
    # 14 days are 336 hours: the peak is the 337th sample from the end, then the 336th.
    assert 115 * MIB == requests(Krr(), [900 * MIB] + [100 * MIB] * 336)[-1]
    assert 1035 * MIB == requests(Krr(), [900 * MIB] + [100 * MIB] * 335)[-1]


def test_krr_waits_for_100_samples() -> None:
    """KRR waits for 100 samples of 75 s, which are 25 intervals of 5 minutes: the owner's size holds."""
    found = requests(Krr(), [200 * MIB] * 26, step_s=300, declared=70 * MIB)

    assert [70 * MIB] * 25 == found[:25].tolist()
    assert [230 * MIB] * 2 == found[25:].tolist()


def test_the_days_maximum_lasts_a_day() -> None:
    """The day's maximum and 15 %: a peak counts for 24 hours."""
    found = requests(DayMax(), [200.0] + [100.0] * 24)

    assert found[1:25] == pytest.approx(230.0)
    assert found[25] == pytest.approx(115.0)


def test_autopilot_keeps_the_maximum_of_a_week_and_an_hour() -> None:
    """S_max and 10 %: a peak counts for 7 days, and its size for an hour more."""
    found = requests(AutopilotMax(), [200.0] + [100.0] * 170)

    # 168 hours of window, and one column of an hour in which the size before still counts.
    assert found[1:170] == pytest.approx(220.0)
    assert found[170] == pytest.approx(110.0)


def test_a_container_is_not_sized_by_its_first_minutes() -> None:
    """Rules that publish no least history keep the first size, or more where more is used, for the first hour."""
    # The first hour's maximum is 200. After an hour the rule alone holds.
    found = requests(DayMax(), [100.0, 150.0, 190.0] + [200.0] * 9 + [100.0] * 300, step_s=300)
    assert found[:3].tolist() == [200.0, 200.0, 200.0]
    assert found[12] == pytest.approx(230.0)
    # A declared size of 50 is too small at once; one of 900 is left after an hour.
    assert requests(DayMax(), [100.0] * 2, step_s=300, declared=50.0)[1] == pytest.approx(115.0)
    assert requests(DayMax(), [100.0] * 13, step_s=300, declared=900.0)[11:13] == pytest.approx([900.0, 115.0])


def test_oracles_know_the_next_hour_or_day() -> None:
    """The oracles set each block's highest usage from its start; a gap keeps the size before it."""
    values = [1.0, 2.0, 5.0, 3.0, NAN, NAN, 4.0]
    hour = hourly().sizes(trace([values], 1800), Track.GUARANTEED, lambda _: None)
    assert hour.request[0].tolist() == [2.0, 2.0, 5.0, 5.0, 5.0, 5.0, 4.0]

    values = [1.0] * 23 + [7.0] + [2.0] * 5
    day = daily().sizes(trace([values], HOUR_S), Track.BURSTABLE, lambda _: None)
    assert day.request[0].tolist() == [7.0] * 24 + [2.0] * 5
    np.testing.assert_array_equal(day.request, day.limit)


@settings(deadline=None)
@given(usage=USAGE, columns=st.integers(1, 12))
def test_a_window_holds_what_came_before(usage: FloatArray, columns: int) -> None:
    """A window's maximum and count are those of the columns before, gaps left out, whatever was measured."""
    highest, counts = trailing_max(usage, columns), trailing_count(usage, columns)

    for row in range(2):
        for column in range(30):
            before = usage[row, max(0, column - columns) : column]
            known = before[~np.isnan(before)]
            assert known.size == counts[row, column]
            assert (known.max() if known.size else NAN) == pytest.approx(highest[row, column], nan_ok=True)


def test_a_size_holds_until_the_next() -> None:
    """What is not set anew stays; before the first there is what came before."""
    wished = np.array([[NAN, 3.0, NAN, 4.0], [NAN, NAN, NAN, NAN]])

    assert in_force(wished, np.array([9.0, 8.0])).tolist() == [[9.0, 3.0, 3.0, 4.0], [8.0, 8.0, 8.0, 8.0]]


def test_a_held_size_falls_late() -> None:
    """Of a size that is held the highest of now and the columns before counts."""
    assert highest_lately(np.array([[5.0, 3.0, 1.0, 1.0, 2.0]]), 2).tolist() == [[5.0, 5.0, 5.0, 3.0, 2.0]]


def test_peers_have_names_of_their_own() -> None:
    """No two rows of a report have the same name."""
    names = [make().name for make in (*PEERS.values(), *ORACLES.values())]

    assert len(set(names)) == len(names)
