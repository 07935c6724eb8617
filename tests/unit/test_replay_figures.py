"""The figures of a replay, against values worked by hand. Sizes are in plain units where bytes do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foresize_forecast.replay import figures
from foresize_forecast.replay.simulate import Played
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

NAN = np.nan
MIB = 1 << 20
STEP_S = 300
PER_DAY = 288


def played(usage: FloatArray, request: float | FloatArray, limit: float | FloatArray) -> Played:
    rows, columns = usage.shape
    keys = tuple(ContainerKey("ns", f"Deployment/w{i}", "main") for i in range(rows))
    trace = History(Grid(0, STEP_S, columns), keys, usage, np.full(rows, NAN))
    return Played("test", trace, np.broadcast_to(request, usage.shape), np.broadcast_to(limit, usage.shape))


def test_slack_is_the_unused_share_of_the_request() -> None:
    """Slack compares the request with the day's 95th percentile; a request below it has none, not a negative one."""
    usage = np.array([[150.0] * PER_DAY, [120.0] * PER_DAY])
    seen = figures.figures(played(usage, np.array([[200.0], [100.0]]), 300.0))

    # (200 - 150) / 200 = 0.25 and 0, mean 0.125; by bytes 50 / 300. Both are small: waste (50 + 0) / 2 = 25 bytes.
    assert pytest.approx(0.125) == seen.slack
    assert pytest.approx(50 / 300) == seen.slack_bytes
    assert pytest.approx(25) == seen.waste_small_bytes
    assert np.isnan(seen.slack_large)


def test_small_and_large_containers_are_told_apart() -> None:
    """From 64 MiB on slack is a share, below it is bytes."""
    usage = np.array([[64.0 * MIB] * PER_DAY, [10.0 * MIB] * PER_DAY])
    seen = figures.figures(played(usage, np.array([[80.0 * MIB], [32.0 * MIB]]), 100.0 * MIB))

    # (80 - 64) / 80 = 0.2; 32 - 10 = 22 MiB.
    assert pytest.approx(0.2) == seen.slack_large
    assert pytest.approx(22 * MIB) == seen.waste_small_bytes


def test_a_part_of_a_day_counts_by_its_time() -> None:
    """Half a day weighs half as much as a day."""
    usage = np.array([[50.0] * PER_DAY + [100.0] * (PER_DAY // 2)])
    seen = figures.figures(played(usage, 100.0, 200.0))

    # Slack 0.5 for a day, 0 for half a day: 0.5 / 1.5. Limit ratio: (200 + 100) / (50 + 50).
    assert pytest.approx(1.5) == seen.container_days
    assert pytest.approx(1 / 3) == seen.slack
    assert pytest.approx(3.0) == seen.limit_ratio


def test_only_measured_time_counts() -> None:
    """A gap is neither waste nor kill nor time."""
    usage = np.array([[60.0, 120.0, NAN, NAN]])
    seen = figures.figures(played(usage, 100.0, 110.0))

    # Waste: (40 + 0) / 200. Overrun: one of two. One kill of 5 minutes.
    assert pytest.approx(0.2) == seen.waste
    assert pytest.approx(0.5) == seen.overrun
    assert (1, 5.0) == (seen.kill_episodes, seen.kill_minutes)
    assert pytest.approx(2 / 288) == seen.container_days


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
    assert expected == figures.episodes(np.array([kills], dtype=bool), STEP_S)


def test_kills_a_minute_apart_are_one_episode_until_ten_minutes() -> None:
    """The ten minutes do not depend on the step of the trace."""
    kills = np.zeros((1, 30), dtype=bool)
    kills[0, [0, 9, 19]] = True

    # 540 s between the first two, 600 s between the last two.
    assert 2 == figures.episodes(kills, 60)


def test_containers_have_episodes_of_their_own() -> None:
    """Two containers killed at one time are two incidents."""
    assert 2 == figures.episodes(np.array([[True, False], [True, False]]), STEP_S)


def test_kill_free_days_are_counted_per_container() -> None:
    """A day with a kill is one of the container's, not of all."""
    usage = np.full((2, 2 * PER_DAY), 50.0)
    usage[0, 5] = 500.0
    seen = figures.figures(played(usage, 100.0, 200.0))

    # Four container-days, one with a kill.
    assert pytest.approx(0.75) == seen.kill_free_days


def test_changes_are_moves_of_a_size() -> None:
    """A size that moves counts once; staying unknown does not count."""
    sizes = np.array([[1.0, 1.0, 2.0, 2.0, 1.0], [NAN, NAN, 3.0, 3.0, 3.0]])

    assert 3 == figures.changes(sizes)


def test_no_limit_counts_as_the_node() -> None:
    """Without a limit a leak may take the node, so that is what the ratio counts."""
    usage = np.full((1, PER_DAY), 100.0)
    seen = figures.figures(played(usage, 100.0, np.inf), node_bytes=1600.0)

    assert pytest.approx(16.0) == seen.limit_ratio


@given(arrays(np.float64, (2, 300), elements=st.floats(1, 1e9)), st.floats(1, 1e9))
def test_figures_stay_in_their_ranges(usage: FloatArray, request_bytes: float) -> None:
    """Shares are shares, whatever the trace."""
    seen = figures.figures(played(usage, request_bytes, 2 * request_bytes))

    for share in (seen.slack, seen.slack_bytes, seen.waste, seen.overrun, seen.kill_free_days):
        assert 0 <= share <= 1
    assert (seen.kill_episodes == 0) == (seen.kill_minutes == 0)
    assert seen.kill_episodes * 5 <= seen.kill_minutes
