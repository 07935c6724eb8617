"""How far memory jumps above what was held for it, how often, and what head room that is worth.

A size follows usage from tick to tick; what kills is the jump that comes faster than that. Jumps are rare, so one
container's own record says little: it is pooled with those of its siblings (the same container of other replicas), of
its namespace (load comes to an application as a whole) and of the cluster. How much room is left for jumps follows from
cost: bytes that lie idle against kills.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.series import FloatArray, IntArray, PerContainer, PerContainerAndTime, peaks
from foresize_forecast.sizes import MIB

OFFSET_BYTES = 64 * MIB
"""Jumps are measured as log((usage + offset) / (held + offset)): in shares for large containers, in bytes for small."""
STEPS: FloatArray = np.concatenate([np.linspace(0.0, 0.3, 31), np.linspace(0.33, 3.0, 90)])
"""The logarithms of growth that are told apart: by 1 % up to 35 %, then by 3 % up to twenty-fold."""
GROWTHS: FloatArray = np.expm1(STEPS)
HOUR_S = 3600
DAY_HOURS = 24.0
HALF_LIFE_HOURS = 14 * DAY_HOURS
"""What is two weeks old counts half."""
CHANGE_WEIGHT = 0.5
"""What was seen before the newest revision counts half: a new image may jump as the old one did, or not."""
OWN_PRIOR_HOURS = 96.0
"""A container's own record weighs as much as its siblings' when it is four days long."""
SIBLINGS_PRIOR_HOURS = 48.0
"""The same for siblings and their namespace: two container-days."""
NAMESPACE_PRIOR_HOURS = 480.0
"""The same for a namespace and the cluster: twenty container-days."""
CLUSTER_PRIOR_HOURS = 2000.0
PRIOR_SHARES: FloatArray = np.minimum(0.02, 2e-5 / (STEPS + 0.001))
"""Share of hours with a jump above each step where nothing is known: heavy-tailed, about one day in 200 above 10 %."""
PRIOR_DAY_SHARES: FloatArray = np.minimum(0.3, 5e-3 / (STEPS + 0.001))
"""The same for days whose peak rises above what was expected when they began: a day in twenty by 10 %."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """A record of jumps, older hours counted less.

    Attributes:
        counts: shape (steps,): hours in which usage jumped above each of `STEPS`.
        hours: hours on record.
    """

    counts: FloatArray
    hours: float


NO_JUMPS = Jumps(np.zeros_like(STEPS), 0.0)


@dataclass(frozen=True, slots=True)
class Tail:
    """Share of hours, or of days, with a jump above each of `STEPS`, shape (steps,), not rising."""

    shares: FloatArray

    def growth_at(self, miss: float) -> float:
        """The growth (a share) that is passed in no more than a share of `miss`."""
        below = np.flatnonzero(self.shares <= miss)
        return float(GROWTHS[below[0]] if below.size else GROWTHS[-1])


PRIOR = Tail(PRIOR_SHARES)
PRIOR_DAY = Tail(PRIOR_DAY_SHARES)


def together(records: Iterable[Jumps]) -> Jumps:
    """Several records as one."""
    counts, hours = np.zeros_like(STEPS), 0.0
    for record in records:
        counts, hours = counts + record.counts, hours + record.hours
    return Jumps(counts, hours)


@dataclass(frozen=True, slots=True)
class Kin:
    """The records that a container's own is filled up with, each with its own in it."""

    siblings: Jumps = NO_JUMPS
    namespace: Jumps = NO_JUMPS
    cluster: Jumps = NO_JUMPS


NO_KIN = Kin()


def pooled(own: Jumps, kin: Kin, prior: Tail = PRIOR) -> Tail:
    """A container's tail: its own record, filled up by its siblings', its namespace's, the cluster's, by what is usual.

    Each level is a mean of its own share and of the level above, by hours on record against the prior hours.

    Worked: 96 own hours, 3 of them with a jump above a step that its siblings have in 1 % of their hours:
    (3 + 96 x 0.01) / (96 + 96) = 2.06 %.
    """
    shares = prior.shares
    for record, prior_hours in (
        (kin.cluster, CLUSTER_PRIOR_HOURS),
        (kin.namespace, NAMESPACE_PRIOR_HOURS),
        (kin.siblings, SIBLINGS_PRIOR_HOURS),
        (own, OWN_PRIOR_HOURS),
    ):
        shares = (record.counts + prior_hours * shares) / (record.hours + prior_hours)
    return Tail(shares)


