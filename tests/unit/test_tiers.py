"""Which replicas are sized apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast.forecasting.tiers import Level, names, tiers
from foresize_forecast.sizes import MIB

DAYS = 7.0


def level(usual_mib: float, peak_mib: float | None = None, days: float = DAYS) -> Level:
    """One replica's level, MiB; its peak is what is usual unless given."""
    return Level(usual_mib * MIB, (usual_mib if peak_mib is None else peak_mib) * MIB, days)


def found(levels: dict[str, Level], before: list[set[str]] | None = None, fewest: int = 3) -> list[str]:
    """The tiers, each as its members in order."""
    return ["".join(sorted(tier)) for tier in tiers(levels, before or [], fewest)]


def test_a_replica_that_always_uses_far_more_is_apart() -> None:
    """300 MiB usual is above 1.5 x 110 and 110 + 64."""
    assert ["bc", "a"] == found({"a": level(300), "b": level(100), "c": level(105, 110)})


@pytest.mark.parametrize(
    "levels",
    [
        {"a": level(290), "b": level(160), "c": level(200)},  # not above 1.5 x 200
        {"a": level(90), "b": level(10), "c": level(30)},  # not above 30 + 64
        {"a": level(300), "b": level(100), "c": level(100, 290)},  # c has had a's role
        {"a": level(120, 300), "b": level(100), "c": level(100)},  # a peak of one day is nothing usual
        {"a": level(300, days=2.9), "b": level(100), "c": level(100)},  # too short a time
        {"a": level(300), "b": level(100)},  # of two, one may be there to take over
    ],
)
def test_one_size_serves_all_where_the_skew_is_small_or_has_not_lasted(levels: dict[str, Level]) -> None:
    """A size of its own needs a skew that is large, usual, and never was another's."""
    assert [] == found(levels)


def test_there_may_be_several_tiers() -> None:
    """10, 100 and 1000 MiB: each above 1.5 times and 64 MiB more than the one before."""
    assert ["a", "bc", "d"] == found({"a": level(10), "b": level(100), "c": level(120), "d": level(1000)})


@pytest.mark.parametrize(("hot_mib", "apart"), [(450, ["bc", "a"]), (260, ["bc", "a"]), (240, [])])
def test_tiers_stay_until_they_are_clearly_one(hot_mib: float, apart: list[str]) -> None:
    """They came apart at 1.5 times; they stay so down to 1.25 times the highest below, and 32 MiB more."""
    levels = {"a": level(hot_mib), "b": level(200), "c": level(200)}
    assert apart == found(levels, [{"b", "c"}, {"a"}])


def test_a_role_that_moves_ends_the_tiers() -> None:
    """What `b` used once, `c` may need next."""
    assert [] == found({"a": level(300), "b": level(100, 280), "c": level(100)}, [{"b", "c"}, {"a"}])


def test_a_new_replica_joins_where_it_has_shown_to_fit() -> None:
    """One at 90 MiB is with those of 100, one at 250 with the hot one; one without history is in none yet."""
    levels = {"a": level(300), "b": level(100), "c": level(100), "d": level(90), "e": level(250), "f": level(5, days=1)}
    assert ["bcd", "ae"] == found(levels, [{"b", "c"}, {"a"}])


def test_a_replica_that_is_gone_takes_nobody_with_it() -> None:
    """Of three that were apart two are left: tiers need three to come, not to stay."""
    assert ["b", "a"] == found({"a": level(300), "b": level(100)}, [{"b", "c"}, {"a"}])
    assert [] == found({"b": level(100)}, [{"b", "c"}, {"a"}])


@given(st.lists(st.tuples(st.floats(1, 4000), st.floats(1, 3)), min_size=3, max_size=12))
def test_tiers_are_a_partition_and_stay_as_they_are(uses: list[tuple[float, float]]) -> None:
    """Everybody is in one tier, each tier is far above the one below, and the next look finds the same."""
    levels = {f"r{n}": level(usual, usual * more) for n, (usual, more) in enumerate(uses)}
    first = tiers(levels, [], 3)
    if first:
        assert sorted(levels) == sorted(name for tier in first for name in tier)
        for below, above in pairwise(first):
            top = max(levels[name].peak_bytes for name in below)
            assert all(levels[name].usual_bytes > 1.5 * top for name in above)
    assert first == tiers(levels, first, 3)


def test_only_what_comes_back_has_a_name() -> None:
    """An ordinal and a node do; of a Deployment's pod nothing lasts."""
    assert ("pod/db-0",) == names("StatefulSet", "db-0", "n1", "m5.large")
    assert ("type/m5.large", "node/n1") == names("DaemonSet", "agent-x7k2p", "n1", "m5.large")
    assert ("node/n1",) == names("DaemonSet", "agent-x7k2p", "n1", "")
    assert () == names("DaemonSet", "agent-x7k2p", "", "")
    assert () == names("Deployment", "web-5d9c7f6b4-x7k2p", "n1", "m5.large")
