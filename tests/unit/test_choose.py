"""Which model a container gets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast.forecasting.choose import WORTH, Candidate, beats, choose


def candidate(compute: int, cost_mib: float, hours: float = 100.0) -> Candidate:
    """A model with its record for one container."""
    return Candidate(f"rank-{compute}", compute, cost_mib, hours)


def test_a_tie_goes_to_the_cheaper_model() -> None:
    """Two models that do equally well: the one that is cheaper to compute, wherever it stands in the list."""
    assert 1 == choose([candidate(9, 100), candidate(1, 100)])


def test_a_model_whose_sizes_cost_less_is_chosen() -> None:
    """A tenth less memory for the same kills is worth computing for."""
    assert 1 == choose([candidate(1, 100), candidate(9, 90)])


def test_a_gain_of_two_hundredths_is_not_worth_a_change() -> None:
    """98 against 100 is less than 3 % better: stay with the cheaper one; 96 is more."""
    assert 0 == choose([candidate(1, 100), candidate(9, 98)])
    assert 1 == choose([candidate(1, 100), candidate(9, 96)])


def test_each_dearer_model_has_to_beat_the_best_before_it() -> None:
    """90 beats 100; 89 comes dearer and is not 3 % better than 90, 80 is."""
    ranked = [candidate(1, 100), candidate(2, 90), candidate(3, 89)]

    assert 1 == choose(ranked)
    assert 3 == choose([*ranked, candidate(4, 80)])


def test_a_short_record_proves_nothing() -> None:
    """A model that was tried for less than two days is not believed: a season has to come again before it is one."""
    assert 0 == choose([candidate(1, 100), candidate(9, 10, hours=47.9)])
    assert 1 == choose([candidate(1, 100), candidate(9, 10, hours=48)])


def test_a_model_without_a_record_loses_to_any_with_one() -> None:
    """Nothing was held, so its cost is infinite; where none has a record the cheapest is chosen."""
    assert 1 == choose([candidate(1, math.inf, hours=0), candidate(9, 500)])
    assert 0 == choose([candidate(1, math.inf, hours=0), candidate(9, math.inf, hours=0)])


def test_no_candidate_is_an_error() -> None:
    """There is always the baseline; an empty list is a mistake of the caller."""
    with pytest.raises(ValueError, match="no candidate"):
        choose([])


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(1, 1e12)), min_size=1, max_size=8, unique_by=lambda each: each[0])
)
def test_no_cheaper_model_is_as_good_as_the_chosen_one(drawn: list[tuple[int, float]]) -> None:
    """The chosen one beats every model that is cheaper to compute, and none that is dearer beats it."""
    candidates = [candidate(compute, cost) for compute, cost in drawn]
    chosen = candidates[choose(candidates)]
    for other in candidates:
        if other.compute < chosen.compute:
            assert chosen.cost_bytes < other.cost_bytes * (1 - WORTH)
        assert other.compute <= chosen.compute or not beats(other, chosen)
