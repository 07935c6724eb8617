"""A container's memory size, and what a policy and a cluster allow it to be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


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

    min_bytes: int = 256 * KIB
    max_bytes: int | None = None
    overrun: float = 0.03
    """Accepted share of time above the request, above 0 and at most 0.5."""
    limit: LimitStrategy = LimitStrategy.FORECAST
    limit_headroom: float = 0.1
    """Share that the limit adds to what is held for the peak and its jumps, so that it need not move with every peak
    (strategy Forecast)."""
    kill_cost_bytes: int = 2 * GIB
    """What a kill is worth: as many bytes reserved for a day. A higher one buys more room for jumps."""
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
    cooldown_s: int = 7200
    """A size is lowered no sooner than this after it was last needed."""
    lead_s: int = 600
    """A request is raised this long before its peak is due."""
    canary: int = 1
    """Pods that try a lower limit first; 0: all at once."""
    hold_leaks: bool = False
    """Stop raising what leaks."""
    reserve_movers: bool = False
    """Requests of large movers hold what they may rise by within the hour."""

    def container(self, name: str) -> ContainerPolicy | None:
        """The policy of a container; None where no pattern matches its name, and it is left alone."""
        return next((policy for pattern, policy in self.containers if fnmatchcase(name, pattern)), None)


def in_mebibytes(value_bytes: float | None) -> str:
    """For sentences: whole from 100 on, three digits below, so `1024Mi`, `210Mi` and `1.5Mi`; `none` for None."""
    if value_bytes is None:
        return "none"
    value = value_bytes / MIB
    return f"{value:.0f}Mi" if value >= 100 else f"{value:.3g}Mi"  # noqa: PLR2004 - three digits


def rounded_up(value_bytes: float) -> int:
    """To a size that people can read, at most 0.8 % more for most: whole MiB from 128 MiB on, finer below.

    The unit is a 128th of the power of two below, at least 64 KiB (16 pages) and at most 1 MiB.

    Worked: 74.3 MiB has 64 MiB below it, so the unit is 0.5 MiB: 74.5 MiB.
    """
    whole = max(1, math.ceil(value_bytes))
    unit = min(max((1 << (whole.bit_length() - 1)) // 128, 64 * KIB), MIB)
    return math.ceil(whole / unit) * unit
