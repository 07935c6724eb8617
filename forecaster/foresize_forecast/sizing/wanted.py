"""Forecast and policy to the size wanted: the request from the plan, the limit from the level and its jumps.

A request is paid for, so it is tight; a limit costs little until it is used and kills when it is low, so it holds room
for jumps. How much room follows from what a kill costs (`jumps.held_for`).
"""

from __future__ import annotations

from dataclasses import dataclass

from foresize_forecast.forecasting.jumps import HOUR_S, OFFSET_BYTES, Tail
from foresize_forecast.sizes import MIB, ContainerPolicy, LimitStrategy, Size, rounded_up
from foresize_forecast.sizing.plan import Forecasted

LEAST_LIMIT_BYTES = 16 * MIB
"""Starting a container takes the runtime some 10 MiB within the container's own limit."""
STARTUP_MARGIN = 0.1
"""Over the highest start seen: starts are few, so their maximum is a weak estimate."""
TIED_HEADROOM = 0.02
"""Head room of a limit that is the request as well, and is paid for as such."""
MOVER = 0.02
"""Share of a node that a container may rise by within the hour to be a large mover."""
MOVER_RISK = 0.05
"""What a large mover's reserve holds is passed in one hour of twenty."""
LIMIT_WEIGHT = 0.5
"""What a byte of a limit above the request costs, in bytes reserved: nobody is billed for it, but the node has to have
it when several are used at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the forecast alone asks for.

    Attributes:
        now: in force at this moment.
        least_limit_bytes: below it the limit has to be raised; `now` is above it by its head room. None: no limit.
        creation: for a pod born at any time within the horizon.
    """

    now: Size
    least_limit_bytes: int | None
    creation: Size


def wanted(
    forecast: Forecasted, level_bytes: float, policy: ContainerPolicy, now_s: float, node_bytes: float | None = None
) -> Wanted:
    """The sizes that the forecast asks for, before bounds, cooldowns and what kills taught.

    Args:
        forecast: outlook, plan and tail.
        level_bytes: the level in force now, what the fast clock saw included.
        policy: what is asked for the container.
        now_s: Unix seconds.
        node_bytes: of a node, where requests of large movers hold a reserve; None where none does.
    """
    outlook, plan = forecast.outlook, forecast.plan
    born_bytes = max(outlook.highest_level, float(outlook.seen_peak_bytes), level_bytes)
    coming = max(level_bytes, outlook.level_at(now_s, HOUR_S))
    request = with_reserve(plan.request_at(now_s), coming, forecast.tail, node_bytes)
    highest = with_reserve(plan.highest_bytes, max(outlook.highest_level, level_bytes), forecast.tail, node_bytes)
    now = _size(forecast, request, level_bytes, policy)
    least = None if now.limit_bytes is None else rounded_up(_held(forecast, level_bytes, policy))
    if policy.limit is LimitStrategy.RATIO:
        least = now.limit_bytes
    return Wanted(now, least, _size(forecast, highest, born_bytes, policy))


def with_reserve(request_bytes: int, level_bytes: float, tail: Tail, node_bytes: float | None) -> int:
    """A request with what a large mover may rise by within the hour; as it is where that is little for a node.

    Args:
        request_bytes: as planned.
        level_bytes: the peak expected within the hour.
        tail: of jumps above it.
        node_bytes: what a node has to allocate; None: no reserve is held.

    Worked: 1 GiB of request and level, one hour in twenty rises by half: (1024 + 64) x 1.5 - 64 = 1568 MiB. The 544 MiB
    are more than 2 % of 16 GiB, and less than that of 64 GiB.
    """
    if node_bytes is None:
        return request_bytes
    reached = (level_bytes + OFFSET_BYTES) * (1 + tail.growth_at(MOVER_RISK)) - OFFSET_BYTES
    return rounded_up(reached) if reached - request_bytes > MOVER * node_bytes else request_bytes


def headroom(policy: ContainerPolicy) -> float:
    """The share that a limit adds to what is held, by its strategy."""
    return TIED_HEADROOM if policy.limit is LimitStrategy.EQUAL_REQUEST else policy.limit_headroom


def kill_cost_bytes(policy: ContainerPolicy) -> float:
    """What a kill costs, in bytes of limit held for a day: more of them where they are not reserved as well."""
    weight = 1.0 if policy.limit is LimitStrategy.EQUAL_REQUEST else LIMIT_WEIGHT
    return policy.kill_cost_bytes / weight


def _held(forecast: Forecasted, level_bytes: float, policy: ContainerPolicy) -> float:
    """What is held over a level, at least what a start takes, bytes."""
    startup = (forecast.outlook.startup_peak_bytes or 0) * (1 + STARTUP_MARGIN)
    return max(forecast.held(level_bytes, kill_cost_bytes(policy)), startup, LEAST_LIMIT_BYTES)


def _size(forecast: Forecasted, request_bytes: int, level_bytes: float, policy: ContainerPolicy) -> Size:
    ceiling = rounded_up(_held(forecast, level_bytes, policy) * (1 + headroom(policy)))
    match policy.limit:
        case LimitStrategy.FORECAST:
            return Size(min(request_bytes, ceiling), ceiling)
        case LimitStrategy.RATIO:
            return Size(request_bytes, rounded_up(request_bytes * policy.limit_ratio))
        case LimitStrategy.EQUAL_REQUEST:
            return Size(ceiling, ceiling)
        case LimitStrategy.KEEP | LimitStrategy.NONE:
            return Size(request_bytes, None)
