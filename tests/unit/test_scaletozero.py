"""When an idle workload sleeps, when it is woken, and that a person's word goes before both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from builders import NOW_S, STEP_S, forecasted, mi
from foresize_forecast.deciding.state import Sleep, SleepPhase
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.moving.idle import Doing, IdleAction, Idleness, IdlePolicy
from foresize_forecast.moving.scaletozero import (
    OWNERS_DAY_S,
    PAUSE_S,
    Decision,
    Seen,
    Step,
    decided,
    needed_at_s,
    with_naps,
)
from foresize_forecast.series import ContainerKey, Grid, History

FLAT = {"app": forecasted([50.0] * 24)}
RISES = {"app": forecasted([50.0] * 12 + [200.0] * 12)}
"""From an hour on: 12 intervals of 5 minutes."""
ASLEEP = Sleep(SleepPhase.ASLEEP, NOW_S - 3600.0, 3, "uid", "apps/v1", {"app": mi(50)})


def seen(**changes: Any) -> Seen:
    """Three replicas that do nothing, under a policy that wants them to sleep then."""
    made = Seen(
        now_s=NOW_S,
        policy=IdlePolicy(1800, IdleAction.SCALE_TO_ZERO),
        applies=True,
        idleness=Idleness(Doing.IDLE, "at most 0.001 cores"),
        uid="uid",
        api_version="apps/v1",
        replicas=3,
        forecasts=FLAT,
        lead_s=600.0,
    )
    return replace(made, **changes)


def slept(sleep: Sleep = ASLEEP, **changes: Any) -> Decision:
    """What is decided of one that sleeps."""
    return decided(sleep, seen(replicas=0, idleness=Idleness(Doing.NOT_MEASURED, "it has no pod"), **changes))


def test_an_idle_workload_is_put_to_sleep_with_what_it_gets_back() -> None:
    """Written down before: how many replicas it had, whose it is, and the level of its memory while it does nothing."""
    found = decided(None, seen())

    assert Step.SLEEP is found.step
    assert Sleep(SleepPhase.GOING, NOW_S, 3, "uid", "apps/v1", {"app": mi(50)}) == found.sleep
    assert "at most 0.001 cores; no need is forecast" == found.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": IdlePolicy(1800, IdleAction.REPORT)}, ""),
        ({"applies": False}, ""),
        ({"idleness": Idleness(Doing.CPU, "it works")}, ""),
        ({"replicas": 0}, ""),
        ({"silence": "its policy is paused"}, ""),
        ({"held": "no window of its policy is open"}, "no window of its policy is open"),
        ({"scaler": "HorizontalPodAutoscaler web"}, "HorizontalPodAutoscaler web scales it"),
        ({"forecasts": {}}, "it has no forecast yet"),
        ({"forecasts": {"app": NoOutlook("NoHistory", "nothing")}}, "nobody knows when it is needed"),
        # The horizon of two hours ends before a lead of ten minutes and a sleep of two hours do.
        ({"policy": IdlePolicy(7200, IdleAction.SCALE_TO_ZERO)}, "its horizon is too short"),
        # It rises in an hour: ten minutes of lead and a sleep of 51 minutes are more.
        ({"forecasts": RISES, "policy": IdlePolicy(3060, IdleAction.SCALE_TO_ZERO)}, "it is needed soon"),
    ],
)
def test_it_stays_awake_and_a_reader_is_told_why(changes: dict[str, Any], words: str) -> None:
    """Whoever works, is not asked for, is another's to scale, or may be needed soon is left alone."""
    found = decided(None, seen(**changes))

    assert Step.STAY is found.step
    assert found.message.startswith(words)
    assert None is found.sleep


def test_it_is_back_before_its_need() -> None:
    """It is forecast to rise at the 12th interval; with ten minutes of lead it sleeps until 50 minutes from now."""
    rise_s = NOW_S + 12 * STEP_S

    assert rise_s == needed_at_s(ASLEEP.levels, RISES, NOW_S)
    assert Step.STAY is slept(forecasts=RISES).step
    assert Step.STAY is slept(forecasts=RISES, now_s=rise_s - 601).step
    found = slept(forecasts=RISES, now_s=rise_s - 600)
    assert (Step.WAKE, SleepPhase.WAKING) == (found.step, found.sleep and found.sleep.phase)
    assert "its memory is forecast to rise above its idle level at" in found.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wake": "true"}, "its annotation foresize.dev/wake asks for it ('true')"),
        ({"policy": IdlePolicy(1800, IdleAction.REPORT)}, "its policy no longer asks for it to sleep"),
        ({"applies": False}, "its policy no longer asks for it to sleep"),
        ({"scaler": "HorizontalPodAutoscaler web"}, "HorizontalPodAutoscaler web scales it now"),
        ({"now_s": NOW_S + 24 * STEP_S - 600.0}, "its forecast has ended"),
    ],
)
def test_it_is_woken(changes: dict[str, Any], words: str) -> None:
    """On request, when nobody asks for its sleep any more, when nobody knows of its need any more."""
    found = slept(**changes)

    assert Step.WAKE is found.step
    assert found.message.startswith(words)


