"""Which model a container gets: the cheapest that no other beats by more than noise.

Beaten means all of: the mean pinball loss at the request's quantile is lower by more than chance explains (paired
over the same origins: by Student's t, or on every one of five or more), by more than is worth a change of model, and
no more horizons would have exceeded the limit.
Pure; ties go to the cheaper model, so a container changes models only for a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.series import FloatArray

MIN_COMMON_ORIGINS = 2
"""A single day proves nothing."""
WORTH = 0.02
"""A loss lower by less than this share is not worth a dearer model."""
SURE_WINS = 5
"""Winning every one of so many origins happens by chance once in 32. One dear day among cheap ones, a Monday after two
idle days, is too uneven for Student's t."""
STUDENT_95 = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94)
"""One-sided 95 % points of Student's t for 1 to 6 degrees of freedom (any table of it)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model's record for one container.

    Attributes:
        model: its name.
        cost: its rank by computing time.
        losses: pinball loss by origin.
        exceeded: by origin, whether the peak was above the limit.
    """

    model: str
    cost: int
    losses: dict[int, float]
    exceeded: dict[int, bool]


def choose(candidates: Sequence[Candidate]) -> int:
    """The position of the chosen candidate.

    Raises:
        ValueError: there is none to choose from.
    """
    if not candidates:
        raise ValueError("no candidate to choose from")
    by_cost = sorted(range(len(candidates)), key=lambda at: candidates[at].cost)
    chosen = by_cost[0]
    for at in by_cost[1:]:
        if beats(candidates[at], candidates[chosen]):
            chosen = at
    return chosen


def beats(challenger: Candidate, holder: Candidate) -> bool:
    """Whether the challenger did better than the holder by more than noise on the origins that both know."""
    common = sorted(challenger.losses.keys() & holder.losses.keys())
    if len(common) < MIN_COMMON_ORIGINS:
        return False
    if sum(challenger.exceeded[at] for at in common) > sum(holder.exceeded[at] for at in common):
        return False
    holder_losses = np.array([holder.losses[at] for at in common])
    gains = holder_losses - np.array([challenger.losses[at] for at in common])
    if gains.mean() <= WORTH * holder_losses.mean():
        return False
    return bool(gains.mean() > _noise(gains) or (gains.size >= SURE_WINS and gains.min() > 0))


def _noise(gains: FloatArray) -> float:
    """The mean gain that chance alone stays below in 95 of 100 cases."""
    freedom = min(gains.size - 1, len(STUDENT_95))
    return float(STUDENT_95[freedom - 1] * gains.std(ddof=1) / np.sqrt(gains.size))
