"""What the forecast promises on curves as containers have them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields

import numpy as np
import pytest

from forecast.curves import DAY_S, MIB, daily, days, history, known, noise
from foresize_forecast.forecasting.forecast import Question, outlooks
from foresize_forecast.forecasting.levels import in_force
from foresize_forecast.forecasting.models.peaks import RecentPeak
from foresize_forecast.forecasting.outlook import NoOutlook, Outlook, ShapeKind
from foresize_forecast.series import FloatArray

ASK = Question()


def of(curve: FloatArray, asked: Question = ASK, step_s: int = 300) -> Outlook:
    """The outlook of one container, in MiB."""
    return known(outlooks(history(curve, step_s=step_s), [asked])[0])


def test_flat_memory_gets_a_tight_flat_size() -> None:
    """A container that always uses about 200 MiB is held a few MiB above that, by the cheapest model."""
    curve = 200 + noise(days(14).size, seed=1)
    outlook = of(curve)
    # The level is the last day's highest value. The demand leaves out 3 % of that day: normal noise of 2 MiB is above
    # 1.88 x 2 = 3.8 MiB for so long.
    assert outlook.highest_level == curve[-288:].max() * MIB
    assert outlook.demand.max() == pytest.approx(203.8 * MIB, rel=0.005)
    assert (outlook.model, outlook.shape.kind) == ("RecentPeak", ShapeKind.FLAT)
    assert outlook.score is not None
    assert outlook.score.exceedances == 0
    assert outlook.score.coverage > 0.99


def test_daily_peaks_are_held_at_their_hours_only() -> None:
    """A container with a daily curve is promised its peak when it is due and much less at night."""
    outlook = of(daily(days(14), seed=2))
    coming = daily(days(1), seed=3) * MIB
    assert np.mean(coming > outlook.demand) < 0.03
    assert np.all(coming <= outlook.level)
    assert outlook.level.min() < 0.5 * outlook.level.max()
    # The sine is highest a quarter of a day in.
    assert abs(outlook.peak_at_s - outlook.made_at_s - DAY_S / 4) < 2 * 3600
    assert outlook.score is not None
    assert outlook.baseline_score is not None
    assert outlook.score.cost_bytes < outlook.baseline_score.cost_bytes


def test_two_peaks_of_a_minute_each_are_told_apart() -> None:
    """Two daily peaks of one minute, three minutes apart, are each held on time; memory is free before and after."""
    minute = np.arange(14 * 1440) % 1440
    curve = 200 + noise(minute.size, seed=4, mib=5)
    curve[(minute == 700) | (minute == 703)] = 800
    outlook = of(curve, step_s=60)
    # The model that is exact to a step, one of them around: 699 to 701 and 702 to 704.
    assert set(np.flatnonzero(outlook.level > 700 * MIB)) == {699, 700, 701, 702, 703, 704}
    assert outlook.level[706:].max() < 300 * MIB
    assert outlook.highest_level == 800 * MIB
    assert outlook.peak_at_s - outlook.made_at_s == 700 * 60


def test_memory_idle_at_weekends_is_ready_on_monday() -> None:
    """A container that works on five days of the week has Monday's size on Monday, though Sunday was idle."""
    at = days(14)
    working = (np.ceil(at - 1e-9) - 1) % 7 < 5
    curve = 200 + 100 * (working & (np.sin(2 * np.pi * at) > 0)) + noise(at.size, seed=5, mib=5)
    outlook = of(curve)
    # The 14 days end with a Sunday; the next day is a Monday that works in its first half.
    assert outlook.model != "RecentPeak"
    assert outlook.demand[:140].min() > 295 * MIB
    assert outlook.level[157:275].max() < 240 * MIB  # but for an hour after its work and one before Tuesday's


