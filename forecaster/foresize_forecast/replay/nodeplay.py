"""What forecasts of whole nodes are worth on a recorded cluster: stated quantiles against what came, and pressure.

Every hour the containers that run are packed onto equal nodes by their requests. Then the coming hour is foretold for
each node, as the operator would, and usage follows the trace. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.node.demand import DAY_S, HOUR_S, MISSES, Part, demand, foreseen
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted
from foresize_forecast.replay.nodes import ALLOCATABLE, PRESSURE, first_fit, in_order
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import FloatArray, IntArray

RECENT_S = 300
"""What was measured in so many seconds runs."""
IDLE_S = 1800
IDLE_SWING = 0.02
"""Memory that moved by less, of its highest, in `IDLE_S`: all that a trace tells of doing nothing."""
RISK = 0.05
"""The quantile that a large mover's reserve holds."""
RISKS = (0.05, 0.2, 0.5)
"""Of a node being short within the hour, at which pods are moved: each is tried."""
MOST_TRIED = 5
"""Containers of a node for which another node is looked for at once."""
MOVER = 0.02
"""Share of a node that a container's deviation has to have for it to be a large mover."""
HORIZONS_S = (HOUR_S, 6 * HOUR_S, DAY_S)


@dataclass(frozen=True, slots=True)
class Hour:
    """What is known of the running containers when an hour begins.

    Attributes:
        column: the first of it.
        rows: shape (running,): of the trace.
        parts: of the same.
        request: shape (running,), bytes.
        idle: shape (running,): its memory has not moved for a while.
    """

    column: int
    rows: IntArray
    parts: tuple[Part, ...]
    request: FloatArray
    idle: FloatArray

    def only(self, kept: FloatArray) -> Hour:
        """The same of some of them."""
        places = np.flatnonzero(kept)
        parts = tuple(self.parts[at] for at in places)
        return Hour(self.column, self.rows[places], parts, self.request[places], self.idle[places])


@dataclass(frozen=True, slots=True)
class Told:
    """What was foretold of one node, and what came.

    Attributes:
        horizon_s: how far ahead.
        uppers: shape (misses,), bytes.
        highest_bytes: what was used at most.
    """

    horizon_s: int
    uppers: FloatArray
    highest_bytes: float


