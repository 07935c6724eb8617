"""A container's memory size, and what a policy and a cluster allow it to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Size:
    """Memory request and limit in bytes; None where the container has none."""

    request_bytes: int | None
    limit_bytes: int | None

    def __post_init__(self) -> None:
        if self.request_bytes is not None and self.limit_bytes is not None and self.request_bytes > self.limit_bytes:
            raise ValueError(f"request {self.request_bytes} above limit {self.limit_bytes}")


class QosClass(StrEnum):
    """Kubernetes' quality-of-service class of a pod; a resize may never change it."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


class LimitStrategy(StrEnum):
    """How a container's limit follows from its forecast."""

    FORECAST = "Forecast"
    """A ceiling: the forecast peak of the horizon with head room."""
    RATIO = "Ratio"
    """The request times a fixed ratio."""
    EQUAL_REQUEST = "EqualRequest"
    """The request is raised to the ceiling, and the limit equals it."""
    KEEP = "Keep"
    """The limit stays as its owner wrote it."""
    NONE = "None"
    """No limit is set on new pods; one that a running pod has is kept, for it cannot be taken away."""


@dataclass(frozen=True, slots=True)
class ContainerPolicy:
    """What a MemoryPolicy asks for one container. Defaults are the CRD's."""

    min_bytes: int = 32 * MIB
    max_bytes: int | None = None
    overrun: float = 0.01
    """Accepted share of time above the request, above 0 and at most 0.5."""
    limit: LimitStrategy = LimitStrategy.FORECAST
    limit_headroom: float = 0.3
    """Share of the forecast peak that the limit adds to it (strategy Forecast)."""
    limit_ratio: float = 2.0
    """Limit over request (strategy Ratio)."""

    def for_qos(self, qos: QosClass) -> ContainerPolicy:
        """The policy as it can be kept: a Guaranteed pod's limit equals its request whatever is asked."""
        return replace(self, limit=LimitStrategy.EQUAL_REQUEST) if qos is QosClass.GUARANTEED else self


@dataclass(frozen=True, slots=True)
class WorkloadPolicy:
    """What a MemoryPolicy asks for one workload, as far as it bears on arithmetic. Seconds and bytes."""

    containers: tuple[tuple[str, ContainerPolicy], ...] = (("*", ContainerPolicy()),)
    """(name pattern, policy) pairs; the first that matches wins."""
    window_s: int = 14 * 86_400
    step_s: int = 300
    horizon_s: int = 86_400
    startup_ignore_s: int = 300
    cooldown_s: int = 1800
    """A request is lowered no sooner than this after its peak, a limit is lowered one step in this time."""
    lead_s: int = 600
    """A request is raised this long before its peak is due."""
    hold_leaks: bool = False
    """Stop raising what leaks."""

    def container(self, name: str) -> ContainerPolicy | None:
        """The policy of a container; None where no pattern matches its name, and it is left alone."""
        return next((policy for pattern, policy in self.containers if fnmatchcase(name, pattern)), None)


def in_mebibytes(value_bytes: float | None) -> str:
    """For sentences: whole from 100 on, three digits below, so `1024Mi`, `210Mi` and `1.5Mi`; `none` for None."""
    if value_bytes is None:
        return "none"
    value = value_bytes / MIB
    return f"{value:.0f}Mi" if value >= 100 else f"{value:.3g}Mi"  # noqa: PLR2004 - three digits
