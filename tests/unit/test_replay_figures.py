"""The figures of a replay, against values worked by hand. Sizes are in plain units where bytes do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foresize_forecast.replay.figures import Figures, figures
from foresize_forecast.replay.tally import Tally, need, tally, together, warmup_columns
from foresize_forecast.series import FloatArray
from replays import MIB, NAN, PER_DAY, sizes, trace


def counted(usage: FloatArray, request: float | FloatArray, limit: float | FloatArray, step_s: int = 300) -> Tally:
    """What sizes did after a first day that is not scored."""
    before = np.full((usage.shape[0], 86_400 // step_s), 1.0)
    return tally(need(trace(np.hstack([before, usage]), step_s)), sizes(usage.shape, request, limit))


def seen(usage: FloatArray, request: float | FloatArray, limit: float | FloatArray) -> Figures:
    return figures(counted(usage, request, limit))


def test_slack_is_the_unused_share_of_the_request() -> None:
    """Slack compares the request with the day's 95th percentile; a request below it has none, not a negative one."""
    usage = np.array([[150.0] * PER_DAY, [120.0] * PER_DAY])
    found = seen(usage, np.array([[200.0], [100.0]]), 300.0)

    # (200 - 150) / 200 = 0.25 and 0, mean 0.125; by bytes 50 / 300. Both are small: waste (50 + 0) / 2 = 25 bytes.
    assert pytest.approx(0.125) == found.slack_mean
    assert pytest.approx(50 / 300) == found.slack_bytes
    assert pytest.approx(25 / MIB) == found.small_waste_mib
    assert np.isnan(found.slack_mean_large)


def test_small_and_large_containers_are_told_apart() -> None:
    """From 64 MiB on slack is a share, below it is bytes."""
    usage = np.array([[64.0 * MIB] * PER_DAY, [10.0 * MIB] * PER_DAY])
    found = seen(usage, np.array([[80.0 * MIB], [32.0 * MIB]]), 100.0 * MIB)

    # (80 - 64) / 80 = 0.2; 32 - 10 = 22 MiB.
    assert pytest.approx(0.2) == found.slack_mean_large
    assert pytest.approx(22) == found.small_waste_mib


