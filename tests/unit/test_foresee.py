"""Outlooks with their plans, and the tails of jumps that containers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from builders import STEADY, forecasted, mi, tail
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.jumps import NO_JUMPS, PRIOR, PRIOR_SHARES, Jumps, Kin, pooled
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Family, Wish, foresee, pool
from foresize_forecast.series import ContainerKey, FloatArray, Grid, History
from foresize_forecast.sizing.plan import Forecasted

NONE = NoOutlook("NoHistory", "no samples")


def known(record: Jumps) -> Forecasted:
    """A forecast of a container with a record of jumps."""
    return forecasted([100.0], jumps=record)


WILD = Jumps(tail(0.1, 0.5).shares * 100, 100.0)
CALM = Jumps(NO_JUMPS.counts, 100.0)


def shares_of(made: Mapping[str, Forecasted | NoOutlook]) -> dict[str, FloatArray]:
    """The tails of what has a forecast."""
    return {name: one.tail.shares for name, one in made.items() if isinstance(one, Forecasted)}


def test_a_container_shares_its_tail_with_siblings_namespace_and_cluster() -> None:
    """One that jumps makes its neighbours' tails heavier, most of all those of its other replicas."""
    web = Family("shop", "web/main")
    families = {"wild": web, "twin": web, "near": Family("shop", "db/main"), "far": Family("bank", "web/main")}
    made = shares_of(pool({name: known(WILD if name == "wild" else CALM) for name in families}, families))

    assert made["wild"][0] > made["twin"][0] > made["near"][0] > made["far"][0]
    # 10 jumps in 400 hours of the cluster, in 300 of shop, in 200 of its web. A replica of the same name elsewhere is
    # none of theirs.
    replicas, shop, cluster = (Jumps(WILD.counts, hours) for hours in (200.0, 300.0, 400.0))
    assert made["twin"] == pytest.approx(pooled(CALM, Kin(replicas, shop, cluster)).shares)
    assert made["near"] == pytest.approx(pooled(CALM, Kin(CALM, shop, cluster)).shares)
    assert made["far"] == pytest.approx(pooled(CALM, Kin(CALM, CALM, cluster)).shares)


def test_a_container_alone_in_the_cluster_speaks_four_times() -> None:
    """Its own record is also its siblings', its namespace's and the cluster's."""
    made = shares_of(pool({"web": known(WILD)}, {"web": Family("shop", "web")}))

    assert made["web"] == pytest.approx(pooled(WILD, Kin(WILD, WILD, WILD)).shares)


def test_what_has_no_forecast_has_no_tail() -> None:
    """It is passed on as it is, and says nothing of others."""
    one = known(NO_JUMPS)
    made = pool({"web": one, "new": NONE}, {"web": Family("shop", "web"), "new": Family("shop", "new")})

    assert NONE is made["new"]
    assert made["web"].tail.shares == pytest.approx(PRIOR_SHARES)  # type: ignore[union-attr]  # it has one
    assert {} == pool({}, {})


def test_pooling_twice_is_pooling_once() -> None:
    """It looks at records, not at tails: done again whenever some of them are new, nothing adds up."""
    forecasts = {name: known(Jumps(tail(0.1, 0.5).shares * 10, 10.0 * at)) for at, name in enumerate("abc", 1)}
    families = {"a": Family("shop", "web"), "b": Family("shop", "web"), "c": Family("bank", "db")}
    once = pool(forecasts, families)
    twice = pool(once, families)

    for name in forecasts:
        one, other = once[name], twice[name]
        assert isinstance(one, Forecasted)
        assert isinstance(other, Forecasted)
        assert np.array_equal(one.tail.shares, other.tail.shares)
        assert replace(one, tail=STEADY).plan == replace(other, tail=STEADY).plan


def test_histories_become_outlooks_with_their_plans() -> None:
    """In their order; until it is pooled a container's tail is what is usual."""
    usage = np.stack([np.full(288, 100.0 * mi(1)), np.full(288, np.nan)])
    keys = tuple(ContainerKey("shop", f"Deployment/{name}", "app") for name in ("web", "new"))
    history = History(Grid(0, 300, 288), keys, usage, np.full(2, np.nan))
    web, new = foresee(history, [Wish(Question(), lead_s=600, cooldown_s=7200)] * 2)

    assert isinstance(web, Forecasted)
    assert isinstance(new, NoOutlook)
    assert mi(100) == web.plan.highest_bytes == web.outlook.highest_level
    assert PRIOR is web.tail
