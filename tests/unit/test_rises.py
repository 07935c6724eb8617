"""How far days' peaks rose above what was expected when they began: what the peak that people read is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import forecasted, mi, tail
from foresize_forecast.forecasting.backtest import backtested
from foresize_forecast.forecasting.jumps import (
    NO_JUMPS,
    PRIOR_DAY,
    PRIOR_DAY_SHARES,
    STEPS,
    Jumps,
    Kin,
    pooled,
    rises_above,
)
from foresize_forecast.forecasting.models.peaks import RecentPeak
from foresize_forecast.foresee import Family, pool
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History
from foresize_forecast.sizing.plan import Forecasted

HOUR_S = 3600
DAY = 24


def rises(usage_mib: FloatArray, *expected_mib: float, changed: int = 0) -> Jumps:
    """Of hours of MiB, a day for each that was expected; `changed`: the newest revision's first hour."""
    expected = np.array([expected_mib]) * mi(1)
    (found,) = rises_above(usage_mib[np.newaxis] * mi(1), expected, HOUR_S, np.array([changed]))
    return found


def test_a_days_highest_hour_counts_against_what_was_expected_of_the_day() -> None:
    """100 MiB were expected of two days, and one hour had 300: a day of two by (300 + 64) / (100 + 64), in hours."""
    usage = np.full(2 * DAY, 90.0)
    usage[30] = 300
    found = rises(usage, 100, 100)
    passed = np.log(364 / 164) > STEPS

    assert 48 == found.hours
    assert (found.counts[passed] == 24).all()
    assert 0 == found.counts[~passed].max()


def test_days_that_began_before_the_newest_revision_count_half() -> None:
    """Two days rose; the image changed in the middle of the first: 12 hours of it count, and 24 of the second."""
    found = rises(np.full(2 * DAY, 300.0), 100, 100, changed=12)

    assert (36, 36) == (found.hours, found.counts[0])


def test_days_of_which_half_is_missing_are_not_on_record() -> None:
    """Twelve of 24 hours are a day, eleven are not; nor is one of which nothing was expected."""
    usage = np.full(3 * DAY, 300.0)
    usage[:12] = usage[24:37] = np.nan
    found = rises(usage, 100, 100, np.nan)

    assert (24, 24) == (found.hours, found.counts[0])


def test_what_the_recent_peak_expects_of_a_day_is_the_last_ones() -> None:
    """Five days of 100 MiB, two of 300: one of the six that had a day before them rose, the one that began the 300."""
    usage = np.repeat([100.0, 300.0], [5 * DAY, 2 * DAY])[np.newaxis] * mi(1)
    keys = (ContainerKey("shop", "Deployment/web", "app"),)
    history = History(Grid(0, HOUR_S, usage.shape[1]), keys, usage, np.full(1, np.nan))
    (found,) = backtested(RecentPeak(), history, np.full(1, 1.0)).rises

    assert (6 * 24, 24) == (found.hours, found.counts[0])


def test_a_history_of_a_day_has_no_record_of_days() -> None:
    """Nothing was expected of its only day: what is usual is thought of it."""
    usage = np.full((1, DAY), float(mi(100)))
    history = History(Grid(0, HOUR_S, DAY), (ContainerKey("shop", "Deployment/web", "app"),), usage, np.full(1, np.nan))
    (found,) = backtested(RecentPeak(), history, np.full(1, 1.0)).rises

    assert 0 == found.hours
    assert pooled(found, Kin(), PRIOR_DAY).shares == pytest.approx(PRIOR_DAY_SHARES)


def test_rises_are_shared_as_jumps_are() -> None:
    """A replica that rises is heard of in the peak of the other, less in that of another container."""
    wild = Jumps(tail(0.1, 0.5).shares * 240, 240.0)
    calm = Jumps(NO_JUMPS.counts, 240.0)
    web = Family("shop", "web")
    families = {"wild": web, "twin": web, "near": Family("shop", "db")}
    made = pool({name: forecasted([100.0], rises=wild if name == "wild" else calm) for name in families}, families)
    known = {name: each for name, each in made.items() if isinstance(each, Forecasted)}

    # 24 hours of 480 of the replicas, of 720 of namespace and cluster.
    replicas, others = Jumps(wild.counts, 480.0), Jumps(wild.counts, 720.0)
    assert known["twin"].rise.shares == pytest.approx(pooled(calm, Kin(replicas, others, others), PRIOR_DAY).shares)
    assert known["twin"].rise.shares[0] > known["near"].rise.shares[0]
    assert known["twin"].peak_bytes > replace(known["twin"], rise=tail(0.0, 0.0)).peak_bytes
    assert np.array_equal(known["twin"].tail.shares, known["near"].tail.shares)
