"""Compile all that a forecast needs ahead of its first use, at an image's build: `python -m foresize_forecast.warmup`.

What is compiled is kept where `exactprophet/compiling.py` says. The recorded history's peers (`replay/`) are left out:
they compile when they are first played.
"""

from __future__ import annotations

import numpy as np

from foresize_forecast.exactprophet import __main__ as exactprophet
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History
from foresize_forecast.sizes import MIB
from foresize_forecast.sizing.plan import Forecasted

DAYS = 14
STEP_S = 3600
HOURS_A_DAY = 24
SEED = 1


def warm_up() -> list[Forecasted | NoOutlook]:
    """Call every compiled function of a forecast: all of the solver's, then one small forecast of each shape."""
    exactprophet.warm_up()
    usage = _curves()
    containers = tuple(ContainerKey("warmup", "warmup", str(row)) for row in range(len(usage)))
    history = History(Grid(0, STEP_S, usage.shape[1]), containers, usage, np.full(len(usage), np.nan))
    return foresee(history, [Wish(Question(), lead_s=600, cooldown_s=7200)] * len(usage))


def _curves() -> FloatArray:
    """A flat, a seasonal, a leaking and a bursty curve, shape (4, time), bytes: so each model is tried."""
    rng = np.random.default_rng(SEED)
    hours = np.arange(DAYS * HOURS_A_DAY)
    noise = 1 + 0.002 * rng.standard_normal((4, len(hours)))
    factors = np.array(
        [
            np.ones(len(hours)),
            1 + (hours % HOURS_A_DAY < HOURS_A_DAY // 4),
            1 + hours / len(hours),
            1 + 2 * (rng.random(len(hours)) < 0.05),  # noqa: PLR2004 - one hour in twenty
        ]
    )
    curves: FloatArray = 100 * MIB * factors * noise
    return curves


if __name__ == "__main__":
    warm_up()
