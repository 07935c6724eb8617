"""When a CronJob's next runs start, by what its owner wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast.runs.schedule import Schedule

HOUR_S, DAY_S = 3600, 86_400


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-11-20T12:00:00")  # a Friday
NIGHTS = [at(f"2026-11-{day}T02:30:20") for day in (17, 18, 19, 20)]


def clock(found: list[float] | None) -> list[str] | None:
    """Times as people write them."""
    return None if found is None else [datetime.fromtimestamp(each, UTC).strftime("%d %H:%M") for each in found]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule("30 2 * * *"), ["21 02:30"]),
        (Schedule("30 2,14 * * *"), ["20 14:30", "21 02:30"]),
        (Schedule("30 2 * * 7"), None),  # the runs of weekdays are not those of Sundays: some controller's zone
        (Schedule("30 2 * * 0", "Etc/UTC"), ["22 02:30"]),  # none within the day: the next one
        (Schedule("0 3 * * *", "Europe/Berlin"), ["21 02:00"]),  # UTC+1 in November
        (Schedule("@daily", "Etc/UTC"), ["21 00:00"]),
        (Schedule("0 0 ? * SUN", "Etc/UTC"), ["22 00:00"]),
        (Schedule("@every 6h", "Etc/UTC"), None),
        (Schedule("0 4 */2 * MON", "Etc/UTC"), None),
        (Schedule("0 4 * * *", "Mars/Base"), None),
        (Schedule("0 4 * * *", "Europe"), None),
        (Schedule("0 0 31 2 *", "Etc/UTC"), None),
        (Schedule(""), None),
        (Schedule("0 99 * * *"), None),
    ],
    ids=str,
)
def test_the_next_starts_of_a_day(schedule: Schedule, expected: list[str] | None) -> None:
    """In its own time zone; None where it cannot be read, or is not what the runs of four nights at 02:30 show."""
    assert expected == clock(schedule.starts_s(NIGHTS, NOON, DAY_S))


def test_without_a_time_zone_the_runs_have_to_agree() -> None:
    """Half of the newest four: one by hand does not matter, a controller that lives in another zone does."""
    nightly = Schedule("30 2 * * *")
    by_hand = [*NIGHTS, at("2026-11-20T09:00:00")]
    elsewhere = [each - 5 * HOUR_S for each in NIGHTS]
    pulled = [each + 540 for each in NIGHTS]  # nine minutes for its image

    assert ["21 02:30"] == clock(nightly.starts_s(by_hand, NOON, DAY_S))
    assert ["21 02:30"] == clock(nightly.starts_s(pulled, NOON, DAY_S))
    assert nightly.starts_s(elsewhere, NOON, DAY_S) is None
    assert nightly.starts_s([], NOON, DAY_S) is None


def test_of_many_starts_each_hour_is_told_once() -> None:
    """A run a minute: 24 hours of a day and the one that goes on."""
    found = Schedule("* * * * *", "Etc/UTC").starts_s([], NOON, DAY_S)

    assert found is not None
    assert (NOON + 60, NOON + HOUR_S) == (found[0], found[1])
    assert 25 == len(found) == len({each // HOUR_S for each in found})


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["Etc/UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]),
    now_s=st.integers(int(NOON), int(NOON) + 400 * DAY_S),
)
def test_what_is_told_lies_ahead_and_in_order(minute: int, hour: int, zone: str, now_s: int) -> None:
    """Whatever the clocks do: after now, each hour once, and of a daily run one or two within a day."""
    found = Schedule(f"{minute} {hour} * * *", zone).starts_s([], now_s, DAY_S)

    assert found is not None
    assert sorted(set(found)) == found
    assert now_s < found[0] <= now_s + 26 * HOUR_S
    assert len(found) <= 2
