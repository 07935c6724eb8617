"""Which model a container gets."""

from __future__ import annotations

import pytest

from foresize_forecast.choose import Candidate, choose


def candidate(cost: int, losses: list[float], exceeded: int = 0) -> Candidate:
    by_origin = dict(enumerate(losses))
    return Candidate(f"cost-{cost}", cost, by_origin, {at: at < exceeded for at in by_origin})


def test_a_tie_goes_to_the_cheaper_model() -> None:
    """Two models that do equally well: the cheaper one, wherever it stands in the list."""
    assert choose([candidate(9, [1.0, 1.0, 1.0]), candidate(1, [1.0, 1.0, 1.0])]) == 1


def test_a_clearly_better_model_is_chosen() -> None:
    """Half the loss on each of three days is more than noise."""
    assert choose([candidate(1, [1.0, 1.1, 0.9]), candidate(9, [0.5, 0.55, 0.45])]) == 1


def test_a_single_lucky_day_is_noise() -> None:
    """Much better on one day and the same on two is not better."""
    # Gains 0.9, 0, 0: mean 0.3, standard error 0.3, 2.92 x 0.3 = 0.88 by chance.
    assert choose([candidate(1, [1.0, 1.0, 1.0]), candidate(9, [0.1, 1.0, 1.0])]) == 0


def test_better_every_day_of_a_week_counts_however_uneven() -> None:
    """One dear Monday among cheap days is too uneven for a t-test, but winning all seven days is not chance."""
    assert choose([candidate(1, [9.0, *[0.1] * 6]), candidate(9, [0.05] * 7)]) == 1


def test_a_gain_of_a_percent_is_not_worth_a_change() -> None:
    """Always better, but by 1 %: stay with the cheaper one."""
    assert choose([candidate(1, [1.0] * 5), candidate(9, [0.99] * 5)]) == 0


def test_more_exceeded_limits_are_never_better() -> None:
    """A tighter model that would have been killed more often is not chosen."""
    assert choose([candidate(1, [1.0] * 5), candidate(9, [0.5] * 5, exceeded=1)]) == 0


def test_one_common_day_proves_nothing() -> None:
    """Models that were tried on one common day are not compared."""
    assert choose([candidate(1, [1.0]), candidate(9, [0.1, 0.1, 0.1])]) == 0


def test_no_candidate_is_an_error() -> None:
    """There is always the baseline; an empty list is a mistake of the caller."""
    with pytest.raises(ValueError, match="no candidate"):
        choose([])
