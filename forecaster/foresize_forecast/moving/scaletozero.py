"""When an idle workload is scaled to zero, and when it comes back. Pure.

What a person did meanwhile goes before all of it; what is not known keeps a workload awake, or wakes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from foresize_forecast.deciding.state import Sleep, SleepPhase
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.moving.idle import MEMORY_BYTES, IdleAction, Idleness, IdlePolicy
from foresize_forecast.series import History
from foresize_forecast.sizing.plan import Forecasted

RISE = 0.25
"""A workload is needed when its memory is forecast to rise above its idle level by this share, and by what counts as
a move of an idle pod's memory."""
OWNERS_DAY_S = 86_400.0
"""Who starts a workload that sleeps, or asks a person's tool to, has it awake for so long."""
PAUSE_S = 600.0
"""After a refusal: rights are not granted by the second."""


class Step(StrEnum):
    """What is done."""

    STAY = "Stay"
    SLEEP = "Sleep"
    WAKE = "Wake"
    NOTE = "Note"
    """Nothing but to remember what was found."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that bears on it at one moment.

    Attributes:
        now_s: Unix seconds.
        policy: what is asked.
        applies: whether the policy acts on running pods at all.
        silence: why nothing is written to the workload now; empty if something may be.
        held: why it is not put to sleep now, whatever it does; empty where nothing stands against it.
        idleness: of all its pods.
        uid: of the workload.
        api_version: of it.
        replicas: that it has by its spec: read just now where it sleeps.
        replicas_by: who wrote them last, as far as is known.
        scaler: who else scales it, for people; empty: nobody.
        scaler_starts: whether that one starts it from zero by itself.
        wake: what its annotation `foresize.dev/wake` says; empty where it asks for nothing.
        forecasts: by container name.
        lead_s: how long before its need it has to be there.
    """

    now_s: float
    policy: IdlePolicy
    applies: bool
    idleness: Idleness
    uid: str
    api_version: str
    replicas: int
    silence: str = ""
    held: str = ""
    replicas_by: str = ""
    scaler: str = ""
    scaler_starts: bool = False
    wake: str = ""
    forecasts: Mapping[str, Forecasted | NoOutlook] = field(default_factory=dict)
    lead_s: float = 0.0

    @property
    def asked(self) -> bool:
        """Whether the policy wants idle workloads to sleep."""
        return self.applies and self.policy.action is IdleAction.SCALE_TO_ZERO


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, why, and what is remembered before it is done."""

    step: Step
    message: str = ""
    sleep: Sleep | None = None


def decided(sleep: Sleep | None, seen: Seen) -> Decision:
    """What is done about a workload of which this is remembered."""
    return _asleep(sleep, seen) if sleep is not None and sleep.holds else _awake(sleep, seen)


def needed_at_s(
    levels: Mapping[str, int], forecasts: Mapping[str, Forecasted | NoOutlook], now_s: float
) -> float | None:
    """When the memory of any container is next forecast to rise above its idle level; None: not within the horizon.

    Args:
        levels: the idle level of each container, bytes.
        forecasts: by container name.
        now_s: Unix seconds.
    """
    starts_s = []
    for name, low in levels.items():
        if isinstance(each := forecasts.get(name), Forecasted):
            grid, level = each.outlook.grid, each.outlook.level
            busy = (level > (1 + RISE) * low) & (level > low + MEMORY_BYTES) & (grid.ends_s > now_s)
            if busy.any():
                starts_s.append(float(grid.ends_s[int(np.argmax(busy))] - grid.step_s))
    return min(starts_s, default=None)


def with_naps(history: History, sleeps: Sequence[Sleep | None]) -> History:
    """A history in which who slept did nothing meanwhile, instead of nothing being known of it.

    Without, a workload that sleeps every night has no nights in its past, and its days are no rise any more.

    Args:
        history: of many containers.
        sleeps: what is remembered of their workloads, in the same order.
    """
    usage, ends_s = history.usage.copy(), history.grid.ends_s
    for row, (key, sleep) in enumerate(zip(history.containers, sleeps, strict=True)):
        if sleep is None or key.container not in sleep.levels:
            continue
        now = ((sleep.at_s, math.inf),) if sleep.holds else ()
        for start_s, end_s in (*sleep.naps, *now):
            unknown = (ends_s > start_s) & (ends_s <= end_s) & np.isnan(usage[row])
            usage[row, unknown] = sleep.levels[key.container]
    return replace(history, usage=usage)


def _awake(sleep: Sleep | None, seen: Seen) -> Decision:
    acted_on = sleep.wake if sleep is not None else ""
    if not seen.asked:
        return Decision(Step.STAY, sleep=sleep)
    if seen.wake != acted_on:
        # Asked for while it is awake: it stays so for once.
        known = sleep if sleep is not None else Sleep(SleepPhase.AWAKE, seen.now_s, 0, seen.uid, seen.api_version)
        until_s = seen.now_s + seen.policy.after_s if seen.wake else known.rests_until_s
        return Decision(Step.NOTE, sleep=replace(known, wake=seen.wake, rests_until_s=until_s))
    if not seen.idleness.idle or seen.replicas < 1 or seen.silence:
        return Decision(Step.STAY, sleep=sleep)
    if held := seen.held or _scaled_by(seen) or _rests(sleep, seen) or _unforeseen(seen):
        return Decision(Step.STAY, held, sleep)
    levels = _idle_levels(seen)
    if (need_s := needed_at_s(levels, seen.forecasts, seen.now_s)) is not None:
        if need_s - seen.lead_s - seen.policy.after_s <= seen.now_s:
            return Decision(Step.STAY, f"it is needed soon: {_need(need_s)}", sleep)
        until = f"it comes back before {_clock(need_s)}"
    else:
        until = "no need is forecast"
    naps = sleep.naps if sleep is not None else ()
    made = Sleep(
        SleepPhase.GOING, seen.now_s, seen.replicas, seen.uid, seen.api_version, levels, wake=acted_on, naps=naps
    )
    return Decision(Step.SLEEP, f"{seen.idleness.message}; {until}", made)


def _asleep(sleep: Sleep, seen: Seen) -> Decision:
    if seen.uid != sleep.uid:
        return Decision(Step.NOTE, "it was made anew, and is as its owner wrote it", _ended(sleep, seen))
    if seen.replicas > 0:
        return _is_up(sleep, seen)
    if seen.scaler_starts:
        return Decision(Step.NOTE, f"{seen.scaler} scales it now, and starts it by itself", _ended(sleep, seen))
    if sleep.phase is SleepPhase.GOING:  # the operator was killed before it could say so
        return Decision(Step.NOTE, sleep=replace(sleep, phase=SleepPhase.ASLEEP))
    if sleep.wake and not seen.wake:
        sleep = replace(sleep, wake="")
    why = _wakes(sleep, seen)
    if not why:
        need_s = needed_at_s(sleep.levels, seen.forecasts, seen.now_s)
        until = "no need is forecast" if need_s is None else f"it is needed from {_clock(need_s)} on"
        return Decision(Step.STAY, until, sleep)
    if seen.silence:
        return Decision(Step.STAY, f"{why}; it stays asleep: {seen.silence}", sleep)
    if sleep.message and seen.now_s - sleep.tried_s < PAUSE_S:
        return Decision(Step.STAY, f"{why}; it could not be started: {sleep.message}", sleep)
    rests_until_s = seen.now_s + seen.policy.after_s
    return Decision(
        Step.WAKE, why, replace(sleep, phase=SleepPhase.WAKING, wake=seen.wake, rests_until_s=rests_until_s)
    )


def _is_up(sleep: Sleep, seen: Seen) -> Decision:
    """Why a workload that was thought asleep has replicas."""
    if sleep.phase is SleepPhase.WAKING:
        return Decision(Step.NOTE, sleep=_ended(sleep, seen))
    if sleep.phase is SleepPhase.GOING and seen.replicas == sleep.replicas:  # it was never scaled down
        return Decision(Step.NOTE, sleep=replace(sleep, phase=SleepPhase.AWAKE))
    who = seen.replicas_by or "somebody"
    ended = replace(_ended(sleep, seen), rests_until_s=seen.now_s + OWNERS_DAY_S)
    return Decision(Step.NOTE, f"{who} has scaled it to {seen.replicas} meanwhile: it is left alone for a day", ended)


def _wakes(sleep: Sleep, seen: Seen) -> str:
    """Why it is started; empty while it sleeps on."""
    if sleep.phase is SleepPhase.WAKING:
        return "it was about to be started"
    if seen.scaler:
        return f"{seen.scaler} scales it now, and does nothing at zero replicas"
    if not seen.asked:
        return "its policy no longer asks for it to sleep"
    if seen.wake and seen.wake != sleep.wake:
        return f"its annotation foresize.dev/wake asks for it ({seen.wake!r})"
    need_s = needed_at_s(sleep.levels, seen.forecasts, seen.now_s)
    if need_s is not None and need_s - seen.lead_s <= seen.now_s:
        return _need(need_s)
    ends_s = [each.outlook.grid.end_s for each in seen.forecasts.values() if isinstance(each, Forecasted)]
    if ends_s and min(ends_s) <= seen.now_s + seen.lead_s:
        return "its forecast has ended, and nobody knows when it is needed"
    return ""


def _ended(sleep: Sleep, seen: Seen) -> Sleep:
    return sleep.ended(seen.now_s, seen.wake)


def _scaled_by(seen: Seen) -> str:
    return f"{seen.scaler} scales it" if seen.scaler else ""


def _rests(sleep: Sleep | None, seen: Seen) -> str:
    if sleep is None:
        return ""
    if seen.now_s < sleep.rests_until_s:
        return f"it stays awake until {_clock(sleep.rests_until_s)}, for it was started or asked for"
    if sleep.message and seen.now_s - sleep.tried_s < PAUSE_S:
        return f"it could not be scaled: {sleep.message}"
    return ""


def _unforeseen(seen: Seen) -> str:
    """Why nobody would know when to wake it; empty where that is known."""
    if not seen.forecasts:
        return "it has no forecast yet"
    for name, each in sorted(seen.forecasts.items()):
        if isinstance(each, NoOutlook):
            return f"nobody knows when it is needed: {name} has no forecast ({each.message})"
        if each.outlook.grid.end_s <= seen.now_s + seen.lead_s + seen.policy.after_s:
            return "its horizon is too short to tell when it is needed"
    return ""


def _idle_levels(seen: Seen) -> dict[str, int]:
    """The lowest level that is forecast of each container, bytes: what it has while it does nothing."""
    return {
        name: int(each.outlook.level.min()) for name, each in seen.forecasts.items() if isinstance(each, Forecasted)
    }


def _need(need_s: float) -> str:
    return f"its memory is forecast to rise above its idle level at {_clock(need_s)}"


def _clock(instant_s: float) -> str:
    return datetime.fromtimestamp(instant_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
