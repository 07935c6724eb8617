"""The slow clock: history of the workloads that are due, fitted in worker processes, kept until the next refit."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from threading import Lock

import numpy as np

from foresize.cluster.guard import Assignment
from foresize.cluster.workloads import Workload
from foresize.fitting.fits import Fitter
from foresize.passes.runrefit import init_known, runs_foreseen
from foresize.passes.senses import Foreseen, over, with_tails
from foresize.passes.tierrefit import Standing, is_divisible, tiers_foreseen
from foresize.sources.reader import Reader
from foresize_forecast.deciding.state import RunsKept, Sleep
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Family, Wish, pool
from foresize_forecast.moving.scaletozero import with_naps
from foresize_forecast.pods import Kill
from foresize_forecast.prometheus import (
    ContainerOfPod,
    HistoryAnswer,
    HistoryRequest,
    Refusal,
    grid_until,
    pod_pattern,
    run_step_s,
)
from foresize_forecast.prometheus.promql import one_of
from foresize_forecast.prometheus.source import RefusalKind
from foresize_forecast.series import ContainerKey, PerContainer
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.sizing.wanted import kill_cost_bytes

logger = logging.getLogger(__name__)

Key = tuple[str, str]
RETRY_S = 60.0
"""A workload whose history could not be read is tried again after this, or the refit interval if that is shorter."""
JITTER = 0.2
"""Share of the interval over which refits are spread, so that they do not all come at once."""
ABSENT = (RefusalKind.NO_SAMPLES, RefusalKind.NO_SUCH_METRIC)
BATCH = 200
"""Workloads of one refit: what is known is used before all of a large cluster has been read."""


@dataclass(frozen=True, slots=True)
class _Due:
    at_s: float
    policy: tuple[str, int]
    """Uid and generation of the one that the forecast was made for: another or a changed one is due at once."""


@dataclass(slots=True)
class Forecasts:
    """What the last refits found, by workload. Read by the act loop and the pod watch, written here."""

    foreseen: dict[Key, Foreseen] = field(default_factory=dict)
    refusals: dict[Key, Refusal] = field(default_factory=dict)
    remembered: Callable[[Key], Mapping[str, RunsKept]] = field(default=lambda _: {})
    """Tells the runs of a group of pods, by container: its pods may be gone, and their names with them."""
    slept: Callable[[Key], Sleep | None] = field(default=lambda _: None)
    """Tells when a workload was scaled to zero for being idle."""
    standing: Callable[[Key], Standing] = field(default=lambda _: Standing())
    """Tells the living pods of a workload by their lasting names, and how they were sized apart until now."""
    _due: dict[Key, _Due] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def due(self, assignments: Sequence[Assignment], now_s: float) -> list[Assignment]:
        """The workloads to refit now, at most a batch: new ones and changed policies first, then who waits longest."""
        known = {each.workload.key for each in assignments}
        with self._lock:
            for gone in [key for key in self._due if key not in known]:
                self._due.pop(gone)
                self.foreseen.pop(gone, None)
                self.refusals.pop(gone, None)
        waiting = [each for each in assignments if self._is_due(each, now_s)]
        return sorted(waiting, key=self._due_at_s)[:BATCH]

    def refit(
        self,
        source: Reader,
        pool: Fitter,
        assignments: Sequence[Assignment],
        now_s: float,
        interval_s: float,
    ) -> None:
        """Read and forecast these workloads; one that fails keeps what was known of it, and is tried again later.

        Raises:
            ExceptionGroup: something unforeseen went wrong with some of them; the others have their forecasts.
        """
        errors = []
        ordered = sorted(assignments, key=_grid_of)
        for (window_s, step_s, runs), group in groupby(ordered, key=_grid_of):
            batch = list(group)
            try:
                standings = {} if runs else self._standings(batch)
                asked = [request_of(each, by_pod=each.workload.key in standings) for each in batch]
                answer = source.history(asked, grid_until(now_s, window_s, step_s))
                made = {} if runs else _foresee(pool, batch, answer, self.slept)
                killed = source.past_kills([each.workload.namespace for each in batch], now_s)
                wish = partial(_wish, assignments={each.workload.key: each for each in batch})
                tiers = tiers_foreseen(pool, answer, standings, wish, killed)
                for each in batch:
                    own = made.get(each.workload.key, {})
                    past = self.remembered(each.workload.key)
                    known = runs_foreseen(each, answer, past, now_s) if runs else _foreseen(each, own, answer, now_s)
                    known = replace(known, kills=_kills(each, answer, killed), tiers=tiers.get(each.workload.key, ()))
                    self._learn(each, known, answer, interval_s)
            except Exception as error:  # noqa: BLE001 - raised below: those of another window have no part in it
                self._put_off(batch, now_s + min(RETRY_S, interval_s))
                errors.append(error)
        self._share()
        if errors:
            raise ExceptionGroup("some workloads were not forecast", errors)

    def _learn(
        self,
        assignment: Assignment,
        made: Foreseen,
        answer: HistoryAnswer,
        interval_s: float,
    ) -> None:
        key, refusal = assignment.workload.key, answer.refusals.get(assignment.workload.key)
        if refusal is not None and assignment.workload.is_group and refusal.kind in ABSENT:
            refusal = None  # its runs are over: what is remembered of them says enough
        if refusal is not None:
            known = self.foreseen.get(key, Foreseen())
            unknown = dict.fromkeys(assignment.workload.template, NoOutlook(str(refusal.kind), refusal.message))
            kept = replace(known, distrust=refusal.message, forecasts=known.forecasts or unknown)
        else:
            kept = over(self.foreseen.get(key), made)
        wait_s = min(RETRY_S, interval_s) if refusal is not None else _spread(key, interval_s)
        with self._lock:
            self.foreseen[key] = kept
            self.refusals.pop(key, None)
            if refusal is not None:
                self.refusals[key] = refusal
            self._due[key] = _Due(made.made_at_s + wait_s, _version(assignment))

    def _share(self) -> None:
        """What is new of some containers' jumps bears on the tails of all."""
        with self._lock:
            known = {
                (key, name, tier): each
                for key, kept in self.foreseen.items()
                for tier, forecasts in enumerate([kept.forecasts, *(tier.forecasts for tier in kept.tiers or ())])
                for name, each in forecasts.items()
            }
            shared = pool(known, {of: Family(of[0][0], of[:2]) for of in known})
            for key, kept in self.foreseen.items():
                self.foreseen[key] = with_tails(key, kept, shared)

    def _standings(self, batch: Sequence[Assignment]) -> dict[Key, Standing]:
        """Of the workloads whose pods may be sized apart."""
        each = ((one, self.standing(one.workload.key)) for one in batch)
        return {one.workload.key: standing for one, standing in each if is_divisible(one, standing)}

    def _put_off(self, batch: Sequence[Assignment], until_s: float) -> None:
        with self._lock:
            for each in batch:
                self._due[each.workload.key] = _Due(until_s, _version(each))

    def _is_due(self, assignment: Assignment, now_s: float) -> bool:
        due = self._due.get(assignment.workload.key)
        return due is None or due.at_s <= now_s or due.policy != _version(assignment)

    def _due_at_s(self, assignment: Assignment) -> float:
        due = self._due.get(assignment.workload.key)
        return due.at_s if due and due.policy == _version(assignment) else 0.0


