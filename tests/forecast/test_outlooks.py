"""What the forecast promises on curves as containers have them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from forecast.curves import DAY_S, MIB, daily, days, history, known, noise
from foresize_forecast.forecasting import UNTRIED_MARGIN, Question, outlooks
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.series import History

ASK = Question()


def test_flat_memory_gets_a_tight_flat_size() -> None:
    """A container that always uses about 200 MiB is sized a few MiB above that, by a cheap model."""
    curve = 200 + noise(days(14).size, seed=1)
    outlook = known(outlooks(history(curve), [ASK])[0])
    # The 0.99 quantile of normal noise of 2 MiB is 2.33 x 2 = 4.7 MiB above the mean.
    assert outlook.demand.max() == pytest.approx(204.7 * MIB, rel=0.01)
    assert outlook.model != "Prophet"
    assert outlook.score is not None
    assert outlook.score.exceedances == 0


def test_daily_peaks_are_held_at_their_hours_only() -> None:
    """A container with a daily curve is promised its peak when it is due and much less at night."""
    outlook = known(outlooks(history(daily(days(14), seed=2)), [ASK])[0])
    coming = daily(days(1), seed=3) * MIB
    assert np.mean(coming > outlook.demand) < 0.03
    assert outlook.demand.min() < 0.5 * outlook.demand.max()
    assert outlook.peak_bytes >= coming.max()
    # The sine is highest a quarter of a day in.
    assert abs(outlook.peak_at_s - outlook.made_at_s - DAY_S / 4) < 2 * 3600


def test_two_peaks_of_a_minute_each_are_told_apart() -> None:
    """Two daily peaks of one minute, three minutes apart, are each held on time; memory is free between and after."""
    minute = np.arange(14 * 1440) % 1440
    curve = 200 + noise(minute.size, seed=4, mib=5)
    curve[(minute == 700) | (minute == 703)] = 800
    outlook = known(outlooks(history(curve, step_s=60), [ASK])[0])
    high = np.flatnonzero(outlook.demand > 700 * MIB)
    assert {700, 703} <= set(high)
    assert np.abs(high[:, np.newaxis] - np.array([700, 703])).min(axis=1).max() <= 1
    assert outlook.demand[704 + 2 :].max() < 300 * MIB
    assert outlook.peak_bytes >= 800 * MIB
    assert outlook.peak_at_s - outlook.made_at_s == pytest.approx(701 * 60, abs=60)


def test_memory_idle_at_weekends_is_ready_on_monday() -> None:
    """A container that works on five days of the week has Monday's size on Monday, though Sunday was idle."""
    at = days(14)
    working = (np.ceil(at - 1e-9) - 1) % 7 < 5
    curve = 200 + 100 * (working & (np.sin(2 * np.pi * at) > 0)) + noise(at.size, seed=5, mib=5)
    outlook = known(outlooks(history(curve), [ASK])[0])
    # The 14 days end with a Sunday; the next day is a Monday that works in its first half.
    assert outlook.demand[:140].min() > 295 * MIB
    assert outlook.baseline_score is not None
    assert outlook.score is not None
    assert outlook.score.pinball < outlook.baseline_score.pinball / 5


def test_growth_is_followed() -> None:
    """A container that grows by 10 MiB a day is promised tomorrow's level, not today's."""
    at = days(14)
    outlook = known(outlooks(history(200 + 10 * at + noise(at.size, seed=6, mib=3)), [ASK])[0])
    # 200 + 10 x 15 = 350 MiB in a day's time, plus 2.33 x 3 = 7 MiB of noise.
    assert outlook.demand[-1] == pytest.approx(357 * MIB, rel=0.01)
    assert outlook.model == "Trend"


def test_prophet_is_chosen_where_it_is_better() -> None:
    """Among noisy daily curves that grow, some are forecast by Prophet: it alone follows the season and the growth."""
    at = days(14)
    curves = [daily(at, seed, noise_mib=20) + 40 * at for seed in (0, 2, 3)]
    answers = [known(answer) for answer in outlooks(history(*curves), [ASK] * 3)]
    assert "Prophet" in {answer.model for answer in answers}
    assert {answer.baseline for answer in answers} == {"RecentPeak"}


@pytest.mark.parametrize("overrun", [0.1, 0.02])
def test_the_stated_overrun_is_kept_on_days_never_seen(overrun: float) -> None:
    """Over many containers and the day after, usage is above the request for the stated share of time."""
    at = days(15)
    cut = days(14).size
    curves = [daily(at, seed, noise_mib=12) for seed in range(20)] + [200 + noise(at.size, s) for s in range(20, 40)]
    answers = outlooks(history(*(curve[:cut] for curve in curves)), [Question(overrun=overrun)] * 40)
    above = [np.mean(curve[cut:] * MIB > known(answer).demand) for curve, answer in zip(curves, answers, strict=True)]
    assert 0.5 * overrun < np.mean(above) < 1.5 * overrun


def test_a_restart_and_gaps_do_not_disturb() -> None:
    """A container that restarted and was not measured for hours still gets a size that holds the next day."""
    at = days(10)
    curve = 300 + noise(at.size, seed=9)
    curve[1000:1030] = 60
    curve[1500:1600] = np.nan
    outlook = known(outlooks(history(curve), [ASK])[0])
    assert 300 * MIB < outlook.demand.max() < 315 * MIB


def test_young_history_gets_its_peak_and_a_stated_margin() -> None:
    """With twelve hours of history nothing could be tried, so the size is the peak seen plus the documented margin."""
    curve = 100 + 10 * np.sin(np.arange(144))
    outlook = known(outlooks(history(curve), [ASK])[0])
    assert outlook.score is None
    assert outlook.demand.max() == pytest.approx(curve.max() * MIB * (1 + UNTRIED_MARGIN))


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
    both = outlooks(history(bad, good), [Question(), Question(horizon_s=3600)])
    assert isinstance(both[0], NoOutlook)
    assert known(both[1]).grid.count == 12
    assert known(both[1]).demand.max() == known(outlooks(history(good), [Question(horizon_s=3600)])[0]).demand.max()


def _demand(of: History) -> list[float]:
    return [float(value) for value in known(outlooks(of, [Question()])[0]).demand]


def test_worker_processes_give_the_same_answer() -> None:
    """A forecast does not depend on the process that makes it, nor on random numbers drawn before."""
    seasonal = history(daily(days(14), seed=0, noise_mib=20) + 40 * days(14))
    here = _demand(seasonal)
    np.random.default_rng(1).normal(size=10)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(outlooks, seasonal, [Question()]).result(timeout=60)
    assert here == list(known(there[0]).demand)
