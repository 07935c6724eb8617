"""What kind of memory curve a container has: a name for people, and a rule for which models are worth their time.

Read from hourly lows (growth, so that bursts do not matter) and hourly highs (seasons and bursts, seen only there).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from foresize_forecast.forecasting.outlook import Shape, ShapeKind
from foresize_forecast.forecasting.quantile import row_medians
from foresize_forecast.forecasting.stretch import block_lows, fall_blocks
from foresize_forecast.series import FloatArray, History

DAY_S = 86_400
MIN_BLOCKS = 6
"""Hours below which a curve has no shape."""
LEAK_MIN_BLOCKS = 8
"""Hours that a rise has to last: a working day's morning is shorter."""
GROWTH_MIN = 0.05
"""Share of its start that a stretch has to gain to be called growing."""
GROWTH_CONCORDANCE = 0.4
"""Kendall's tau with time above which a rise is called one."""
RECENT_BLOCKS = (48, 24, 12)
"""Hours: a leak may begin long after the last restart, so the newest part of a stretch is looked at by itself too."""
LEAK_CONCORDANCE = 0.8
"""Kendall's tau of lows with time: a leak gives nothing back, noise and load do."""
ROUNDING = 1e-9
"""Share of its values by which a curve leaves its line for the arithmetic's sake alone."""
SIGNIFICANT_Z = 3.0
"""Of the Mann-Kendall test, once in 700 by chance before the other conditions, many containers being watched."""
STILL_RISING = 0.4
"""The last third of a leak rises at least at this share of the whole stretch's slope; a filling cache slows down."""
SEASON_CORRELATION = 0.5
"""Autocorrelation of hourly highs at one day above which the day explains most of the curve."""
FLAT_SPREAD = 0.1
"""A season is worth the name when hourly highs leave their median by more than this share of it ..."""
BURST_SPREAD = 0.5
"""... and a curve without one is bursty when they leave it by more than this."""
STARTUP_SHARE = 0.5
"""A start takes a peak of its own when it passes all that came after by more than this share."""
IDLE_SPREAD = 0.005
"""Nothing moves, as far as memory tells, when a day's highest value passes its lowest by at most this share."""


