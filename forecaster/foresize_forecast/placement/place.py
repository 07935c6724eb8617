"""Whether a pod has a place, and which one a strategy would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from foresize_forecast.placement.board import Board, Node, Seat
from foresize_forecast.placement.filters import Filters, Occupancy, filters
from foresize_forecast.sizes import in_mebibytes

MOST_WAITING = 200
"""Pods in the queue that are given a place first; a cluster with more of them is full for all that matters here."""
MOST_REASONS = 4
"""Kinds of obstacles that a sentence names."""


class Fit(StrEnum):
    """Which of the nodes that fit is taken."""

    FIRST = "First"
    """The first by name."""
    BEST = "Best"
    """The one with the least memory left: room stays whole elsewhere."""
    WORST = "Worst"
    """The one with the most memory left, as kube-scheduler leans to (`LeastAllocated`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A pod could be scheduled.

    Attributes:
        node: the one that the strategy takes. The scheduler may take another of them.
        nodes: all that fit, by name.
        message: the same for a reader.
    """

    node: str
    nodes: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class NoPlace:
    """A pod could not be scheduled, or nobody can tell from here."""

    message: str


def place(board: Board, seat: Seat, leaving: Collection[str] = (), fit: Fit = Fit.WORST) -> Place | NoPlace:
    """Where a pod could be scheduled once others have left and those before it in the queue have their places.

    Args:
        board: nodes and pods as they are.
        seat: the pod, not on the board itself unless its uid is among those that leave.
        leaving: uids of pods that will be gone by then.
        fit: the strategy.
    """
    if seat.unknown:
        return NoPlace(f"whether it can be scheduled again is not known: {seat.unknown}")
    occupancy = _once_the_queue_is_empty(board, seat, leaving)
    checked = filters(board, occupancy, seat)
    obstacles = {node.name: checked.obstacle(node) for node in board.nodes}
    nodes = [node for node in board.nodes if not obstacles[node.name]]
    if not nodes:
        return NoPlace(_why_nowhere(seat, obstacles))
    taken = _chosen(nodes, occupancy, fit)
    left = in_mebibytes(max(0, occupancy.free(taken, "memory") - seat.requests.get("memory", 0)))
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    words = f"it fits on {count}; {fit.lower()} fit is {taken.name}, with {left} left"
    return Place(taken.name, tuple(sorted(node.name for node in nodes)), words)


def feasible(board: Board, seat: Seat) -> Mapping[str, str]:
    """By node, why a pod cannot be there; empty where it can. The queue is not looked at."""
    checked: Filters = filters(board, Occupancy(board.pods), seat)
    return {node.name: checked.obstacle(node) for node in board.nodes}


def _once_the_queue_is_empty(board: Board, seat: Seat, leaving: Collection[str]) -> Occupancy:
    """Everybody in place, those too who wait and are as important; who fits nowhere goes on waiting."""
    staying = [pod for pod in board.pods if pod.uid not in leaving]
    occupancy = Occupancy(pod for pod in staying if pod.node)
    waiting = [
        pod
        for pod in staying
        if not pod.node and not pod.terminating and not pod.gated and pod.priority >= seat.priority
    ]
    for pod in sorted(waiting, key=lambda each: -each.priority)[:MOST_WAITING]:
        checked = filters(board, occupancy, pod)
        nodes = [node for node in board.nodes if not checked.obstacle(node)]
        if nodes:
            occupancy.add(replace(pod, node=_chosen(nodes, occupancy, Fit.WORST).name))
    return occupancy


def _chosen(nodes: list[Node], occupancy: Occupancy, fit: Fit) -> Node:
    if fit is Fit.FIRST:
        return min(nodes, key=lambda node: node.name)
    sign = 1 if fit is Fit.BEST else -1
    return min(nodes, key=lambda node: (sign * occupancy.free(node, "memory"), node.name))


def _why_nowhere(seat: Seat, obstacles: Mapping[str, str]) -> str:
    """As the scheduler would say it: how many nodes, and what is wrong with how many of them."""
    counts = Counter(obstacles.values())
    parts = [f"{count} {why}" for why, count in counts.most_common(MOST_REASONS)]
    asked = in_mebibytes(seat.requests.get("memory", 0))
    more = ", ..." if len(counts) > MOST_REASONS else ""
    return f"no place for a pod that asks for {asked}: of {len(obstacles)} nodes {', '.join(parts) or 'none'}{more}"