def test_growth_is_held_from_day_to_day() -> None:
    """A container that grows by 10 MiB a day has today's peak for a level, and tomorrow stays below what is in force.

    A line would hold tomorrow's growth all of today: the fast clock holds it when it comes, and costs less.
    """
    at = days(15)
    curve = 200 + 10 * at + noise(at.size, seed=6, mib=3)
    cut = days(14).size
    outlook = of(curve[:cut])
    assert outlook.model == "RecentPeak"
    # 200 + 10 x 14 = 340 MiB, and of 288 values of 3 MiB of noise the highest is about 2.8 x 3 = 8 MiB above.
    assert outlook.highest_level == pytest.approx(348 * MIB, rel=0.015)
    assert outlook.shape.growth_bytes_per_s * DAY_S == pytest.approx(10 * MIB, rel=0.05)
    held = in_force(curve[np.newaxis] * MIB, RecentPeak().fit(history(curve)).path(), 300)[0, cut:]
    # What is above it is noise, by a per cent at most: such growth needs no kill.
    assert np.all(curve[cut:] * MIB < 1.02 * held)
    assert held.max() < 1.05 * curve.max() * MIB


def test_prophet_is_chosen_where_it_is_better() -> None:
    """Of a daily curve that falls from day to day earlier days say too much: Prophet follows season and fall."""
    at = days(14)
    curves = [900 - 40 * at + 300 * np.sin(2 * np.pi * at) + noise(at.size, seed, mib=5) for seed in range(3)]
    answers = [known(answer) for answer in outlooks(history(*curves), [ASK] * 3)]
    assert {answer.model for answer in answers} == {"Prophet"}
    assert {answer.baseline for answer in answers} == {"RecentPeak"}
    for answer in answers:
        # At the sine's top of the day to come: 900 - 40 x 14.25 + 300 = 630 MiB; the last one was at 670.
        assert answer.highest_level == pytest.approx(630 * MIB, rel=0.05)
        assert answer.score is not None
        assert answer.baseline_score is not None
        assert answer.score.cost_bytes < 0.97 * answer.baseline_score.cost_bytes


@pytest.mark.parametrize("overrun", [0.1, 0.02])
def test_the_stated_overrun_is_kept_on_days_never_seen(overrun: float) -> None:
    """Usage is above the request for the stated share of time where memory is flat, for less where peaks are dear."""
    at = days(15)
    cut = days(14).size
    flat = [200 + noise(at.size, seed) for seed in range(20)]
    seasonal = [daily(at, seed, noise_mib=12) for seed in range(20, 30)]
    asked = [Question(overrun=overrun)] * 30
    answers = outlooks(history(*(curve[:cut] for curve in (*flat, *seasonal))), asked)
    curves = (*flat, *seasonal)
    above = [np.mean(curve[cut:] * MIB > known(answer).demand) for curve, answer in zip(curves, answers, strict=True)]
    assert 0.5 * overrun < np.mean(above[:20]) < 1.5 * overrun
    assert np.mean(above[20:]) < overrun


def test_a_restart_and_gaps_do_not_disturb() -> None:
    """A container that restarted and was not measured for hours still gets a size that holds the next day."""
    at = days(10)
    curve = 300 + noise(at.size, seed=9)
    curve[1000:1030] = 60
    curve[1500:1600] = np.nan
    outlook = of(curve)
    assert 300 * MIB < outlook.demand.max() <= outlook.highest_level < 315 * MIB
    assert outlook.days == pytest.approx(10 - 100 / 288)
    assert outlook.score is not None
    assert outlook.score.exceedances == 0


def test_the_highest_sample_is_remembered_start_up_included() -> None:
    """A pod that starts may need what was seen once only: the peak of the window, or that of the start-up minutes."""
    curve = 100 + noise(days(3).size, seed=7, mib=1)
    curve[50] = 400
    base = history(curve, curve)
    usage = type(base)(base.grid, base.containers, base.usage, np.array([np.nan, 500.5 * MIB]))
    never, started = (known(answer) for answer in outlooks(usage, [ASK] * 2))
    assert (never.seen_peak_bytes, never.startup_peak_bytes) == (400 * MIB, None)
    assert started.seen_peak_bytes == started.startup_peak_bytes == 500.5 * MIB
    assert np.median(never.level) < 110 * MIB


