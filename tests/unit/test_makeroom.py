"""Who does nothing makes room for a neighbour, and for nobody else."""

from __future__ import annotations

import pytest

from builders import NOW_S, pod
from foresize_forecast.moving.idle import Doing, Idleness
from foresize_forecast.moving.makeroom import making_room, without_room
from foresize_forecast.pods import PodView, Resize, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle

NEEDY = {"node-1": "shop/web-abc-1 lacks room there"}
IDLE, BUSY = Idleness(Doing.IDLE, "nothing"), Idleness(Doing.CPU, "much")


@pytest.mark.parametrize(
    ("obstacle", "phase", "needy"),
    [
        (Obstacle.NODE_FULL, ResizePhase.NONE, True),
        (Obstacle.DEFERRED, ResizePhase.NONE, True),
        (None, ResizePhase.DEFERRED, True),
        (Obstacle.NODE_TOO_SMALL, ResizePhase.INFEASIBLE, False),  # there is never room for it
        (Obstacle.QUOTA, ResizePhase.NONE, False),
        (None, ResizePhase.NONE, False),
    ],
)
def test_a_node_lacks_room_where_a_pod_waits_for_some(
    obstacle: Obstacle | None, phase: ResizePhase, *, needy: bool
) -> None:
    """Room that another pod's leaving makes: not a quota, and not a node that is too small."""
    blocked = {} if obstacle is None else {"web-abc-1": Blocked(obstacle, "")}

    assert (NEEDY if needy else {}) == dict(without_room([pod(resize=Resize(phase))], blocked))


def wished(view: PodView, doing: Idleness) -> list[str]:
    """Names of the pods that would make room."""
    return [each.pod.name for each in making_room(NEEDY, [view], {view.name: doing}, NOW_S)]


def test_only_the_idle_on_that_node_make_room() -> None:
    """Who works, who is elsewhere and who has opted out stays; the reader is told for whom the others go."""
    assert ["still"] == wished(pod(name="still"), IDLE)
    assert [] == wished(pod(name="still"), BUSY)
    assert [] == wished(pod(name="still", node="node-2"), IDLE)
    assert [] == wished(pod(name="still", ignored=True), IDLE)
    [wish] = making_room(NEEDY, [pod(name="still")], {"still": IDLE}, NOW_S)
    assert "it is idle on node-1, and shop/web-abc-1 lacks room there" == wish.message
