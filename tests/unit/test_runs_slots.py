"""Runs of the same slot of a schedule."""

from __future__ import annotations

import numpy as np

from builders import mi
from foresize_forecast.runs.digest import Pace, RunDigest, digest
from foresize_forecast.runs.headroom import KILL_PRICE
from foresize_forecast.runs.nextrun import RunHistory, size, upcoming
from foresize_forecast.runs.schedule import Schedule
from foresize_forecast.runs.slots import alike

PACE = Pace(10)
DAY_S = 86_400
SUNDAY = 3
"""The epoch was a Thursday: day 3 is the first Sunday."""


def run(day: int, hour: int, mib: float) -> RunDigest:
    """A run of ten minutes of one size."""
    return digest(day * DAY_S + hour * 3600.0, np.full(60, mib * mi(1)), PACE)


def nightly(days: int) -> list[RunDigest]:
    """2 a.m. each day, 100 MiB and a little more or less; Sundays 1000."""
    return [run(day, 2, (1000.0 if day % 7 == SUNDAY else 100.0) + day % 3) for day in range(days)]


def test_a_monday_is_sized_by_mondays_where_sundays_are_large() -> None:
    """Four weeks of a report that is ten times as large on Sundays: day 32 is a Monday, day 31 a Sunday."""
    monday, sunday = (alike(nightly(28), day * DAY_S + 7200.0, KILL_PRICE) for day in (32, 31))

    assert ("of this hour of the week", 4) == (monday.name, len(monday.runs))
    assert {1000.0, 1001.0, 1002.0} >= {each.peak_bytes / mi(1) for each in sunday.runs}
    assert max(each.peak_bytes for each in monday.runs) < 110 * mi(1)


def test_the_plan_of_a_monday_is_small() -> None:
    """The slot reaches the size: under 120 MiB where all runs together would ask for more than 1000."""
    history = RunHistory(PACE, 4096.0 * mi(1), tuple(nightly(28)))

    assert size(history, 32 * DAY_S + 7200.0).one_size_bytes < 120 * mi(1)
    assert size(history, None).one_size_bytes > 1000 * mi(1)
    assert "from 4 runs of this hour of the week" == size(history, 32 * DAY_S + 7200.0).message


def test_a_schedule_says_when_the_next_run_starts() -> None:
    """Runs of 100 MiB each night, of 1000 on Sundays, and a schedule that has Sundays alone from now on."""
    runs = RunHistory(PACE, mi(4096), tuple(nightly(28)))
    asked_s = runs.runs[-1].ended_s + 3600.0  # day 27 is a Wednesday, the next night a small one

    by_hours = upcoming(runs, asked_s, 24 * 3600.0)
    by_schedule = upcoming(runs, asked_s, 24 * 3600.0, schedule=Schedule("0 2 * * 0", "Etc/UTC"))

    assert by_hours.peak_bytes < mi(500) < by_schedule.peak_bytes


def test_the_hour_of_the_day_is_a_slot_of_its_own() -> None:
    """Small by day, large at night, every day alike: after five days the night's runs speak for the night."""
    runs = [run(day, hour, 800.0 if hour == 2 else 60.0) for day in range(5) for hour in (2, 8, 14, 20)]

    assert "of this hour of the day" == alike(runs, 5 * DAY_S + 8 * 3600.0, KILL_PRICE).name


def test_runs_without_a_rhythm_are_all_used() -> None:
    """Where the slot says nothing that all runs do not say, more runs say more."""
    rng = np.random.default_rng(5)
    runs = [run(day, hour, float(rng.uniform(80, 120))) for day in range(14) for hour in (2, 14)]

    assert ("", 28) == ((found := alike(runs, 14 * DAY_S + 7200.0, KILL_PRICE)).name, len(found.runs))


def test_a_batch_within_an_hour_is_no_schedule() -> None:
    """Forty runs in one hour of one day, small, and twenty large ones the hour before: no slot has three days."""
    runs = [run(0, 2, 1000.0) for _ in range(20)] + [run(0, 3, 100.0) for _ in range(40)]

    assert "" == alike(runs, 3 * 3600.0 + 1800.0, KILL_PRICE).name


def test_two_days_are_no_slot_yet() -> None:
    """Never a size from two points, even where they differ from the rest."""
    runs = [run(day, hour, 800.0 if hour == 2 else 60.0) for day in range(2) for hour in (2, 8, 14, 20)]

    assert "" == alike(runs, 2 * DAY_S + 8 * 3600.0, KILL_PRICE).name
