"""Outlooks with their plans, and the tails of jumps that containers share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import STEADY, forecasted, mi, tail
from foresize_forecast.forecasting import Question
from foresize_forecast.foresee import Wish, foresee, pool
from foresize_forecast.jumps import NO_JUMPS, PRIOR, PRIOR_SHARES, Jumps, pooled
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted
from foresize_forecast.series import ContainerKey, Grid, History

NONE = NoOutlook("NoHistory", "no samples")


def known(record: Jumps) -> Forecasted:
    """A forecast of a container with a record of jumps."""
    return forecasted([100.0], jumps=record)


def test_a_container_shares_its_tail_with_its_namespace_and_the_cluster() -> None:
    """One that jumps makes its neighbours' tails heavier, most of all those of its namespace."""
    wild = Jumps(tail(0.1, 0.5).shares * 100, 100.0)
    calm = Jumps(NO_JUMPS.counts, 100.0)
    forecasts = {"wild": known(wild), "near": known(calm), "far": known(calm)}
    made = pool(forecasts, {"wild": "shop", "near": "shop", "far": "bank"})
    shares = {name: one.tail.shares[0] for name, one in made.items() if isinstance(one, Forecasted)}

    # Cluster: 10 jumps in 300 hours; shop: 10 in 200.
    assert shares["wild"] > shares["near"] > shares["far"]
    everyone, shop = Jumps(wild.counts, 300.0), Jumps(wild.counts, 200.0)
    assert shares["near"] == pytest.approx(pooled(calm, shop, everyone).shares[0])


def test_a_container_alone_in_the_cluster_speaks_thrice() -> None:
    """Its own record is also its namespace's and the cluster's."""
    record = Jumps(tail(0.1, 0.5).shares * 100, 100.0)
    (made,) = pool({"web": known(record)}, {"web": "shop"}).values()

    assert isinstance(made, Forecasted)
    assert made.tail.shares == pytest.approx(pooled(record, record, record).shares)


def test_what_has_no_forecast_has_no_tail() -> None:
    """It is passed on as it is, and says nothing of others."""
    one = known(NO_JUMPS)
    made = pool({"web": one, "new": NONE}, {"web": "shop", "new": "shop"})

    assert NONE is made["new"]
    assert made["web"].tail.shares == pytest.approx(PRIOR_SHARES)  # type: ignore[union-attr]  # it has one
    assert {} == pool({}, {})


def test_pooling_twice_is_pooling_once() -> None:
    """It looks at records, not at tails: done again whenever some of them are new, nothing adds up."""
    forecasts = {name: known(Jumps(tail(0.1, 0.5).shares * 10, 10.0 * at)) for at, name in enumerate("abc", 1)}
    spaces = {"a": "shop", "b": "shop", "c": "bank"}
    once = pool(forecasts, spaces)
    twice = pool(once, spaces)

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
