"""What a leak costs the neighbours: the other price of a limit that lies far above what is requested.

Containers of a trace are made to leak, and every policy sizes them as they grow. A container takes from its neighbours
what it holds above the request that was set aside for it when the leak began, until it is killed at its limit; where
the policy lets the limit follow, until the node is full or the trace ends. A request that is raised later counts for
nothing: on a full node the room for it is the neighbours'.

The containers are drawn node by node: all are packed by what they use, and of every node some leak, each for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.nodes import ALLOCATABLE, Cluster, first_fit, in_order
from foresize_forecast.replay.playing import Play
from foresize_forecast.replay.resample import DRAWS, LEVEL, clusters
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import BoolArray, FloatArray, IntArray, PerContainer
from foresize_forecast.sizes import MIB

NODE_BYTES = float(16 << 30)
LEAKS_PER_NODE = 8
BEGIN_DAYS = 1
"""Scored days before the leaks begin, so that every policy has seen two whole ones."""
DOUBLING_S = 6 * 3600
"""Time in which a leak takes as much as the container had: an hour is an accident, a week is growth."""
LEAST_BYTES = 64 * MIB
"""... or this much, for containers that have next to nothing."""


@dataclass(frozen=True, slots=True)
class Leaks:
    """A trace in which containers leak.

    Attributes:
        trace: the containers that leak, and their siblings.
        rows: shape (leaks,): the rows that leak.
        begin: the column where all leaks begin.
    """

    trace: Trace
    rows: IntArray
    begin: int


@dataclass(frozen=True, slots=True)
class LeakFigures:
    """What leaks took under one policy.

    Attributes:
        leak_mib: mean over leaks of what each took from its neighbours.
        leak_stopped: share of leaks that were killed at their limit.
        leaks: how many there were.
        over_baseline: `leak_mib` over the baseline's; NaN without one.
        low: lower end of the interval of that ratio, from a bootstrap over namespaces.
        high: upper end.
    """

    leak_mib: float
    leak_stopped: float
    leaks: int
    over_baseline: float
    low: float
    high: float


def leaks(trace: Trace, held: Cluster) -> Leaks | None:
    """Make containers of a trace leak; None where it is too short."""
    hour = BEGIN_DAYS * 24
    if hour >= held.running.shape[1]:
        return None
    begin = held.first + hour * held.per_hour
    steady = np.all(held.running[:, hour - 1 : hour + 1], axis=1)
    rows = in_order(held.peaks[:, hour], steady, held.draws[0], False)  # noqa: FBT003 - compiled code has no keywords
    places, nodes = first_fit(held.peaks[:, hour], rows, ALLOCATABLE * NODE_BYTES)
    draws = np.random.default_rng(0).random(rows.size)
    chosen = [np.flatnonzero(places == node) for node in range(nodes)]
    drawn = np.concatenate([rows[each[np.argsort(draws[each])[:LEAKS_PER_NODE]]] for each in chosen])
    leaking = held.rows[np.sort(drawn)]
    if not leaking.size:
        return None
    kept = _with_siblings(trace, leaking)
    return Leaks(_leaky(trace, leaking, begin).rows(kept), np.searchsorted(kept, leaking), begin)


def taken(leaky: Leaks, play: Play) -> tuple[PerContainer, BoolArray]:
    """Bytes that each leak took from its neighbours, and whether its limit stopped it; shape (leaks,) each."""
    usage = leaky.trace.usage[leaky.rows, leaky.begin :]
    limit = play.limit.dense()[leaky.rows, leaky.begin :]
    aside = play.request.dense()[leaky.rows, leaky.begin]
    over = np.nan_to_num(usage) > limit
    stopped: BoolArray = np.any(over, axis=1)
    last = np.where(stopped, over.argmax(axis=1), usage.shape[1])
    alive = np.arange(usage.shape[1]) < last[:, np.newaxis]
    most = np.where(alive, np.nan_to_num(usage), 0.0).max(axis=1)
    return np.maximum(np.minimum(most, NODE_BYTES) - aside, 0.0), stopped


def leak_figures(leaky: Leaks, play: Play, baseline: Play | None) -> LeakFigures:
    """What leaks took under a policy, beside the baseline on the same leaks."""
    took, stopped = taken(leaky, play)
    over, low, high = np.nan, np.nan, np.nan
    if baseline is not None:
        against, _ = taken(leaky, baseline)
        member = clusters([leaky.trace.namespaces[row] for row in leaky.rows])
        over = float(took.sum() / against.sum()) if against.sum() else np.nan
        low, high = _interval(took @ member, against @ member)
    return LeakFigures(float(took.mean()) / MIB, float(stopped.mean()), took.size, over, low, high)


def _interval(took: FloatArray, against: FloatArray) -> tuple[float, float]:
    """Of the ratio of sums over namespaces."""
    count = took.size
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS)
    wholes = drawn @ against
    found = (drawn @ took)[wholes > 0] / wholes[wholes > 0]
    if not found.size:
        return np.nan, np.nan
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _with_siblings(trace: Trace, chosen: IntArray) -> IntArray:
    wanted = {(trace.namespaces[row], trace.siblings[row]) for row in chosen}
    pairs = zip(trace.namespaces, trace.siblings, strict=True)
    return np.flatnonzero([pair in wanted for pair in pairs])


def _leaky(trace: Trace, leaking: IntArray, begin: int) -> Trace:
    """The trace with leaks that all begin in one column."""
    usage = trace.usage.copy()
    before = usage[leaking, :begin]
    filled = np.maximum.accumulate(np.where(np.isnan(before), -1, np.arange(begin)), axis=1)[:, -1]
    level = np.where(filled >= 0, before[np.arange(leaking.size), filled], 0.0)
    rate = np.maximum(level, LEAST_BYTES) * trace.grid.step_s / DOUBLING_S
    usage[leaking, begin:] += rate[:, np.newaxis] * np.arange(1, trace.grid.count - begin + 1)
    return Trace(
        trace.source, trace.grid, trace.series, trace.namespaces, trace.siblings, usage, trace.declared,
        trace.censored, trace.kills, trace.scaled,
    )  # fmt: skip
