"""The exact solver's own proofs, checked from the model's definition and without its code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foresize_forecast.exactprophet import DAILY, Fits, Model, Status, fit
from foresize_forecast.exactprophet.model import FloatArray
from foresize_forecast.exactprophet.projection import orthonormalise, triangularise

MODEL = Model(seasonalities=(DAILY,), changepoints=8)
TIMES_S = 1_650_000_000.0 + 3600.0 * np.arange(120)
TAU = MODEL.changepoint_prior_scale


def curves(seed: int, rows: int = 3, noise: float = 0.05) -> FloatArray:
    """Seeded series of all kinds: kinks, a day, noise, spikes."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, len(TIMES_S))
    values = 1 + noise * rng.standard_normal((rows, len(TIMES_S))) * rng.random((rows, 1))
    for row in range(rows):
        values[row] += rng.normal(0, 1) * np.maximum(0, at - rng.random()) * rng.integers(0, 2)
        values[row] += rng.normal(0, 0.3) * np.sin(np.pi * np.arange(len(TIMES_S)) / 12) * rng.integers(0, 2)
        values[row, rng.random(len(TIMES_S)) < 0.02] *= 1 + rng.random()
    return values


def pulls(fits: Fits, values: FloatArray, row: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How the data pull at the slope changes and at k, m and beta; what the priors of the latter hold against it."""
    placement = fits.placements[fits.pattern[row]]
    at = placement.scaled(TIMES_S)
    free = np.column_stack([at, np.ones_like(at), MODEL.season_features(TIMES_S)])
    rest = np.array([fits.slope[row], fits.offset[row], *fits.season[row]])
    hinges = placement.hinges(at)
    left = values[row] / fits.scale[row] - free @ rest - hinges @ fits.slope_changes[row]
    # log N(y | mean, s), N(0, 5) on k and m, N(0, 10) on beta, as prophet.stan has them.
    held = rest / np.array([25.0, 25.0] + [100.0] * 8)
    return left @ hinges / fits.noise[row] ** 2, left @ free / fits.noise[row] ** 2, held


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-4, 1e-3, 0.05, 1.0]))
@example(1_214_000_017, 1e-4)
@example(1301, 1e-3)
def test_the_fit_is_stationary(seed: int, noise: float) -> None:
    """No slope change is pulled harder than its prior holds, those that moved exactly so, nor anything else.

    But for one factor: the parameters are the best of all at a noise variance that is within the certificate of the
    one given. n / 4 (log of the factor)^2 (1 - c) nats is what that costs; with c, the share of a change of the noise
    that the fit gives back, at most 0.97 here, 2e-5 nats of 120 values allow a factor of 1.005.
    """
    values = curves(seed, noise=noise)
    fits = fit(MODEL, TIMES_S, values)
    for row in range(len(values)):
        if fits.status[row] is not Status.CONVERGED:
            continue
        pull, free, held = pulls(fits, values, row)
        moved = fits.slope_changes[row] != 0
        # Sums of 120 products of values within 1 over the variance; which is 1e-12 where next to nothing is left over.
        rounding = 2e-13 / fits.noise[row] ** 2
        # Where none moved nothing tells the factor: that of the variance is at most 1.005 squared.
        factor = TAU * float(np.abs(pull[moved]).mean()) if moved.any() else 1.01
        assert factor == pytest.approx(1, abs=0.03)
        assert np.all(np.abs(pull) <= factor / TAU * (1 + 1e-4) + rounding)
        held_back = pull[moved] * np.sign(fits.slope_changes[row][moved])
        np.testing.assert_allclose(held_back, factor / TAU, rtol=1e-4, atol=rounding)
        np.testing.assert_allclose(free, (factor if moved.any() else 1.0) * held, rtol=0.03, atol=1e-6 + rounding)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_noise_scale_does_better_than_the_certificate_allows(seed: int) -> None:
    """Fits of least squares with penalties, at noise scales all over the range, stay below log posterior and proof."""
    values = curves(seed, rows=2)
    fits = fit(MODEL, TIMES_S, values)
    for row in range(len(values)):
        if fits.status[row] is not Status.CONVERGED:
            continue
        ceiling = fits.log_posterior[row] + fits.certificate_nats[row] + 1e-6
        for noise in np.geomspace(1e-4, 1, 9):
            assert profile(values[row] / fits.scale[row], float(noise)) <= ceiling


def profile(scaled: FloatArray, noise: float) -> float:
    """The log posterior at a noise scale after 100 rounds of cyclic descent on a dense design: a lower bound."""
    at = (TIMES_S - TIMES_S[0]) / (TIMES_S[-1] - TIMES_S[0])
    rows = np.linspace(0, 95, 9).round().astype(int)[1:]  # 80 % of 120 values are 96
    hinges = np.maximum(0, at[:, np.newaxis] - at[rows])
    free = np.column_stack([at, np.ones_like(at), MODEL.season_features(TIMES_S)])
    prior = np.array([5.0, 5.0] + [10.0] * 8)
    solve = np.linalg.solve(free.T @ free + np.diag(noise**2 / prior**2), free.T)
    changes, rest = np.zeros(8), solve @ scaled
    for _ in range(100):
        for place in range(8):
            column = hinges[:, place]
            pull = float(column @ (scaled - free @ rest - hinges @ changes + column * changes[place]))
            changes[place] = np.sign(pull) * max(0.0, abs(pull) - noise**2 / TAU) / (column @ column)
        rest = solve @ (scaled - hinges @ changes)
    left = scaled - free @ rest - hinges @ changes
    priors = np.sum(rest**2 / prior**2) / 2 + np.abs(changes).sum() / TAU + 2 * noise**2
    return float(-len(scaled) * np.log(noise) - left @ left / (2 * noise**2) - priors)


def one_kink(scaled: FloatArray, noise: float) -> float:
    """The log posterior at a noise scale with one changepoint, in closed form: a soft threshold."""
    at = np.arange(len(scaled)) / (len(scaled) - 1)
    hinge, free = np.maximum(0, at - at[18]), np.column_stack([at, np.ones_like(at)])
    solve = np.linalg.solve(free.T @ free + noise**2 / 25 * np.eye(2), free.T)
    apart = hinge - free @ (solve @ hinge)
    pull = float(apart @ scaled)
    change = np.sign(pull) * max(0.0, abs(pull) - noise**2 / TAU) / float(apart @ hinge)
    rest = solve @ (scaled - hinge * change)
    left = scaled - free @ rest - hinge * change
    priors = rest @ rest / 50 + abs(change) / TAU + 2 * noise**2
    return float(-len(scaled) * np.log(noise) - left @ left / (2 * noise**2) - priors)


def test_a_posterior_with_two_maxima_gets_the_higher_one() -> None:
    """A bend can be a kink with little noise, or much noise and no kink: the better reading is found, with proof."""
    noises = np.geomspace(1e-4, 0.7, 200)
    wiggle = 1e-3 * np.random.default_rng(3).standard_normal(24)
    model = Model(changepoints=1)  # at the last of the first 80 % of the values: row 18 of 24
    two, kinks = 0, []
    for depth in np.arange(1.0, 9.0, 0.5):
        values = 1 - depth * np.maximum(0, np.arange(24) - 18) / 23 + wiggle
        found = np.array([one_kink(values / np.abs(values).max(), float(noise)) for noise in noises])
        peaks = np.flatnonzero((found[1:-1] > found[:-2]) & (found[1:-1] > found[2:]))
        fits = fit(model, TIMES_S[:24], values[np.newaxis])
        assert fits.status == (Status.CONVERGED,)
        assert fits.log_posterior[0] >= found.max() - 1e-9
        assert fits.log_posterior[0] == pytest.approx(found.max(), abs=0.05)  # noises are 4.5 % apart
        two += len(peaks) > 1
        kinks.append(bool(fits.noise[0] < 1e-2))
    assert two > 10
    assert set(kinks) == {True, False}


def test_a_warm_start_gives_the_same_answer_in_fewer_steps() -> None:
    """Refits cost less and end at the same fit, even from the fit of another history."""
    values = curves(3, rows=12)
    cold = fit(MODEL, TIMES_S, values)
    for start in (cold, fit(MODEL, TIMES_S, curves(4, rows=12))):
        warm = fit(MODEL, TIMES_S, values, warm=start)
        np.testing.assert_allclose(warm.log_posterior, cold.log_posterior, atol=1e-4)
        assert np.all(warm.certificate_nats <= 1e-4)
    assert fit(MODEL, TIMES_S, values, warm=cold).steps.sum() < cold.steps.sum()


def test_a_series_has_the_same_fit_in_every_batch_and_with_every_number_of_threads() -> None:
    """Bit for bit: neither its neighbours nor the threads bear on a series."""
    values = curves(5, rows=100)
    whole, single = fit(MODEL, TIMES_S, values, threads=2), fit(MODEL, TIMES_S, values, threads=1)
    part = fit(MODEL, TIMES_S, values[::-1][:40])
    np.testing.assert_array_equal(whole.slope_changes, single.slope_changes)
    np.testing.assert_array_equal(whole.noise, single.noise)
    np.testing.assert_array_equal(whole.slope_changes[::-1][:40], part.slope_changes)
    # Few series of a pattern take another way to the same coordinates: equal but for rounding.
    few = fit(MODEL, TIMES_S, values[:3])
    np.testing.assert_allclose(few.log_posterior, whole.log_posterior[:3], atol=1e-4)
    np.testing.assert_allclose(few.mean(TIMES_S), whole.mean(TIMES_S)[:3], rtol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-40, 40))
def test_units_do_not_matter(seed: int, power: int) -> None:
    """Bytes or gibibytes: the scaled fit is the same, the forecast scales along. Powers of two, so that it is exact."""
    values = curves(seed)
    fits, scaled = fit(MODEL, TIMES_S, values), fit(MODEL, TIMES_S, values * 2.0**power)
    np.testing.assert_array_equal(fits.slope_changes, scaled.slope_changes)
    np.testing.assert_array_equal(fits.noise, scaled.noise)
    np.testing.assert_array_equal(fits.mean(TIMES_S) * 2.0**power, scaled.mean(TIMES_S))


@pytest.mark.parametrize(("width", "height"), [(5, 3), (6, 300), (9, 1000)])
def test_both_factorisations_are_of_the_matrix(width: int, height: int) -> None:
    """R'R is the Gram matrix and, with a basis, QR the matrix, dependent columns or more columns than rows included."""
    matrix = np.random.default_rng(width).standard_normal((width, height))
    matrix[4] = matrix[1] - 2 * matrix[3]
    basis, triangle = orthonormalise(matrix)
    other = triangularise(matrix)
    np.testing.assert_allclose(basis.T @ triangle, matrix.T, atol=1e-12)
    kept = np.diag(triangle) != 0
    np.testing.assert_allclose((basis @ basis.T)[kept][:, kept], np.eye(kept.sum()), atol=1e-13)
    for factor in (triangle, other):
        np.testing.assert_allclose(factor.T @ factor, matrix @ matrix.T, atol=1e-11 * height)
        assert np.all(np.tril(factor, -1) == 0)
