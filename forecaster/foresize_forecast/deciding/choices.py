"""The rules for a request and for a limit, each on its own: raise on evidence, lower with patience.

A size is lowered when it has not been needed for a cooldown, and by enough to be worth a resize. A limit goes down by
at most half at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from foresize_forecast import heaps
from foresize_forecast.deciding import ladder
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.jumps import PRIOR, held_for
from foresize_forecast.forecasting.outlook import NoOutlook, ShapeKind
from foresize_forecast.heaps import Heap
from foresize_forecast.pods import Room
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import MIB, ContainerPolicy, LimitStrategy, Size, WorkloadPolicy, rounded_up
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.sizing.wanted import Wanted, headroom, kill_cost_bytes

REQUEST_HEADROOM = 0.01
"""A request that moves is set this far above what is needed, so that the next page does not move it again."""
REQUEST_TOLERANCE = 0.04
"""A request this far from what is planned is moved: less would chase the forecast's own noise."""
USE_TOLERANCE = 0.03
"""Use may be this far above the request for less than a reaction: short spikes are what a limit is for."""
LEAST_DECREASE_BYTES = MIB
"""A smaller saving of a request is not worth a resize."""
LEAST_LIMIT_DECREASE_BYTES = 4 * MIB
"""The same for a limit."""
LIMIT_TOLERANCE = 0.05
"""A limit is lowered when it is this far above what is wanted, or twice its head room if that is more."""
LIMIT_STEP = 1 / 2
"""The share of itself that a limit goes down by at most in one step."""
REQUEST_DAYS = 1 / 24
"""History below which a request is not lowered: an hour."""
LIMIT_DAYS = 1.0
"""History below which a limit is not lowered or first set: a day."""
AMPLE_COOLDOWNS = 4
"""Cooldowns that a limit waits for before it is lowered where its nodes have memory to spare for a day: nobody is in
need of it, and what a lower limit takes first is page cache that is warm. Requests do not wait: they are paid for, and
keep whole nodes from being given back."""
USAGE_MARGIN = 0.05
USAGE_CONSTANT_BYTES = 8 * MIB
"""No limit is lowered under present use plus these."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a container at this moment, besides its outlook.

    Attributes:
        present: what its pods have now, the largest where they differ; the template's size where it has no pod.
        usage_bytes: highest newest sample of its pods; None where there is none.
        sustained_bytes: what was in use throughout the last reaction, the highest of its pods; None where there is no
            sample.
        rising_bytes: where its anonymous memory will be after one more reaction; None where that is unknown.
        started_s: when the youngest of its containers started, Unix seconds; None where none runs.
        stall: what shows that it waits for memory since its limit was lowered; empty if nothing does.
        heap: the bound that its process keeps its heap to, where one is known.
        room: bounds of a container; its node's and its quota's room are looked at pod by pod.
        distrust: why its samples or its outlook cannot be trusted to lower anything; empty if they can.
        share: of the request that it wants, what its policy's budget gives it.
        needed_by_others: it does nothing, and its node is foretold to be short: a request is lowered without waiting.
        ample: the nodes of all its pods have memory to spare for a day.
    """

    present: Size
    usage_bytes: float | None = None
    sustained_bytes: float | None = None
    rising_bytes: float | None = None
    started_s: float | None = None
    stall: str = ""
    heap: Heap | None = None
    room: Room = field(default_factory=Room)
    distrust: str = ""
    share: float = 1.0
    needed_by_others: bool = False
    ample: bool = False


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

    @property
    def limit_cooldown_s(self) -> int:
        """How long a limit stays before it is lowered; one that is the request too is paid for."""
        tied = self.policy.limit is LimitStrategy.EQUAL_REQUEST
        return self.pace.cooldown_s * (AMPLE_COOLDOWNS if self.evidence.ample and not tied else 1)

    @property
    def raised_by_fast_clock(self) -> bool:
        """Whether what the fast clock saw is in force."""
        return self.now_s < self.state.fast_until_s


@dataclass(frozen=True, slots=True)
class Choice:
    """A value and why it is that."""

    value_bytes: int | None
    reason: Reason


def request(case: Case, wanted_bytes: int | None) -> Choice:
    """The request: what the plan has in force or what is in use, raised at once and lowered after its cooldown.

    Use above it raises it when it lasts, or is far above.
    """
    before, used = case.before.request_bytes, case.evidence.usage_bytes or 0.0
    if wanted_bytes is None or before is None:
        return Choice(wanted_bytes, Reason.FORECAST)
    target = rounded_up(max(wanted_bytes, used) * (1 + REQUEST_HEADROOM))
    lasting = (case.evidence.sustained_bytes or 0.0) > before or used > before * (1 + USE_TOLERANCE)
    if wanted_bytes > before * (1 + REQUEST_TOLERANCE) or lasting:
        if is_held_leak(case.forecast, case.pace):
            return Choice(before, Reason.LEAKING)
        return Choice(target, Reason.PEAK_AHEAD if wanted_bytes >= used else Reason.IN_USE)
    if before <= target * (1 + REQUEST_TOLERANCE) or before - target < LEAST_DECREASE_BYTES:
        return Choice(before, Reason.WITHIN_TOLERANCE)
    if case.distrust(REQUEST_DAYS):
        return Choice(before, Reason.STALE_DATA)
    waited_s = case.now_s - case.state.request_needed_at_s
    if waited_s < case.pace.cooldown_s and not case.evidence.needed_by_others:
        return Choice(before, Reason.COOLDOWN)
    return Choice(target, Reason.PEAK_PASSED)


