"""(memory, evidence, outlook, policy, now) -> (target with its reason, new memory), for one container of a workload.

Raises are made at once, on evidence; decreases wait for a cooldown, trusted data and enough history (`choices`).
The same input twice gives the same decision. Pure: the clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from foresize_forecast.deciding import choices, fast, ladder
from foresize_forecast.deciding.choices import Case, Choice, Evidence
from foresize_forecast.deciding.state import Change, ContainerState
from foresize_forecast.deciding.wording import message
from foresize_forecast.forecasting.levels import START_S
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.heaps import followed
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, Size, WorkloadPolicy, rounded_up
from foresize_forecast.sizing.bounds import clamp
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.sizing.wanted import Wanted, wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a container's pods should have, and why.

    Attributes:
        target: what its pods should have now, as far as cooldowns and steps allow.
        wanted: what the forecast asks for now; None where there is none.
        creation: for pods born at any time within the horizon; None where there is no forecast to size them by, nor a
            kill to learn from.
    """

    target: Size
    wanted: Size | None
    creation: Size | None
    reason: Reason
    message: str


def decide(
    state: ContainerState,
    evidence: Evidence,
    forecast: Forecasted | NoOutlook,
    policies: tuple[WorkloadPolicy, ContainerPolicy],
    now_s: float,
) -> tuple[Verdict, ContainerState]:
    """Decide one container's target.

    Args:
        state: what is remembered of it.
        evidence: what is seen of it now.
        forecast: its outlook and plan, or why there is none.
        policies: the workload's and the container's own.
        now_s: Unix seconds.
    """
    pace, policy = policies
    made_at_s = None if isinstance(forecast, NoOutlook) else float(forecast.outlook.made_at_s)
    if policy.limit is LimitStrategy.RATIO:
        made_at_s = None  # such a limit does not look at what a forecast knows of jumps: the floor stays
    state = ladder.after_use(state, evidence.usage_bytes, now_s)
    if evidence.stall and ladder.is_watched(state, now_s):
        state = ladder.after_stall(state, now_s)
    state = ladder.forget_old_kills(state, now_s, pace.window_s, made_at_s)
    held_bytes = _level_held(evidence, forecast, pace, now_s)
    rising_bytes = followed(evidence.rising_bytes, evidence.heap)
    if rising_bytes is not None and not choices.is_held_leak(forecast, pace):
        state = fast.after_rise(state, rising_bytes, held_bytes, now_s)
    case = Case(state, state.target or evidence.present, evidence, forecast, pace, policy, now_s)
    if isinstance(forecast, NoOutlook):
        wish = creation = None
        request = Choice(case.before.request_bytes, Reason.NO_OUTLOOK)
        limit = choices.floored_limit(case)
        if ladder.floor_bytes(state, now_s):
            creation = _bounded(case, Size(request.value_bytes, limit.value_bytes))
    else:
        node_bytes = evidence.room.node_allocatable_bytes if pace.reserve_movers else None
        want = wanted(forecast, max(held_bytes, fast.level(state, now_s)), policy, now_s, node_bytes)
        wish = _bounded(case, want.now)
        want = _shared(want, case)
        creation = _bounded(case, want.creation)
        if policy.limit is LimitStrategy.EQUAL_REQUEST:
            limit = choices.limit(case, want, None)
            request = limit if limit.value_bytes is not None else choices.request(case, want.now.request_bytes)
        else:
            request = choices.request(case, want.now.request_bytes)
            limit = choices.limit(case, want, request.value_bytes)
    target = clamp(_ordered(request.value_bytes, limit.value_bytes, policy), policy, evidence.room)
    reason = min((request.reason, limit.reason), key=_MOST_TELLING.index)
    verdict = Verdict(target, wish, creation, reason, message(case, target, reason))
    return verdict, _remembered(case, request, verdict)


def _shared(want: Wanted, case: Case) -> Wanted:
    """What is wanted, of requests as much as the policy's budget gives; a request that is the limit too is not cut."""
    share = case.evidence.share
    if share >= 1 or case.policy.limit is LimitStrategy.EQUAL_REQUEST:
        return want
    now, creation = (
        size if size.request_bytes is None else Size(rounded_up(size.request_bytes * share), size.limit_bytes)
        for size in (want.now, want.creation)
    )
    return replace(want, now=now, creation=creation)


def _level_held(evidence: Evidence, forecast: Forecasted | NoOutlook, pace: WorkloadPolicy, now_s: float) -> float:
    """The level that the forecast holds from now to the end of the lead; after a start all that was ever seen.

    Without a forecast the present limit is the level: it is what would have to be passed.
    """
    if isinstance(forecast, NoOutlook):
        return float(evidence.present.limit_bytes or 0)
    level = forecast.outlook.level_at(now_s, pace.lead_s)
    starts = evidence.started_s is not None and now_s - evidence.started_s < START_S
    return max(level, float(forecast.outlook.seen_peak_bytes)) if starts else level


_MOST_TELLING = (
    Reason.OOM_KILLED,
    Reason.STALLED,
    Reason.TREND,
    Reason.PEAK_AHEAD,
    Reason.IN_USE,
    Reason.FORECAST,
    Reason.PEAK_PASSED,
    Reason.LEAKING,
    Reason.STALE_DATA,
    Reason.NO_OUTLOOK,
    Reason.COOLDOWN,
    Reason.WITHIN_TOLERANCE,
)
"""Request and limit are chosen apart; of their two reasons this order tells which one a reader needs first."""


def _bounded(case: Case, want: Size) -> Size:
    """What is wanted, with what kills taught and heaps were promised, within bounds; no cooldown, no step."""
    taught = max(rounded_up(ladder.floor_bytes(case.state, case.now_s)), choices.promised_bytes(case))
    limit = None if want.limit_bytes is None else max(want.limit_bytes, taught)
    return clamp(_ordered(want.request_bytes, limit, case.policy), case.policy, case.evidence.room)


def _ordered(request_bytes: int | None, limit_bytes: int | None, policy: ContainerPolicy) -> Size:
    """Request and limit as one size; where the strategy ties them and there is a limit, the higher one is for both."""
    if policy.limit is LimitStrategy.EQUAL_REQUEST and limit_bytes is not None:
        both = choices.highest(request_bytes, limit_bytes)
        return Size(both, both)
    if request_bytes is not None and limit_bytes is not None:
        return Size(min(request_bytes, limit_bytes), limit_bytes)
    return Size(request_bytes, limit_bytes)


def _remembered(case: Case, request: Choice, verdict: Verdict) -> ContainerState:
    before, target = case.before, verdict.target
    state = replace(case.state, target=target)
    if request.reason not in (Reason.COOLDOWN, Reason.STALE_DATA):
        state = replace(state, request_needed_at_s=case.now_s)
    if target.limit_bytes != before.limit_bytes:
        state = replace(state, limit_changed_at_s=case.now_s)
        lowered = before.limit_bytes and target.limit_bytes and target.limit_bytes < before.limit_bytes
        state = replace(state, limit_before_lowering=before.limit_bytes if lowered else None)
    if target != before:
        change = Change(case.now_s, before, target, verdict.reason, verdict.message)
        state = replace(state, last_change=change)
    return state
