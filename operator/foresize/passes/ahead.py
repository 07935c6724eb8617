"""From looks to nodes: what each will need, who should leave it, and what is missing. Told and wished, never done here.

Every pod of a node counts: managed ones by their forecasts, all others by what they used at most in the last hour, or
by their request where nothing is measured. A pod that is going is as good as gone.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foresize import metrics
from foresize.cluster.podwatch import PodWatch
from foresize.cluster.targets import Inventory
from foresize.passes.managed import Managed
from foresize.passes.moving import Mover
from foresize.reporting.exports import show
from foresize.reporting.forecasts import Look
from foresize.sources.reader import Reader
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.moving.consent import Consent
from foresize_forecast.moving.moves import Cause, Wish
from foresize_forecast.node import (
    Hindsight,
    Leaving,
    Part,
    Relief,
    Seen,
    Standing,
    Tenant,
    flat,
    foreseen,
    relief,
    stranded_bytes,
    watched,
)
from foresize_forecast.node.demand import DAY_S, HOUR_S
from foresize_forecast.node.relief import IDLE_RISK
from foresize_forecast.pods import PodView
from foresize_forecast.prometheus import Refusal
from foresize_forecast.reasons import Obstacle
from foresize_forecast.sizing.plan import Forecasted

logger = logging.getLogger(__name__)

PEAKS_S = 60.0
"""How often it is read what pods without a forecast used at most."""
LEVELS_S = 60.0
"""How long a forecast's levels are taken as beginning now: they are of half hours."""
Key = tuple[str, str]
_PartKey = tuple[Key, tuple[str, ...], str]
"""A workload, the replicas of one tier where they are sized apart (of all others none), a container."""


@dataclass(slots=True)
class _Known:
    """What is read or computed once a minute."""

    peaks: Mapping[Key, float] = field(default_factory=dict)
    peaks_s: float = float("-inf")
    parts: dict[_PartKey, tuple[float, Forecasted, Part]] = field(default_factory=dict)


