"""The rules for a request and for a limit, each on its own: raise on evidence, lower with patience.

A request is lowered when its peak has passed and its cooldown with it. A limit goes down by half of the gap at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from foresize_forecast.outlook import NoOutlook, ShapeKind
from foresize_forecast.plan import Forecasted, ceil_mib
from foresize_forecast.pods import Room
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import MIB, ContainerPolicy, LimitStrategy, Size, WorkloadPolicy
from foresize_forecast.state import ContainerState

TOLERANCE_UP = 0.05
"""A request this far below what is wanted is raised: less would chase the forecast's own noise."""
TOLERANCE_DOWN = 0.1
"""A size this far above what is wanted is lowered, as VPA's updater does."""
LEAST_DECREASE_BYTES = 16 * MIB
"""A smaller saving is not worth a resize."""
LIMIT_STEP = 0.5
"""Share of the gap that a limit goes down by in one step: a share of the gap, not of the size, so that it ends."""
REQUEST_DAYS = 1 / 24
"""History below which a request is not lowered: an hour."""
LIMIT_DAYS = 1.0
"""History below which a limit is not lowered or first set: a day."""
USAGE_MARGIN = 0.05
USAGE_CONSTANT_BYTES = 8 * MIB
"""Nothing is lowered under present use plus these."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a container at this moment, besides its outlook.

    Attributes:
        present: what its pods have now, the largest where they differ; the template's size where it has no pod.
        usage_bytes: highest newest sample of its pods; None where there is none.
        crossing_bytes: what a rising trend of one of its pods reaches above that pod's limit; None without one.
        crossing_limit_bytes: the limit it crosses.
        room: bounds of a container; its node's and its quota's room are looked at pod by pod.
        distrust: why its samples or its outlook cannot be trusted to lower anything; empty if they can.
    """

    present: Size
    usage_bytes: float | None = None
    crossing_bytes: int | None = None
    crossing_limit_bytes: int = 0
    room: Room = field(default_factory=Room)
    distrust: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """All that the choice of one container's request and limit looks at."""

    state: ContainerState
    before: Size
    evidence: Evidence
    forecast: Forecasted | NoOutlook
    pace: WorkloadPolicy
    policy: ContainerPolicy
    now_s: float

    def distrust(self, days_needed: float) -> bool:
        """Whether what is known is too stale or too short to lower anything."""
        known_days = self.forecast.outlook.days if isinstance(self.forecast, Forecasted) else 0.0
        return bool(self.evidence.distrust) or self.evidence.usage_bytes is None or known_days < days_needed


@dataclass(frozen=True, slots=True)
class Choice:
    """A value and why it is that."""

    value_bytes: int | None
    reason: Reason


def request(case: Case, wanted_bytes: int | None) -> Choice:
    """The request: what the plan has in force, raised at once and lowered after its cooldown."""
    before = case.before.request_bytes
    if wanted_bytes is None or before is None:
        return Choice(wanted_bytes, Reason.FORECAST)
    if wanted_bytes > before * (1 + TOLERANCE_UP):
        if is_held_leak(case.forecast, case.pace):
            return Choice(before, Reason.LEAKING)
        return Choice(wanted_bytes, Reason.PEAK_AHEAD)
    if not _is_worth_lowering(before, wanted_bytes):
        return Choice(before, Reason.WITHIN_TOLERANCE)
    if case.distrust(REQUEST_DAYS):
        return Choice(before, Reason.STALE_DATA)
    if case.now_s - case.state.request_needed_at_s < case.pace.cooldown_s:
        return Choice(before, Reason.COOLDOWN)
    return Choice(min(before, max(wanted_bytes, in_use_bytes(case.evidence.usage_bytes))), Reason.PEAK_PASSED)


def limit(case: Case, wanted_bytes: int | None) -> Choice:
    """The limit: the ceiling wanted and what kills and trends taught, raised at once and lowered by half of the gap."""
    floored = floored_limit(case)
    if wanted_bytes is None or floored.reason in (Reason.OOM_KILLED, Reason.TREND):
        return Choice(highest(floored.value_bytes, wanted_bytes), floored.reason)
    before = case.before.limit_bytes
    wanted_bytes = max(wanted_bytes, floor(case))
    if before is None:
        return Choice(None, Reason.STALE_DATA) if case.distrust(LIMIT_DAYS) else Choice(wanted_bytes, Reason.FORECAST)
    if wanted_bytes > before * (1 + case.policy.limit_headroom / 3):
        if is_held_leak(case.forecast, case.pace):
            return Choice(before, Reason.LEAKING)
        return Choice(wanted_bytes, Reason.FORECAST)
    if not _is_worth_lowering(before, wanted_bytes):
        return Choice(before, Reason.WITHIN_TOLERANCE)
    if case.distrust(LIMIT_DAYS):
        return Choice(before, Reason.STALE_DATA)
    if case.now_s - case.state.limit_changed_at_s < case.pace.cooldown_s:
        return Choice(before, Reason.COOLDOWN)
    step = ceil_mib(before - (before - wanted_bytes) * LIMIT_STEP)
    return Choice(min(before, max(step, in_use_bytes(case.evidence.usage_bytes))), Reason.FORECAST)


def floored_limit(case: Case) -> Choice:
    """The limit before, raised to what kills and the fast clock taught."""
    before = case.before.limit_bytes
    if case.policy.limit is LimitStrategy.KEEP or before is None or before >= floor(case):
        return Choice(before, Reason.WITHIN_TOLERANCE)
    killed = case.state.kill_floor_bytes >= case.state.trend_floor_bytes
    return Choice(ceil_mib(floor(case)), Reason.OOM_KILLED if killed else Reason.TREND)


def floor(case: Case) -> int:
    """The limit that kills and the fast clock taught."""
    return max(case.state.kill_floor_bytes, case.state.trend_floor_bytes)


def _is_worth_lowering(before_bytes: int, wanted_bytes: int) -> bool:
    return wanted_bytes < before_bytes * (1 - TOLERANCE_DOWN) and before_bytes - wanted_bytes >= LEAST_DECREASE_BYTES


def in_use_bytes(usage_bytes: float | None) -> int:
    """Present use with its margin: nothing is lowered below it. 0 where use is unknown."""
    return 0 if usage_bytes is None else ceil_mib(usage_bytes * (1 + USAGE_MARGIN) + USAGE_CONSTANT_BYTES)


def is_held_leak(forecast: Forecasted | NoOutlook, pace: WorkloadPolicy) -> bool:
    """Whether it leaks and the policy wants leaks held."""
    return pace.hold_leaks and isinstance(forecast, Forecasted) and forecast.outlook.shape.kind is ShapeKind.LEAKING


def highest(*values: int | None) -> int | None:
    """The highest value that is there."""
    return max((value for value in values if value is not None), default=None)