def shapes(history: History) -> tuple[Shape, ...]:
    """The shape of every container's curve."""
    lows, block_s = block_lows(history)
    highs = history.block_peaks(block_s // history.grid.step_s).usage
    starts = fall_blocks(lows)
    return tuple(
        _shape(lows[row], highs[row], starts[row], block_s, float(history.startup_peak[row]))
        for row in range(lows.shape[0])
    )


def _shape(lows: FloatArray, highs: FloatArray, falls: tuple[int, ...], block_s: int, startup_peak: float) -> Shape:
    """One container's shape; `startup_peak` in bytes, NaN where no start was seen."""
    if np.count_nonzero(~np.isnan(lows)) < MIN_BLOCKS:
        return Shape(ShapeKind.UNKNOWN)
    day = max(1, round(DAY_S / block_s))
    seasonal = _day_correlation(highs, day) > SEASON_CORRELATION and _spread(highs) > FLAT_SPREAD
    slope = _growth(lows, falls, day, block_s, seasonal=seasonal)
    if slope is not None:
        return slope
    if seasonal:
        return Shape(ShapeKind.SEASONAL)
    if _spread(highs) > BURST_SPREAD:
        return Shape(ShapeKind.BURSTY)
    if startup_peak > (1 + STARTUP_SHARE) * np.nanmax(highs):
        return Shape(ShapeKind.STARTUP_PEAK)
    return Shape(ShapeKind.IDLE if _still(lows[-day:], highs[-day:]) else ShapeKind.FLAT)


def _still(lows: FloatArray, highs: FloatArray) -> bool:
    """Whether nothing moved in a day of hourly lows and highs, all of it measured."""
    return not np.isnan(lows).any() and bool(highs.max() <= (1 + IDLE_SPREAD) * lows.min())


def _growth(lows: FloatArray, falls: tuple[int, ...], day: int, block_s: int, *, seasonal: bool) -> Shape | None:
    """Growing or Leaking, with the slope, where the current stretch rises in earnest."""
    if seasonal and falls_daily(falls, day):
        return None
    stretch = lows[falls[-1] if falls else 0 :]
    for blocks in dict.fromkeys((stretch.size, *(most for most in RECENT_BLOCKS if most < stretch.size))):
        if seasonal and blocks < 2 * day:
            break
        rise = _rise(stretch[-blocks:], block_s)
        if rise is not None:
            return rise
    return _restarted_leak(lows, falls, block_s)


def _rise(stretch: FloatArray, block_s: int) -> Shape | None:
    """Growing or Leaking, where these lows rise by more than chance explains."""
    known = stretch[~np.isnan(stretch)]
    if known.size < MIN_BLOCKS:
        return None
    per_block = pair_slope(stretch)
    if not per_block * stretch.size > GROWTH_MIN * known.min():
        return None
    tau, z = concordance(known)
    if tau < GROWTH_CONCORDANCE or z < SIGNIFICANT_Z:
        return None
    rates = _rates_of_thirds(stretch)
    throughout = min(rates, default=0.0) > 0 and rates[-1] >= STILL_RISING * per_block
    leaks = known.size >= LEAK_MIN_BLOCKS and tau >= LEAK_CONCORDANCE and throughout
    low, high = min(per_block, *rates) if rates else 0.0, max(per_block, *rates) if rates else 0.0
    kind = ShapeKind.LEAKING if leaks else ShapeKind.GROWING
    return Shape(kind, per_block / block_s, max(0.0, low) / block_s, high / block_s)


def _restarted_leak(lows: FloatArray, falls: tuple[int, ...], block_s: int) -> Shape | None:
    """A leak whose current stretch is too young to tell, but whose two stretches before it leaked alike."""
    if len(falls) < 2:  # noqa: PLR2004 - two falls bound one whole stretch; with what came before there are two
        return None
    bounds = (*((0, *falls)[-3:-1]), falls[-1])
    before = [_rise(lows[start:end], block_s) for start, end in pairwise(bounds)]
    leaking = [rise for rise in before if rise is not None and rise.kind is ShapeKind.LEAKING]
    return leaking[-1] if len(leaking) == len(before) else None


def falls_daily(falls: tuple[int, ...], day: int) -> bool:
    """Whether the curve falls at the same hour of most days, three times or more: a season, not restarts of a leak."""
    gaps = np.diff(falls)
    daily = np.abs(gaps - day * np.round(gaps / day)) <= 1
    return gaps.size > 1 and bool(np.mean(daily & (gaps >= day - 1)) > 0.5)  # noqa: PLR2004 - most


def pair_slope(values: FloatArray) -> float:
    """The median slope per block over all pairs of blocks (Theil and Sen)."""
    first, second = np.triu_indices(values.size, 1)
    return float(row_medians((values[second] - values[first]) / (second - first)))


def concordance(values: FloatArray) -> tuple[float, float]:
    """Kendall's tau of values with time, and the Mann-Kendall z that goes with it.

    z is thinned for memory's own inertia: n blocks with correlation r from one to the next (around their line) count as
    n (1 - r) / (1 + r), so a slow wander is not taken for many independent rises.

    Source: M. Kendall, "Rank correlation methods"; the thinning as in K. Hamed and A. Rao (1998), first term.
    """
    count = values.size
    first, second = np.triu_indices(count, 1)
    balance = float(np.sign(values[second] - values[first]).sum())
    variance = count * (count - 1) * (2 * count + 5) / 18
    line = np.polynomial.Polynomial.fit(np.arange(count), values, 1)
    around = values - line(np.arange(count))
    energy = float(around @ around)
    by_rounding = count * (ROUNDING * float(np.abs(values).max())) ** 2
    inertia = max(0.0, float(around[1:] @ around[:-1]) / energy) if energy > by_rounding else 0.0
    thinned = np.sqrt((1 - min(inertia, 0.9)) / (1 + min(inertia, 0.9)))
    return balance / (count * (count - 1) / 2), balance / np.sqrt(variance) * float(thinned)


def _rates_of_thirds(stretch: FloatArray) -> tuple[float, ...]:
    """The slope per block of each third of a stretch; nothing where one of them is too short to have one."""
    thirds = [part[~np.isnan(part)] for part in np.array_split(stretch, 3)]
    if min(part.size for part in thirds) < 2:  # noqa: PLR2004 - a slope needs two
        return ()
    return tuple(pair_slope(part) for part in thirds)


def _spread(highs: FloatArray) -> float:
    """How far the highest of the hourly highs lies above their median, as a share of it."""
    median = float(row_medians(highs))
    return float(np.nanmax(highs)) / median - 1 if median > 0 else np.inf


def _day_correlation(highs: FloatArray, day: int) -> float:
    """Correlation of hourly highs with those a day before, each day's own mean taken off; 0 with less than two days.

    With the mean left in, a slow wander over days would pass for a season.
    """
    days = highs.size // day
    if days < 2:  # noqa: PLR2004 - a day and one to compare it with
        return 0.0
    folded = highs[-days * day :].reshape(days, day)
    measured = ~np.isnan(folded)
    means = np.where(measured, folded, 0.0).sum(axis=1) / np.maximum(np.count_nonzero(measured, axis=1), 1)
    flat = (folded - means[:, np.newaxis]).ravel()
    now, before = flat[day:], flat[:-day]
    both = ~np.isnan(now) & ~np.isnan(before)
    if np.count_nonzero(both) < max(1, day // 2) or np.ptp(now[both]) == 0 or np.ptp(before[both]) == 0:
        return 0.0
    return float(np.corrcoef(now[both], before[both])[0, 1])
