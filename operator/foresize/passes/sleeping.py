"""From looks to scale: idle workloads put to sleep and woken, the intent written down first, and each step told.

Nothing here decides: `scaletozero` does. What sleeps and is under no policy any more is woken here as well.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from foresize import metrics
from foresize.cluster.guard import CONFLICT, ROLLING_OUT
from foresize.cluster.references import find
from foresize.cluster.workloads import Workload
from foresize.config.selecting import Ref
from foresize.doors.refused import Refused
from foresize.doors.scale import SCALABLE, replicas, scale
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize.kube.lease import Fence
from foresize.passes.attend import REMEMBERED, Attendant
from foresize.passes.managed import Managed
from foresize.reporting.events import Events
from foresize.reporting.forecasts import Look
from foresize.reporting.records import Records
from foresize_forecast.deciding.state import Sleep, SleepPhase
from foresize_forecast.moving.disruption import closed
from foresize_forecast.moving.idle import IdleAction, workload_idleness
from foresize_forecast.moving.scaletozero import PAUSE_S, Decision, Seen, Step, decided

logger = logging.getLogger(__name__)

SCALE = "ScaleWorkload"
"""The action of its Events."""
Key = tuple[str, str]


class Sleeper:
    """Puts workloads to sleep and wakes them, in the act loop's thread."""

    def __init__(self, api: Api, fence: Fence, attendant: Attendant, records: Records, events: Events) -> None:
        self._api, self._fence = api, fence
        self._attendant, self._records, self._events = attendant, records, events

    def attend(self, managed: Managed, look: Look, now_s: float) -> Look:
        """Put a workload to sleep, or wake it, where that is decided; the look with what came of it.

        Raises:
            ApiError: what was to be remembered could not be written, or how many replicas there are could not be
                read: nothing was done.
        """
        sleep = look.review.state.sleep
        if not (sleep is not None and sleep.holds) and managed.policy.idle.action is not IdleAction.SCALE_TO_ZERO:
            return look
        with self._attendant.alone(managed.key):
            decision = decided(sleep, self._seen(managed, look, sleep, now_s))
            match decision.step:
                case Step.SLEEP | Step.WAKE:
                    made, words = self._scaled(managed, decision, now_s)
                case _:
                    made, words = decision.sleep, decision.message
                    if decision.step is Step.NOTE and words:
                        self._tell(managed, "ScaleLeft", words)
            state = replace(self._records.state(managed.key), sleep=made)
            self._records.keep(managed.key, state)
        return replace(look, review=replace(look.review, state=state), sleep_words=words)

    def wake_abandoned(self, managed: Collection[Key], now_s: float) -> None:
        """Wake what sleeps and is under no policy: nobody else would. It is forgotten with its policy."""
        asleep = self._records.asleep()
        metrics.ASLEEP.set(len(asleep))
        for key, sleep in asleep.items():
            if key in managed:
                continue
            try:
                self._wake_abandoned(key, sleep, now_s)
            except ApiError as error:
                logger.warning("%s/%s sleeps without a policy and was not woken: %s", *key, error)

    def _wake_abandoned(self, key: Key, sleep: Sleep, now_s: float) -> None:
        kind, _, name = key[1].partition("/")
        found = find(self._api, key[0], Ref(sleep.api_version, kind, name))
        if not isinstance(found, Workload) or (sleep.message and now_s - sleep.tried_s < PAUSE_S):
            return
        with self._attendant.alone(key):
            if found.uid == sleep.uid and self._is_down(found):
                refused = self._asked(found, 0, sleep.replicas, "up")
                words = f"scaled from 0 to {sleep.replicas}: no policy is about it any more"
                self._events.normal(self._records.about(key), "ScaledUp", words if refused is None else refused.message)
                logger.info("%s/%s: %s", *key, words)
                if refused is not None:
                    kept = replace(sleep, tried_s=now_s, message=refused.message[:REMEMBERED])
                    self._records.keep(key, replace(self._records.state(key), sleep=kept))
                    return
            self._records.forget(key)

    def _seen(self, managed: Managed, look: Look, sleep: Sleep | None, now_s: float) -> Seen:
        workload, policy, scaler = managed.workload, managed.policy, managed.scaler
        return Seen(
            now_s=now_s,
            policy=policy.idle,
            applies=policy.in_place,
            idleness=workload_idleness(look.doing),
            uid=workload.uid,
            api_version=workload.api_version,
            replicas=self._replicas(workload, sleep),
            silence=_silence(managed, asleep=sleep is not None and sleep.holds),
            held=_held(managed, look, now_s),
            replicas_by=workload.replicas_by,
            scaler="" if scaler is None else scaler.words,
            scaler_starts=scaler is not None and scaler.from_zero,
            wake=workload.wake,
            forecasts=look.forecasts,
            lead_s=policy.workload.lead_s + policy.workload.startup_ignore_s,
        )

    def _replicas(self, workload: Workload, sleep: Sleep | None) -> int:
        """As the inventory has it; where that cannot be, or an intent was left behind, as it is now."""
        settled = sleep is None or not sleep.holds or (sleep.phase is SleepPhase.ASLEEP and not workload.replicas)
        if settled or workload.kind not in SCALABLE:
            return workload.replicas
        try:
            return replicas(self._api, workload)
        except NotFound:
            return workload.replicas

    def _is_down(self, workload: Workload) -> bool:
        try:
            return replicas(self._api, workload) == 0
        except NotFound:
            return False

    def _scaled(self, managed: Managed, decision: Decision, now_s: float) -> tuple[Sleep | None, str]:
        """One write of replicas: the memory of it, and what a reader is told."""
        key, intent = managed.key, decision.sleep
        if intent is None:
            return None, ""
        if why := self._fence.refusal():
            return self._records.state(key).sleep, why
        down = decision.step is Step.SLEEP
        before, after = (intent.replicas, 0) if down else (0, intent.replicas)
        self._records.remember(managed.subject, replace(self._records.state(key), sleep=intent))
        refused = self._asked(managed.workload, before, after, "down" if down else "up")
        if refused is not None:
            message = refused.message[:REMEMBERED]
            self._tell(managed, "ScaleRefused", f"not scaled from {before} to {after}: {message}")
            phase = SleepPhase.AWAKE if down else SleepPhase.ASLEEP
            return replace(intent, phase=phase, tried_s=now_s, message=message), message
        words = f"scaled from {before} to {after}: {decision.message}"
        self._tell(managed, "ScaledToZero" if down else "ScaledUp", words)
        made = replace(intent, phase=SleepPhase.ASLEEP) if down else intent.ended(now_s, intent.wake)
        return made, decision.message

    def _asked(self, workload: Workload, before: int, after: int, way: str) -> Refused | None:
        refused = scale(self._api, self._fence, workload, before, after)
        metrics.SCALINGS.labels(way, "refused" if refused else "accepted").inc()
        return refused

    def _tell(self, managed: Managed, reason: str, words: str) -> None:
        about, title = self._records.regarding(managed.subject), managed.policy.title
        logger.info("%s/%s: %s", *managed.key, words)
        post = self._events.warning if reason == "ScaleRefused" else self._events.normal
        post(about, reason, f"{words}; {title}", SCALE)


def _silence(managed: Managed, *, asleep: bool) -> str:
    """Why nothing is written to it now. What sleeps is given back also where another scales it by now."""
    harmless = {ROLLING_OUT, CONFLICT} if asleep else set()
    return "" if managed.quiet in harmless else managed.quiet_message


def _held(managed: Managed, look: Look, now_s: float) -> str:
    """Why it is not put to sleep now, whatever it does; empty where nothing stands against it."""
    workload = managed.workload
    if workload.kind not in SCALABLE:
        return f"a {workload.kind} is not scaled: only {', '.join(SCALABLE)} are"
    if workload.loses_claims:
        return "its volumes would be deleted (persistentVolumeClaimRetentionPolicy.whenScaled is Delete)"
    if workload.evict is False:
        return 'it is marked foresize.dev/evict: "false"'
    if marks := [pod.undisturbed for pod in look.seen.pods if pod.undisturbed]:
        return f"a pod's annotation {marks[0]} asks for it not to be disturbed"
    if look.seen.distrust:
        return f"what is known of it cannot be trusted: {look.seen.distrust}"
    held = closed(managed.policy.disruption.windows, now_s)
    return held.message if held is not None else ""
