"""What the operator remembers of a workload between two looks. Values only; `stored` has their form for the cluster.

Kills teach for days, cooldowns last for hours: both must outlive the operator, its pods and the workload's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from foresize_forecast.forecasting.outlook import ShapeKind
from foresize_forecast.pods import Kill
from foresize_forecast.reasons import Reason
from foresize_forecast.runs.digest import PastRun
from foresize_forecast.sizes import Size

KILLS_KEPT = 10
RUNS_KEPT = 100
REVISIONS_KEPT = 5
NAPS_KEPT = 30
EVICTIONS_KEPT = 20
EVICTION_KEPT_S = 86_400.0
"""Evictions are remembered for a day, the newest `EVICTIONS_KEPT`: budgets count an hour of them."""


@dataclass(frozen=True, slots=True)
class Change:
    """The last time that a target moved."""

    at_s: float
    before: Size
    after: Size
    reason: Reason
    message: str


class Stage(StrEnum):
    """How far a lower limit has spread over a workload's pods."""

    FIRST = "First"
    SHARE = "Share"
    ALL = "All"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Canary:
    """A limit on its way to all pods of a workload."""

    stage: Stage
    limit_bytes: int
    """The limit that is tried, or that all may have."""
    held_bytes: int = 0
    """What pods that may not have it keep at least."""
    began_s: float = 0.0
    """When the stage began."""
    worn_since_s: float = 0.0
    """Since when a pod of the stage has the limit in force; 0 where none has."""
    pods: tuple[str, ...] = ()
    """Uids of those that may have it."""
    failures: int = 0
    """In a row."""
    revision: str = ""
    """Whose pods have it, at the last stage: another image has proven nothing."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """What kind of curve a container's memory has, and had before the newest revision."""

    kind: ShapeKind
    revision: str
    """The newest."""
    before: ShapeKind | None = None
    """When that revision came; None where it was the first one seen."""
    changed_at_s: float = 0.0
    """When it became another one with that revision; 0 where it has not."""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """Memory of one container of a workload."""

    target: Size | None = None
    """What its pods should have now; None before the first decision."""
    request_needed_at_s: float = 0.0
    """When the present request was last needed: the start of its cooldown."""
    limit_changed_at_s: float = 0.0
    """When the limit last moved: the start of its cooldown."""
    limit_before_lowering: int | None = None
    """The limit before it was last lowered: where a kill or a stall returns it to at least."""
    stalled_at_s: float = 0.0
    """When it last waited for memory after its limit was lowered."""
    stall_floor_bytes: int = 0
    """The limit that it was returned to then."""
    kills: tuple[Kill, ...] = ()
    """The newest `KILLS_KEPT`, oldest first."""
    kill_floor_bytes: int = 0
    """The limit that the kills have taught; it ends with the window after the last of them."""
    need_seen_at_s: float = 0.0
    """When it first used more than every limit that killed, since the last kill; 0 where it has not."""
    fast_level_bytes: int = 0
    """The level that the fast clock saw."""
    fast_until_s: float = 0.0
    """Until when it is held."""
    fast_raises_s: tuple[float, ...] = ()
    """When the rises of the last day began."""
    last_change: Change | None = None
    canary: Canary | None = None
    shapes: Shapes | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last resize that was asked of a pod."""

    at_s: float
    failures: int = 0
    """Refusals in a row."""
    message: str = ""
    """The last refusal, in the API server's words."""
    wait_until_s: float = 0.0
    asked: Mapping[str, Size] = field(default_factory=dict)
    """The sizes asked for, by container."""
    overwritten: int = 0
    """How often somebody else had changed them when the next ones were asked for."""
    done: bool = False
    """Whether the API server has accepted it: what was only about to be asked for, nobody has changed."""


