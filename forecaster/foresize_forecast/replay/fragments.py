"""What is left of nodes under first, best and worst fit, when containers come, grow and go. Pure.

Unlike `nodes`, which packs anew every hour, who has a place keeps it: a newcomer gets one by the strategy, a node is
added where none has room and given back when it is empty, and the smallest that is enough leaves a node that requests
have outgrown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from foresize_forecast.node.stranded import stranded_bytes
from foresize_forecast.placement import Fit
from foresize_forecast.replay.nodehours import Hour
from foresize_forecast.replay.nodes import ALLOCATABLE
from foresize_forecast.series import FloatArray

LARGE = 0.95
"""The quantile of requests that stands for a large pod."""


@dataclass(frozen=True, slots=True)
class Fragments:
    """Sums over hours.

    Attributes:
        node_hours: nodes.
        room: what they have to allocate, byte hours.
        free: what of that nobody asks for.
        stranded: what of the free memory is too little for a usual pod, as the operator's metric has it.
        split: what of it is too little for a large one.
        moved: containers that had to leave a node that requests have outgrown.
    """

    node_hours: int = 0
    room: float = 0.0
    free: float = 0.0
    stranded: float = 0.0
    split: float = 0.0
    moved: int = 0

    def plus(self, other: Fragments) -> Fragments:
        """Both together."""
        return Fragments(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Fragments)))


class Cluster:
    """Equal nodes, and who is where.

    Args:
        node_bytes: of every node.
        fit: the strategy.
        draws: shape (series,): who comes first of those that come within an hour.
    """

    def __init__(self, node_bytes: float, fit: Fit, draws: FloatArray) -> None:
        self._room, self._fit, self._draws = ALLOCATABLE * node_bytes, fit, draws
        self._nodes: dict[int, dict[int, float]] = {}
        """By number, the requests of the rows there."""
        self._next = 0

    def hour(self, known: Hour) -> Fragments:
        """An hour later: who has gone, grown and come."""
        asked = dict(zip(known.rows.tolist(), known.request.tolist(), strict=True))
        staying = ((number, [row for row in members if row in asked]) for number, members in self._nodes.items())
        self._nodes = {number: {row: asked[row] for row in rows} for number, rows in staying if rows}
        outgrown = [row for members in self._nodes.values() for row in self._outgrown(members)]
        for members in self._nodes.values():
            for row in outgrown:
                members.pop(row, None)
        placed = {row for members in self._nodes.values() for row in members}
        for row in sorted(asked.keys() - placed, key=lambda row: (float(self._draws[row]), row)):
            self._nodes[self._place(asked[row])][row] = asked[row]
        return self._told(sorted(asked.values()), len(outgrown))

    def placed(self) -> Sequence[frozenset[int]]:
        """The rows of each node, the oldest node first."""
        return [frozenset(members) for _, members in sorted(self._nodes.items())]

    def _outgrown(self, members: dict[int, float]) -> list[int]:
        leaving: list[int] = []
        while (short := sum(asked for row, asked in members.items() if row not in leaving) - self._room) > 0:
            left = [(asked, row) for row, asked in members.items() if row not in leaving]
            if len(left) == 1:
                break
            enough = [each for each in left if each[0] >= short]
            leaving.append(min(enough)[1] if enough else max(left)[1])
        return leaving

    def _place(self, asked: float) -> int:
        free = {number: self._room - sum(members.values()) for number, members in self._nodes.items()}
        fitting = [number for number, left in free.items() if left >= asked]
        if not fitting:
            self._next += 1
            self._nodes[self._next] = {}
            return self._next
        if self._fit is Fit.FIRST:
            return min(fitting)
        sign = 1 if self._fit is Fit.BEST else -1
        return min(fitting, key=lambda number: (sign * free[number], number))

    def _told(self, asked: Sequence[float], moved: int) -> Fragments:
        usual, large = [int(each) for each in asked], int(np.quantile(asked, LARGE)) if asked else 0
        free = [max(0, int(self._room - sum(members.values()))) for members in self._nodes.values()]
        return Fragments(
            node_hours=len(free),
            room=self._room * len(free),
            free=float(sum(free)),
            stranded=float(sum(stranded_bytes(each, (), usual) for each in free)),
            split=float(sum(each for each in free if each < large)),
            moved=moved,
        )
