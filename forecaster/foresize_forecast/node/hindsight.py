"""What was foretold of whole nodes, held against what came, and what that corrects. Pure.

How far a sum may rise is worked out from its parts and one number for how they go together (`demand`). Whether that
is true of this cluster, its own nodes tell: for each horizon it is counted how often a sum passed so many times the
rise that was stated. The correction is the factor by which the stated rises would have been honest, as in conformal
prediction: every rise is scored before it has any part in a correction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from foresize_forecast.node.demand import DAY_S, HOUR_S, MISSES, Demand
from foresize_forecast.series import FloatArray

FACTORS: FloatArray = np.linspace(0.05, 6.0, 120)
"""Times a stated rise that are told apart."""
PRIOR_LOOKS = 48.0
"""What was stated counts as so many looks of its own: two days of a node's hours."""
MOST_LOOKS = 5000.0
"""Older looks count less from then on: a cluster changes."""
LOOKS_OF_A_HORIZON = 4
"""A node is looked at anew so often in each horizon; each look counts for as much less, for they overlap."""
PAUSE_S = 600.0
"""Longer without a pass, and nobody knows what was used meanwhile: what is open is forgotten."""
LEAST_RISE_BYTES = 1.0
HORIZONS_S = (HOUR_S, DAY_S)
_LOG_MISSES = np.log(np.array(MISSES))[:, np.newaxis]
_STATED: FloatArray = np.exp(_LOG_MISSES * FACTORS)
"""What a stated rise itself says of so many times it: an exponential through it."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The record of one horizon.

    Attributes:
        counts: shape (misses, factors): looks whose sum rose by more than so many times the stated rise.
        looks: looks on record.
    """

    counts: FloatArray = field(default_factory=lambda: np.zeros(_STATED.shape))
    looks: float = 0.0

    def after(self, demand: Demand, highest_bytes: float, weight: float = 1.0) -> Sums:
        """The record with one more look that is over.

        Args:
            demand: what was foretold.
            highest_bytes: what was used at most.
            weight: how much it counts.
        """
        share = (highest_bytes - demand.mean_bytes) / np.maximum(demand.stated, LEAST_RISE_BYTES)
        passed = weight * (share[:, np.newaxis] > FACTORS)
        kept = min(1.0, MOST_LOOKS / (self.looks + weight))
        return Sums(kept * (self.counts + passed), kept * (self.looks + weight))

    def factors(self) -> FloatArray:
        """By what each stated rise is to be multiplied, shape (misses,).

        Worked: with nothing on record 1. Of 48 looks none rose by more than a tenth of the stated rise of 1 in 10:
        half of the weight is the stated one's, so the factor is the first f with 0.1^f / 2 <= 0.1: log 0.2 / log 0.1 =
        0.70.
        """
        shares = (self.counts + PRIOR_LOOKS * _STATED) / (self.looks + PRIOR_LOOKS)
        honest = shares <= np.array(MISSES)[:, np.newaxis] * (1 + 1e-9)
        found: FloatArray = FACTORS[np.where(honest.any(axis=1), honest.argmax(axis=1), FACTORS.size - 1)]
        return found

    def factor(self, miss: float) -> float:
        """The one of a probability of `MISSES`."""
        return float(self.factors()[MISSES.index(miss)])


NOTHING_SEEN = Sums()


def corrected(demand: Demand, sums: Sums) -> Demand:
    """A demand with its stated rises as what was seen makes them; rarer is never less."""
    rises = np.maximum.accumulate(demand.stated * sums.factors())
    return replace(demand, uppers=demand.mean_bytes + rises)


@dataclass(frozen=True, slots=True)
class Look:
    """A node whose horizon is not over.

    Attributes:
        node: its name.
        begun_s: Unix seconds.
        horizon_s: how far ahead was looked.
        demand: what was foretold.
        pods: uids of those that it is about.
        highest_bytes: what they have used at most since.
    """

    node: str
    begun_s: float
    horizon_s: int
    demand: Demand
    pods: tuple[str, ...]
    highest_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Hindsight:
    """All that is open, and the record of what is over.

    Attributes:
        sums: by horizon.
        looks: what is open.
        used: by uid, what the pods of open looks use, or used last: who leaves, or has no sample just now, is taken to
            stay with that.
        seen_s: when it was looked at last.
    """

    sums: Mapping[int, Sums] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    used: Mapping[str, float] = field(default_factory=dict)
    seen_s: float = 0.0

    def of(self, horizon_s: int) -> Sums:
        """The record of one horizon."""
        return self.sums.get(horizon_s, NOTHING_SEEN)


@dataclass(frozen=True, slots=True)
class Seen:
    """One node in one pass.

    Attributes:
        demands: by horizon, what is foretold.
        used: by uid of its pods that were measured, what they use.
    """

    demands: Mapping[int, Demand]
    used: Mapping[str, float]


def watched(before: Hindsight, nodes: Mapping[str, Seen], now_s: float) -> Hindsight:
    """One pass later: what is open has seen it, what is over is on record, and new looks begin where they are due.

    Args:
        before: what was known.
        nodes: by name; of one that has gone, or where nothing was measured, what is open is forgotten.
        now_s: Unix seconds.
    """
    if not 0 <= now_s - before.seen_s <= PAUSE_S:
        before = replace(before, looks=(), used={})
    now = {uid: used for each in nodes.values() for uid, used in each.used.items()}
    used = {**before.used, **now}
    going = [
        replace(each, highest_bytes=max(each.highest_bytes, _sum(each, used)))
        for each in before.looks
        if each.node in nodes
    ]
    sums = dict(before.sums)
    for each in going:
        if now_s - each.begun_s >= each.horizon_s:
            known = sums.get(each.horizon_s, NOTHING_SEEN)
            sums[each.horizon_s] = known.after(each.demand, each.highest_bytes, 1 / LOOKS_OF_A_HORIZON)
    looks = tuple(each for each in going if now_s - each.begun_s < each.horizon_s)
    looks += _due(looks, nodes, now_s)
    kept = {uid: used[uid] for each in looks for uid in each.pods}
    return Hindsight(sums, looks, kept, now_s)


def _due(looks: tuple[Look, ...], nodes: Mapping[str, Seen], now_s: float) -> tuple[Look, ...]:
    """Looks that begin now."""
    newest: dict[tuple[str, int], float] = {}
    for each in looks:
        newest[each.node, each.horizon_s] = max(each.begun_s, newest.get((each.node, each.horizon_s), 0.0))
    return tuple(
        Look(name, now_s, horizon_s, demand, tuple(seen.used))
        for name, seen in nodes.items()
        for horizon_s, demand in seen.demands.items()
        if now_s - newest.get((name, horizon_s), float("-inf")) >= horizon_s / LOOKS_OF_A_HORIZON
    )


def _sum(look: Look, used: Mapping[str, float]) -> float:
    return sum(used.get(uid, 0.0) for uid in look.pods)
