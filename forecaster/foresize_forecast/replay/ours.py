"""Foresize itself as a sizer: the code that the operator runs, on a trace instead of a cluster.

What a trace cannot show is left out: pods, nodes and quotas (every decision is applied at once), start-ups, and the
fast clock, which needs anonymous memory at a finer step than a trace has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from foresize_forecast import ladder
from foresize_forecast.choices import Evidence
from foresize_forecast.decide import decide
from foresize_forecast.forecasting import Question
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted
from foresize_forecast.pods import Kill
from foresize_forecast.replay.simulate import Sizes
from foresize_forecast.series import FloatArray, History, PerContainer
from foresize_forecast.sizes import ContainerPolicy, Size, WorkloadPolicy
from foresize_forecast.state import ContainerState

NOT_YET = NoOutlook("NotForecastYet", "its first forecast is on the way")


@dataclass(slots=True)
class Foresize:
    """Forecasts every `refit_s`, decides at every step, and remembers as the operator does."""

    name: str = "Foresize"
    pace: WorkloadPolicy = field(default_factory=WorkloadPolicy)
    policy: ContainerPolicy = field(default_factory=ContainerPolicy)
    refit_s: int = 1800
    _fitted_s: int | None = None
    _forecasts: Sequence[Forecasted | NoOutlook] = ()
    _states: list[ContainerState] = field(default_factory=list)

    def step(self, now_s: int, seen: History, present: Sizes, killed: PerContainer) -> Sizes:
        """Refit where it is time, then decide each container."""
        if not self._states:
            self._states = [ContainerState() for _ in seen.containers]
        if self._fitted_s is None or now_s - self._fitted_s >= self.refit_s:
            self._fitted_s, self._forecasts = now_s, self._foresee(seen)
        rows = range(len(seen.containers))
        sizes = [self._decided(row, now_s, seen, _size(present, row), float(killed[row])) for row in rows]
        return Sizes(
            np.array([_or(size.request_bytes, np.nan) for size in sizes]),
            np.array([_or(size.limit_bytes, np.inf) for size in sizes]),
        )

    def _foresee(self, seen: History) -> Sequence[Forecasted | NoOutlook]:
        question = Question(self.policy.overrun, self.pace.horizon_s, self.policy.limit_headroom)
        wish = Wish(question, self.pace.lead_s, self.pace.cooldown_s)
        return foresee(_window(seen, self.pace.window_s), [wish] * len(seen.containers))

    def _decided(self, row: int, now_s: int, seen: History, present: Size, killed_bytes: float) -> Size:
        state = self._states[row]
        if not np.isnan(killed_bytes):
            state = ladder.after_kill(state, Kill(float(now_s), int(killed_bytes)))
        evidence = Evidence(present, usage_bytes=_newest(seen.usage[row]))
        forecast = self._forecasts[row] if self._forecasts else NOT_YET
        verdict, self._states[row] = decide(state, evidence, forecast, (self.pace, self.policy), now_s)
        return verdict.target


def _window(seen: History, window_s: int) -> History:
    count = min(seen.grid.count, window_s // seen.grid.step_s)
    kept = seen.usage[:, seen.grid.count - count :]
    return History(seen.grid.tail(count), seen.containers, kept, seen.startup_peak)


def _newest(usage: FloatArray) -> float | None:
    """The newest sample; None where the newest interval is a gap, which lowers nothing."""
    return None if not usage.size or np.isnan(usage[-1]) else float(usage[-1])


def _size(sizes: Sizes, row: int) -> Size:
    request, limit = float(sizes.request[row]), float(sizes.limit[row])
    return Size(None if np.isnan(request) else int(request), None if np.isnan(limit) or np.isinf(limit) else int(limit))


def _or(value_bytes: int | None, absent: float) -> float:
    return absent if value_bytes is None else float(value_bytes)
