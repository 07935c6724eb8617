"""Foresize itself as a sizer: the code that the operator runs, on a trace instead of a cluster.

What a trace cannot show is left out: pods, nodes and quotas; every decision is applied at once. A trace has one value
of memory, which stands for working set and anonymous memory alike; a gap stands for a container that is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from foresize_forecast.deciding import fast, ladder
from foresize_forecast.deciding.choices import (
    AMPLE_COOLDOWNS,
    LEAST_DECREASE_BYTES,
    REQUEST_HEADROOM,
    REQUEST_TOLERANCE,
    Evidence,
)
from foresize_forecast.deciding.decide import Verdict, decide
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.jumps import HOUR_S
from foresize_forecast.forecasting.levels import starting
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Family, Wish, foresee, pool
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Reason
from foresize_forecast.replay.trace import Sizes, Told, Trace, Track, first_sizes
from foresize_forecast.series import BoolArray, ContainerKey, FloatArray, History
from foresize_forecast.sizes import KIB, ContainerPolicy, LimitStrategy, Size, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.sizing.wanted import kill_cost_bytes, with_reserve

NOT_YET = NoOutlook("NotForecastYet", "its first forecast is on the way")


@dataclass(frozen=True, slots=True)
class Foresize:
    """Forecasts every `refit_s`, decides at every step, and remembers as the operator does."""

    name: str = "Foresize"
    pace: WorkloadPolicy = field(default_factory=WorkloadPolicy)
    policy: ContainerPolicy = field(default_factory=ContainerPolicy)
    refit_s: int = 3600
    ample: bool = False
    """Every node has memory to spare all the time."""
    node_bytes: int | None = None
    """What a node has to allocate, for reserves of large movers; None: unknown."""

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Refit where it is time, then walk each container to the next refit."""
        tied = replace(self.policy, limit=LimitStrategy.EQUAL_REQUEST)
        policy = tied if track is Track.GUARANTEED else self.policy
        starts = starting(trace.usage, trace.grid.step_s)
        walks = [
            _Walk(trace, row, (self.pace, policy), first, starts[row], self._nodes)
            for row, first in enumerate(first_sizes(trace))
        ]
        every = max(1, self.refit_s // trace.grid.step_s)
        for column in range(0, trace.grid.count, every):
            forecasts = self.foresee(trace, column, policy)
            for walk, forecast in zip(walks, forecasts, strict=True):
                walk.go(column, min(column + every, trace.grid.count), forecast)
            told(min(1.0, (column + every) / trace.grid.count))
        return Sizes(np.stack([walk.request for walk in walks]), np.stack([walk.limit for walk in walks]))

    @property
    def _nodes(self) -> tuple[bool, Room]:
        return self.ample, Room(node_allocatable_bytes=self.node_bytes)

    def foresee(self, trace: Trace, column: int, policy: ContainerPolicy) -> Sequence[Forecasted | NoOutlook]:
        """What is forecast at the start of an interval for every series."""
        if not column:
            return [NOT_YET] * len(trace.series)
        question = Question(policy.overrun, self.pace.horizon_s, kill_cost_bytes(policy))
        wish = Wish(question, self.pace.lead_s, self.pace.cooldown_s)
        made = foresee(_window(trace, column, self.pace.window_s), [wish] * len(trace.series))
        kin = [Family(*each) for each in zip(trace.namespaces, trace.siblings, strict=True)]
        pooled = pool(dict(enumerate(made)), dict(enumerate(kin)))
        return [pooled[row] for row in range(len(made))]


@dataclass(slots=True)
class _Walk:
    """One container on its way through the trace."""

    trace: Trace
    row: int
    policies: tuple[WorkloadPolicy, ContainerPolicy]
    first: float
    starts: BoolArray
    nodes: tuple[bool, Room]
    request: FloatArray = field(init=False)
    limit: FloatArray = field(init=False)
    state: ContainerState = field(default_factory=ContainerState)

    def __post_init__(self) -> None:
        self.request = np.full(self.trace.grid.count, np.nan)
        self.limit = np.full(self.trace.grid.count, np.nan)

    def go(self, column: int, end: int, forecast: Forecasted | NoOutlook) -> None:
        """Decide each interval from `column` to `end`, passing over those in which nothing could change."""
        if np.isnan(self.first):
            return
        about = (self.policies[0], self.nodes[1], forecast)
        signs = _Signs.read(self.trace, self.row, (column, end), self.starts, about)
        at = column
        while at < end:
            before, verdict = self.state.target, self._decide(at, forecast, signs)
            target = verdict.target
            self.request[at] = np.nan if target.request_bytes is None else target.request_bytes
            self.limit[at] = np.inf if target.limit_bytes is None else target.limit_bytes
            awake = at + 1
            if target == before and verdict.reason in QUIET:
                awake = signs.wakes(at, self.state, target, self.policies)
                self.request[at + 1 : awake], self.limit[at + 1 : awake] = self.request[at], self.limit[at]
                if self.state.request_needed_at_s == signs.now_s[at - column]:
                    self.state = replace(self.state, request_needed_at_s=float(signs.now_s[awake - 1 - column]))
            at = awake

    def _decide(self, at: int, forecast: Forecasted | NoOutlook, signs: _Signs) -> Verdict:
        """What the operator decides for one interval."""
        now_s, place = float(signs.now_s[at - signs.column]), at - signs.column
        used, ahead = float(signs.used[place]), float(signs.ahead[place])
        present = self.state.target or Size(int(self.first), int(self.first))
        if present.limit_bytes is not None and used > present.limit_bytes:
            self.state = ladder.after_kill(self.state, Kill(now_s, present.limit_bytes))
        lasting = float(signs.lasting[place])
        evidence = Evidence(
            present,
            usage_bytes=None if np.isnan(used) else used,
            sustained_bytes=None if np.isnan(lasting) else lasting,
            rising_bytes=None if np.isnan(ahead) else ahead,
            started_s=now_s if signs.starts[place] else None,
            room=self.nodes[1],
            ample=self.nodes[0],
        )
        verdict, self.state = decide(self.state, evidence, forecast, self.policies, now_s)
        return verdict


ROUNDING, ROUNDING_BYTES = 0.02, LEAST_DECREASE_BYTES + 64 * KIB
"""What rounding and the least decrease can come to: signs are read generously, a decision too many is harmless."""
QUIET = (Reason.WITHIN_TOLERANCE, Reason.COOLDOWN, Reason.NO_OUTLOOK, Reason.STALE_DATA)
"""Reasons of decisions that stay as they are until there is a sign."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """What a decision looks at in the intervals from `column` on, each an array over them.

    The same input gives the same decision, so an interval in which nothing here moved need not be decided again:
    without this a replay of a cluster would take hours instead of minutes.

    Attributes:
        column: the first interval.
        now_s: its start, Unix seconds.
        used: newest sample, bytes; NaN without one.
        lasting: what was in use throughout the last reaction, bytes; NaN without a sample.
        ahead: where the fast clock thinks it goes, bytes; NaN without a sample.
        starts: whether the container is away or has just started.
        planned: the plan's request, bytes.
        level: the level that the forecast holds, bytes; NaN where it is the present limit.
    """

    column: int
    now_s: FloatArray
    used: FloatArray
    lasting: FloatArray
    ahead: FloatArray
    starts: BoolArray
    planned: FloatArray
    level: FloatArray

    @classmethod
    def read(
        cls,
        trace: Trace,
        row: int,
        span: tuple[int, int],
        starts: BoolArray,
        forecast: tuple[WorkloadPolicy, Room, Forecasted | NoOutlook],
    ) -> _Signs:
        """Everything that bears on a container's decisions in a span of intervals."""
        column, end = span
        now_s = trace.grid.start_s + trace.grid.step_s * np.arange(column, end, dtype=np.float64)
        usage = np.concatenate([[np.nan, np.nan], trace.usage[row, :end]])[column:]  # from two intervals before
        used, before = usage[1:-1], usage[:-2]
        ahead = used + np.nan_to_num(np.maximum(used - before, 0.0))
        lasting = _sustained(trace.usage[row, :end], 1 + fast.REACTION_S // trace.grid.step_s)[column:]
        pace, room, foreseen = forecast
        if isinstance(foreseen, NoOutlook):
            planned = level = np.full(end - column, np.nan)
        else:
            node_bytes = room.node_allocatable_bytes if pace.reserve_movers else None
            planned = np.array([_planned(foreseen, now, node_bytes) for now in now_s.tolist()], dtype=np.float64)
            level = np.array([foreseen.outlook.level_at(now, pace.lead_s) for now in now_s])
            seen = float(foreseen.outlook.seen_peak_bytes)
            level = np.where(starts[column:end], np.maximum(level, seen), level)
        return cls(column, now_s, used, lasting, ahead, starts[column:end], planned, level)

    def wakes(
        self, at: int, state: ContainerState, target: Size, policies: tuple[WorkloadPolicy, ContainerPolicy]
    ) -> int:
        """The next interval after `at` whose decision could be another one."""
        here, rest = at - self.column, slice(at - self.column + 1, None)
        now_s, used = self.now_s[rest], self.used[rest]
        level = np.where(np.isnan(self.level[rest]), float(target.limit_bytes or 0), self.level[rest])
        signs = (
            (used > (target.limit_bytes or np.inf))
            | (self.ahead[rest] > np.maximum(level, fast.level(state, float(self.now_s[here]))))
            | (np.isnan(used) != np.isnan(self.used[here]))
            | ((used > ladder.highest_killer(state)) & (bool(state.kills) and not state.need_seen_at_s))
            | (self.starts[rest] != self.starts[here])
            | _moved(self.level, here)
        )
        if policies[1].limit is not LimitStrategy.EQUAL_REQUEST:
            waits = state.request_needed_at_s != self.now_s[here]
            signs |= _moved(self.planned, here) | self._request_moves(
                rest, float(target.request_bytes or 0), waits=waits
            )
        for until_s in self._times_s(state, policies[0].cooldown_s):
            if until_s > self.now_s[here]:
                signs |= now_s >= until_s
        found = np.flatnonzero(signs)
        return at + 1 + (int(found[0]) if found.size else signs.size)

    def _request_moves(self, rest: slice, request: float, *, waits: bool) -> BoolArray:
        """Where the request may be raised, begin to wait for being lowered, or stop waiting."""
        used = np.nan_to_num(self.used[rest])
        least = np.fmax(self.planned[rest], used) * (1 + REQUEST_HEADROOM) * (1 + REQUEST_TOLERANCE)
        lowered = (least + ROUNDING_BYTES >= request * (1 - ROUNDING)) if waits else (least < request)
        moves: BoolArray = (used > request) | lowered
        return moves

    @staticmethod
    def _times_s(state: ContainerState, cooldown_s: int) -> tuple[float, ...]:
        """Moments at which a decision changes by itself."""
        kills = () if not state.kills else (state.kills[-1].at_s + ladder.FULL_FLOOR_S,)
        return (
            state.fast_until_s,
            state.request_needed_at_s + cooldown_s,
            state.limit_changed_at_s + cooldown_s,
            state.limit_changed_at_s + cooldown_s * AMPLE_COOLDOWNS,
            *(moment + 1e-3 for moment in kills),
        )


def _planned(forecast: Forecasted, now_s: float, node_bytes: float | None) -> int:
    """The request that the forecast alone asks for."""
    asked = forecast.plan.request_at(now_s)
    return (
        asked
        if node_bytes is None
        else with_reserve(asked, forecast.outlook.level_at(now_s, HOUR_S), forecast.tail, node_bytes)
    )


def _sustained(usage: FloatArray, samples: int) -> FloatArray:
    """The lowest of the newest `samples` before each interval, shape (time,); NaN without a newest one."""
    padded = np.concatenate([np.full(samples, np.nan), usage[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, samples)
    lowest: FloatArray = np.where(np.isnan(windows[:, -1]), np.nan, np.fmin.reduce(windows, axis=1))
    return lowest


def _moved(values: FloatArray, here: int) -> BoolArray:
    later = values[here + 1 :]
    moved: BoolArray = (later != values[here]) & ~(np.isnan(later) & np.isnan(values[here]))
    return moved


def _window(trace: Trace, column: int, window_s: int) -> History:
    """What is known of a trace at the start of an interval."""
    first = max(0, column - window_s // trace.grid.step_s)
    grid = trace.until(column).grid.tail(column - first)
    keys = tuple(ContainerKey(*each) for each in zip(trace.namespaces, trace.series, trace.siblings, strict=True))
    return History(grid, keys, trace.usage[:, first:column], np.full(len(keys), np.nan))
