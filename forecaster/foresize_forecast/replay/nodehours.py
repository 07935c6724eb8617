"""The hours of a recorded cluster: what is known as one begins, how it is packed, what is foretold of nodes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.node.demand import DAY_S, HOUR_S, MISSES, Demand, Part, demand, foreseen
from foresize_forecast.node.hindsight import NOTHING_SEEN, corrected
from foresize_forecast.replay.nodes import ALLOCATABLE, first_fit, in_order
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import FloatArray, IntArray
from foresize_forecast.sizing.plan import Forecasted

RECENT_S = 300
"""What was measured in so many seconds runs."""
IDLE_S = 1800
IDLE_SWING = 0.02
"""Memory that moved by less, of its highest, in `IDLE_S`: all that a trace tells of doing nothing."""
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
        at_s: when, Unix seconds.
        horizon_s: how far ahead.
        demand: what was foretold.
        highest_bytes: what was used at most.
    """

    at_s: int
    horizon_s: int
    demand: Demand
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
            highest = float(usage[members, :columns].sum(axis=0).max())
            found.append(Told(trace.grid.start_s + known.column * trace.grid.step_s, horizon_s, said, highest))
    return found


def in_hindsight(told: Sequence[Told]) -> list[Told]:
    """The same, each corrected by those of its horizon that were over when it was told, as the operator does it.

    Args:
        told: hour by hour.
    """
    found: list[Told] = []
    for horizon_s in dict.fromkeys(each.horizon_s for each in told):
        mine = [each for each in told if each.horizon_s == horizon_s]
        sums, over = NOTHING_SEEN, 0
        for each in mine:
            while mine[over].at_s + horizon_s <= each.at_s:
                sums = sums.after(mine[over].demand, mine[over].highest_bytes, HOUR_S / horizon_s)
                over += 1
            found.append(replace(each, demand=corrected(each.demand, sums)))
    return found


def missed(told: Sequence[Told], horizon_s: int) -> dict[float, float]:
    """By stated probability of more, the share of nodes that needed more."""
    mine = [each for each in told if each.horizon_s == horizon_s]
    uppers = np.stack([each.demand.uppers for each in mine])
    highest = np.array([each.highest_bytes for each in mine])
    return dict(zip(MISSES, (highest[:, np.newaxis] > uppers).mean(axis=0).tolist(), strict=True))
