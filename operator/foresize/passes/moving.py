"""From wishes to evictions: at most one pod a pass, the intent written down first, and of all others why not.

Nothing here decides whether a pod should or may go: `moves`, `disruption` and `placement` do.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from foresize import metrics
from foresize.cluster.board import Boards
from foresize.config.settings import Settings
from foresize.doors.admission import Admission
from foresize.doors.evict import evict
from foresize.kube.kubeapi import Api, ApiError
from foresize.kube.lease import Fence
from foresize.passes.attend import REMEMBERED, Attendant
from foresize.passes.cases import Case, cases_of
from foresize.passes.managed import Managed
from foresize.reporting.events import EVICT, Events
from foresize.reporting.events import pod as regarding
from foresize.reporting.exports import show
from foresize.reporting.forecasts import Look
from foresize.reporting.records import Records
from foresize_forecast.deciding.state import Eviction
from foresize_forecast.moving.disruption import Allowance, Held, Past, in_vain, never, not_now, rested, unsettled
from foresize_forecast.moving.moves import ANYWAY, Cause, no_better
from foresize_forecast.placement import Board, Fit, NoPlace, Place, Seat, place
from foresize_forecast.reasons import Blocked
from foresize_forecast.resizing.pauses import doubling_s

logger = logging.getLogger(__name__)

FRESH_S = 10.0
"""An eviction is decided on nodes and pods that were read no longer ago."""
FIRST_PAUSE_S = 15.0
"""After a refusal by the API server; it doubles with each further one, up to `LONGEST_PAUSE_S`."""
LONGEST_PAUSE_S = 600.0
GOING_S = 60.0
"""A pod that lives on so long after it was to be evicted was not: the API server refused, or was never asked."""
HOUR_S = 3600.0
MOST_LOOKS = 10
"""Pods whose place is looked for, or that the API server is asked about, in one pass: neither may take its time."""
JUST_NOW = Held("OneAtATime", "another pod was evicted just now")
IN_THE_QUEUE = Held("InTheQueue", "other pods are looked at first")
PASSING = {JUST_NOW.reason, IN_THE_QUEUE.reason, "WaitingForReplacement"}
"""Reasons that are not the pod's own."""
ELSEWHERE = {Cause.IDLE, Cause.NODE_PRESSURE}
"""Causes that only another node does away with."""
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Pause:
    """After a refusal."""

    until_s: float
    failures: int
    held: Held


