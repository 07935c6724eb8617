"""Why a size is what it is, and what keeps a change from being made: the words users see on resources and Events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a target moved or stayed. CamelCase, because Kubernetes shows it as an Event's and a condition's reason."""

    FORECAST = "Forecast"
    PEAK_AHEAD = "PeakAhead"
    PEAK_PASSED = "PeakPassed"
    IN_USE = "InUse"
    OOM_KILLED = "OOMKilled"
    STALLED = "MemoryStalled"
    TREND = "MemoryRises"
    WITHIN_TOLERANCE = "WithinTolerance"
    COOLDOWN = "Cooldown"
    NO_OUTLOOK = "NoForecast"
    STALE_DATA = "StaleData"
    LEAKING = "Leaking"


class Obstacle(StrEnum):
    """What keeps a pod from its target."""

    BEST_EFFORT = "QoSBestEffort"
    POD_LEVEL_RESOURCES = "PodLevelResources"
    RESTART_ON_RESIZE = "RestartOnResize"
    BACK_OFF = "InBackOff"
    NOT_IN_FORCE = "LimitNotInForce"
    """Its status shows another limit than the kernel holds it to, and it dies too soon for that to be mended."""
    NOT_READY_TO_RESIZE = "NoResizeStatus"
    RESIZE_IN_PROGRESS = "ResizeInProgress"
    NODE_FULL = "NodeFull"
    NODE_TOO_SMALL = "NodeTooSmall"
    """Not even alone on its node would there be room."""
    NODE_CANNOT_RESIZE = "NodeCannotResize"
    QUOTA = "QuotaExhausted"
    POD_BOUNDS = "PodOutOfBounds"
    REFUSED = "Refused"
    CONTESTED = "Contested"
    FENCED = "NotTheWriter"
    DEFERRED = "ResizeDeferred"
    INFEASIBLE = "ResizeInfeasible"
    RUNTIME_ERROR = "ResizeError"
    IN_USE = "MemoryInUse"
    CANARY = "CanaryWatched"
    CANARY_FAILED = "CanaryFailed"
    TEMPLATE_OWNED = "TemplateOwned"
    TEMPLATE_REFUSED = "TemplateRefused"
    TEMPLATE_WAITS = "TemplateWaits"
    RECOMMEND_ONLY = "RecommendOnly"
    """Nothing owns it, so nothing would bring it back: it is never written to."""
    NODE_PRESSURE = "NodePressureAhead"
    """Nothing of its size is wrong: its node will be short of memory."""
    LEAKS = "LeakReachesLimit"
    """Nothing of its size is wrong: it should be restarted before its leak ends it."""
    IDLE = "IdleInTheWay"
    """Nothing of its size is wrong either: it does nothing where another pod lacks room."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A change that is not made now, and what stands in its way.

    Attributes:
        obstacle: what stands in its way.
        message: the same for people.
        held: one word why its pod is not evicted because of it; empty where nobody would evict it.
    """

    obstacle: Obstacle
    message: str
    held: str = ""
