"""A decision in a sentence, for Events, MemoryForecast and logs."""

from __future__ import annotations

from datetime import UTC, datetime

from foresize_forecast.deciding.choices import Case
from foresize_forecast.forecasting.jumps import HOUR_S
from foresize_forecast.forecasting.outlook import NoOutlook, Outlook
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import Size, in_mebibytes
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.sizing.wanted import with_reserve


def message(case: Case, target: Size, reason: Reason) -> str:
    """What moved from where to where, and why."""
    share = case.evidence.share
    dealt = f"; its policy's budget gives it {share:.0%} of the request that it wants" if share < 1 else ""
    return f"{_movement(case.before, target)}: {_because(case, reason)}{_reserve(case)}{dealt}"


def _reserve(case: Case) -> str:
    """What a large mover's request holds beyond its plan; empty where that is nothing."""
    node_bytes = case.evidence.room.node_allocatable_bytes
    if not case.pace.reserve_movers or isinstance(case.forecast, NoOutlook):
        return ""
    planned, level = case.forecast.plan.request_at(case.now_s), case.forecast.outlook.level_at(case.now_s, HOUR_S)
    held = with_reserve(planned, level, case.forecast.tail, node_bytes)
    return f"; as a large mover it may need {in_mebibytes(held)} within the hour" if held > planned else ""


def _movement(before: Size, target: Size) -> str:
    def one(name: str, old: int | None, new: int | None) -> str:
        return (
            f"{name} {in_mebibytes(old)} -> {in_mebibytes(new)}" if old != new else f"{name} stays {in_mebibytes(old)}"
        )

    request = one("request", before.request_bytes, target.request_bytes)
    return f"{request}, {one('limit', before.limit_bytes, target.limit_bytes)}"


def _because(case: Case, reason: Reason) -> str:
    if reason is Reason.OOM_KILLED:
        last = case.state.kills[-1].limit_bytes if case.state.kills else None
        return f"killed at its limit of {in_mebibytes(last)}"
    if reason is Reason.STALLED:
        return f"back to the limit before: {case.evidence.stall or 'it waited for memory under a lower one'}"
    if reason is Reason.TREND:
        return f"its memory rises above what was forecast, to {in_mebibytes(case.state.fast_level_bytes)}"
    if reason is Reason.IN_USE:
        return f"{in_mebibytes(case.evidence.usage_bytes)} are in use"
    if isinstance(case.forecast, NoOutlook):
        return case.forecast.message
    return _because_of_forecast(case, case.forecast, reason)


def _because_of_forecast(case: Case, forecast: Forecasted, reason: Reason) -> str:
    outlook = forecast.outlook
    peak = f"a peak of {in_mebibytes(outlook.highest_level)} is forecast for {_clock(outlook.peak_at_s)}"
    match reason:
        case Reason.PEAK_PASSED:
            return f"the need has passed; {peak}"
        case Reason.LEAKING:
            return "it leaks and the policy holds leaks"
        case Reason.STALE_DATA:
            return _why_not_lower(case, outlook)
        case Reason.COOLDOWN:
            return f"lower is enough, but its cooldown of {case.pace.cooldown_s} s runs"
        case _:
            return peak


def _why_not_lower(case: Case, outlook: Outlook) -> str:
    if case.evidence.distrust:
        return case.evidence.distrust
    if case.evidence.usage_bytes is None:
        return "no newest sample to lower it against"
    return f"{outlook.days:.1f} days of history are too few to lower it"


def _clock(instant_s: float) -> str:
    return datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%d %H:%MZ")
