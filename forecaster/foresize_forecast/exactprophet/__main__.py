"""Compile everything ahead of its first use, at an image's build say: `python -m foresize_forecast.exactprophet`."""

from __future__ import annotations

import numpy as np

from foresize_forecast.exactprophet import DAILY, Model, fit
from foresize_forecast.exactprophet.fitting import FEW
from foresize_forecast.exactprophet.model import FloatArray


def warm_up() -> None:
    """Call every compiled function once: many series that share their gaps, and one with a gap of its own."""
    times_s = 3600.0 * np.arange(72, dtype=np.float64)
    values: FloatArray = np.random.default_rng(0).random((FEW + 2, len(times_s)))
    values[0, 5] = np.nan
    fits = fit(Model(seasonalities=(DAILY,)), times_s, values)
    fits.simulated_peaks(times_s + times_s[-1] + 3600.0, draws=4)


if __name__ == "__main__":
    warm_up()
