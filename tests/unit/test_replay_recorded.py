"""A user's own memory: read from Prometheus, folded by workload, or refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.prometheus import Source, parse_matchers
from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.recorded import read, workload_of
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import Grid
from metricserver import Metrics, serving

GRID = Grid(1_800_000_000, 300, 4 * 288)
SHOP = parse_matchers('namespace="shop"')


def seen(metrics: Metrics) -> Trace:
    with serving(metrics) as source:
        return read(source, SHOP, GRID, 3.0, lambda _: None)


@pytest.mark.parametrize(
    ("pod", "workload"),
    [
        ("web-6d4cf56db6-x7k2p", "web"),
        ("web-api-75b4f9d8c4-b2bcd", "web-api"),
        ("db-0", "db"),
        ("node-agent-x7k2p", "node-agent"),
        ("backup-28312345-bcdfg", "backup"),
        ("alone", "alone"),
    ],
)
def test_a_pods_name_tells_its_workload(pod: str, workload: str) -> None:
    """What Kubernetes appends to a workload's name is taken off again."""
    assert workload == workload_of(pod)


def test_pods_of_a_workload_are_one_series() -> None:
    """The highest sample of any replica counts, over all the time that is asked for in several queries."""
    pods = {("shop", "web-6d4cf56db6-x7k2p", "main"): 5e6, ("shop", "web-75b4f9d8c4-b2bcd", "main"): 9e6}
    metrics = Metrics({**pods, ("shop", "db-0", "main"): 7e6})
    found = seen(metrics)

    assert ("shop/db/main", "shop/web/main") == found.series
    assert ("db/main", "web/main") == found.siblings
    np.testing.assert_array_equal(np.repeat([[7e6], [9e6]], GRID.count, axis=1), found.usage)
    assert all('namespace="shop"' in query for query in metrics.queries)
    assert found.kills


def test_a_selector_that_names_nothing_is_told() -> None:
    """One line with the address and what was asked for."""
    with pytest.raises(TraceError, match=r"Prometheus at http://.* has no ") as refused:
        seen(Metrics({("bank", "db-0", "main"): 7e6}))
    assert 1 == len(str(refused.value).splitlines())


def test_a_prometheus_that_cannot_be_reached_is_told() -> None:
    """One line with the address and what may be wrong."""
    nowhere = Source("http://127.0.0.1:9", retries=0, timeout_s=2)
    with pytest.raises(TraceError, match=r"Prometheus at http://127.0.0.1:9 ") as refused:
        read(nowhere, SHOP, GRID, 3.0, lambda _: None)
    assert 1 == len(str(refused.value).splitlines())


def test_short_series_are_left_out() -> None:
    """What has run for a day says little about days."""
    with (
        serving(Metrics({("shop", "db-0", "main"): 7e6})) as source,
        pytest.raises(TraceError, match="no series of 5 days or more"),
    ):
        read(source, SHOP, GRID, 5.0, lambda _: None)
