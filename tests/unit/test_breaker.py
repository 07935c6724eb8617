"""The circuit breaker for decreases."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, mi
from foresize_forecast.deciding.breaker import alarm
from foresize_forecast.deciding.state import ContainerState, WorkloadState
from foresize_forecast.pods import Kill

HOUR_S = 3600.0


def killed(*hours_ago: float) -> WorkloadState:
    """A workload whose container was killed so many hours ago."""
    kills = tuple(Kill(NOW_S - hours * HOUR_S, mi(100)) for hours in sorted(hours_ago, reverse=True))
    return WorkloadState({"app": ContainerState(kills=kills)})


def test_many_containers_killed_at_once_stop_decreases() -> None:
    """Three in the last hour and none before: an alarm. Two are none, nor are three of yesterday."""
    assert "3 containers in the last hour, 0.0 an hour in the day before" in alarm([killed(0.5)] * 3, NOW_S)
    assert not alarm([killed(0.5)] * 2, NOW_S)
    assert not alarm([killed(1.5)] * 3, NOW_S)


def test_a_workload_killed_again_and_again_is_no_alarm() -> None:
    """Ten kills of one container in an hour are one container."""
    assert not alarm([killed(*(0.05 * kill for kill in range(10)))], NOW_S)


def test_what_is_usual_is_no_alarm() -> None:
    """24 containers killed in single hours of the day before are one an hour: three in the last are usual, four not."""
    usual = [killed(hour + 0.5) for hour in range(1, 25)]

    assert not alarm([*usual, *[killed(0.5)] * 3], NOW_S)
    assert alarm([*usual, *[killed(0.5)] * 4], NOW_S)


def test_containers_of_one_workload_count_each() -> None:
    """A sidecar and its neighbours that are killed together are three containers."""
    three = WorkloadState({name: killed(0.1).containers["app"] for name in ("app", "proxy", "logs")})

    assert alarm([three], NOW_S)


@given(st.lists(st.lists(st.floats(0, 100), max_size=10), max_size=8), st.floats(0, 200))
def test_an_alarm_ends_an_hour_after_the_last_kill(ages: list[list[float]], later: float) -> None:
    """Whatever happened before, an hour without a kill is the end of it."""
    states = [killed(*each) for each in ages]
    last = min((age for each in ages for age in each), default=100.0)

    if last + later > 1:
        assert not alarm(states, NOW_S + later * HOUR_S)
