"""What a size may be: the policy's minimum and maximum, the namespace's LimitRange, the node."""

from __future__ import annotations

import math

from foresize_forecast.pods import Room
from foresize_forecast.sizes import ContainerPolicy, Size


def clamp(size: Size, policy: ContainerPolicy, room: Room) -> Size:
    """The nearest size that the policy, the LimitRange and the node's allocatable memory allow.

    Maximum before minimum, so that where they contradict each other the pod can still be created (a LimitRange
    maximum is enforced, a policy's minimum is a wish); then the request is put under the limit and close enough to it
    for the LimitRange's ratio.
    """
    ceiling = _least(policy.max_bytes, room.container_max_bytes)
    floor = min(max(policy.min_bytes, room.container_min_bytes or 0), ceiling or policy.min_bytes)
    request = _within(size.request_bytes, floor, _least(ceiling, room.node_allocatable_bytes))
    limit = _within(size.limit_bytes, floor, ceiling)
    if request is not None and limit is not None:
        if room.limit_ratio_max:
            request = max(request, math.ceil(limit / room.limit_ratio_max))
        request = min(request, limit)
    return Size(request, limit)


def _within(value: int | None, floor: int, ceiling: int | None) -> int | None:
    if value is None:
        return None
    raised = max(value, floor)
    return raised if ceiling is None else min(raised, ceiling)


def _least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)