def test_a_request_acts_once() -> None:
    """What has been acted on asks for nothing more, until it is taken away and set again, or says something else."""
    woken = slept(wake="true").sleep
    assert woken is not None
    asleep_again = replace(woken, phase=SleepPhase.ASLEEP)

    assert Step.STAY is slept(asleep_again, wake="true").step
    assert Step.WAKE is slept(asleep_again, wake="again").step
    taken_away = slept(asleep_again, wake="").sleep
    assert taken_away is not None
    assert Step.WAKE is slept(taken_away, wake="true").step
    # Asked for while it is awake, it stays so for as long as it has to do nothing.
    noted = decided(None, seen(wake="true"))
    assert (Step.NOTE, NOW_S + 1800) == (noted.step, noted.sleep and noted.sleep.rests_until_s)
    assert "it stays awake until" in decided(noted.sleep, seen(wake="true")).message


@pytest.mark.parametrize("phase", [SleepPhase.GOING, SleepPhase.ASLEEP])
def test_a_persons_number_of_replicas_stands(phase: SleepPhase) -> None:
    """Somebody has scaled it meanwhile: nothing is written, and it is left alone for a day."""
    found = decided(replace(ASLEEP, phase=phase), seen(replicas=2, replicas_by="kubectl"))

    assert (Step.NOTE, "kubectl has scaled it to 2 meanwhile: it is left alone for a day") == (
        found.step,
        found.message,
    )
    assert found.sleep is not None
    assert (False, NOW_S + OWNERS_DAY_S) == (found.sleep.holds, found.sleep.rests_until_s)
    assert "it stays awake until" in decided(found.sleep, seen()).message


def test_one_that_was_made_anew_or_is_kedas_is_left_as_it_is() -> None:
    """Zero replicas of another workload of the name are its owner's, and KEDA starts what it scales."""
    for changes in ({"uid": "another"}, {"scaler": "ScaledObject web", "scaler_starts": True}):
        found = slept(**changes)
        assert (Step.NOTE, False) == (found.step, found.sleep and found.sleep.holds)


def test_an_operator_that_was_killed_on_the_way_finds_out_what_it_did() -> None:
    """Of each intent the number of replicas tells whether it was carried out; nothing is written twice."""
    going, waking = (replace(ASLEEP, phase=phase) for phase in (SleepPhase.GOING, SleepPhase.WAKING))

    done = slept(going)
    assert (Step.NOTE, SleepPhase.ASLEEP) == (done.step, done.sleep and done.sleep.phase)
    undone = decided(going, seen())
    assert (Step.NOTE, SleepPhase.AWAKE) == (undone.step, undone.sleep and undone.sleep.phase)
    assert Step.SLEEP is decided(undone.sleep, seen()).step
    back = decided(waking, seen())
    assert (Step.NOTE, SleepPhase.AWAKE) == (back.step, back.sleep and back.sleep.phase)
    assert Step.WAKE is slept(waking).step


def test_nothing_is_written_while_nothing_may_be_and_after_a_refusal() -> None:
    """A paused policy's workload sleeps on, and says so; a refusal is tried again after a pause."""
    paused = slept(wake="true", silence="its policy is paused (spec.paused)")
    assert Step.STAY is paused.step
    assert paused.message.endswith("it stays asleep: its policy is paused (spec.paused)")
    refused = replace(ASLEEP, tried_s=NOW_S - PAUSE_S + 1, message="forbidden")
    assert (Step.STAY, Step.WAKE) == (
        slept(refused, wake="true").step,
        slept(refused, wake="true", now_s=NOW_S + 1.0).step,
    )
    awake = replace(refused, phase=SleepPhase.AWAKE)
    assert "it could not be scaled: forbidden" == decided(awake, seen()).message


def test_who_slept_did_nothing_meanwhile() -> None:
    """Gaps of naps have the idle level in the history; what was measured, and other gaps, stay as they are."""
    grid = Grid(NOW_S - 6 * STEP_S, STEP_S, 6)
    usage = np.array([[np.nan, 7.0, np.nan, np.nan, np.nan, np.nan]] * 2)
    keys = tuple(ContainerKey("shop", "Deployment/web", name) for name in ("app", "other"))
    history = History(grid, keys, usage, np.full(2, np.nan))
    # A nap over the second and third interval, and asleep since the end of the fourth.
    nap = (float(grid.ends_s[0]), float(grid.ends_s[2]))
    sleep = replace(ASLEEP, levels={"app": 5}, naps=(nap,), at_s=float(grid.ends_s[3]))
    found = with_naps(history, [sleep, sleep]).usage

    np.testing.assert_array_equal([np.nan, 7, 5, np.nan, 5, 5], found[0])
    np.testing.assert_array_equal(usage[1], found[1])
    assert np.isnan(usage[0, 2])
