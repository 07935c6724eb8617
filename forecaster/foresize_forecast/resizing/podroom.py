"""How much of a pod's growth its node and its namespace's quota can take now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from foresize_forecast.pods import ContainerView, PodView, Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.sizes import MIB, QosClass, Size, in_mebibytes


@dataclass(frozen=True, slots=True)
class PodChange:
    """The sizes that a pod's containers get in one patch; containers that keep theirs are not named."""

    sizes: Mapping[str, Size]
    clipped: str = ""
    """What made it less than the target, for a reader; empty if nothing did."""


def out_of_bounds(sizes: Iterable[Size], room: Room) -> str:
    """Why a pod of such containers would be refused as a whole, by a LimitRange or every node; empty if it would not.

    Args:
        sizes: of all its containers that run together.
        room: the bounds of its namespace; its `node_allocatable_bytes` are the largest node's.
    """
    whole = list(sizes)
    request, limit = sum(each.request_bytes or 0 for each in whole), sum(each.limit_bytes or 0 for each in whole)
    most, least, ratio, node = room.pod_max_bytes, room.pod_min_bytes, room.pod_ratio_max, room.node_allocatable_bytes
    if most is not None and max(request, limit) > most:
        return f"{in_mebibytes(max(request, limit))} in all, a LimitRange allows a pod {in_mebibytes(most)}"
    if least is not None and request < least:
        return f"requests of {in_mebibytes(request)}, a LimitRange asks {in_mebibytes(least)} of a pod"
    if ratio is not None and limit > ratio * request:
        return f"limits of {limit / max(request, 1):.1f} times its requests, a LimitRange allows {ratio:g} times"
    if node is not None and request > node:
        return f"requests of {in_mebibytes(request)}, the largest node has {in_mebibytes(node)} for them"
    return ""


def within_room(pod: PodView, sizes: Mapping[str, Size], room: Room) -> PodChange | Blocked:
    """Requests rise only as far as node and quota allow; limits rise all the same, for they need no room on a node.

    A patch that the node cannot take would lie Deferred, and until it is given up the scheduler counts it.
    """
    changed = [container for container in pod.containers if container.name in sizes]
    together = [sizes.get(container.name, container.size) for container in pod.containers]
    if why := out_of_bounds(together, replace(room, node_allocatable_bytes=None)):
        return Blocked(Obstacle.POD_BOUNDS, f"the pod would have {why}")
    growth = sum(_growth(container, sizes[container.name]) for container in changed)
    free, obstacle, where = _tightest(room)
    if free is None or growth <= free:
        return _limits_within_quota(changed, sizes, room)
    message = f"requests should grow by {in_mebibytes(growth)}, {where} has {in_mebibytes(free)} free"
    whole = sum(_request(container, sizes) for container in pod.containers)
    if room.node_allocatable_bytes is not None and whole > room.node_allocatable_bytes:
        all_of_it = in_mebibytes(room.node_allocatable_bytes)
        obstacle, message = Obstacle.NODE_TOO_SMALL, f"{message}, and {all_of_it} in all"
    clipped = {c.name: _clipped(pod.qos, c, sizes[c.name], free / growth) for c in changed}
    kept = {c.name: clipped[c.name] for c in changed if clipped[c.name] != c.size}
    if not kept:
        return Blocked(obstacle, message)
    made = _limits_within_quota(changed, kept, room)
    return PodChange(made.sizes, message) if isinstance(made, PodChange) else made


def _limits_within_quota(changed: list[ContainerView], sizes: Mapping[str, Size], room: Room) -> PodChange | Blocked:
    growth = sum((sizes[c.name].limit_bytes or 0) - (c.size.limit_bytes or 0) for c in changed if c.name in sizes)
    free = room.quota_limit_free_bytes
    if free is not None and growth > max(0, free):
        message = f"limits should grow by {in_mebibytes(growth)}, the ResourceQuota has {in_mebibytes(free)} free"
        return Blocked(Obstacle.QUOTA, message)
    return PodChange(sizes)


def _tightest(room: Room) -> tuple[int | None, Obstacle, str]:
    """The smaller of node and quota, nothing below zero: what is over-committed has no room."""
    node, quota = room.node_free_bytes, room.quota_request_free_bytes
    if quota is not None and (node is None or quota < node):
        return max(0, quota), Obstacle.QUOTA, "the ResourceQuota"
    return None if node is None else max(0, node), Obstacle.NODE_FULL, "its node"


def _clipped(qos: QosClass, container: ContainerView, size: Size, share: float) -> Size:
    """The size with only `share` of its request's growth; a Guaranteed container grows by both or not at all."""
    grown = _growth(container, size)
    if grown <= 0:
        return size
    if qos is QosClass.GUARANTEED:
        return container.size
    before = container.size.request_bytes or 0
    return Size(before + int(grown * share) // MIB * MIB, size.limit_bytes)


def _growth(container: ContainerView, size: Size) -> int:
    return (size.request_bytes or 0) - (container.size.request_bytes or 0)


def _request(container: ContainerView, sizes: Mapping[str, Size]) -> int:
    return sizes.get(container.name, container.size).request_bytes or 0
