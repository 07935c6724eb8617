"""Peers with a percentile of decaying usage, each on a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.replay.peers import AutopilotPercentile, Crane, histogram
from foresize_forecast.replay.trace import Sizer, Sizes, Track
from replays import MIB, NAN, trace

DAY_S = 86_400
STARTS = np.arange(10.0)


def sizes(sizer: Sizer, values: list[float], track: Track = Track.GUARANTEED, declared: float = NAN) -> Sizes:
    """What is in force before each value and after the last, at steps of 5 minutes."""
    return sizer.sizes(trace([[*values, NAN]], declared=np.array([declared])), track, lambda _: None)


def test_crane_is_the_end_of_a_bucket_and_15_percent() -> None:
    """Crane's buckets are 100 MiB wide: nothing is below 115 MiB, and 150 MiB get 230."""
    assert sizes(Crane(), [50 * MIB] * 20).request[0, -1] == pytest.approx(115 * MIB)
    assert sizes(Crane(), [150 * MIB] * 20).request[0, -1] == pytest.approx(230 * MIB)


def test_crane_weighs_samples_by_their_size() -> None:
    """One sample of 350 MiB among 198 of 50 is more than 1 % of the load, though not of the time."""
    # 350 / (198 x 50 + 350) = 3.4 %; the end of its bucket is 400 MiB, x 1.15 = 460 MiB. It is the newest, so that
    # decay only adds to its share.
    assert sizes(Crane(), [50 * MIB] * 198 + [350 * MIB]).request[0, -1] == pytest.approx(460 * MIB)


def test_crane_remembers_a_kill_for_7_days() -> None:
    """A kill holds the size 100 MiB above the request that it met, for 7 days."""
    # 1200 samples of 50 MiB in 4.2 days weigh 0.53 of what new ones would (half-life 2 days): 250 / 31,800 is 0.8 % of
    # the load, below 1 %, so that p99 stays at 100 MiB and the size at 115. Killed there: max(215, 138) = 215 MiB.
    found = sizes(Crane(), [50 * MIB] * 1200 + [250 * MIB] + [50 * MIB] * 2020).request[0] / MIB

    assert found[1200] == pytest.approx(115)
    assert found[1201 : 1201 + 2017] == pytest.approx(215)
    assert found[1201 + 2017] == pytest.approx(115)


def test_crane_forgets_after_7_days() -> None:
    """A level of more than 7 days ago counts no more, however high it was."""
    # 20 samples of 9000 MiB have lost a factor of 2^3.5 = 11.3 after 7 days; they are still 16,000 of some 60,000 of
    # load.
    found = sizes(Crane(), [9000 * MIB] * 20 + [50 * MIB] * 2020).request[0] / MIB

    assert found[2016] == pytest.approx(1.15 * 9100)
    assert found[-1] == pytest.approx(115)


def test_crane_leaves_the_owners_limit() -> None:
    """Burstable: the limit is twice the first size and stays; a request above it takes it along."""
    found = sizes(Crane(), [50 * MIB] * 20 + [550 * MIB] * 300, Track.BURSTABLE, declared=200 * MIB)

    assert found.limit[0, 20] == pytest.approx(400 * MIB)
    assert found.request[0, 20] == pytest.approx(115 * MIB)
    assert found.limit[0, -1] == found.request[0, -1] == pytest.approx(1.15 * 600 * MIB)


def test_autopilot_takes_the_98th_percentile_of_load() -> None:
    """S_p98: the end of the bucket that holds it, and 10 %; 2 % of bytes and not of time."""
    # Buckets begin at 2^(20 n / 399) MiB. 100 MiB: n = 6.644 x 399 / 20 = 132.5, which ends at 2^(20 x 133 / 399), that
    # is 101.59. 300 MiB: 8.229 x 399 / 20 = 164.2, which ends at 2^(20 x 165 / 399) = 308.83.
    flat = sizes(AutopilotPercentile(), [100 * MIB] * 51).request[0, -1]
    peak = sizes(AutopilotPercentile(), [100 * MIB] * 50 + [300 * MIB]).request[0, -1]

    assert flat == pytest.approx(1.1 * 101.59 * MIB, rel=1e-4)
    # 300 of 5,300 are 5.7 % of the load, though one sample of 51 is less than 2 % of the time.
    assert peak == pytest.approx(1.1 * 308.83 * MIB, rel=1e-4)


def test_autopilot_forgets_by_halves() -> None:
    """A level of two days ago weighs half as much as today's."""
    # One day at 400 MiB, then 100, in days of load at 100: after 4 days 4 x 2^(-4 / 2) = 1 is left of it beside at most
    # 4 that came since, more than 2 %. After 16 days it is 4 x 2^(-16 / 2) = 0.016 beside some 2.9 (2 / ln 2): 0.5 %.
    found = sizes(AutopilotPercentile(), [400 * MIB] * 288 + [100 * MIB] * 288 * 16).request[0] / MIB

    assert found[288 * 5] > 400
    assert found[-1] < 120


@settings(deadline=None)
@given(samples=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 20)), min_size=1, max_size=30))
def test_a_histogram_is_what_its_samples_are(samples: list[tuple[int, int]]) -> None:
    """Its percentile is that of the samples, each weighing half as much a half-life later; taking one out undoes it."""
    held = histogram.empty(STARTS.size, float(DAY_S), 1e-12)
    for bucket, day in samples:
        histogram.add(held, bucket, histogram.decayed(held, float(day * DAY_S)))
    extra = histogram.decayed(held, 20.0 * DAY_S)
    histogram.add(held, 9, extra)
    histogram.subtract(held, 9, extra)

    weights = np.bincount([bucket for bucket, _ in samples], [2.0**day for _, day in samples], STARTS.size)
    first = int(np.searchsorted(np.cumsum(weights), 0.9 * weights.sum()))
    assert histogram.percentile(held, STARTS, 0.9) == first + 1


def test_a_histogram_outlives_its_reference() -> None:
    """After more than 100 half-lives weights are counted from a later time; what is old enough is gone."""
    held = histogram.empty(STARTS.size, float(DAY_S), 1e-4)
    histogram.add(held, 2, histogram.decayed(held, 0.0))
    histogram.add(held, 7, histogram.decayed(held, 101.0 * DAY_S))

    assert histogram.percentile(held, STARTS, 0.01) == 8.0
    histogram.clear(held)
    assert histogram.percentile(held, STARTS, 0.5) == 0.0
