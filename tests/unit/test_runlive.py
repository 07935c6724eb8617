"""The request of a run that goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, mi, recent, size
from foresize_forecast.deciding.fast import Recent
from foresize_forecast.pods import ContainerView
from foresize_forecast.runs.attempt import RunPlan
from foresize_forecast.runs.digest import Pace, digest
from foresize_forecast.runs.nextrun import RunHistory
from foresize_forecast.runs.nextrun import size as planned
from foresize_forecast.workloads.runlive import request_now, usage_so_far

PACE = Pace(60)
RUN = [40.0] * 30 + [400.0] * 30
"""Half an hour at 40 MiB, then half an hour at 400, by the minute."""


def plan(runs: int = 3) -> RunPlan:
    """After so many runs that were all like that."""
    digests = tuple(digest(7200.0 * n, np.array(RUN) * mi(1), PACE) for n in range(runs))
    return planned(RunHistory(PACE, float(mi(4096)), digests))


def view(request_mib: float, minutes: float, limit_mib: float | None = 410) -> ContainerView:
    """A container that has run for so long."""
    return replace(container(present=size(request_mib, limit_mib)), running_since_s=NOW_S - 60 * minutes)


def asked_mib(request_mib: float, minutes: float, usage_mib: float, changed_s: float = 0.0, **changes: Any) -> float:
    """What it should have, with a few minutes of such samples."""
    one = view(request_mib, minutes, **changes)
    found = request_now(one, plan(), recent([usage_mib] * 20), NOW_S, changed_s)
    assert found is not None
    return found / mi(1)


def test_before_the_rise_a_run_asks_for_little() -> None:
    """Ten minutes in, at 40 MiB, from which runs rose to 400 in the end: a rise is still ahead, so the peak is kept."""
    # From 40 MiB a run has risen tenfold within the reaction: its level says nothing less than the peak's 404.04.
    assert pytest.approx(405, abs=1) == asked_mib(405, 10, 40)


def test_after_the_rise_has_passed() -> None:
    """At its peak it has the peak; a run that has fallen to a level from which none rose gives the rest back."""
    fallen = [*RUN, *[100.0] * 30]
    digests = tuple(digest(7200.0 * n, np.array(fallen) * mi(1), PACE) for n in range(3))
    after = planned(RunHistory(PACE, float(mi(4096)), digests))

    found = request_now(view(405, 75), after, recent([100] * 20), NOW_S, NOW_S - 600)

    # 100 MiB x (1 + 0.001) and the 4 MiB that no sample shows: 104.1, in units of 0.5 MiB.
    assert found is not None
    assert found <= mi(105)
    assert found >= mi(104)


def test_a_fall_waits_a_minute_after_a_change() -> None:
    """A raise is at once and a little more than is wanted; a fall waits, and one of less than 5 % is none."""
    assert 300 == asked_mib(300, 0.5, 40, limit_mib=None)  # too young to be lowered
    assert pytest.approx(404.04 * 1.025, abs=1) == asked_mib(100, 40, 400, limit_mib=None)
    assert 410 == asked_mib(410, 40, 400)  # 404.04 is less than 5 % below
    assert 600 == asked_mib(600, 40, 400, changed_s=NOW_S - 30, limit_mib=700)
    assert pytest.approx(405, abs=1) == asked_mib(600, 40, 400, changed_s=NOW_S - 90, limit_mib=700)


def test_nothing_is_asked_without_a_request_or_a_plan() -> None:
    """A container without a request is given none; with two runs before it, a run keeps what it has."""
    assert request_now(replace(view(1, 9), size=size(None, 99)), plan(), recent([40]), NOW_S, 0.0) is None
    assert request_now(view(300, 9), plan(2), recent([40]), NOW_S, 0.0) is None
    assert request_now(replace(view(300, 9), running_since_s=None), plan(), recent([40]), NOW_S, 0.0) is None


def test_rows_of_a_run_so_far() -> None:
    """Samples fall into the minutes of the run, the highest counts, and what is not at hand is a gap."""
    samples = Recent(np.array([NOW_S - 100.0, NOW_S - 95.0, float(NOW_S)]), np.array([40.0, 45.0, 50.0]), np.zeros(3))

    rows = usage_so_far(samples, NOW_S - 150.0, float(NOW_S), 60)

    assert [45.0, None, 50.0] == [None if np.isnan(row) else row for row in rows]


@given(st.floats(1, 2000), st.floats(0, 90), st.floats(1, 3000))
def test_a_request_is_never_above_its_limit(request_mib: float, minutes: float, usage_mib: float) -> None:
    """Nor does the same look twice ask for two things: what was asked for is kept."""
    one = view(min(request_mib, 500), minutes, limit_mib=500)
    first = request_now(one, plan(), recent([usage_mib] * 20), NOW_S, 0.0)

    assert first is not None
    assert first <= mi(500)
    again = replace(one, size=replace(one.size, request_bytes=first))
    assert first == request_now(again, plan(), recent([usage_mib] * 20), NOW_S, NOW_S)
