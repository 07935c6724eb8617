"""How many nodes requests need, and how often what runs on a node then comes close to all of it.

Every hour all containers that run in it are packed anew onto equal nodes, first fit, the largest request first; for
that hour usage follows the trace. What a cluster pays for is nodes, so this is where a smaller request counts, and
where too small a request shows: a node close to full is where the kubelet evicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.tally import MINUTE_S, warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import BoolArray, FloatArray, IntArray, PerContainer

GIB = 1 << 30
NODE_BYTES = (16 * GIB, 32 * GIB, 64 * GIB)
ALLOCATABLE = 0.94
"""Share of a node that requests may fill; the rest is the system's and the kubelet's own."""
PRESSURE = 0.994
"""Share of a node above which the kubelet evicts: all but 100 MiB of 16 GiB, its default `memory.available`."""
ORDERS = 5
"""Packing orders. In the first, requests fall strictly. In the others those of one class are shuffled, by a number that
each container draws once: replicas and containers at a floor have no order of their own."""
CLASS_RATIO = 1.05
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Cluster:
    """The containers of a trace that nodes have to hold, hour by hour; censored ones are not among them.

    Attributes:
        rows: shape (containers,): their rows in the trace.
        first: the first scored column of the trace.
        per_hour: columns of an hour.
        usage: shape (containers, time), bytes, 0 where nothing was measured; whole hours only.
        running: shape (containers, hours): whether it was measured at all in the hour.
        draws: shape (orders, containers): what breaks ties.
        peaks: shape (containers, hours), bytes: the highest usage of the hour.
        oracle: node-hours when packed by `peaks`, shape (node sizes, orders).
        bound: node-hours at the least, shape (node sizes,): each hour's highest total usage over what is allocatable.
    """

    rows: IntArray
    first: int
    per_hour: int
    usage: FloatArray
    running: BoolArray
    draws: FloatArray
    peaks: FloatArray
    oracle: FloatArray
    bound: FloatArray


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """Means over sizes of node and packing orders.

    Attributes:
        nodes: mean number at a time.
        nodes_over_oracle: node-hours over those of an oracle that requests the coming hour's highest usage.
        nodes_over_bound: node-hours over those of nodes that could be filled to the last byte.
        pressure: share of node-minutes with usage above `PRESSURE`.
        pressure_hours: share of node-hours with such a minute.
        by_node_gib: nodes, nodes_over_oracle, nodes_over_bound and pressure by size of node.
        causes: minutes of pressure by series: the one on the node that was farthest above its request.
    """

    nodes: float
    nodes_over_oracle: float
    nodes_over_bound: float
    pressure: float
    pressure_hours: float
    by_node_gib: Mapping[str, Mapping[str, float]]
    causes: Mapping[str, float]


def cluster(trace: Trace, node_bytes: Sequence[int] = NODE_BYTES) -> Cluster | None:
    """What nodes have to hold of a trace; None where it is no containers, or in shares of a machine."""
    rows = np.flatnonzero(~trace.censored)
    first, per_hour = warmup_columns(trace), max(1, HOUR_S // trace.grid.step_s)
    hours = (trace.grid.count - first) // per_hour
    if not trace.kills or trace.scaled or not rows.size or not hours:
        return None
    measured = trace.usage[rows, first : first + hours * per_hour]
    usage = np.nan_to_num(measured)
    hourly = usage.reshape(rows.size, hours, per_hour)
    running: BoolArray = np.any(~np.isnan(measured).reshape(hourly.shape), axis=2)
    peaks = hourly.max(axis=2)
    draws = np.vstack([np.zeros(rows.size), np.random.default_rng(0).random((ORDERS - 1, rows.size))])
    sizes = np.array(node_bytes, dtype=np.float64)
    total = usage.sum(axis=0).reshape(hours, per_hour).max(axis=1).sum()
    counted, _ = _packed(usage, peaks, running, draws, sizes)
    return Cluster(rows, first, per_hour, usage, running, draws, peaks, counted[:, :, 0], total / (ALLOCATABLE * sizes))


def node_figures(
    held: Cluster, trace: Trace, request: FloatArray, node_bytes: Sequence[int] = NODE_BYTES
) -> NodeFigures:
    """What nodes the requests need.

    Args:
        held: of the trace.
        trace: what was used.
        request: shape (series, time) of the whole trace, bytes.
        node_bytes: sizes of node, as given to `cluster`.
    """
    hours = held.running.shape[1]
    at = held.first + held.per_hour * np.arange(hours)
    sizes = np.array(node_bytes, dtype=np.float64)
    hourly = np.ascontiguousarray(request[np.ix_(held.rows, at)])
    counted, causes = _packed(held.usage, hourly, held.running, held.draws, sizes)
    node_hours, pressed, pressed_hours = counted[:, :, 0], counted[:, :, 1], counted[:, :, 2]
    over_oracle = node_hours / held.oracle
    over_bound = node_hours / held.bound[:, np.newaxis]
    pressure = pressed / (node_hours * held.per_hour)
    minutes = causes * trace.grid.step_s / MINUTE_S / (sizes.size * ORDERS)
    worst = np.argsort(-minutes, kind="stable")
    return NodeFigures(
        nodes=float((node_hours / hours).mean()),
        nodes_over_oracle=float(over_oracle.mean()),
        nodes_over_bound=float(over_bound.mean()),
        pressure=float(pressure.mean()),
        pressure_hours=float((pressed_hours / node_hours).mean()),
        by_node_gib={
            f"{int(size / GIB)}": {
                "nodes": float((node_hours[row] / hours).mean()),
                "nodes_over_oracle": float(over_oracle[row].mean()),
                "nodes_over_bound": float(over_bound[row].mean()),
                "pressure": float(pressure[row].mean()),
            }
            for row, size in enumerate(sizes)
        },
        causes={trace.series[held.rows[row]]: float(minutes[row]) for row in worst if minutes[row] > 0},
    )


@compiled_as_written
def _packed(
    usage: FloatArray, request: FloatArray, running: BoolArray, draws: FloatArray, node_bytes: FloatArray
) -> tuple[FloatArray, PerContainer]:
    """Pack every hour, for every size of node and order.

    Returns:
        Shape (node sizes, orders, 3): node-hours, node-columns under pressure, node-hours with such a column; shape
        (containers,): columns of pressure that each caused.
    """
    containers, hours = running.shape
    per_hour = usage.shape[1] // hours
    counted = np.zeros((node_bytes.size, draws.shape[0], 3))
    causes = np.zeros(containers)
    for order in range(draws.shape[0]):
        for hour in range(hours):
            rows = in_order(request[:, hour], running[:, hour], draws[order], order > 0)
            for size in range(node_bytes.size):
                places, nodes = first_fit(request[:, hour], rows, ALLOCATABLE * node_bytes[size])
                counted[size, order, 0] += nodes
                part = usage[:, hour * per_hour : (hour + 1) * per_hour]
                pressed = _pressed(part, request[:, hour], (rows, places, nodes), node_bytes[size], causes)
                counted[size, order, 1] += pressed[0]
                counted[size, order, 2] += pressed[1]
    return counted, causes


@compiled_as_written
def in_order(request: FloatArray, running: BoolArray, draws: FloatArray, shuffled: bool) -> IntArray:  # noqa: FBT001 - numba
    """The running containers, the largest request first; where shuffled, those of one class by their draws."""
    rows = np.flatnonzero(running)
    keys = request[rows].copy()
    if shuffled:
        classes = np.floor(np.log(np.maximum(keys, 1.0)) / np.log(CLASS_RATIO))
        keys = classes + draws[rows]
    return rows[np.argsort(-keys, kind="mergesort")]


@compiled_as_written
def first_fit(request: FloatArray, rows: IntArray, room: float) -> tuple[IntArray, int]:
    """The node of each of `rows`, in their order, and how many nodes there are.

    A container that is larger than any node has one of its own.
    """
    places = np.empty(rows.size, dtype=np.int64)
    free = np.empty(rows.size)
    nodes = 0
    for at in range(rows.size):
        asked = request[rows[at]]
        place = 0
        while place < nodes and free[place] < asked:
            place += 1
        if place == nodes:
            free[nodes] = room - asked
            nodes += 1
        else:
            free[place] -= asked
        places[at] = place
    return places, nodes


@compiled_as_written
def _pressed(
    usage: FloatArray,
    request: FloatArray,
    packed: tuple[IntArray, IntArray, int],
    node_bytes: float,
    causes: FloatArray,
) -> tuple[float, float]:
    """Node-columns and nodes under pressure in an hour; adds to `causes`."""
    rows, places, nodes = packed
    columns = usage.shape[1]
    used = np.zeros((nodes, columns))
    capacity = np.full(nodes, node_bytes)
    for at in range(rows.size):
        capacity[places[at]] = max(capacity[places[at]], request[rows[at]] / ALLOCATABLE)
        for column in range(columns):
            used[places[at], column] += usage[rows[at], column]
    pressed, pressed_nodes = 0.0, 0.0
    for place in range(nodes):
        over = False
        for column in range(columns):
            if used[place, column] > PRESSURE * capacity[place]:
                over = True
                pressed += 1
                worst, rise = -1, -np.inf
                for at in range(rows.size):
                    if places[at] == place and usage[rows[at], column] - request[rows[at]] > rise:
                        worst, rise = rows[at], usage[rows[at], column] - request[rows[at]]
                causes[worst] += 1
        pressed_nodes += over
    return pressed, pressed_nodes
