"""What is told on a MemoryForecast: once, in the look that found it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import NOW_S, container, forecasted, mi, pod, size
from foresize.reporting.announce import Announcer
from foresize.reporting.events import Regarding
from foresize.reporting.forecasts import Look
from foresize_forecast.deciding.state import Canary, Change, ContainerState, Shapes, Stage, WorkloadState
from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.moving.idle import Doing, Idleness
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.workloads.review import Apart, Observation, review

RECORD = Regarding("foresize.dev/v1alpha1", "MemoryForecast", "shop", "deployment-web", "uid")


class Told:
    """Events that nobody posts."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.warned: list[str] = []

    def normal(self, about: Regarding, reason: str, note: str) -> None:
        """Something was done."""
        assert about == RECORD
        self.said.append((reason, note))

    def warning(self, about: Regarding, reason: str, note: str) -> None:
        """Something should be looked at."""
        self.normal(about, reason, note)
        self.warned.append(reason)


def told(state: ContainerState) -> list[tuple[str, str]]:
    """What is said of a look that ends with this memory of container app."""
    return heard(state).said


def heard(state: ContainerState) -> Told:
    """The same, with what of it warns."""
    seen = Observation(NOW_S, (pod(container(present=size(64, 128))),), {}, {"app": size(64, 128)}, QosClass.BURSTABLE)
    forecasts: dict[str, Any] = {"app": forecasted([50.0] * 12)}
    found = review(WorkloadState(), seen, forecasts, WorkloadPolicy())
    made = replace(found, state=found.state.with_container("app", state))
    events = Told()
    Announcer(events).tell(RECORD, Look(seen, made, forecasts, applies=True))  # type: ignore[arg-type]  # what it asks
    return events


def test_a_kill_is_a_warning_and_a_peak_is_none() -> None:
    """Who lists the Warnings of a namespace sees what was killed, and not each size that moves."""
    change = Change(NOW_S, size(64, 128), size(64, 256), Reason.OOM_KILLED, "limit 128Mi -> 256Mi: killed")
    ahead = replace(change, reason=Reason.PEAK_AHEAD)

    assert ["OOMKilled"] == heard(ContainerState(last_change=change)).warned
    assert [] == heard(ContainerState(last_change=ahead)).warned


def test_a_deploy_that_leaks_is_named() -> None:
    """The revision, and what its memory was before; in one look and no other."""
    shapes = Shapes(ShapeKind.LEAKING, "7c9f", before=ShapeKind.FLAT, changed_at_s=NOW_S)

    assert [("ShapeChanged", "app: Flat before revision 7c9f, Leaking now")] == told(ContainerState(shapes=shapes))
    assert [] == told(ContainerState(shapes=replace(shapes, changed_at_s=NOW_S - 15.0)))


def test_a_canary_that_failed_is_told() -> None:
    """With the limit that failed, and when it is tried again; NOW_S is 08:00."""
    failed = Canary(Stage.FAILED, mi(128), mi(256), began_s=NOW_S, failures=1)

    [(reason, words)] = told(ContainerState(canary=failed))
    assert "CanaryFailed" == reason
    assert "app: a pod with a limit of 128Mi was killed or lost its readiness; tried again at 09:00:00Z" in words


def test_that_a_workload_is_idle_is_said_once() -> None:
    """An Event when it begins, and none while it lasts."""
    seen = Observation(NOW_S, (pod(),), {}, {"app": size(64, 128)}, QosClass.BURSTABLE)
    found = review(WorkloadState(), seen, {}, WorkloadPolicy())
    look = Look(seen, found, {}, applies=True, doing={"web-abc-1": Idleness(Doing.IDLE, "at most 0.001 cores")})
    events = Told()
    announcer = Announcer(events)  # type: ignore[arg-type]  # what it asks
    for _ in range(3):
        announcer.tell(RECORD, look)
    announcer.tell(RECORD, replace(look, doing={}))
    announcer.tell(RECORD, look)

    assert [("WorkloadIdle", "it does nothing: at most 0.001 cores")] * 2 == events.said


def test_replicas_that_come_apart_are_told() -> None:
    """That they do, in one look, and whose size moves."""
    change = Change(NOW_S, size(64, 128), size(32, 64), Reason.PEAK_PASSED, "request 64Mi -> 32Mi")
    seen = Observation(NOW_S, (pod(container()),), {}, {"app": size(64, 128)}, QosClass.BURSTABLE)
    found = review(WorkloadState(), seen, {}, WorkloadPolicy())
    quiet = replace(found, state=found.state.with_container("app", ContainerState()))
    alone = replace(found, state=found.state.with_container("app", ContainerState(last_change=change)))
    apart = (Apart(("pod/db-0",), frozenset({"db-0"}), alone),)
    events = Told()
    for turned in (replace(quiet, apart=apart, turned="two sizes"), replace(quiet, turned="one size")):
        Announcer(events).tell(RECORD, Look(seen, turned, {}, applies=True))  # type: ignore[arg-type]  # what it asks

    moved = ("PeakPassed", "app of pod/db-0: request 64Mi -> 32Mi")
    assert [("SizedApart", "two sizes"), moved, ("SizedTogether", "one size")] == events.said
