"""What holds for every history, found by trying many."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.curves import history, known
from foresize_forecast.forecasting.forecast import ALWAYS, BY_SHAPE, Question, outlooks
from foresize_forecast.forecasting.models import Model
from foresize_forecast.forecasting.models.prophet import Prophet
from foresize_forecast.forecasting.outlook import NoOutlook, Outlook
from foresize_forecast.series import FloatArray

STEP_S = 1800
DAY = 48
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TRIED: tuple[Model, ...] = tuple(dict.fromkeys((*ALWAYS, *(model for of in BY_SHAPE.values() for model in of))))
CHEAP: tuple[Model, ...] = tuple(model for model in TRIED if not isinstance(model, Prophet))


@st.composite
def curves(draw: st.DrawFn, least: int = 3) -> FloatArray:
    """A level with noise, bursts, a day's season, restarts and gaps, each present or not, over up to five days."""
    size = draw(st.integers(least, 5 * DAY))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curve = draw(st.floats(0.5, 5000)) * (1 + draw(st.floats(0, 0.3)) * np.abs(rng.normal(size=size)))
    curve *= 1 + draw(st.sampled_from([0.0, 2.0])) * (np.arange(size) % DAY == draw(st.integers(0, DAY - 1)))
    curve += draw(st.sampled_from([0.0, 5.0])) * (np.arange(size) % draw(st.integers(20, 200)))
    if draw(st.booleans()):
        start = draw(st.integers(0, size - 1))
        curve[start : start + draw(st.integers(1, size))] = np.nan
    return np.asarray(curve)


def answered(*rows: FloatArray, **asked: float) -> list[Outlook | NoOutlook]:
    """Outlooks of containers of which the same is asked."""
    return outlooks(history(*rows, step_s=STEP_S), [Question(**asked)] * len(rows))  # type: ignore[arg-type]


@QUICK
@given(curves(), st.sampled_from([0.001, 0.01, 0.2]), st.sampled_from([3600, 86_400, 100_000]))
def test_every_outlook_makes_sense(curve: FloatArray, overrun: float, horizon_s: int) -> None:
    """Sizes are finite, not negative and cover the horizon; no demand is above the level that a limit holds."""
    (answer,) = answered(curve, overrun=overrun, horizon_s=horizon_s)
    if isinstance(answer, Outlook):
        assert horizon_s <= answer.grid.count * STEP_S < horizon_s + STEP_S
        assert np.isfinite(answer.level).all()
        assert 0 <= answer.demand.min()
        assert (answer.demand <= answer.level).all()
        assert answer.made_at_s < answer.peak_at_s <= answer.grid.end_s
        assert answer.level_at(answer.peak_at_s) == answer.highest_level
        assert answer.model in {model.name for model in TRIED}
        assert (np.diff(answer.jumps.counts) <= 0).all()
        assert answer.jumps.counts[0] <= answer.jumps.hours


@QUICK
@given(curves())
def test_no_level_of_the_cheap_models_was_never_used(curve: FloatArray) -> None:
    """Models that repeat what was neither hold more than was ever used nor less than the least."""
    (answer,) = answered(curve)
    if isinstance(answer, Outlook) and answer.model not in {"Prophet", "Trend"}:
        used = curve * (1 << 20)
        assert np.nanmin(used) <= answer.level.min() <= answer.highest_level <= np.nanmax(used)
        assert answer.seen_peak_bytes == np.ceil(np.nanmax(used))


@QUICK
@given(curves(least=2 * DAY), st.sampled_from([1e6, 1e9, 1e12]))
def test_no_model_is_chosen_that_cost_more_than_the_baseline(curve: FloatArray, price: float) -> None:
    """By the policy's own price, and a dearer model only for 3 % less."""
    (answer,) = answered(curve, kill_cost_bytes=price)
    if isinstance(answer, Outlook) and answer.score is not None and answer.baseline_score is not None:
        kept = answer.model == answer.baseline
        share = 1.0 if kept else 0.97
        assert answer.score.cost_bytes <= share * answer.baseline_score.cost_bytes
        assert kept or answer.score.hours >= 20


@QUICK
@given(curves(), st.integers(-6, 6))
def test_the_unit_does_not_matter_to_a_model(curve: FloatArray, power: int) -> None:
    """Usage of twice the bytes gets twice the level; only what a jump is worth depends on its bytes."""
    here, there = history(curve, step_s=STEP_S), history(curve * 2.0**power, step_s=STEP_S)
    for model in CHEAP:
        levels, doubled = (model.fit(of).forecast(DAY, ()) for of in (here, there))
        assert levels.refusals == doubled.refusals
        assert np.allclose(levels.mean * 2.0**power, doubled.mean, rtol=1e-12, equal_nan=True)


@QUICK
@given(curves(), st.lists(st.tuples(st.integers(0, 240), st.integers(1, 100)), max_size=3))
def test_gaps_never_end_a_forecast_in_an_error(curve: FloatArray, gaps: list[tuple[int, int]]) -> None:
    """Whatever is missing, every container gets an outlook or a reason, its neighbour's gaps apart."""
    holed = curve.copy()
    for start, length in gaps:
        holed[start : start + length] = np.nan
    _, beside = answered(holed, curve)
    (alone,) = answered(curve)
    assert type(alone) is type(beside)
    if isinstance(alone, Outlook) and alone.model != "Prophet":
        assert np.array_equal(known(beside).level, alone.level)


@QUICK
@given(curves(), st.integers(1, 96))
def test_models_keep_the_protocol(curve: FloatArray, intervals: int) -> None:
    """Every cheap model answers in the shape asked for, never below zero, with quantiles that do not fall."""
    of = history(curve, step_s=STEP_S)
    for model in CHEAP:
        forecast = model.fit(of).forecast(intervals, (0.1, 0.5, 0.99))
        assert forecast.grid == of.grid.after(intervals)
        if forecast.refusals[0] is None:
            assert not np.isnan(forecast.mean).any()
            assert np.all(np.diff(forecast.quantiles, axis=0) >= 0)