def held_for(level_bytes: float, tail: Tail, kill_cost_bytes: float) -> float:
    """The size that is cheapest to hold over a level, bytes.

    Minimises (level + offset) x growth + kill cost x 24 x share of hours with a jump above it: both are bytes held for
    a day. A small container gets room for a great growth, a large one only for what it was seen to do.

    Worked: level 64 MiB, jumps above 10 % in 1 % of hours and none above 50 %, a kill worth 3 GiB days: no room costs
    737 MiB, 50 % room 64 MiB: it gets (64 + 64) x 1.5 - 64 = 128 MiB.

    Args:
        level_bytes: what has to be held in any case.
        tail: of jumps above it.
        kill_cost_bytes: what a kill costs, as bytes reserved for a day.
    """
    base = level_bytes + OFFSET_BYTES
    cost = base * GROWTHS + kill_cost_bytes * DAY_HOURS * tail.shares
    return float(base * (1 + GROWTHS[int(np.argmin(cost))]) - OFFSET_BYTES)


def expected_cost(mean_level: PerContainer, records: list[Jumps], kill_cost: FloatArray) -> PerContainer:
    """What holding such levels costs on average, bytes: the room that is cheapest, and the kills that are left.

    Shape (containers,). The tails are the containers' own over `PRIOR`: models are compared by their own records.
    """
    shares = np.array([pooled(record, NO_KIN).shares for record in records]).reshape(-1, STEPS.size)
    base = mean_level[:, np.newaxis] + OFFSET_BYTES
    room = base * (1 + GROWTHS) - OFFSET_BYTES
    cheapest: PerContainer = (room + kill_cost[:, np.newaxis] * DAY_HOURS * shares).min(axis=1)
    return cheapest


def jumps_above(usage: PerContainerAndTime, held: PerContainerAndTime, step_s: int, changes: IntArray) -> list[Jumps]:
    """Each container's record of jumps of its usage above what was held.

    Args:
        usage: bytes, NaN in gaps.
        held: bytes of the same shape; NaN where nothing could be held yet: those hours are not on record.
        step_s: seconds of an interval; intervals longer than an hour count as one.
        changes: shape (containers,): the first interval of the newest revision, before which all counts less.
    """
    per_hour = max(1, HOUR_S // step_s)
    hours_of_block = max(1.0, step_s / HOUR_S)
    decay = 0.5 ** (hours_of_block / HALF_LIFE_HOURS)
    counts, hours = _recorded(usage, held, per_hour, decay, changes)
    return [Jumps(row, float(of) * hours_of_block) for row, of in zip(counts * hours_of_block, hours, strict=True)]


def rises_above(
    usage: PerContainerAndTime, expected: PerContainerAndTime, step_s: int, changes: IntArray
) -> list[Jumps]:
    """Each container's record of how far a day's peak rose above what was expected when it began.

    Args:
        usage: shape (containers, days x intervals of a day), bytes, NaN in gaps: whole days, one after the other.
        expected: shape (containers, days), bytes; NaN where nothing was expected. Such days are not on record, nor
            those of which half is missing.
        step_s: seconds of an interval.
        changes: shape (containers,): the first interval of the newest revision; days that began before it count less.

    Returns:
        Jumps whose `hours` are those of the days on record, and whose `counts` are hours too.
    """
    containers, days = expected.shape
    by_day = usage.reshape(containers, days, -1)
    half_day = 0.5 * DAY_HOURS * HOUR_S / step_s
    known = (np.count_nonzero(~np.isnan(by_day), axis=2) >= half_day) & ~np.isnan(expected)
    rise = np.log((peaks(by_day) + OFFSET_BYTES) / (expected + OFFSET_BYTES))
    begins = np.arange(days) * by_day.shape[2]
    weights = np.where(begins < changes[:, np.newaxis], CHANGE_WEIGHT, 1.0) * known
    counts = DAY_HOURS * np.einsum("cd,cds->cs", weights, rise[:, :, np.newaxis] > STEPS)
    hours = DAY_HOURS * weights.sum(axis=1)
    return [Jumps(row, float(of)) for row, of in zip(counts, hours, strict=True)]


@compiled_as_written
def _recorded(
    usage: FloatArray, held: FloatArray, per_block: int, decay: float, changes: IntArray
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover - compiled
    containers, time = usage.shape
    counts = np.zeros((containers, STEPS.size))
    hours = np.zeros(containers)
    first = time % per_block
    for row in range(containers):
        changed = changes[row] <= 0
        for start in range(first, time, per_block):
            if not changed and start + per_block > changes[row]:
                changed = True
                hours[row] *= CHANGE_WEIGHT
                counts[row] *= CHANGE_WEIGHT
            highest = -1.0
            for at in range(start, start + per_block):
                used, size = usage[row, at], held[row, at]
                if not (math.isnan(used) or math.isnan(size)):
                    highest = max(highest, math.log((used + OFFSET_BYTES) / (size + OFFSET_BYTES)), 0.0)
            if highest < 0.0:
                continue
            hours[row] = hours[row] * decay + 1.0
            for step in range(STEPS.size):
                above = 1.0 if highest > STEPS[step] else 0.0
                counts[row, step] = counts[row, step] * decay + above
    return counts, hours