class Ahead:
    """Looks ahead on every node after the workloads were looked at, then lets the mover work; one thread asks."""

    def __init__(self, source: Reader | None, watch: PodWatch, mover: Mover) -> None:
        self._source, self._watch, self._mover = source, watch, mover
        self._known = _Known()
        self._since_s: dict[str, float] = {}
        """By uid of a pod, since when it should go."""
        self._hindsight = Hindsight()
        self.nodes: Mapping[str, Relief] = {}
        """By name, what the last pass found."""
        self.idle: frozenset[Key] = frozenset()
        """Workloads that do nothing while a node of theirs will be short."""
        self.ample: frozenset[Key] = frozenset()
        """Workloads all of whose nodes have memory to spare for a day."""

    def run(
        self, managed: Mapping[Key, Managed], looks: Mapping[Key, Look], inventory: Inventory, now_s: float
    ) -> dict[Key, Look]:
        """Evict one pod at most, of those that any reason wishes away.

        Args:
            managed: all workloads.
            looks: what this pass found of them.
            inventory: with the nodes.
            now_s: Unix seconds.

        Returns:
            The looks, with what was done and what was not.
        """
        room_bytes = inventory.node_allocatable_bytes
        tenants = self._tenants(managed, looks, now_s)
        known = self._hindsight
        self.nodes = {
            name: relief(name, room_bytes[name], of, known) for name, of in tenants.items() if name in room_bytes
        }
        seen = {name: _seen(found, tenants[name]) for name, found in self.nodes.items() if _is_measured(tenants[name])}
        self._hindsight = watched(known, seen, now_s)
        wishes = {
            each.tenant.pod.uid: self._wish(each, now_s)
            for name, found in self.nodes.items()
            for each in (*found.leaving, *_were_they_free(name, room_bytes[name], tenants[name], known))
        }
        self.idle = frozenset(key for key, look in looks.items() if self._is_idle(look))
        self.ample = frozenset(key for key, look in looks.items() if self._has_ample(look))
        self._since_s = {uid: wish.since_s for uid, wish in wishes.items()}
        self._export(room_bytes)
        spare = {name: room_bytes[name] - each.hour.upper_bytes(IDLE_RISK) for name, each in self.nodes.items()}
        wished = {key: replace(look, wishes=(*_of(look, wishes), *look.wishes)) for key, look in looks.items()}
        return self._mover.run(managed, wished, now_s, spare)

    def _is_idle(self, look: Look) -> bool:
        short = {name for name, found in self.nodes.items() if found.standing is Standing.SHORT}
        does_nothing = bool(look.doing) and all(each.idle for each in look.doing.values())
        return does_nothing and any(pod.node in short for pod in look.seen.pods)

    def _has_ample(self, look: Look) -> bool:
        of = [self.nodes.get(pod.node) for pod in look.seen.pods]
        return bool(of) and all(node is not None and node.standing is Standing.AMPLE for node in of)

    def _wish(self, leaving: Leaving, now_s: float) -> Wish:
        pod = leaving.tenant.pod
        since_s = self._since_s.get(pod.uid, now_s)
        return Wish(pod, Cause.NODE_PRESSURE, Obstacle.NODE_PRESSURE, leaving.message, since_s)

    def _tenants(
        self, managed: Mapping[Key, Managed], looks: Mapping[Key, Look], now_s: float
    ) -> dict[str, list[Tenant]]:
        """The pods of each node that are not going."""
        whose = {pod.uid: key for key, look in looks.items() for pod in look.seen.pods}
        self._refresh(looks, now_s)
        found: defaultdict[str, list[Tenant]] = defaultdict(list)
        for pod in self._watch.snapshot().values():
            if not pod.node or pod.terminating:
                continue
            key = whose.get(pod.uid)
            if key is None:
                found[pod.node].append(Tenant(pod, (flat(pod.uid, self._peak(pod)),)))
            else:
                found[pod.node].append(self._tenant(pod, managed[key], looks[key]))
        return found

    def _tenant(self, pod: PodView, managed: Managed, look: Look) -> Tenant:
        parts, rest, measured = [], self._peak(pod), True
        tier = next((each.members for each in look.review.apart if pod.name in each.pods), ())
        for view in pod.containers:
            recent = look.seen.recent.get((pod.name, view.name))
            known = self._known.parts.get((managed.key, tier, view.name))
            measured &= known is None or recent is not None
            if known is not None and recent is not None:
                parts.append(replace(known[2], pod=pod.uid, now_bytes=recent.usage_bytes))
                rest = max(0.0, rest - recent.usage_bytes)
        if len(parts) < len(pod.containers):
            parts.append(flat(pod.uid, rest))
        does = look.doing.get(pod.name)
        return Tenant(
            pod,
            tuple(parts),
            managed.policy.relieves if managed.resizes else Consent.NONE,
            does.message if does is not None and does.idle else "",
            pod.uid in self._mover.holds,
            measured,
        )

    def _peak(self, pod: PodView) -> float:
        """What a pod without a forecast may use: what it did, else what it asks for."""
        asked = sum(view.size.request_bytes or 0 for view in pod.containers)
        return self._known.peaks.get((pod.namespace, pod.name), float(asked))

    def _refresh(self, looks: Mapping[Key, Look], now_s: float) -> None:
        """Read peaks and lay out forecasts again where they are a minute old."""
        known = self._known
        if self._source is not None and not 0 <= now_s - known.peaks_s < PEAKS_S:
            known.peaks_s, known.peaks = now_s, _peaks(self._source, now_s, known.peaks)
        parts: dict[_PartKey, tuple[float, Forecasted, Part]] = {}
        for key, look in looks.items():
            for tier, name, forecast in _forecasts(look):
                before = known.parts.get((key, tier, name))
                if before is None or before[1] is not forecast or not 0 <= now_s - before[0] < LEVELS_S:
                    before = now_s, forecast, foreseen("", forecast, None, now_s)
                parts[key, tier, name] = before
        known.parts = parts

    def _export(self, room_bytes: Mapping[str, int]) -> None:
        demand: dict[tuple[str, ...], float] = {}
        for name, found in self.nodes.items():
            for horizon, of in (("1h", found.hour), ("24h", found.day)):
                demand[name, horizon, "mean"] = of.mean_bytes
                demand[name, horizon, "0.95"] = of.upper_bytes(IDLE_RISK)
        show(metrics.NODE_DEMAND, demand)
        for name, horizon_s in (("1h", HOUR_S), ("24h", DAY_S)):
            metrics.NODE_CORRECTION.labels(name).set(self._hindsight.of(horizon_s).factor(IDLE_RISK))
        nodes = self.nodes.items()
        show(metrics.NODE_ROOM, {(name,): float(room_bytes[name]) for name in self.nodes})
        show(metrics.NODE_RISK, {(name,): found.hour.risk(room_bytes[name]) for name, found in nodes})
        show(metrics.NODE_MISSING, {(name,): float(found.missing_bytes) for name, found in nodes})
        reached = {name: found.day.reached_in_s(room_bytes[name], IDLE_RISK) for name, found in nodes}
        show(metrics.NODE_REACHED, {(name,): float(at_s) for name, at_s in reached.items() if at_s is not None})
        pods = list(self._watch.snapshot().values())
        asked = [(pod, sum(view.size.request_bytes or 0 for view in pod.containers)) for pod in pods]
        waiting, usual = [each for pod, each in asked if not pod.node], [each for _, each in asked]
        free = {
            name: room_bytes[name] - taken
            for name, taken in self._watch.requested_by_node().items()
            if name in room_bytes
        }
        show(
            metrics.NODE_STRANDED, {(name,): float(stranded_bytes(each, waiting, usual)) for name, each in free.items()}
        )


