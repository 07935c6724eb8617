"""Idle pods that make room: where a node has none for what another pod needs, who does nothing may go. Pure.

Nobody is moved for being idle alone: what is warm stays warm as long as nobody needs its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from foresize_forecast.moving.disruption import DAY_S
from foresize_forecast.moving.idle import Idleness, idle_pods
from foresize_forecast.moving.moves import Cause, Wish
from foresize_forecast.pods import PodView, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle

NO_ROOM = {Obstacle.NODE_FULL, Obstacle.DEFERRED}
"""What another pod's leaving can cure."""
IDLE_REST_S = DAY_S
"""A pod that replaced an idle one is not moved for that again sooner: it may be idle for good."""


def without_room(pods: Sequence[PodView], blocked: Mapping[str, Blocked]) -> Iterator[tuple[str, str]]:
    """Nodes that have no room for what one of these pods should have, each with that pod's words.

    Args:
        pods: of one workload.
        blocked: by pod name, what stands in the way of a resize.
    """
    for pod in pods:
        obstacle = blocked[pod.name].obstacle if pod.name in blocked else None
        if pod.node and (obstacle in NO_ROOM or pod.resize.phase is ResizePhase.DEFERRED):
            yield pod.node, f"{pod.namespace}/{pod.name} lacks room there"


def making_room(
    needy: Mapping[str, str], pods: Sequence[PodView], doing: Mapping[str, Idleness], now_s: float
) -> tuple[Wish, ...]:
    """The idle pods of a workload whose leaving would help their node.

    Args:
        needy: nodes that lack room, with what lacks it.
        pods: the workload's.
        doing: by pod name, whether it does nothing.
        now_s: Unix seconds.
    """
    return tuple(
        Wish(pod, Cause.IDLE, Obstacle.IDLE, f"it is idle on {pod.node}, and {needy[pod.node]}", now_s)
        for pod in idle_pods(doing, pods)
        if pod.node in needy and not pod.ignored
    )
