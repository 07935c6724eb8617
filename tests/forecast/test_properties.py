"""What holds for every history, found by trying many."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.curves import history, known
from foresize_forecast.forecasting import CHEAP_MODELS, Question, outlooks
from foresize_forecast.outlook import Outlook
from foresize_forecast.series import FloatArray

STEP_S = 1800
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def curves(draw: st.DrawFn) -> FloatArray:
    """A level with noise, bursts, a day's season, restarts and gaps, each present or not, over up to five days."""
    size = draw(st.integers(3, 5 * 48))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curve = draw(st.floats(0.5, 5000)) * (1 + draw(st.floats(0, 0.3)) * np.abs(rng.normal(size=size)))
    curve *= 1 + draw(st.sampled_from([0.0, 2.0])) * (np.arange(size) % 48 == draw(st.integers(0, 47)))
    curve += draw(st.sampled_from([0.0, 5.0])) * (np.arange(size) % draw(st.integers(20, 200)))
    if draw(st.booleans()):
        start = draw(st.integers(0, size - 1))
        curve[start : start + draw(st.integers(1, size))] = np.nan
    return np.asarray(curve)


@QUICK
@given(curves(), st.sampled_from([0.001, 0.01, 0.2]))
def test_every_outlook_makes_sense(curve: FloatArray, overrun: float) -> None:
    """Sizes are finite and not negative, the peak is not below the demand, its interval is the right way round."""
    answer = outlooks(history(curve, step_s=STEP_S), [Question(overrun=overrun)])[0]
    if isinstance(answer, Outlook):
        assert np.isfinite(answer.demand).all()
        assert answer.demand.min() >= 0
        assert answer.peak_bytes >= answer.demand.max()
        assert answer.peak_low_bytes <= answer.peak_bytes
        assert answer.made_at_s < answer.peak_at_s <= answer.grid.end_s


@QUICK
@given(curves(), st.integers(-6, 6))
def test_the_unit_does_not_matter(curve: FloatArray, power: int) -> None:
    """Usage of twice the bytes gets twice the size by the same model."""
    here = outlooks(history(curve, step_s=STEP_S), [Question()])[0]
    there = outlooks(history(curve * 2.0**power, step_s=STEP_S), [Question()])[0]
    assert isinstance(here, Outlook) == isinstance(there, Outlook)
    if isinstance(here, Outlook):
        assert known(there).model == here.model
        np.testing.assert_allclose(known(there).demand, here.demand * 2.0**power, rtol=1e-6)


@QUICK
@given(curves(), st.lists(st.tuples(st.integers(0, 240), st.integers(1, 100)), max_size=3))
def test_gaps_never_end_a_forecast_in_an_error(curve: FloatArray, gaps: list[tuple[int, int]]) -> None:
    """Whatever is missing, every container gets an outlook or a reason."""
    holed = curve.copy()
    for start, length in gaps:
        holed[start : start + length] = np.nan
    assert len(outlooks(history(holed, curve, step_s=STEP_S), [Question()] * 2)) == 2


@QUICK
@given(curves(), st.integers(1, 96))
def test_models_keep_the_protocol(curve: FloatArray, intervals: int) -> None:
    """Every cheap model answers in the shape asked for, never below zero, with quantiles that do not fall."""
    of = history(curve, step_s=STEP_S)
    for model in CHEAP_MODELS:
        forecast = model.fit(of).forecast(intervals, (0.1, 0.5, 0.99))
        assert forecast.grid == of.grid.after(intervals)
        if forecast.refusals[0] is None:
            assert not np.isnan(forecast.mean).any()
            assert np.all(np.diff(forecast.quantiles, axis=0) >= 0)
