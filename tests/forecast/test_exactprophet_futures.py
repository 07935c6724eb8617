"""Simulated futures of the exact solver beside stock Prophet's own and beside formulas."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.stock import fitted, frame, parameters, quiet
from foresize_forecast.exactprophet import DAILY, Fits, Model, fit
from foresize_forecast.exactprophet.model import FloatArray

MODEL = Model(seasonalities=(DAILY,))
TIMES_S = 1_650_000_000.0 + 3600.0 * np.arange(240)
AHEAD_S = TIMES_S[-1] + 3600.0 * np.arange(1, 73)
DRAWS = 4000


def bent(rows: int = 2) -> FloatArray:
    """Series with kinks, so that the future's slope changes matter, and noise."""
    rng = np.random.default_rng(2)
    at = np.linspace(0, 1, len(TIMES_S))
    kinks = np.maximum(0, at - 0.3) - 2 * np.maximum(0, at - 0.6)
    return 1e9 * (1 + kinks + 0.03 * rng.standard_normal((rows, len(TIMES_S))))


def brute(fits: Fits, row: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """Paths by `Prophet.sample_predictive_trend`'s rule, one at a time, shape (draws, time), scaled."""
    placement = fits.placements[fits.pattern[row]]
    at, places = placement.scaled(AHEAD_S), len(placement.changepoints)
    size = float(np.abs(fits.slope_changes[row]).mean()) + 1e-8
    mean = fits.mean(AHEAD_S)[row] / fits.scale[row]
    paths = np.tile(mean, (draws, 1))
    for draw in range(draws):
        for _ in range(rng.poisson(places * (at[-1] - 1))):
            paths[draw] += rng.laplace(0, size) * np.maximum(0, at - (1 + (at[-1] - 1) * rng.random()))
    return paths + float(fits.noise[row]) * rng.standard_normal(paths.shape)


def test_peaks_are_those_of_paths_drawn_one_by_one() -> None:
    """The peaks' distribution is that of a plain simulation by Prophet's rule, up to the error of 4,000 draws."""
    fits = fit(MODEL, TIMES_S, bent())
    ours = fits.simulated_peaks(AHEAD_S, draws=DRAWS, seed=1) / fits.scale[:, np.newaxis]
    for row in range(2):
        theirs = brute(fits, row, DRAWS, np.random.default_rng(7)).max(axis=1)
        # Kolmogorov and Smirnov: two samples of 4,000 differ by more than 0.0436 once in a thousand times.
        both = np.sort(np.concatenate([ours[row], theirs]))
        gap = np.searchsorted(np.sort(ours[row]), both, "right") - np.searchsorted(np.sort(theirs), both, "right")
        assert np.abs(gap).max() / DRAWS < 1.95 * np.sqrt(2 / DRAWS)


def test_quantiles_are_stocks() -> None:
    """The 10 % and 90 % lines are those of stock Prophet's own simulation with the same parameters."""
    values = bent(1)
    fits = fit(MODEL, TIMES_S, values)
    stock = fitted(MODEL, TIMES_S, values[0])
    stock.params = {name: value.reshape(1, -1) for name, value in parameters(fits, 0).items()}
    stock.uncertainty_samples, stock.interval_width = 2000, 0.8
    state = np.random.get_state()  # noqa: NPY002 - stock Prophet draws from the global generator
    np.random.seed(3)  # noqa: NPY002
    with quiet():
        expected = stock.predict(frame(AHEAD_S), vectorized=False)
    np.random.set_state(state)  # noqa: NPY002
    low, high = fits.quantiles(AHEAD_S, (0.1, 0.9), draws=2000, seed=1)
    width = (expected["yhat_upper"] - expected["yhat_lower"]).to_numpy()
    assert np.abs(low[0] - expected["yhat_lower"]).max() < 0.12 * width.max()
    assert np.abs(high[0] - expected["yhat_upper"]).max() < 0.12 * width.max()
    assert np.abs((high - low)[0] / width - 1).mean() < 0.05


def test_noise_alone_has_the_quantiles_of_the_normal_distribution() -> None:
    """A flat trend has no changes ahead: the peak of 72 values is below x with probability Phi(x) ** 72."""
    rng = np.random.default_rng(4)
    fits = fit(Model(growth="flat"), TIMES_S, 1e9 * (1 + 0.05 * rng.standard_normal((1, len(TIMES_S)))))
    peaks = fits.simulated_peaks(AHEAD_S, draws=DRAWS, seed=5)[0]
    standard = (peaks - fits.mean(AHEAD_S)[0, 0]) / fits.noise_scale[0]
    # Phi(2.3424) = 0.99042 = 0.5 ** (1 / 72); the median of 4,000 draws is off by 0.02 at most (3 sigma).
    assert np.median(standard) == pytest.approx(2.3424, abs=0.03)
    # Phi(3.6339) = 0.99986 = 0.99 ** (1 / 72).
    assert np.quantile(standard, 0.99) == pytest.approx(3.6339, abs=0.15)


def test_the_same_seed_gives_the_same_peaks_and_global_random_numbers_are_left_alone() -> None:
    """Bit for bit, with any number of threads; another seed gives others."""
    fits = fit(MODEL, TIMES_S, bent(3))
    state = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    first = fits.simulated_peaks(AHEAD_S, draws=50, seed=1, threads=1)
    np.testing.assert_array_equal(first, fits.simulated_peaks(AHEAD_S, draws=50, seed=1, threads=2))
    assert not np.any(first == fits.simulated_peaks(AHEAD_S, draws=50, seed=2))
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002


def test_two_series_do_not_share_their_luck_unless_told_to() -> None:
    """Alike series have unlike peaks under one number, so that sums over containers come out right; streams decide."""
    fits = fit(MODEL, TIMES_S, np.repeat(bent(1), 2, axis=0))
    apart = fits.simulated_peaks(AHEAD_S, draws=DRAWS, seed=1)
    assert abs(np.corrcoef(apart)[0, 1]) < 0.08  # 1 / sqrt(4,000) is 0.016: five of these
    np.testing.assert_allclose(np.sort(apart[0]), np.sort(apart[1]), rtol=1e-14)
    shared = fits.simulated_peaks(AHEAD_S, draws=DRAWS, seed=1, streams=np.array([7, 7]))
    np.testing.assert_allclose(shared[0], shared[1], rtol=1e-14)


def test_a_stream_is_worth_the_same_in_every_batch() -> None:
    """A container with a stream of its own has the same peaks alone and among others."""
    values = bent(40)
    fits, alone = fit(MODEL, TIMES_S, values), fit(MODEL, TIMES_S, values[5:6])
    among = fits.simulated_peaks(AHEAD_S, draws=20, streams=np.arange(40))[5]
    np.testing.assert_allclose(alone.simulated_peaks(AHEAD_S, draws=20, streams=np.array([5]))[0], among, rtol=1e-3)


def test_many_draws_are_made_in_blocks_that_fill_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """With blocks of a few draws only, each draw of each series is still made once, in bounded memory."""
    monkeypatch.setattr("foresize_forecast.exactprophet.simulation.BLOCK_VALUES", 7 * len(AHEAD_S))
    fits = fit(MODEL, TIMES_S, bent(3))
    peaks = fits.simulated_peaks(AHEAD_S, draws=50, seed=1)
    assert np.isfinite(peaks).all()
    assert all(len(np.unique(row)) == 50 for row in peaks)