class Mover:
    """Grants wishes, one after the other, in the act loop's thread."""

    def __init__(  # noqa: PLR0913 - the operator's parts, put together in one place
        self,
        settings: Settings,
        api: Api,
        fence: Fence,
        *,
        attendant: Attendant,
        records: Records,
        admission: Admission,
        events: Events,
    ) -> None:
        self._settings, self._api, self._fence = settings, api, fence
        self._attendant, self._records = attendant, records
        self._admission, self._events = admission, events
        self._boards, self._board_s = Boards(api), settings.inventory_interval_s
        self._fit = Fit(settings.placement_strategy)
        self._made: dict[str, Past] = {}
        """By pod uid, what this process has evicted: a budget outlives a MemoryForecast that is deleted."""
        self._pauses: dict[Key, _Pause] = {}
        """By workload: a PodDisruptionBudget is for all of its pods."""
        self._nowhere: dict[str, tuple[float, Held]] = {}
        """By pod uid, why it had no place on the board that was taken then."""
        self._said: set[tuple[Key, str]] = set()
        """Of which workloads it was said by what their pods are held."""
        self._spare: Mapping[str, float] = {}
        self.holds: frozenset[str] = frozenset()
        """Uids of pods that could not go in the last pass for a reason of their own: others may have to instead."""

    def run(
        self,
        managed: Mapping[Key, Managed],
        looks: Mapping[Key, Look],
        now_s: float,
        spare_bytes: Mapping[str, float] | None = None,
    ) -> dict[Key, Look]:
        """Evict one pod at most.

        Args:
            managed: all workloads.
            looks: what this pass found of them.
            now_s: Unix seconds.
            spare_bytes: by node, what it will not need of its memory, as far as anybody foretells.

        Returns:
            The looks, with what was done, and beside what stands in a pod's way why it was not evicted.
        """
        told = dict(looks)
        cases = sorted(cases_of(managed, looks, self._admission, now_s), key=self._turn)
        past = self._past(looks, now_s)
        metrics.EVICTIONS_LEFT.set(max(0, self._settings.evictions_per_hour - len(past)))
        stop = unsettled((managed[key].crew(look.seen.pods) for key, look in looks.items() if cases), past, now_s)
        why: list[tuple[Key, str]] = []
        self._spare, holds, looked = spare_bytes or {}, set(), 0
        for case in cases:
            key = case.managed.key
            held = self._held(case, past, now_s) or stop or self._known(case, now_s)
            if held is None and looked == MOST_LOOKS:
                held = IN_THE_QUEUE
            elif held is None:
                looked += 1
                found = self._place(case)
                held = self._evict(case, found, now_s) if isinstance(found, Place) else found
                stop = stop if held is not None else JUST_NOW
            told[key] = self._told(told[key], case, held)
            why += [] if held is None else [(key, held.reason)]
            holds |= {case.wish.pod.uid} if held is not None and held.reason not in PASSING else set()
        show(metrics.EVICTIONS_HELD, {(reason,): count for reason, count in Counter(each for _, each in why).items()})
        self._said &= set(why)
        self.holds = frozenset(holds)
        self._forget_all_but(looks)
        return told

    def _turn(self, case: Case) -> tuple[float, int, float]:
        """Who was not looked at yet goes first, then the most urgent, then who has waited longest."""
        taken_s, _ = self._nowhere.get(case.wish.pod.uid, (float("-inf"), None))
        return taken_s, _URGENT[case.wish.cause], case.wish.since_s

    def _past(self, looks: Mapping[Key, Look], now_s: float) -> Sequence[Past]:
        """Evictions of the last hour, each pod's once, without those that were not made after all."""
        self._made = {uid: past for uid, past in self._made.items() if now_s - past.eviction.at_s < HOUR_S}
        known = {past.eviction.uid: past for past in self._records.disruptions()} | self._made
        living = {pod.uid for look in looks.values() for pod in look.seen.pods if not pod.terminating}
        return [
            past
            for uid, past in known.items()
            if now_s - past.eviction.at_s < HOUR_S and not (uid in living and now_s - past.eviction.at_s > GOING_S)
        ]

    def _held(self, case: Case, past: Sequence[Past], now_s: float) -> Held | None:
        wish, crew, asked = case.wish, case.crew, case.managed.policy.disruption
        settings = self._settings
        allowance = Allowance(
            cluster_per_hour=settings.evictions_per_hour,
            node_per_hour=settings.evictions_per_node_hour,
            workload_per_hour=settings.evictions_per_workload_hour,
            policy_per_hour=asked.per_hour,
            windows=asked.windows,
            single_replicas=settings.evict_single_replicas,
            kube_system=settings.allow_kube_system,
        )
        targets = {name: verdict.target for name, verdict in case.look.review.of(wish.pod.name).verdicts.items()}
        return (
            never(wish.pod, crew, allowance)
            or not_now(wish.pod, crew, allowance, past, now_s)
            or self._untimely(case, now_s)
            or no_better(wish, case.births, targets)
            or self._in_vain(case, now_s)
        )

    @staticmethod
    def _in_vain(case: Case, now_s: float) -> Held | None:
        """Sizes at creation that are written, and that pods do not get."""
        if case.wish.cause in ANYWAY or not case.managed.creates:
            return None
        return in_vain(case.crew.pods, case.look.review.state.evictions, now_s)

    @staticmethod
    def _untimely(case: Case, now_s: float) -> Held | None:
        """Nothing is evicted on what cannot be trusted, nor soon again; a pod that dies at each start is seen to."""
        if not case.wish.serves:
            return None
        if distrust := case.look.seen.distrust:
            return Held("StaleData", f"what is known of it cannot be trusted: {distrust}")
        return rested(case.wish.pod, case.wish.cause, case.look.review.state.evictions, now_s, case.rest_s)

    def _known(self, case: Case, now_s: float) -> Held | None:
        """What the API server, or the present board, said before."""
        pause = self._pauses.get(case.managed.key)
        if pause is not None and now_s < pause.until_s:
            return pause.held
        taken_s, held = self._nowhere.get(case.wish.pod.uid, (0.0, None))
        return held if taken_s == self._boards.taken_s and self._boards.is_younger_than(self._board_s) else None

    def _place(self, case: Case) -> Place | Held:
        """Where its replacement would go: looked for on a board of a minute, found on a fresh one."""
        uid = case.wish.pod.uid
        try:
            board = self._board(case, self._board_s)
            seat = self._boards.seat_of_replacement(case.wish.pod, case.births)
            if seat is None:
                return Held("Gone", "it is gone already")
            found: Place | NoPlace | Held = place(board, seat, leaving={uid}, fit=self._fit)
            if isinstance(found, Place):
                fresh = place(self._board(case, FRESH_S), seat, leaving={uid}, fit=self._fit)
                found = self._lasting(case, seat, fresh)
        except (ApiError, LookupError, TypeError, ValueError) as error:  # also what is no pod or node as we know them
            return Held("PlaceUnknown", f"whether it could be scheduled again could not be read: {error}")
        if isinstance(found, NoPlace):
            found = Held("NoPlace", found.message)
        if isinstance(found, Held):
            self._nowhere[uid] = (self._boards.taken_s, found)
        return found

    def _lasting(self, case: Case, seat: Seat, found: Place | NoPlace) -> Place | NoPlace | Held:
        """A place that does away with the cause: not the node that it leaves, nor one that would be short with it."""
        if case.wish.cause is not Cause.NODE_PRESSURE or isinstance(found, NoPlace):
            return found
        pod, recent = case.wish.pod, case.look.seen.recent
        anywhere = place(self._boards.newest(FRESH_S), seat, leaving={pod.uid}, fit=self._fit)
        if isinstance(anywhere, Place) and anywhere.node == pod.node:
            return Held("WouldComeBack", f"it would come back: {anywhere.message}")
        uses = sum(each.usage_bytes for (name, _), each in recent.items() if name == pod.name)
        if uses > self._spare.get(found.node, uses):
            return NoPlace(f"{found.message}, but that node would be short of memory with it")
        return found

    def _board(self, case: Case, max_age_s: float) -> Board:
        """The nodes that would do: who makes room goes to another one, or not at all."""
        board = self._boards.newest(max_age_s)
        if case.wish.cause not in ELSEWHERE:
            return board
        return replace(board, nodes=tuple(node for node in board.nodes if node.name != case.wish.pod.node))

    def _evict(self, case: Case, found: Place, now_s: float) -> Held | None:
        """Write the intent down, then ask for it; None where the pod goes."""
        one, wish = case.managed, case.wish
        pod, cause = wish.pod, str(wish.cause)
        eviction = Eviction(now_s, pod.uid, pod.name, pod.node, cause, wish.message[:REMEMBERED])
        if why := self._fence.refusal():
            return Held("NotTheWriter", why)
        with self._attendant.alone(one.key):
            try:
                self._records.remember(one.subject, self._records.state(one.key).with_eviction(eviction))
            except ApiError as error:
                return Held("NotRemembered", f"it could not be written down: {error}")
            refused = evict(self._api, self._fence, pod)
            metrics.EVICTIONS.labels(cause, "refused" if refused else "accepted").inc()
            if refused is not None:
                self._records.keep(one.key, self._records.state(one.key).without_eviction(pod.uid))
                return self._pause(one.key, Held("Refused", f"the API server says: {refused.message}"), now_s)
        self._pauses.pop(one.key, None)
        self._made[pod.uid] = Past(one.key, one.policy.uid, eviction)
        words = f"evicted: {wish.message}; {found.message}; MemoryPolicy {one.policy.name}"
        logger.info("%s/%s: %s", pod.namespace, pod.name, words)
        self._events.normal(regarding(pod), "PodEvicted", words, EVICT)
        self._events.normal(self._records.regarding(one.subject), "PodEvicted", f"{pod.name} {words}", EVICT)
        return None

    def _pause(self, key: Key, held: Held, now_s: float) -> Held:
        before = self._pauses.get(key)
        failures = before.failures + 1 if before is not None else 1
        pause_s = doubling_s(failures, FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._pauses[key] = _Pause(now_s + pause_s, failures, held)
        return held

    def _told(self, look: Look, case: Case, held: Held | None) -> Look:
        """The look as a reader gets it; an Event where what holds pods of the workload is new."""
        pod, wish = case.wish.pod, case.wish
        others = {name: each for name, each in look.blocked.items() if name != pod.name}
        if held is None:
            made = replace(look.review.state, evictions=self._records.state(case.managed.key).evictions)
            return replace(look, review=replace(look.review, state=made), blocked=others)
        if (case.managed.key, held.reason) not in self._said:
            self._said.add((case.managed.key, held.reason))
            words = f"{pod.name} is not evicted ({wish.cause}): {held.message}"
            self._events.warning(self._records.regarding(case.managed.subject), "EvictionHeld", words, EVICT)
        # First, so that it is what a reader sees of several pods.
        told = Blocked(wish.obstacle, f"{wish.message}; not evicted: {held.message}", held.reason)
        return replace(look, blocked={pod.name: told} | others)

    def _forget_all_but(self, looks: Mapping[Key, Look]) -> None:
        """Drop what was remembered of pods and workloads that are gone."""
        living = {pod.uid for look in looks.values() for pod in look.seen.pods}
        self._pauses = {key: each for key, each in self._pauses.items() if key in looks}
        self._nowhere = {uid: each for uid, each in self._nowhere.items() if uid in living}


_URGENT = {cause: rank for rank, cause in enumerate(Cause)}