def _version(assignment: Assignment) -> tuple[str, int]:
    return assignment.policy.uid, assignment.policy.generation


def _grid_of(assignment: Assignment) -> tuple[int, int, bool]:
    """(window, step, whether it is read for runs)."""
    asked, runs = assignment.policy.workload, assignment.workload.runs
    return asked.window_s, run_step_s(asked.window_s, asked.step_s) if runs else asked.step_s, runs


def request_of(assignment: Assignment, *, by_pod: bool = False) -> HistoryRequest:
    """What is asked of Prometheus for a workload under its policy, and for each of its pods where they may be apart."""
    workload, policy = assignment.workload, assignment.policy
    return HistoryRequest(
        namespace=workload.namespace,
        workload=workload.key[1],
        pods=one_of(workload.pods) if workload.is_group else pod_pattern(workload.kind, workload.name),
        startup_ignore_s=policy.workload.startup_ignore_s,
        metric=policy.metric,
        by_pod=None if workload.runs or by_pod else tuple(workload.init),
    )


def _foresee(
    pool: Fitter, batch: Sequence[Assignment], answer: HistoryAnswer, slept: Callable[[Key], Sleep | None]
) -> dict[Key, dict[str, Forecasted | NoOutlook]]:
    """Forecasts of all containers that a policy names, by workload and container."""
    assignments = {each.workload.key: each for each in batch}
    rows = [row for row, key in enumerate(answer.history.containers) if _wish(key, assignments) is not None]
    wishes = [wish for key in answer.history.containers if (wish := _wish(key, assignments)) is not None]
    made: dict[Key, dict[str, Forecasted | NoOutlook]] = {}
    changed = replace(answer.history, changed_at_s=_changes_s(assignments, answer))
    changed = with_naps(changed, [slept((key.namespace, key.workload)) for key in changed.containers])
    for row, forecast in zip(rows, pool.foresee(changed.rows(rows), wishes) if rows else [], strict=True):
        key = answer.history.containers[row]
        made.setdefault((key.namespace, key.workload), {})[key.container] = forecast
    return made


