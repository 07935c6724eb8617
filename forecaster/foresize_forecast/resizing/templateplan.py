"""What a workload's pod template should say of memory, or why it stays as it is.

A write rolls out new pods, so it has to pay: the plan's highest of the horizon differs from what is there by more than
a tolerance, at most once a day, never in a rollout. What another wrote is his, unless the policy says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foresize_forecast.deciding.choices import in_use_bytes
from foresize_forecast.deciding.state import TemplateWrite
from foresize_forecast.pods import Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.podchange import Proven
from foresize_forecast.sizes import MIB, ContainerPolicy, QosClass, Size, rounded_up
from foresize_forecast.sizing.bounds import clamp

TOLERANCE = 0.1
"""A template this near to what is wanted is not worth a rollout."""
LEAST_CHANGE_BYTES = 16 * MIB
"""Nor is less than this."""
COOLDOWN_S = 86_400
"""Between two writes: a season of a day is in one plan, and seen from any hour of it the same."""
RETRY_S = 3600
"""After a refusal."""
NOTHING = Size(None, None)


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of one container in a pod template.

    Attributes:
        size: as it is written.
        owner: who else wrote any of it, as the API server names him; empty where it is absent or ours.
    """

    size: Size
    owner: str = ""


@dataclass(frozen=True, slots=True)
class TemplateNeeds:
    """What bears on a template.

    Attributes:
        held: by container name, what it says.
        born: by container name, what new pods should have: the highest of the plan over the horizon.
        proven: how far the newest revision is proven by samples of its own.
        usage_bytes: by container name, the highest newest sample of its pods.
        qos: the class that the template gives.
        cpu_pinned: whether every container's CPU request is its limit, so that equal memory would make it Guaranteed.
        policies: by container name, what is asked for it; one that is missing has no bounds of its own.
        room: bounds of a container: the namespace's LimitRange, and the largest node.
        waits: why nothing may be written now: a rollout, a closed window; empty if something may.
        distrust: why nothing may be lowered; empty if it may.
        force: whether what another wrote is taken over.
        killed: names of containers that were killed since the last write, where nothing else would raise their limit.
        written: the last write; None before the first.
    """

    held: Mapping[str, Held]
    born: Mapping[str, Size]
    proven: Proven
    usage_bytes: Mapping[str, float] = field(default_factory=dict)
    qos: QosClass = QosClass.BURSTABLE
    cpu_pinned: bool = False
    policies: Mapping[str, ContainerPolicy] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    waits: str = ""
    distrust: str = ""
    force: bool = False
    killed: frozenset[str] = frozenset()
    written: TemplateWrite | None = None


@dataclass(frozen=True, slots=True)
class TemplatePlan:
    """What to do with a template.

    Attributes:
        sizes: by container name, all that we want to be the writer of; empty: nothing is written.
        blocked: what stands in the way, of a part or of all.
    """

    sizes: Mapping[str, Size] = field(default_factory=dict)
    blocked: Blocked | None = None


def planned(needs: TemplateNeeds, now_s: float) -> TemplatePlan:
    """What the template should say now; the same again once it says so: nothing."""
    others = {name: held.owner for name, held in needs.held.items() if held.owner and name in needs.born}
    ours = {name: held for name, held in needs.held.items() if needs.force or not held.owner}
    wanted = {name: _wanted(name, held.size, needs) for name, held in ours.items()}
    differs = any(_differs(ours[name].size, size) for name, size in wanted.items())
    owned = None if needs.force or not others else Blocked(Obstacle.TEMPLATE_OWNED, _owned(others))
    if not differs:
        return TemplatePlan(blocked=owned)
    cures = any(_raises(ours[name].size, wanted[name]) for name in needs.killed & wanted.keys())
    if stop := _stop(needs, now_s, cures=cures):
        return TemplatePlan(blocked=owned or stop)
    return TemplatePlan({name: size for name, size in wanted.items() if size != NOTHING}, owned)


def _raises(present: Size, wanted: Size) -> bool:
    before, after = present.limit_bytes, wanted.limit_bytes
    return before is not None and after is not None and after > before


def _stop(needs: TemplateNeeds, now_s: float, *, cures: bool) -> Blocked | None:
    """Why nothing at all is written now; what cures a kill does not wait for a day, a window or a stuck rollout."""
    if needs.qos is QosClass.BEST_EFFORT:
        words = "a size would make its BestEffort pods Burstable: give its template a cpu request"
        return Blocked(Obstacle.BEST_EFFORT, words)
    last = needs.written
    if last is not None and last.message and now_s - last.at_s < RETRY_S:
        return Blocked(Obstacle.TEMPLATE_REFUSED, last.message)
    if cures:
        return None
    if last is not None and last.done and now_s - last.at_s < COOLDOWN_S:
        return Blocked(Obstacle.TEMPLATE_WAITS, "its template was written less than a day ago")
    return Blocked(Obstacle.TEMPLATE_WAITS, needs.waits) if needs.waits else None


def _wanted(name: str, present: Size, needs: TemplateNeeds) -> Size:
    """A container's size: what new pods should have, never under use, lowered only on trusted data."""
    born = needs.born.get(name)
    if born is None:
        return present
    used = needs.usage_bytes.get(name)
    request = _at_least(born.request_bytes, None if used is None else rounded_up(used))
    limit = _at_least(born.limit_bytes, in_use_bytes(used))
    if needs.distrust or used is None or not needs.proven.request:
        request = _at_least(request, present.request_bytes)
    if needs.distrust or used is None or not needs.proven.limit:
        limit = _at_least(limit, present.limit_bytes)
    limit = limit if limit is None or request is None else max(limit, request)
    if needs.qos is QosClass.GUARANTEED:
        request = limit = _at_least(limit, request)
    policy = needs.policies.get(name, ContainerPolicy(min_bytes=0))
    return _burstable(clamp(Size(request, limit), policy, needs.room), needs)


def _burstable(size: Size, needs: TemplateNeeds) -> Size:
    """What keeps the class: where CPU is pinned, the request stays a MiB below the limit."""
    if needs.qos is QosClass.GUARANTEED or not needs.cpu_pinned or size.request_bytes is None:
        return size
    if size.limit_bytes is None or size.request_bytes < size.limit_bytes:
        return size
    return Size(size.limit_bytes - MIB, size.limit_bytes)


def _at_least(value_bytes: int | None, floor_bytes: int | None) -> int | None:
    return value_bytes if value_bytes is None or floor_bytes is None else max(value_bytes, floor_bytes)


def _differs(present: Size, wanted: Size) -> bool:
    pairs = ((present.request_bytes, wanted.request_bytes), (present.limit_bytes, wanted.limit_bytes))
    return any(_is_worth_it(has, wants) for has, wants in pairs)


def _is_worth_it(has: int | None, wants: int | None) -> bool:
    if has is None or wants is None:
        return has != wants
    return abs(wants - has) > max(TOLERANCE * has, LEAST_CHANGE_BYTES)


def _owned(others: Mapping[str, str]) -> str:
    named = ", ".join(f"{name} by {owner}" for name, owner in sorted(others.items()))
    return f"memory in the pod template is written for {named}: take it out of the manifest, or set apply.templateForce"
