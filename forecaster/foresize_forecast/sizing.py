"""Outlook and policy to the size wanted: the request from the plan, the limit from the peak, each by its own rule.

A request is paid for, so it is tight; a limit costs nothing until it is used and kills when it is low, so it is a
ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass

from foresize_forecast.outlook import Outlook
from foresize_forecast.plan import Plan, ceil_mib
from foresize_forecast.sizes import MIB, ContainerPolicy, LimitStrategy, Size

LIMIT_CONSTANT_BYTES = 16 * MIB
"""Added to every forecast limit: a share of a few MiB would not hold a thread's stack or a page-table."""
STARTUP_MARGIN = 0.1
"""Over the highest start seen: starts are few, so their maximum is a weak estimate."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the forecast alone asks for."""

    now: Size
    """In force at this moment."""
    creation: Size
    """For a pod born at any time within the horizon."""


def wanted(outlook: Outlook, plan: Plan, policy: ContainerPolicy, now_s: float) -> Wanted:
    """The sizes that the forecast asks for now and at creation, before bounds, cooldowns and what kills taught."""
    ceiling = limit_ceiling(outlook, policy.limit_headroom)
    return Wanted(_size(plan.request_at(now_s), ceiling, policy), _size(plan.highest_bytes, ceiling, policy))


def limit_ceiling(outlook: Outlook, headroom: float) -> int:
    """The forecast peak with head room and a constant, at least the highest start-up seen.

    Worked: peak 200 MiB, head room 0.3: 200 x 1.3 + 16 = 276 MiB.
    """
    startup = (outlook.startup_peak_bytes or 0) * (1 + STARTUP_MARGIN)
    return ceil_mib(max(outlook.peak_bytes * (1 + headroom) + LIMIT_CONSTANT_BYTES, startup))


def _size(request_bytes: int, ceiling_bytes: int, policy: ContainerPolicy) -> Size:
    match policy.limit:
        case LimitStrategy.FORECAST:
            return Size(min(request_bytes, ceiling_bytes), ceiling_bytes)
        case LimitStrategy.RATIO:
            return Size(request_bytes, ceil_mib(request_bytes * policy.limit_ratio))
        case LimitStrategy.EQUAL_REQUEST:
            return Size(ceiling_bytes, ceiling_bytes)
        case LimitStrategy.KEEP | LimitStrategy.NONE:
            return Size(request_bytes, None)