def limit(case: Case, want: Wanted, request_bytes: int | None) -> Choice:
    """The limit: what is held for the level and its jumps, and what kills taught; raised at once, lowered in steps.

    Never set or lowered under present use with its margin, nor under `request_bytes`, the request chosen: it would take
    a request down whose cooldown runs.
    """
    before, wanted_bytes, least = case.before.limit_bytes, want.now.limit_bytes, want.least_limit_bytes
    if case.policy.limit is LimitStrategy.RATIO:  # of the request in force, which may be above the plan's
        wanted_bytes = least = highest(wanted_bytes, rounded_up((request_bytes or 0) * case.policy.limit_ratio))
    floored = floored_limit(case)
    if wanted_bytes is None or least is None or floored.reason in {Reason.OOM_KILLED, Reason.STALLED}:
        return Choice(highest(floored.value_bytes, wanted_bytes), floored.reason)
    wanted_bytes = max(wanted_bytes, ladder.floor_bytes(case.state, case.now_s))
    lowest = max(in_use_bytes(case.evidence.usage_bytes), request_bytes or 0, promised_bytes(case))
    if before is None:
        first = Choice(max(wanted_bytes, lowest), Reason.FORECAST)
        return Choice(None, Reason.STALE_DATA) if case.distrust(LIMIT_DAYS) else first
    if least > before:
        if is_held_leak(case.forecast, case.pace):
            return Choice(before, Reason.LEAKING)
        return Choice(wanted_bytes, Reason.TREND if case.raised_by_fast_clock else Reason.FORECAST)
    tolerance = max(LIMIT_TOLERANCE, 2 * headroom(case.policy))
    if before <= wanted_bytes * (1 + tolerance) or before - wanted_bytes < LEAST_LIMIT_DECREASE_BYTES:
        return Choice(before, Reason.WITHIN_TOLERANCE)
    if case.distrust(LIMIT_DAYS):
        return Choice(before, Reason.STALE_DATA)
    if before == request_bytes or case.now_s - case.state.limit_changed_at_s < case.limit_cooldown_s:
        return Choice(before, Reason.COOLDOWN)
    step = rounded_up(max(wanted_bytes, before * (1 - LIMIT_STEP)))
    return Choice(min(before, max(step, lowest)), Reason.FORECAST)


def floored_limit(case: Case) -> Choice:
    """The limit before, raised to what kills taught and, where there is no forecast, to what the fast clock saw."""
    before, floor = case.before.limit_bytes, ladder.floor_bytes(case.state, case.now_s)
    reason = Reason.OOM_KILLED if floor == case.state.kill_floor_bytes else Reason.STALLED
    if case.policy.limit is LimitStrategy.KEEP or before is None:
        return Choice(before, Reason.WITHIN_TOLERANCE)
    if isinstance(case.forecast, NoOutlook) and case.raised_by_fast_clock:
        risen = int(held_for(case.state.fast_level_bytes, PRIOR, kill_cost_bytes(case.policy)))
        floor, reason = max((floor, reason), (risen, Reason.TREND), key=lambda each: each[0])
    return Choice(rounded_up(floor), reason) if floor > before else Choice(before, Reason.WITHIN_TOLERANCE)


def promised_bytes(case: Case) -> int:
    """What a fixed heap was promised, up to the limit that it has; 0 where a limit costs a request as well."""
    if case.policy.limit is LimitStrategy.EQUAL_REQUEST:
        return 0
    promised, before = heaps.promised_bytes(case.evidence.heap), case.before.limit_bytes
    return promised if before is None else min(promised, before)


def in_use_bytes(usage_bytes: float | None) -> int:
    """Present use with its margin: no limit is lowered below it. 0 where use is unknown."""
    return 0 if usage_bytes is None else rounded_up(usage_bytes * (1 + USAGE_MARGIN) + USAGE_CONSTANT_BYTES)


def is_held_leak(forecast: Forecasted | NoOutlook, pace: WorkloadPolicy) -> bool:
    """Whether it leaks and the policy wants leaks held."""
    return pace.hold_leaks and isinstance(forecast, Forecasted) and forecast.outlook.shape.kind is ShapeKind.LEAKING


def highest(*values: int | None) -> int | None:
    """The highest value that is there."""
    return max((value for value in values if value is not None), default=None)
