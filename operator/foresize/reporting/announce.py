"""What a look has to say on a MemoryForecast: a target that moved, a leak or an idle workload that was found."""

from __future__ import annotations

from dataclasses import replace

from foresize.config.quantities import people
from foresize.reporting.events import Events, Regarding
from foresize.reporting.forecasts import Look, present, time_to_limit
from foresize.reporting.partrows import named, pods_of
from foresize_forecast.deciding.state import Stage
from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.moving.idle import workload_idleness
from foresize_forecast.reasons import Obstacle, Reason
from foresize_forecast.resizing.canary import obstacle
from foresize_forecast.sizing.plan import Forecasted

DAY_S = 86_400


class Announcer:
    """Says each thing once, for as long as it holds."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._leaks: set[tuple[str, str]] = set()
        self._idle: set[str] = set()

    def tell(self, record: Regarding, look: Look) -> None:
        """Post what is new about a workload."""
        self._tell_idle(record, look)
        if look.review.turned:
            self._events.normal(record, "SizedApart" if look.review.apart else "SizedTogether", look.review.turned)
        for part in look.review.apart:
            alone = replace(look, review=part.review, seen=replace(look.seen, pods=pods_of(part, look.seen)))
            for name in part.review.verdicts:
                self._tell_sizes(record, alone, name, f"{name} of {named(part.members)}")
        for name in look.review.verdicts:
            self._tell_sizes(record, look, name, name)
            self._tell_leak(record, look, name)
            self._tell_shape(record, look, name)

    def _tell_sizes(self, record: Regarding, look: Look, name: str, who: str) -> None:
        """A target that moved, and a lower limit that had to be taken back."""
        state, now_s = look.review.state.container(name), look.seen.now_s
        change, canary = state.last_change, state.canary
        if change is not None and change.at_s == now_s:
            say = self._events.warning if change.reason is Reason.OOM_KILLED else self._events.normal
            say(record, str(change.reason), f"{who}: {change.message}")
        if canary is not None and canary.stage is Stage.FAILED and canary.began_s == now_s:
            words = f"{who}: {obstacle(canary, len(look.seen.pods), look.review.pace).message}; all pods go back"
            self._events.warning(record, str(Obstacle.CANARY_FAILED), words)

    def _tell_idle(self, record: Regarding, look: Look) -> None:
        found = workload_idleness(look.doing)
        if not found.idle:
            self._idle.discard(record.uid)
        elif record.uid not in self._idle:
            self._idle.add(record.uid)
            self._events.normal(record, "WorkloadIdle", f"it does nothing: {found.message}")

    def _tell_shape(self, record: Regarding, look: Look, name: str) -> None:
        shapes = look.review.state.container(name).shapes
        if shapes is not None and shapes.changed_at_s == look.seen.now_s:
            words = f"{name}: {shapes.before} before revision {shapes.revision}, {shapes.kind} now"
            self._events.warning(record, "ShapeChanged", words)

    def _tell_leak(self, record: Regarding, look: Look, name: str) -> None:
        forecast = look.forecasts.get(name)
        if not isinstance(forecast, Forecasted) or forecast.outlook.shape.kind is not ShapeKind.LEAKING:
            self._leaks.discard((record.uid, name))
        elif (record.uid, name) not in self._leaks:
            self._leaks.add((record.uid, name))
            self._events.warning(record, "MemoryLeak", _sentence(look, forecast, name))


def _sentence(look: Look, forecast: Forecasted, name: str) -> str:
    rate = forecast.outlook.shape.growth_bytes_per_s * DAY_S
    left = time_to_limit(forecast.outlook, present(name, look.seen))
    end = f" and reaches its limit in {left}" if left else ""
    return f"{name} leaks: it grows by {people(rate)} a day{end}"
