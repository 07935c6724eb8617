"""Folds and coverage: what keeps figures honest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.replay.coverage import Honest, Horizon, coverage, effective_count, wilson
from foresize_forecast.replay.folds import folds, novel_days
from foresize_forecast.replay.trace import Trace
from replays import MIB, NAN, PER_DAY, trace


def days(*levels_mib: list[float]) -> Trace:
    """Series with one level for each day."""
    return trace(np.repeat(np.array(levels_mib, dtype=float) * MIB, PER_DAY, axis=1))


def test_a_novel_day_is_one_that_no_day_before_announced() -> None:
    """A day's peak above 1.25 times the day before's and 32 MiB more."""
    # 100 -> 158 is above 125 + 32 = 157, 100 -> 156 is not; a fall and what was there in the warm-up is none.
    found = novel_days(days([100, 158, 158], [100, 156, 90], [100, 100, 400], [200, 60, 120], [NAN, 500, 500]))

    assert [1, 0, 1, 1, 0] == found.tolist()


def test_a_namespace_is_in_one_fold() -> None:
    """Siblings are never on both sides, and folds hold about as many series each."""
    names = ("a",) * 4 + ("b",) * 4 + ("c",) * 2 + ("d",) * 2 + ("e", "f", "g", "h")
    found = folds(trace(np.ones((16, 3 * PER_DAY)), namespaces=names), 4)

    assert {4} == set(np.bincount(found).tolist())
    for name in set(names):
        assert 1 == len({fold for fold, each in zip(found.tolist(), names, strict=True) if each == name})


def test_novel_days_are_shared_out() -> None:
    """A fold without any would call every setting safe."""
    calm, novel = [100.0, 100.0, 100.0], [100.0, 100.0, 400.0]
    found = folds(days(novel, novel, novel, calm, calm, calm), 3)

    assert {0, 1, 2} == set(found[:3].tolist())
    assert [2, 2, 2] == np.bincount(found).tolist()


@settings(deadline=None)  # numba compiles on first use, and machines may be busy
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(2, 6))
def test_every_series_has_a_fold(names: list[str], count: int) -> None:
    """Whatever the namespaces, each series is scored once."""
    found = folds(trace(np.ones((len(names), 2 * PER_DAY)), namespaces=tuple(names)), count)

    assert len(names) == found.size
    assert ((found >= 0) & (found < count)).all()


def test_horizons_of_a_cluster_miss_together() -> None:
    """All misses in one of four namespaces: forty horizons tell no more than nine."""
    missed = np.array([True] * 4 + [False] * 36)
    members = np.repeat(np.arange(4), 10)

    # The worked case of the docstring.
    assert pytest.approx(9.0) == effective_count(missed, members)


def test_without_misses_clusters_count() -> None:
    """Nothing tells how misses would cluster: 3 of 30 horizons and 1 of 10 count as (100)^2 / (3 x 900 + 100)."""
    members = np.repeat(np.arange(4), [30, 30, 30, 10])

    assert pytest.approx(10_000 / 2_800) == effective_count(np.zeros(100, dtype=bool), members)


def test_independent_horizons_count_in_full() -> None:
    """Each its own cluster: there are as many as there are, less what the estimate itself takes."""
    missed = np.arange(1000) % 100 == 0
    found = effective_count(missed, np.arange(1000))

    assert 999 == pytest.approx(found)


@settings(deadline=None)  # numba compiles on first use, and machines may be busy
@given(st.floats(0, 1), st.floats(1, 1e6))
def test_an_interval_holds_its_rate(rate: float, count: float) -> None:
    """The ends are shares, in order, with the rate between them."""
    low, high = wilson(rate, count)

    assert 0 <= low <= rate + 1e-9
    assert rate - 1e-9 <= high <= 1


def test_levels_are_judged_where_there_is_enough() -> None:
    """A level is honest when it misses half to one and a half times as often as stated; of few nothing is said."""
    clusters = [str(number) for number in range(2000)]
    rows = [Horizon(0.99, number % 100 == 0, name) for number, name in enumerate(clusters)]
    rows += [Horizon(0.9, number % 100 < 4, name) for number, name in enumerate(clusters)]
    rows += [Horizon(0.995, number % 100 == 0, name) for number, name in enumerate(clusters)]
    rows += [Horizon(0.5, missed=False, cluster=name) for name in clusters[:100]]
    found = {each.stated: each for each in coverage(rows)}

    assert Honest.YES == found[0.99].verdict
    assert Honest.RARELY == found[0.9].verdict  # 4 % of a stated 10 %
    assert Honest.OFTEN == found[0.995].verdict  # twice the stated 0.5 %
    assert Honest.UNKNOWN == found[0.5].verdict
    assert (2000, 20, 2000) == (found[0.99].horizons, found[0.99].missed, found[0.99].clusters)
    assert pytest.approx(1.0) == found[0.99].ratio