@dataclass(frozen=True, slots=True)
class TemplateWrite:
    """The last write of a workload's pod template."""

    at_s: float
    done: bool = False
    """Whether the API server has accepted it: one that was only about to be sent is sent again."""
    message: str = ""
    """Its refusal, in the API server's words."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A pod that cannot have in place what it should."""

    cause: str
    """Why not, now."""
    since_s: float
    """Since when it is short of it, whatever the cause."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """A pod that was evicted, or was about to be when this was written: its uid tells which."""

    at_s: float
    uid: str
    pod: str
    node: str
    cause: str
    message: str = ""


class SleepPhase(StrEnum):
    """How far a workload is on its way to zero replicas and back."""

    GOING = "Going"
    """Written before it is scaled to zero."""
    ASLEEP = "Asleep"
    WAKING = "Waking"
    """Written before it is scaled back."""
    AWAKE = "Awake"


@dataclass(frozen=True, slots=True)
class Sleep:
    """A workload that was scaled to zero because it was idle, or the memory of that."""

    phase: SleepPhase
    at_s: float
    """When it was put to sleep, or woken."""
    replicas: int
    """How many it had, and gets back."""
    uid: str
    """Of the workload: one that is made anew is not asleep."""
    api_version: str
    levels: Mapping[str, int] = field(default_factory=dict)
    """The level of each container, bytes, while it did nothing."""
    wake: str = ""
    """What its annotation said when it was last acted on."""
    rests_until_s: float = 0.0
    """Until when it is not put to sleep again."""
    tried_s: float = 0.0
    """When scaling it was last refused."""
    message: str = ""
    """The refusal, in the API server's words."""
    naps: tuple[tuple[float, float], ...] = ()
    """From when to when it slept, the newest `NAPS_KEPT`."""

    @property
    def holds(self) -> bool:
        """Whether it is asleep, or about to be, or about to be woken."""
        return self.phase is not SleepPhase.AWAKE

    def ended(self, now_s: float, wake: str) -> Sleep:
        """The memory of it, once it is awake."""
        naps = (*self.naps, (self.at_s, now_s))[-NAPS_KEPT:]
        return replace(self, phase=SleepPhase.AWAKE, at_s=now_s, wake=wake, naps=naps, message="", tried_s=0.0)


@dataclass(frozen=True, slots=True)
class RunsKept:
    """Runs of a group of pods, whose names say nothing once they are gone."""

    declared: Size
    """What its owner wrote."""
    past: tuple[PastRun, ...]
    """The newest `RUNS_KEPT`, in the order in which they ended."""


@dataclass(frozen=True, slots=True)
class Part:
    """Replicas that are sized apart from the others of their workload."""

    members: tuple[str, ...]
    """The names that they are known by (`tiers.names`), in order."""
    since_s: float
    """Since when they, or those that they were with before, are apart."""
    containers: Mapping[str, ContainerState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """Memory of one workload. Never changed in place."""

    containers: Mapping[str, ContainerState] = field(default_factory=dict)
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    """By pod uid."""
    revisions: Mapping[str, float] = field(default_factory=dict)
    """When each revision's first sample was taken, newest `REVISIONS_KEPT`."""
    template: TemplateWrite | None = None
    waits: Mapping[str, Wait] = field(default_factory=dict)
    """By pod uid."""
    evictions: tuple[Eviction, ...] = ()
    """Oldest first. Written before each is asked for: one whose pod lives on was refused, or never asked for."""

    runs: Mapping[str, RunsKept] = field(default_factory=dict)
    """By container name, where nobody else remembers which pods were its runs."""
    parts: tuple[Part, ...] = ()
    """Lowest first; empty where one size serves all. `containers` then has the size that fits any replica."""
    together_until_s: float = 0.0
    """Until when one size serves all, because a kill has shown that what one uses another may need."""

    sleep: Sleep | None = None
    """Of a workload that was put to sleep for being idle, now or before."""

    def container(self, name: str) -> ContainerState:
        """The memory of a container, empty where there is none."""
        return self.containers.get(name, ContainerState())

    def with_container(self, name: str, state: ContainerState) -> WorkloadState:
        """The same with another memory of one container."""
        return replace(self, containers={**self.containers, name: state})

    def with_attempt(self, pod_uid: str, attempt: Attempt) -> WorkloadState:
        """The same with another attempt on one pod."""
        return replace(self, attempts={**self.attempts, pod_uid: attempt})

    def with_eviction(self, eviction: Eviction) -> WorkloadState:
        """The same with one more eviction; of one pod the newest is kept."""
        others = [
            each for each in self.evictions if each.uid != eviction.uid and eviction.at_s - each.at_s < EVICTION_KEPT_S
        ]
        return replace(self, evictions=(*others, eviction)[-EVICTIONS_KEPT:])

    def without_eviction(self, pod_uid: str) -> WorkloadState:
        """The same without the eviction of a pod that was refused."""
        return replace(self, evictions=tuple(each for each in self.evictions if each.uid != pod_uid))
