"""Whether a node will be short of memory, and who leaves it before the kubelet chooses. Pure.

The kubelet evicts when all pods together come to use what the node has to allocate (its signal
`allocatableMemory.available`: capacity less what is reserved and less the hard threshold of `memory.available`). That
is the line here: the API server tells it, and the kubelet's own settings it does not. What is reserved for the system
is taken to be enough for the system.

Who goes: first what is idle, then, of those whose policy says so, the lowest priority; of equals the smallest that is
enough, else the largest. One after the other, until what is left fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from foresize_forecast.moving.consent import Consent
from foresize_forecast.node.demand import DAY_S, HOUR_S, Demand, Part, demand
from foresize_forecast.node.hindsight import Hindsight, Sums, corrected
from foresize_forecast.pods import PodView
from foresize_forecast.sizes import in_mebibytes

IDLE_RISK = 0.05
"""An idle pod costs little to move, so it goes where the node is short in one hour of twenty."""
BUSY_RISK = 0.5
"""A pod that works goes only where the node is likely short: the kubelet would evict one anyway."""
AMPLE_RISK = 0.01
"""Memory is ample where the node is short on fewer than one day in a hundred."""
MOST_MOVERS = 3
"""Pods that a sentence names."""


class Standing(StrEnum):
    """How a node stands. CamelCase, because metrics and conditions show it."""

    AMPLE = "Ample"
    """Not short in the coming day, but for a day in a hundred."""
    FITS = "Fits"
    """Not short in the coming hour."""
    SHORT = "PressureAhead"
    """Short within the hour, by the risk at which something is done."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A pod on a node.

    Attributes:
        pod: as it is now.
        parts: what its containers will use.
        consent: what its policy gives away; NONE also where no policy is responsible for it.
        idle: how one knows that it does nothing; empty where it may do something.
        held: it cannot go now whatever is asked (a rule of evictions says so), so another one has to.
        measured: there is a newest sample of all of it that is forecast.
    """

    pod: PodView
    parts: tuple[Part, ...]
    consent: Consent = Consent.NONE
    idle: str = ""
    held: bool = False
    measured: bool = True

    @property
    def uses_bytes(self) -> float:
        """What it uses now."""
        return sum(part.now_bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A pod that should leave its node, and why."""

    tenant: Tenant
    message: str


@dataclass(frozen=True, slots=True)
class Relief:
    """How a node stands, and what to do about it.

    Attributes:
        standing: in one word.
        hour: its demand in the coming hour.
        day: in the coming day.
        leaving: who should go, in this order.
        missing_bytes: what would still be missing once they were gone; 0 where it fits then.
        message: all of it in a sentence.
    """

    standing: Standing
    hour: Demand
    day: Demand
    leaving: tuple[Leaving, ...]
    missing_bytes: int
    message: str


UNTRIED = Hindsight()


def relief(name: str, room_bytes: int, tenants: Sequence[Tenant], hindsight: Hindsight = UNTRIED) -> Relief:
    """Look ahead on one node.

    Args:
        name: of the node.
        room_bytes: its allocatable memory.
        tenants: its pods; those that are terminating are as good as gone.
        hindsight: what became of what was foretold of the cluster's nodes before.
    """
    parts = [part for tenant in tenants for part in tenant.parts]
    hour, day = (corrected(demand(parts, each), hindsight.of(each)) for each in (HOUR_S, DAY_S))
    words = _words(name, room_bytes, tenants, hour)
    if hour.upper_bytes(IDLE_RISK) <= room_bytes:
        standing = Standing.AMPLE if day.upper_bytes(AMPLE_RISK) <= room_bytes else Standing.FITS
        return Relief(standing, hour, day, (), 0, words)
    going, left = _going(room_bytes, tenants, hindsight.of(HOUR_S))
    missing = left.upper_bytes(IDLE_RISK) - room_bytes
    leaving = tuple(Leaving(tenant, _because(tenant, words)) for tenant in going)
    return Relief(Standing.SHORT, hour, day, leaving, max(0, round(missing)), words)


def _going(room_bytes: int, tenants: Sequence[Tenant], sums: Sums) -> tuple[list[Tenant], Demand]:
    """Who goes, in order, and what the others need."""
    staying, going = list(tenants), []
    for risk, given in ((IDLE_RISK, _is_idle), (BUSY_RISK, _is_given)):
        while True:
            left = corrected(demand([part for tenant in staying for part in tenant.parts], HOUR_S), sums)
            short = left.upper_bytes(risk) - room_bytes
            candidates = [tenant for tenant in staying if given(tenant) and tenant.uses_bytes > 0]
            if short <= 0 or not candidates:
                break
            first = min(candidates, key=lambda tenant: _turn(tenant, short))
            staying.remove(first)
            going.append(first)
    return going, left


def _is_idle(tenant: Tenant) -> bool:
    return bool(tenant.idle) and tenant.consent is not Consent.NONE and not tenant.held


def _is_given(tenant: Tenant) -> bool:
    return tenant.consent is Consent.ANY and not tenant.held


def _turn(tenant: Tenant, short_bytes: float) -> tuple[int, bool, float, str]:
    """The lowest priority first, then the smallest that is enough, else the largest."""
    enough = tenant.uses_bytes >= short_bytes
    return tenant.pod.priority, not enough, tenant.uses_bytes if enough else -tenant.uses_bytes, tenant.pod.uid


def _words(name: str, room_bytes: int, tenants: Sequence[Tenant], hour: Demand) -> str:
    names = {tenant.pod.uid: f"{tenant.pod.namespace}/{tenant.pod.name}" for tenant in tenants}
    movers = ", ".join(f"{names[uid]} {share:.0%}" for uid, share in hour.movers[:MOST_MOVERS] if uid in names)
    upper = in_mebibytes(hour.upper_bytes(IDLE_RISK))
    expected = f"{in_mebibytes(hour.mean_bytes)} of {in_mebibytes(room_bytes)}"
    moved = f"; what may move it: {movers}" if movers else ""
    return f"{name} is expected to use {expected} within the hour, and more than {upper} in one of 20{moved}"


def _because(tenant: Tenant, words: str) -> str:
    what = f"it is idle ({tenant.idle})" if tenant.idle else f"its priority, {tenant.pod.priority}, is the lowest"
    return f"{words}; {what} and holds {in_mebibytes(tenant.uses_bytes)}"