def _forecasts(look: Look) -> Iterator[tuple[tuple[str, ...], str, Forecasted]]:
    """Of all replicas together, and of each tier of those that are sized apart: none is to rise as another."""
    each: list[tuple[tuple[str, ...], Mapping[str, Forecasted | NoOutlook]]] = [((), look.forecasts)]
    each += [(part.members, part.forecasts) for part in look.review.apart]
    for tier, forecasts in each:
        for name, forecast in forecasts.items():
            if isinstance(forecast, Forecasted):
                yield tier, name, forecast


def _seen(node: Relief, tenants: Sequence[Tenant]) -> Seen:
    used = {each.pod.uid: each.uses_bytes for each in tenants if each.measured}
    return Seen({HOUR_S: node.hour, DAY_S: node.day}, used)


def _is_measured(tenants: Sequence[Tenant]) -> bool:
    """Whether there are samples at all: without them what is told of use is no use."""
    return not tenants or any(each.measured for each in tenants)


def _were_they_free(name: str, room_bytes: int, tenants: Sequence[Tenant], known: Hindsight) -> tuple[Leaving, ...]:
    """Who would go were nobody held: a reader is told what holds them."""
    if not any(each.held for each in tenants):
        return ()
    return relief(name, room_bytes, [replace(each, held=False) for each in tenants], known).leaving


def _of(look: Look, wishes: Mapping[str, Wish]) -> Iterator[Wish]:
    return (wishes[pod.uid] for pod in look.seen.pods if pod.uid in wishes)


def _peaks(source: Reader, now_s: float, before: Mapping[Key, float]) -> Mapping[Key, float]:
    """What pods used at most; what cannot be read is as it was."""
    try:
        found = source.pod_peaks(now_s)
    except Exception:
        logger.exception("what pods used was not read")
        return before
    if isinstance(found, Refusal):
        logger.warning("what pods used was not read: %s", found.message)
        return before
    return found