def hour(trace: Trace, column: int, forecasts: Sequence[Forecasted | NoOutlook]) -> Hour:
    """The beginning of an hour.

    Args:
        trace: the recording; its censored series are left out.
        column: where it begins.
        forecasts: of every series, made there.
    """
    step_s = trace.grid.step_s
    recent = trace.usage[:, column - max(1, RECENT_S // step_s) : column]
    longer = np.nan_to_num(trace.usage[:, column - max(1, IDLE_S // step_s) : column])
    runs = ~np.isnan(recent).all(axis=1) & ~trace.censored
    rows = np.array(
        [row for row in np.flatnonzero(runs) if isinstance(forecasts[int(row)], Forecasted)], dtype=np.int64
    )
    now_s = float(trace.grid.start_s + column * step_s)
    parts, request = [], []
    for row in map(int, rows):
        known = forecasts[row]
        if isinstance(known, Forecasted):
            used = float(np.nanmax(recent[row]))
            parts.append(foreseen(str(row), known, used, now_s))
            request.append(max(float(known.plan.request_at(now_s)), used))
    swing = longer.max(axis=1) - longer.min(axis=1)
    idle = (swing <= IDLE_SWING * longer.max(axis=1))[rows]
    return Hour(column, rows, tuple(parts), np.array(request), idle.astype(np.float64))


def packed(request: FloatArray, node_bytes: float, draws: FloatArray) -> list[IntArray]:
    """Places of the containers of each node, packed first fit, the largest class first."""
    everyone = np.ones(request.size, dtype=np.bool_)
    order = in_order(request, everyone, draws, True)  # noqa: FBT003 - numba takes no names
    places, nodes = first_fit(request, order, ALLOCATABLE * node_bytes)
    return [order[places == node] for node in range(nodes)]


def foretold(trace: Trace, known: Hour, nodes: Sequence[IntArray], correlation: float) -> list[Told]:
    """Every node's demand over each horizon that the trace still holds, beside what came."""
    found = []
    usage = np.nan_to_num(trace.usage[known.rows, known.column : known.column + DAY_S // trace.grid.step_s])
    for horizon_s in HORIZONS_S:
        columns = horizon_s // trace.grid.step_s
        if usage.shape[1] < columns:
            continue
        for members in nodes:
            said = demand([known.parts[at] for at in members], horizon_s, correlation)
            found.append(Told(horizon_s, said.uppers, float(usage[members, :columns].sum(axis=0).max())))
    return found


def missed(told: Sequence[Told], horizon_s: int) -> dict[float, float]:
    """By stated probability of more, the share of nodes that needed more."""
    mine = [each for each in told if each.horizon_s == horizon_s]
    uppers = np.stack([each.uppers for each in mine])
    highest = np.array([each.highest_bytes for each in mine])
    return dict(zip(MISSES, (highest[:, np.newaxis] > uppers).mean(axis=0).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Pressure:
    """What came of one way to run a cluster.

    Attributes:
        nodes: node-hours.
        columns: node-columns under pressure.
        hours: node-hours with such a column.
        moves: containers moved.
        nowhere: nodes foretold to be short of which nobody could be moved, or not enough.
    """

    nodes: int = 0
    columns: int = 0
    hours: int = 0
    moves: int = 0
    nowhere: int = 0

    def plus(self, other: Pressure) -> Pressure:
        """Both together."""
        return Pressure(
            self.nodes + other.nodes,
            self.columns + other.columns,
            self.hours + other.hours,
            self.moves + other.moves,
            self.nowhere + other.nowhere,
        )


Movable = Callable[[Hour, int], bool]
"""Whether the container at a place may be moved."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How pods are moved ahead of pressure.

    Attributes:
        node_bytes: of every node.
        movable: who may be.
        risk: of being short within the hour, from which on a node gives pods away.
    """

    node_bytes: float
    movable: Movable
    risk: float

    def short_bytes(self, known: Hour, places: Sequence[int]) -> float:
        """What a node with these containers lacks, at the risk; below 0 what is left."""
        upper = demand([known.parts[at] for at in places], HOUR_S).upper_bytes(self.risk)
        return upper - PRESSURE * self.node_bytes


def moved(known: Hour, nodes: Sequence[IntArray], rule: Rule) -> tuple[list[IntArray], int, int]:
    """The nodes after those that are foretold to be short gave away what may be moved, where another has room.

    The other has room for the request, and is not foretold to be short with it.

    Returns:
        The nodes, how many were moved, and from how many nodes not enough could be.
    """
    members = [list(each) for each in nodes]
    moves, nowhere = 0, 0
    for node, mine in enumerate(members):
        while (short := rule.short_bytes(known, mine)) > 0:
            step = _step(known, members, node, rule, short)
            if step is None:
                nowhere += 1
                break
            at, other = step
            mine.remove(at)
            members[other].append(at)
            moves += 1
    return [np.array(each, dtype=np.int64) for each in members], moves, nowhere


def _step(
    known: Hour, members: Sequence[Sequence[int]], node: int, rule: Rule, short_bytes: float
) -> tuple[int, int] | None:
    """Who goes where: of the few that come closest to what is missing the first that another node takes."""
    used = [part.now_bytes for part in known.parts]
    given = [at for at in members[node] if rule.movable(known, at) and used[at] > 0]
    given.sort(key=lambda at: (used[at] < short_bytes, abs(used[at] - short_bytes)))
    for at in given[:MOST_TRIED]:
        for other, theirs in enumerate(members):
            asked = sum(known.request[each] for each in theirs) + known.request[at]
            fits = other != node and asked <= ALLOCATABLE * rule.node_bytes
            if fits and rule.short_bytes(known, [*theirs, at]) <= 0:
                return at, other
    return None


def reserved(known: Hour, node_bytes: float) -> FloatArray:
    """Requests with a reserve for large movers only: as far as each may rise within the hour, shape (running,)."""
    rises = np.array([demand([part], HOUR_S).upper_bytes(RISK) for part in known.parts]) - known.request
    return known.request + np.where(rises > MOVER * node_bytes, rises, 0.0)


def spread(known: Hour, more_bytes: float) -> FloatArray:
    """Requests with as much more in all, as the same share for everyone."""
    more: FloatArray = known.request * (1 + more_bytes / float(known.request.sum()))
    return more


def pressed(trace: Trace, known: Hour, nodes: Sequence[IntArray], node_bytes: float) -> Pressure:
    """What came in the hour."""
    usage = np.nan_to_num(trace.usage[known.rows, known.column : known.column + HOUR_S // trace.grid.step_s])
    over = []
    for members in nodes:
        whole = max(node_bytes, float(known.request[members].max(initial=0.0)) / ALLOCATABLE)
        over.append(int((usage[members].sum(axis=0) > PRESSURE * whole).sum()))
    return Pressure(nodes=len(nodes), columns=sum(over), hours=sum(each > 0 for each in over))


def ways(trace: Trace, known: Hour, node_bytes: float, draws: FloatArray) -> Mapping[str, Pressure]:
    """The hour run in several ways: as it is packed, with a reserve, with moves ahead of pressure, with both.

    Args:
        trace: the recording.
        known: the beginning of the hour.
        node_bytes: of every node.
        draws: shape (running,): what breaks ties; of those that move by priority the lowest tenth by them is last.
    """
    more = reserved(known, node_bytes)
    requests = {
        "as requested": known.request,
        "reserve for large movers": more,
        "the same bytes as a share for everyone": spread(known, float((more - known.request).sum())),
    }
    found: dict[str, Pressure] = {}
    for name, request in requests.items():
        found[name] = pressed(trace, known, packed(request, node_bytes, draws), node_bytes)
    for name, request in (("as requested", known.request), ("reserve for large movers", more)):
        asked = replace(known, request=request)
        before = packed(request, node_bytes, draws)
        for who, movable in (("idle", _idle), ("any", _any)):
            for risk in RISKS:
                after, moves, nowhere = moved(asked, before, Rule(node_bytes, movable, risk))
                came = pressed(trace, asked, after, node_bytes)
                found[f"{name}, {who} moved at {risk:.0%}"] = replace(came, moves=moves, nowhere=nowhere)
    return found


def _idle(known: Hour, at: int) -> bool:
    return bool(known.idle[at])


def _any(known: Hour, at: int) -> bool:
    return known.parts[at].now_bytes >= 0