def test_the_size_of_a_day_is_its_mean_over_time() -> None:
    """A request that is high for half of the day counts half."""
    request = np.array([[200.0] * (PER_DAY // 2) + [100.0] * (PER_DAY // 2)])
    found = seen(np.full((1, PER_DAY), 75.0), request, 300.0)

    # Mean request 150: (150 - 75) / 150.
    assert pytest.approx(0.5) == found.slack_mean


def test_a_part_of_a_day_counts_by_its_time() -> None:
    """Half a day weighs half as much as a day."""
    usage = np.array([[50.0] * PER_DAY + [100.0] * (PER_DAY // 2)])
    part = counted(usage, 100.0, 200.0)
    found = figures(part)

    # Slack 0.5 for a day, 0 for half a day: 0.5 / 1.5. Limit ratio: (200 + 200 / 2) / (50 + 100 / 2).
    assert pytest.approx(1.5) == part.weight.sum()
    assert pytest.approx(1 / 3) == found.slack_mean
    assert pytest.approx(3.0) == found.limit_ratio


def test_only_measured_time_counts() -> None:
    """A gap is neither waste nor kill nor time."""
    part = counted(np.array([[60.0, 120.0, NAN, NAN]]), 100.0, 110.0)
    found = figures(part)

    # Waste: (40 + 0) / 200. Overrun: one of two. One kill of 5 minutes in 2 of 288 intervals of a day.
    assert pytest.approx(0.2) == found.waste
    assert pytest.approx(0.5) == found.overrun
    assert (1, 5.0) == (part.kill_episodes[0], part.kill_minutes[0])
    assert pytest.approx(5 * 144) == found.kill_minutes_per_day
    assert pytest.approx(1 * 144) == found.kill_episodes_per_day


@pytest.mark.parametrize(
    ("kills", "expected"),
    [
        ([0, 0, 0, 0], 0),
        ([1, 1, 0, 0], 1),  # 300 s apart
        ([1, 0, 1, 0], 2),  # 600 s apart: not less than 10 minutes
        ([1, 1, 0, 1], 2),
        ([1, 0, 0, 1], 2),
    ],
)
def test_kills_less_than_ten_minutes_apart_are_one_episode(kills: list[int], expected: int) -> None:
    """A crash loop is one incident."""
    assert expected == counted(np.array([kills]) * 200.0 + 1, 100.0, 100.0).kill_episodes[0]


def test_kills_a_minute_apart_are_one_episode_until_ten_minutes() -> None:
    """The ten minutes do not depend on the step of the trace."""
    usage = np.full((1, 30), 1.0)
    usage[0, [0, 9, 19]] = 500.0

    # 540 s between the first two, 600 s between the last two.
    assert 2 == counted(usage, 100.0, 100.0, 60).kill_episodes[0]


def test_kill_free_days_are_counted_per_container() -> None:
    """A day with a kill is one of the container's, not of all."""
    usage = np.full((2, 2 * PER_DAY), 50.0)
    usage[0, 5] = 500.0

    # Four container-days, one with a kill.
    assert pytest.approx(0.75) == seen(usage, 100.0, 200.0).kill_free_days


def test_changes_are_moves_of_a_size() -> None:
    """A size that moves counts once; what it did while the container did not run is not felt by anyone."""
    request = np.array([[1.0, 1.0, 2.0, 2.0, 1.0], [1.0, 1.0, 9.0, 1.0, 3.0]])
    usage = np.array([[1.0] * 5, [1.0, 1.0, NAN, 1.0, 1.0]])
    part = counted(usage, request, np.inf)

    assert [2, 1] == part.request_changes.tolist()
    assert [0, 0] == part.limit_changes.tolist()


def test_no_limit_counts_as_the_node() -> None:
    """Without a limit a leak may take the node, so that is what the ratio counts."""
    usage = np.full((1, PER_DAY), 100.0)
    needed = need(trace(np.hstack([usage, usage])))

    assert pytest.approx(16.0) == figures(tally(needed, sizes((1, PER_DAY), 100.0, np.inf), 1600.0)).limit_ratio


def test_traces_of_several_lengths_add_up() -> None:
    """Figures of two traces together are those of all their container-days."""
    long, short = np.full((1, 2 * PER_DAY), 50.0), np.full((1, PER_DAY), 80.0)
    both = together([counted(long, 100.0, 200.0), counted(short, 100.0, 200.0)])

    # Half twice and a fifth once: 1.2 / 3.
    assert pytest.approx(0.4) == figures(both).slack_mean


@pytest.mark.parametrize(("request_bytes", "limit_bytes"), [(NAN, 1.0), (1.0, NAN), (-1.0, 1.0)])
def test_a_size_that_is_none_is_refused(request_bytes: float, limit_bytes: float) -> None:
    """A sizer that sets nothing would waste nothing: that is an error, not a figure."""
    with pytest.raises(ValueError, match="must be known and not below 0"):
        counted(np.full((1, 4), 1.0), request_bytes, limit_bytes)


def test_the_first_day_is_not_scored() -> None:
    """What a sizer does while it learns is not held against it; virtual machines take two weeks."""
    assert PER_DAY == warmup_columns(trace(np.ones((1, 5 * PER_DAY))))
    assert 14 * PER_DAY == warmup_columns(trace(np.ones((1, 30 * PER_DAY)), kills=False))
    assert PER_DAY == warmup_columns(trace(np.ones((1, 6 * PER_DAY)), kills=False))
    with pytest.raises(ValueError, match="has 288 intervals, the warm-up alone takes 288"):
        need(trace(np.ones((1, PER_DAY))))


@settings(deadline=None)  # numba compiles on first use, and machines may be busy
@given(arrays(np.float64, (2, 300), elements=st.floats(1, 1e9)), st.floats(1, 1e9))
def test_figures_stay_in_their_ranges(usage: FloatArray, request_bytes: float) -> None:
    """Shares are shares, whatever the trace."""
    part = counted(usage, request_bytes, 2 * request_bytes)
    found = figures(part)

    for share in (found.slack_mean, found.slack_bytes, found.waste, found.overrun, found.kill_free_days):
        assert 0 <= share <= 1
    assert ((part.kill_episodes == 0) == (part.kill_minutes == 0)).all()
    assert (part.kill_episodes * 5 <= part.kill_minutes).all()
