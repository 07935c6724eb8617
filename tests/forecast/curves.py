"""Seeded memory curves as containers have them, in bytes. Times are days since the curve's start."""

from __future__ import annotations

import numpy as np

from foresize_forecast.forecasting.outlook import NoOutlook, Outlook
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History

MIB = 1 << 20
DAY_S = 86_400
END_S = 1_760_000_400


def days(count: float, step_s: int = 300) -> FloatArray:
    """The end of every interval, in days."""
    return np.arange(1, int(count * DAY_S / step_s) + 1) * (step_s / DAY_S)


def noise(size: int, seed: int, mib: float = 2.0) -> FloatArray:
    """Independent normal noise."""
    return np.random.default_rng(seed).normal(0, mib, size)


def daily(at: FloatArray, seed: int, noise_mib: float = 8.0) -> FloatArray:
    """150 to 450 MiB, highest at a quarter of each day."""
    return 300 + 150 * np.sin(2 * np.pi * at) + noise(at.size, seed, noise_mib)


def history(*curves_mib: FloatArray, step_s: int = 300) -> History:
    """A history of containers, one for each curve (in MiB), that ends at END_S."""
    usage = np.stack(curves_mib) * MIB
    grid = Grid(END_S - usage.shape[1] * step_s, step_s, usage.shape[1])
    keys = tuple(ContainerKey("shop", f"Deployment/web-{row}", "app") for row in range(usage.shape[0]))
    return History(grid, keys, usage, np.full(usage.shape[0], np.nan))


def known(answer: Outlook | NoOutlook) -> Outlook:
    """An answer that has to be an outlook."""
    assert isinstance(answer, Outlook), answer
    return answer
