"""What a model's levels would have been worth."""

from __future__ import annotations

import numpy as np
import pytest

from builders import mi
from foresize_forecast.forecasting import backtest
from foresize_forecast.forecasting.backtest import backtested
from foresize_forecast.forecasting.jumps import HALF_LIFE_HOURS, STEPS
from foresize_forecast.forecasting.models.peaks import RecentPeak, seasonal_peaks
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History
from foresize_forecast.sizes import GIB

HOUR_S = 3600
DAY = 24
PRICE = np.array([3.0 * GIB])


def tried(*curve_mib: FloatArray, price: float = 3.0 * GIB) -> backtest.Tested:
    """The recent peak held over hours of MiB."""
    usage = np.stack(curve_mib) * mi(1)
    keys = tuple(ContainerKey("shop", f"Deployment/web-{row}", "app") for row in range(usage.shape[0]))
    history = History(Grid(0, HOUR_S, usage.shape[1]), keys, usage, np.full(usage.shape[0], np.nan))
    return backtested(RecentPeak(), history, np.full(usage.shape[0], price))


def on_record(hours: int) -> float:
    """What so many hours up to now count: 1 + d + d^2 + ..., d what an hour counts an hour later."""
    decay = 0.5 ** (1 / HALF_LIFE_HOURS)
    return (1 - decay**hours) / (1 - decay)


def test_flat_memory_is_held_exactly() -> None:
    """Ten days of 100 MiB: nothing wasted, nothing passed; what it costs is its bytes and what may yet happen."""
    found = tried(np.full(10 * DAY, 100.0))
    score = found.score(0)

    assert score is not None
    assert (0, 1, 0) == (score.slack, score.coverage, score.exceedances)
    assert score.hours == pytest.approx(on_record(10 * DAY - 1))  # nothing was held in the first hour
    assert mi(100) == found.mean_level[0]
    # 189 hours without a jump against 96 of what is usual leave 96 / 285 = 0.337 of the usual share. In MiB, room of g
    # costs 164 g and kills 3072 x 24 x 0.337 x 2e-5 / g = 0.497 / g: least where they are equal, 2 x sqrt(164 x 0.497).
    assert score.cost_bytes == pytest.approx(mi(118), rel=0.005)


def test_what_is_held_above_use_is_slack() -> None:
    """Usage of 50 and 100 MiB by turns: a third of what is held lies idle."""
    # After each 100 the fast clock expects 50 more: 150 are held and 50 used, two thirds idle; then 100 for 100, none.
    curve = np.where(np.arange(10 * DAY) % 2, 100.0, 50.0)

    assert tried(curve).slack[0] == pytest.approx(1 / 3, abs=0.01)


def test_a_step_up_is_on_record_as_one_jump() -> None:
    """From 100 to 300 MiB in one hour: one hour of growth (300 + 64) / (100 + 64), one interval not covered."""
    curve = np.concatenate([np.full(3 * DAY, 100.0), np.full(2 * DAY, 300.0)])
    found = tried(curve)
    passed = np.log(364 / 164) > STEPS
    then = 0.5 ** ((2 * DAY - 1) / HALF_LIFE_HOURS)

    assert found.jumps[0].counts[passed] == pytest.approx(np.full(passed.sum(), then))
    assert 0 == found.jumps[0].counts[~passed].max()
    # 119 intervals had a level, all but one were at or below it.
    assert found.coverage[0] == pytest.approx(118 / 119)


def test_a_dearer_kill_makes_jumps_dearer() -> None:
    """Two containers, one that jumps each third day: only its sizes cost more when a kill does."""
    calm, wild = np.full(9 * DAY, 100.0), np.full(9 * DAY, 100.0)
    wild[[60, 130, 200]] = 300.0
    cheap, dear = (tried(calm, wild, price=price).cost_bytes for price in (mi(100), 30.0 * GIB))

    assert dear[1] - cheap[1] > mi(50)
    assert dear[1] > dear[0]


