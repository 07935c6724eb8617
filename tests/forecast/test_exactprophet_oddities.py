"""Series that break fits: the exact solver answers each, or refuses it with a reason."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from foresize_forecast.exactprophet import DAILY, WEEKLY, Model, Seasonality, Status, fit
from foresize_forecast.exactprophet.model import FloatArray

MODEL = Model(seasonalities=(DAILY, WEEKLY))
COUNT = 240
TIMES_S = 1_650_000_000.0 + 3600.0 * np.arange(COUNT)
PAGE, GIB, TIB = 4096.0, 2.0**30, 2.0**40
RNG = np.random.default_rng(9)


def one(values: FloatArray, model: Model = MODEL) -> tuple[Status, FloatArray, float]:
    """Status, the mean within the history, and the noise scale of one series."""
    fits = fit(model, TIMES_S[: len(values)], values[np.newaxis])
    return fits.status[0], fits.mean(TIMES_S[: len(values)])[0], float(fits.noise_scale[0])


@pytest.mark.parametrize("level", [PAGE, GIB, TIB, 0.0, -5.0])
def test_a_constant_is_its_own_fit(level: float) -> None:
    """One value throughout is forecast to stay, with no noise to speak of, as stock Prophet has it."""
    status, mean, noise = one(np.full(COUNT, level))
    assert status is Status.CONSTANT
    np.testing.assert_allclose(mean, level, rtol=1e-15)
    assert noise == pytest.approx(1e-9 * (abs(level) or 1.0))


@pytest.mark.parametrize("base", [64 * 2.0**20, GIB, TIB])
def test_a_page_of_noise_on_a_large_level_is_seen(base: float) -> None:
    """Memory that moves by 4 KiB on a level of up to 1 TiB: the noise found is half a page, as it is."""
    values = base + PAGE * RNG.integers(0, 2, COUNT)
    status, mean, noise = one(values)
    assert status is Status.CONVERGED
    # 0 or 1 page with equal chances: standard deviation half a page; 17 coefficients of 240 take up some.
    assert 0.4 * PAGE < noise < 0.55 * PAGE
    assert np.all(np.abs(mean - values) < 2 * PAGE)


def test_tiny_and_huge_series_get_the_fit_of_their_shape() -> None:
    """4 KiB and 1 TiB, side by side, each with a tenth of noise."""
    shape = 1 + 0.1 * RNG.standard_normal(COUNT)
    fits = fit(MODEL, TIMES_S, np.array([PAGE * shape, TIB * shape]))
    assert fits.status == (Status.CONVERGED,) * 2
    np.testing.assert_allclose(fits.mean(TIMES_S)[0] / PAGE, fits.mean(TIMES_S)[1] / TIB, rtol=1e-12)


@pytest.mark.parametrize("slope", [1.0, -0.5, 1e-3])
def test_an_exact_ramp_has_no_map_and_says_so(slope: float) -> None:
    """Every value is met, so less noise is always better: it is held at 1e-9 of the scale."""
    values = GIB * (2 + slope * np.arange(COUNT) / COUNT)
    status, mean, noise = one(values)
    assert status is Status.EXACT
    np.testing.assert_allclose(mean, values, rtol=1e-8)
    assert noise == pytest.approx(1e-9 * np.abs(values).max())


def test_two_points_are_a_line() -> None:
    """Two values are what stock Prophet takes at least: the line through them, and no MAP."""
    values = np.full(COUNT, np.nan)
    values[[10, 20]] = GIB, 2 * GIB
    status, mean, _ = one(values, Model())
    assert status is Status.EXACT
    np.testing.assert_allclose(mean[[10, 15, 20]], [GIB, 1.5 * GIB, 2 * GIB], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "status"),
    [([np.nan] * 3, Status.TOO_FEW), ([np.nan, 5.0, np.nan], Status.TOO_FEW), ([1.0, np.inf, 2.0], Status.INFINITE)],
)
def test_what_cannot_be_fitted_is_refused_with_a_reason(values: list[float], status: Status) -> None:
    """The others of the batch are fitted; the refused ones have NaN for an answer everywhere."""
    good = GIB * (1 + 0.1 * RNG.random((2, 3)))
    fits = fit(Model(growth="flat"), TIMES_S[:3], np.array([good[0], values, good[1]]))
    assert fits.status == (Status.CONVERGED, status, Status.CONVERGED)
    assert status.refused
    for answer in (fits.mean(TIMES_S), fits.simulated_peaks(TIMES_S, draws=3), fits.quantiles(TIMES_S, (0.5,))[0]):
        assert np.isnan(answer[1]).all()
        assert np.isfinite(answer[[0, 2]]).all()


def test_negative_values_are_values() -> None:
    """Prophet takes them, so do we: the mirrored series has the mirrored fit."""
    values = GIB * (1 + 0.1 * RNG.standard_normal(COUNT))
    np.testing.assert_allclose(one(-values)[1], -one(values)[1], rtol=1e-9)


def test_more_coefficients_than_values_are_answered() -> None:
    """Ten values, 41 coefficients: a fit or an exact one, never a failure, whatever the values."""
    model = Model(seasonalities=(Seasonality("day", 86_400.0, 8), WEEKLY))
    for count in range(2, 40, 3):
        values = GIB * (1 + 0.2 * RNG.random((5, count)))
        fits = fit(model, TIMES_S[:count], values)
        assert set(fits.status) <= {Status.CONVERGED, Status.EXACT, Status.LOCAL}
        assert np.isfinite(fits.mean(TIMES_S)).all()


def test_every_series_may_have_gaps_of_its_own() -> None:
    """A batch of a hundred gap patterns is the hundred fits of the series alone, without their gaps."""
    values = GIB * (1 + 0.1 * RNG.standard_normal((100, COUNT)))
    values[RNG.random(values.shape) < 0.1] = np.nan
    fits = fit(MODEL, TIMES_S, values)
    for row in range(0, 100, 9):
        known = ~np.isnan(values[row])
        alone = fit(MODEL, TIMES_S[known], values[row : row + 1, known])
        np.testing.assert_array_equal(alone.slope_changes[0], fits.slope_changes[row])
        assert alone.log_posterior[0] == fits.log_posterior[row]


def test_an_empty_batch_is_an_empty_answer() -> None:
    """No series, no fits, no failure."""
    fits = fit(MODEL, TIMES_S, np.empty((0, COUNT)))
    assert len(fits) == 0
    assert fits.mean(TIMES_S).shape == (0, COUNT)
    assert fits.simulated_peaks(TIMES_S, draws=5).shape == (0, 5)


@pytest.mark.parametrize(
    ("times_s", "values", "words"),
    [
        (TIMES_S[:3], np.ones((2, 4)), "shape"),
        (TIMES_S[:3], np.ones(3), "shape"),
        (TIMES_S[:3][::-1], np.ones((1, 3)), "ascend"),
        (np.array([0.0, np.nan, 2.0]), np.ones((1, 3)), "finite"),
    ],
)
def test_arrays_that_do_not_fit_are_told_apart(times_s: FloatArray, values: FloatArray, words: str) -> None:
    """Wrong shapes and times are errors that say what was expected."""
    with pytest.raises(ValueError, match=words):
        fit(MODEL, times_s, values)


def test_a_model_says_what_it_cannot_be() -> None:
    """Settings out of range name the setting."""
    for wrong in ({"growth": "logistic"}, {"changepoints": -1}, {"changepoint_prior_scale": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Model(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="period_s"):
        Seasonality("day", 0.0, 3)
    with pytest.raises(ValueError, match="names"):
        Model(seasonalities=(DAILY, DAILY))
    with pytest.raises(ValueError, match="warm"):
        fit(MODEL, TIMES_S, np.ones((2, COUNT)), warm=fit(MODEL, TIMES_S, np.ones((1, COUNT))))
    with pytest.raises(ValueError, match="draw"):
        fit(MODEL, TIMES_S, np.ones((1, COUNT))).simulated_peaks(TIMES_S, draws=0)


def test_the_solver_loads_neither_prophet_nor_pandas() -> None:
    """A stranger needs numpy and numba; loading takes no Stan."""
    code = "import sys, foresize_forecast.exactprophet; print({'prophet', 'pandas', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