def _changes_s(assignments: Mapping[Key, Assignment], answer: HistoryAnswer) -> PerContainer:
    """When each container's newest revision was first seen, Unix seconds; NaN where there was but one."""
    found = np.full(len(answer.history.containers), np.nan)
    for row, (key, fact) in enumerate(zip(answer.history.containers, answer.facts, strict=True)):
        workload = assignments[key.namespace, key.workload].workload
        firsts_s = _first_of_revisions(workload, [fact.first_samples_s])
        if len(firsts_s) > 1:
            found[row] = max(firsts_s.values())
    return found


def _wish(key: ContainerKey, assignments: Mapping[Key, Assignment]) -> Wish | None:
    assignment = assignments[key.namespace, key.workload]
    pace = assignment.policy.workload
    asked = pace.container(key.container)
    if asked is None or key.container in assignment.workload.init:
        return None
    price = kill_cost_bytes(asked.for_qos(assignment.workload.qos))
    return Wish(Question(asked.overrun, pace.horizon_s, price), pace.lead_s, pace.cooldown_s)


def _foreseen(
    assignment: Assignment, forecasts: Mapping[str, Forecasted | NoOutlook], answer: HistoryAnswer, now_s: float
) -> Foreseen:
    key = assignment.workload.key
    facts = [
        fact
        for row, fact in zip(answer.history.containers, answer.facts, strict=True)
        if (row.namespace, row.workload) == key
    ]
    unseen = NoOutlook("NoSamples", "there are no samples of it in the policy's window")
    missing = "; ".join(answer.warnings) or "the source says that data is missing"
    return Foreseen(
        forecasts={**dict.fromkeys(assignment.workload.template, unseen), **forecasts},
        first_samples_s=_first_of_revisions(assignment.workload, (fact.first_samples_s for fact in facts)),
        distrust=f"Prometheus answered with partial data: {missing}" if any(fact.partial for fact in facts) else "",
        made_at_s=now_s,
        runs=init_known(assignment, answer, now_s),
    )


def _kills(
    assignment: Assignment, answer: HistoryAnswer, killed: Mapping[ContainerOfPod, Kill]
) -> dict[str, tuple[Kill, ...]]:
    """The kills on record of a workload's pods, by container."""
    found: dict[str, tuple[Kill, ...]] = {}
    for row, fact in zip(answer.history.containers, answer.facts, strict=True):
        if (row.namespace, row.workload) == assignment.workload.key:
            pods = (ContainerOfPod(row.namespace, pod, row.container) for pod in fact.first_samples_s)
            found[row.container] = tuple(killed[pod] for pod in pods if pod in killed)
    return {name: kills for name, kills in found.items() if kills}


def _first_of_revisions(workload: Workload, each: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """When each revision's first sample was taken; names such as `web-HASH-xxxxx` tell, which two kinds give."""
    firsts_s: dict[str, float] = {}
    if workload.kind not in {"Deployment", "Rollout"}:
        return firsts_s
    for pods in each:
        for pod, first_s in pods.items():
            parts = pod.rsplit("-", 2)
            if len(parts) == 3:  # noqa: PLR2004 - name, revision, what is random
                firsts_s[parts[1]] = min(first_s, firsts_s.get(parts[1], first_s))
    return firsts_s


def _spread(key: Key, interval_s: float) -> float:
    """The interval, shortened by up to `JITTER` by the workload's name: the same each time, different for each."""
    share = int.from_bytes(hashlib.sha256("/".join(key).encode()).digest()[:4]) / 2**32
    return interval_s * (1 - JITTER * share)