def test_what_was_dear_long_ago_is_over() -> None:
    """Bytes held are averaged over a week: three days of 1000 MiB nine days ago are not among them."""
    curve = np.concatenate([np.full(3 * DAY, 1000.0), np.full(9 * DAY, 100.0)])

    assert mi(100) == tried(curve).mean_level[0]


def test_a_record_makes_a_candidate_and_its_absence_an_impossible_one() -> None:
    """Where nothing could be held nothing was proven: no score, and a cost that beats nobody's."""
    known, away, never = np.full(2 * DAY, 100.0), np.full(2 * DAY, np.nan), np.full(2 * DAY, np.nan)
    away[-1] = 100.0
    found = tried(known, away, never)
    one, other = found.candidate(0), found.candidate(1)

    assert ("RecentPeak", 1) == (one.model, one.compute)
    assert one.cost_bytes == found.cost_bytes[0] < other.cost_bytes == np.inf
    assert found.score(1) is None
    assert [False, False, True] == [found.refused(row) for row in range(3)]


def test_passed_room_is_told_in_hours() -> None:
    """A jump that comes too rarely to be held for is an exceedance of the score."""
    curve = np.full(9 * DAY, 100.0)
    curve[-10] = 1000.0
    scores = [tried(curve, price=price).score(0) for price in (float(mi(1)), 300.0 * GIB)]

    assert [pytest.approx(1, abs=0.05), 0] == [score and score.exceedances for score in scores]


def test_a_model_that_fits_is_cheaper_than_the_baseline() -> None:
    """A peak of one hour each day: the model that knows the hour holds it, the day's peak holds it all day."""
    curve = np.where(np.arange(10 * DAY) % DAY == 9, 900.0, 100.0)[np.newaxis] * mi(1)
    keys = (ContainerKey("shop", "Deployment/web", "app"),)
    history = History(Grid(0, HOUR_S, curve.shape[1]), keys, curve, np.full(1, np.nan))
    exact = next(model for model in seasonal_peaks() if model.name == "DailyPeakExact")

    assert (
        backtested(exact, history, PRICE).cost_bytes[0] < 0.5 * backtested(RecentPeak(), history, PRICE).cost_bytes[0]
    )


@pytest.mark.parametrize("price_gib", [1e-6, 1.0, 1e9])
def test_any_price_of_a_kill_can_be_scored(price_gib: float) -> None:
    """From no room to the most that is told apart: what would still have been passed is counted."""
    rng = np.random.default_rng(1)
    score = tried(np.exp(rng.normal(size=10 * DAY)), price=price_gib * GIB).score(0)

    assert score is not None
    assert 0 <= score.exceedances <= score.hours


def test_what_was_silent_for_a_week_has_no_score() -> None:
    """Three days of use, then eight of nothing: there is a record of jumps, and nothing that sizes cost of late."""
    found = tried(np.concatenate([np.full(3 * DAY, 100.0), np.full(8 * DAY, np.nan)]))

    assert found.jumps[0].hours > 0
    assert found.score(0) is None


def test_the_first_period_of_a_season_is_no_jump() -> None:
    """A peak of 500 MiB at one hour of four days: only the first one came unannounced, and counts for no season."""
    curve = np.full(4 * DAY, 100.0)
    curve[12::DAY] = 500.0
    keys = (ContainerKey("shop", "Deployment/web", "app"),)
    history = History(Grid(0, HOUR_S, curve.size), keys, curve[np.newaxis] * mi(1), np.full(1, np.nan))
    found = backtested(seasonal_peaks()[1], history, PRICE)

    assert 0 == found.jumps[0].counts[0]
    assert found.jumps[0].hours == pytest.approx(on_record(3 * DAY))
    # (500 + 64) / (100 + 64) is a logarithm of 1.24; three and a half days later it counts 0.5 ** (3.5 / 14) = 0.84.
    assert tried(curve).jumps[0].counts[STEPS.searchsorted(1.0)] == pytest.approx(0.84, abs=0.01)
