"""What forecasts of whole nodes are worth on a recorded cluster: pressure, with and without what is done ahead of it.

Every hour the containers that run are packed onto equal nodes by their requests, and those that are foretold to be
short give some away; then usage follows the trace. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.node.demand import HOUR_S, STEP_S, demand
from foresize_forecast.node.hindsight import NOTHING_SEEN, Sums, corrected
from foresize_forecast.replay.nodehours import Hour, packed
from foresize_forecast.replay.nodes import ALLOCATABLE, PRESSURE
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import FloatArray, IntArray
from foresize_forecast.sizing.wanted import with_reserve

RISK = 0.05
"""The operator's own, of those that are idle."""
RISKS = (0.05, 0.2, 0.5)
"""Of a node being short within the hour, at which pods are moved: each is tried."""
MOST_TRIED = 5
"""Containers of a node for which another node is looked for at once."""


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
        sums: what became of earlier forecasts.
    """

    node_bytes: float
    movable: Movable
    risk: float
    sums: Sums = NOTHING_SEEN

    def short_bytes(self, known: Hour, places: Sequence[int]) -> float:
        """What a node with these containers lacks, at the risk; below 0 what is left."""
        said = corrected(demand([known.parts[at] for at in places], HOUR_S), self.sums)
        return said.upper_bytes(self.risk) - PRESSURE * self.node_bytes


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
    coming = (float(max(part.now_bytes, part.levels[: HOUR_S // STEP_S].max())) for part in known.parts)
    each = zip(known.request, coming, known.parts, strict=True)
    return np.array(
        [with_reserve(int(asked), level, part.hour, node_bytes) for asked, level, part in each], dtype=float
    )


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


def ways(
    trace: Trace, known: Hour, node_bytes: float, draws: FloatArray, sums: Sums = NOTHING_SEEN
) -> Mapping[str, Pressure]:
    """The hour run in several ways: as it is packed, with a reserve, with moves ahead of pressure, with both.

    Args:
        trace: the recording.
        known: the beginning of the hour.
        node_bytes: of every node.
        draws: shape (running,): what breaks ties.
        sums: what became of earlier forecasts.
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
        for who, rules in _rules(node_bytes, sums).items():
            after, moves, nowhere = before, 0, 0
            for rule in rules:
                after, moved_now, nowhere = moved(asked, after, rule)
                moves += moved_now
            came = pressed(trace, asked, after, node_bytes)
            found[f"{name}, {who}"] = replace(came, moves=moves, nowhere=nowhere)
    return found


def _rules(node_bytes: float, sums: Sums) -> dict[str, tuple[Rule, ...]]:
    """Who is moved at which risk; the operator's own way is the idle at 5 %, then others at its risk for those."""
    found: dict[str, tuple[Rule, ...]] = {}
    for risk in RISKS:
        found[f"idle moved at {risk:.0%}"] = (Rule(node_bytes, _idle, risk, sums),)
    for risk in RISKS:
        found[f"any moved at {risk:.0%}"] = (Rule(node_bytes, _any, risk, sums),)
    for risk in RISKS:
        both = Rule(node_bytes, _idle, RISK, sums), Rule(node_bytes, _any, risk, sums)
        found[f"idle moved at {RISK:.0%}, then any at {risk:.0%}"] = both
    return found


def _idle(known: Hour, at: int) -> bool:
    return bool(known.idle[at])


def _any(known: Hour, at: int) -> bool:
    return known.parts[at].now_bytes >= 0
