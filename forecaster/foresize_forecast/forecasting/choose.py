"""Which model a container gets: the one whose sizes would have cost least, with a bias to the cheaper to compute.

Cost is bytes held plus, at the policy's price, kills (`jumps.expected_cost`). Pure; ties go to the cheaper model, so a
container changes models only for a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WORTH = 0.03
"""A cost lower by less than this share is not worth a dearer model, nor a change of model."""
MIN_HOURS = 48.0
"""A record shorter than two days proves nothing: a season has to come again before it is one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model's record for one container.

    Attributes:
        model: its name.
        compute: its rank by computing time.
        cost_bytes: what its sizes would have cost on average over the hours on record.
        hours: on record, older ones counted less.
    """

    model: str
    compute: int
    cost_bytes: float
    hours: float


def choose(candidates: Sequence[Candidate]) -> int:
    """The position of the chosen candidate: the cheapest to compute, unless a dearer one beats all before it.

    Raises:
        ValueError: there is none to choose from.
    """
    if not candidates:
        raise ValueError("no candidate to choose from")
    by_compute = sorted(range(len(candidates)), key=lambda at: candidates[at].compute)
    chosen = by_compute[0]
    for at in by_compute[1:]:
        if beats(candidates[at], candidates[chosen]):
            chosen = at
    return chosen


def beats(challenger: Candidate, holder: Candidate) -> bool:
    """Whether the challenger cost less by more than `WORTH`, on a record that can be compared."""
    return challenger.hours >= MIN_HOURS and challenger.cost_bytes < holder.cost_bytes * (1 - WORTH)
