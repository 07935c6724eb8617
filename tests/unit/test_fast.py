"""The fast clock."""

from __future__ import annotations

import numpy as np

from builders import NOW_S, mi, recent
from foresize_forecast.fast import Recent, after_crossing, crossing
from foresize_forecast.state import ContainerState


def test_a_rise_that_passes_the_limit_within_minutes_is_seen() -> None:
    """10 MiB each 15 s from 60 to 100 MiB reaches 220 MiB in three minutes (3 x the minute seen), above 200."""
    reached = crossing(recent([60, 70, 80, 90, 100]), mi(200))

    assert reached is not None
    assert abs(reached - mi(220)) < mi(1)


def test_a_rise_that_stays_below_the_limit_is_no_evidence() -> None:
    """The same rise under a limit of 256 MiB asks for nothing."""
    assert crossing(recent([60, 70, 80, 90, 100]), mi(256)) is None


def test_three_samples_are_too_few() -> None:
    """A line through three points is a guess."""
    assert crossing(recent([60, 80, 100]), mi(101)) is None


def test_a_step_is_no_trend() -> None:
    """A container that takes its memory at once has reached a level; nothing says that it goes on."""
    assert crossing(recent([10, 10, 10, 150, 150, 150]), mi(160)) is None
    assert crossing(recent([10, 10, 10, 10, 150]), mi(160)) is None


def test_a_short_look_reaches_a_short_way_ahead() -> None:
    """Four samples of a second, 10 MiB each: 9 s ahead, 190 MiB, not the 1900 of three minutes."""
    reached = crossing(recent([70, 80, 90, 100], step_s=1), mi(150))

    assert reached is not None
    assert abs(reached - mi(190)) < mi(1)


def test_samples_that_were_acted_on_are_no_new_evidence() -> None:
    """After a raise the next one needs four samples of its own: the last four reach 100 + 2/3 x 135 = 190 MiB."""
    rise = recent([60, 70, 80, 90, 100])

    assert crossing(rise, mi(180), since_s=NOW_S - 31) is None
    assert crossing(rise, mi(180), since_s=NOW_S - 46) is not None


def test_page_cache_is_no_evidence() -> None:
    """A cache that fills to the limit is what caches do: working set rises, anonymous memory does not."""
    filling = recent([50, 50, 50, 50, 50])
    cached = Recent(filling.times_s, np.linspace(mi(60), mi(199), 5), filling.rss)

    assert crossing(cached, mi(200)) is None


def test_noise_is_no_trend() -> None:
    """Samples that jump about, the last one high, are not a rising line."""
    assert crossing(recent([90, 60, 95, 62, 91, 64, 99]), mi(100)) is None


def test_only_samples_after_the_last_restart_count() -> None:
    """A restart falls to nothing and climbs again: the climb before it says nothing of now."""
    assert crossing(recent([150, 170, 190, 30, 31]), mi(200)) is None


def test_without_a_kill_a_limit_at_most_doubles_and_three_times_a_day() -> None:
    """A heap that fills what it gets must not be fed without end."""
    state, limit = ContainerState(), mi(100)
    for n in range(5):
        state = after_crossing(state, mi(10_000), limit, NOW_S + 60.0 * n)
        limit = max(limit, state.trend_floor_bytes)

    assert mi(800) == limit
    assert after_crossing(state, mi(10_000), limit, NOW_S + 90_000.0).trend_floor_bytes == mi(1600)