def test_young_history_gets_its_peak_and_a_record_to_match() -> None:
    """Twelve hours of history hold their peak; the record of jumps says how little is known of it."""
    curve = 100 + 10 * np.sin(np.arange(144))
    outlook = of(curve)
    assert outlook.model == "RecentPeak"
    assert outlook.highest_level == curve.max() * MIB
    # Twelve hours less the first interval, in which nothing was held; each a little less than the one after it.
    assert 11.8 < outlook.jumps.hours <= 12


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        (np.full(300, np.nan), "NoHistory"),
        (np.full(11, 100.0), "NotEnoughHistory"),
        (np.r_[np.full(300, 100.0), -1.0], "BadData"),
        (np.r_[np.full(300, 100.0), 2.0**31], "BadData"),
        (np.r_[np.full(300, 100.0), np.inf], "BadData"),
    ],
)
def test_history_that_cannot_be_used_is_refused_with_a_reason(curve: np.ndarray, reason: str) -> None:
    """No data, minutes of data and impossible data give no size, and the reason says which it was."""
    answer = outlooks(history(curve), [ASK])[0]
    assert isinstance(answer, NoOutlook)
    assert answer.reason == reason


def test_one_bad_container_does_not_cost_the_others_theirs() -> None:
    """A container with impossible samples is refused alone; its neighbours keep their order and their sizes."""
    good = 200 + noise(days(3).size, seed=10)
    bad = good.copy()
    bad[5] = -1
    short = Question(horizon_s=3600)
    both = outlooks(history(bad, good), [Question(), short])
    assert isinstance(both[0], NoOutlook)
    assert known(both[1]).grid.count == 12
    assert np.array_equal(known(both[1]).demand, of(good, short).demand)


def test_every_container_is_asked_its_own_question() -> None:
    """Of two alike one accepts more overrun: its demand is lower, and their level is the same."""
    curve = daily(days(7), seed=11, noise_mib=20)
    strict, easy = outlooks(history(curve, curve), [Question(overrun=0.01), Question(overrun=0.4)])
    assert np.array_equal(known(strict).level, known(easy).level)
    assert known(strict).demand.sum() > known(easy).demand.sum()


def test_questions_and_containers_have_to_match() -> None:
    """A question too few is an error, not a container without an answer."""
    with pytest.raises(ValueError, match="1 questions for 2 containers"):
        outlooks(history(np.full(300, 1.0), np.full(300, 1.0)), [ASK])


@pytest.mark.parametrize(
    "asked", [{"overrun": 0.0}, {"overrun": 1.0}, {"horizon_s": 0}, {"kill_cost_bytes": 0.0}], ids=str
)
def test_a_question_without_sense_cannot_be_asked(asked: dict[str, float]) -> None:
    """An overrun outside of 0 to 1, no horizon, or kills for nothing."""
    with pytest.raises(ValueError, match="need 0 < overrun < 1"):
        Question(**asked)  # type: ignore[arg-type]  # one of them is whole seconds


def test_worker_processes_give_the_same_answer() -> None:
    """A forecast does not depend on the process that makes it, nor on random numbers drawn before."""
    at = days(14)
    seasonal = history(900 - 40 * at + 300 * np.sin(2 * np.pi * at) + noise(at.size, seed=0, mib=5))
    here = known(outlooks(seasonal, [ASK])[0])
    np.random.default_rng(1).normal(size=10)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = known(pool.submit(outlooks, seasonal, [ASK]).result(timeout=60)[0])
    assert here.model == "Prophet"  # the one that is not just a matter of comparing numbers
    for field in fields(Outlook):
        if field.name not in ("jumps", "rises"):
            assert np.array_equal(getattr(here, field.name), getattr(there, field.name)), field.name
    for one, other in ((here.jumps, there.jumps), (here.rises, there.rises)):
        assert np.array_equal(one.counts, other.counts)
        assert one.hours == other.hours > 0
