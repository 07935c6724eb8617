"""From a workload's targets to one pod's patch: all its containers at once, or what stands in the way.

A target is for every replica; a pod is bound by its own use, node, quality-of-service class and by the resize that may
be under way. Everything that the API server or the kubelet would refuse is found here, before the patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from foresize_forecast.deciding import ladder
from foresize_forecast.deciding.choices import REQUEST_HEADROOM, highest, in_use_bytes
from foresize_forecast.deciding.state import Attempt, Canary
from foresize_forecast.pods import ContainerView, PodView, ResizePhase, Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing import canary
from foresize_forecast.resizing.carrying import HEALING_BYTES, HEALING_PAUSE_S, carried, is_news
from foresize_forecast.resizing.podroom import PodChange, within_room
from foresize_forecast.resizing.refusals import keeps_requests, refusal
from foresize_forecast.sizes import MIB, QosClass, Size, WorkloadPolicy, rounded_up

DEFERRED_GIVE_UP_S = 300
"""A resize that waits this long goes back to what is in force: until then the scheduler counts the size that is not
there, and so do other resizes (VPA waits as long before it evicts)."""
ERROR_GIVE_UP_S = 120
"""The same for one that the runtime refuses, for example a limit below use: the kubelet retries every 12 s."""
CONTEST_GRACE_S = 60
"""From a resize on: by then the watch has told of it, so that other sizes are somebody else's."""
CONTEST_ROUNDS = 1
"""How often what somebody else changed is changed back."""
CONTEST_PAUSE_S = 86_400
"""How long a pod is then left to them, before it is tried again."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Whether a revision has run long enough to be sized below its template."""

    request: bool
    limit: bool


@dataclass(frozen=True, slots=True)
class PodNeeds:
    """What bears on one pod.

    Attributes:
        targets: by container name.
        template: by container name, the sizes its owner wrote: what an unproven revision gets at least.
        proven: how far its revision is proven by samples of its own.
        usage_bytes: by container name, newest working set.
        room: its node's and namespace's.
        attempt: the last resize asked of it.
        raise_only: whether nothing may be lowered: data is stale, or a rollout is in progress.
        now_s: Unix seconds.
        canaries: by container name, how far a lower limit has spread.
        siblings: living pods of its workload, itself included.
        pace: of its policy.
    """

    targets: Mapping[str, Size]
    template: Mapping[str, Size]
    proven: Proven
    usage_bytes: Mapping[str, float]
    room: Room
    attempt: Attempt | None
    raise_only: bool
    now_s: float
    canaries: Mapping[str, Canary] = field(default_factory=dict)
    siblings: int = 1
    pace: WorkloadPolicy = field(default_factory=WorkloadPolicy)


def change(pod: PodView, needs: PodNeeds) -> PodChange | Blocked | None:
    """What to patch in a pod; None where it has what it should."""
    if pod.terminating or pod.ignored:
        return None
    fitted = [(c, _fitted(pod, c, needs)) for c in pod.containers if c.name in needs.targets]
    sizes = {c.name: size for c, size in fitted if not _same(size, c.size) or (size != c.size and _heals(c, needs))}
    if not sizes:
        return _held_back(pod, needs)
    usage_bytes = {} if needs.raise_only else needs.usage_bytes
    moved = carried(pod, sizes, needs.targets, usage_bytes, needs.pace)
    if moved is not None and is_news(moved, needs.attempt, needs.now_s):
        return _obstacle(pod, moved, needs, in_back_off=True) or within_room(pod, moved, needs.room)
    return _obstacle(pod, sizes, needs) or within_room(pod, sizes, needs.room)


def _held_back(pod: PodView, needs: PodNeeds) -> Blocked | None:
    """The canary, where nothing else keeps a limit from being lowered."""
    free = replace(needs, canaries={})
    for c in pod.containers:
        if c.name in needs.targets and c.name in needs.canaries and not _same(_fitted(pod, c, free), c.size):
            return canary.obstacle(needs.canaries[c.name], needs.siblings, needs.pace)
    return None


def way_back(pod: PodView, now_s: float) -> PodChange | None:
    """The patch that ends a resize which cannot be: back to what is in force; None while there is hope."""
    patience_s = {
        ResizePhase.DEFERRED: DEFERRED_GIVE_UP_S,
        ResizePhase.INFEASIBLE: 0,
        ResizePhase.ERROR: ERROR_GIVE_UP_S,
    }.get(pod.resize.phase)
    if patience_s is None or now_s - (pod.resize.since_s or now_s) < patience_s:
        return None
    return what_is_in_force(pod)


def what_is_in_force(pod: PodView) -> PodChange | None:
    """The patch that ends any resize under way; None where spec and kernel agree."""
    sizes = {c.name: c.actual for c in pod.containers if c.actual is not None and c.actual != c.size}
    return PodChange(sizes, pod.resize.message) if sizes else None


def attempt(pod: PodView, before: Attempt | None, asks: PodChange, now_s: float) -> Attempt:
    """What to remember of a resize that is about to be asked for."""
    known = before or Attempt(now_s)
    contested = known.overwritten if now_s - known.at_s < CONTEST_PAUSE_S else 0
    overwritten = contested + is_overwritten(pod, before, now_s)
    return replace(known, at_s=now_s, asked=dict(asks.sizes), overwritten=overwritten, done=False)


def is_overwritten(pod: PodView, before: Attempt | None, now_s: float) -> bool:
    """Whether somebody else has changed the sizes that the last resize asked for.

    Only once the watch has surely told of that resize itself. One that was perhaps never sent, because the operator was
    killed, has been changed by nobody.
    """
    if before is None or before.failures or not before.done or now_s - before.at_s < CONTEST_GRACE_S:
        return False
    return any(not _is(view.size, before.asked[view.name]) for view in pod.containers if view.name in before.asked)


def _is(size: Size, asked: Size) -> bool:
    """Whether a size is what was asked for; what was not named was left as it was."""
    return asked.request_bytes in {None, size.request_bytes} and asked.limit_bytes in {None, size.limit_bytes}


def _contest(pod: PodView, needs: PodNeeds) -> Blocked | None:
    """Somebody who has changed our sizes twice will do so again: it is said, and not fought."""
    last = needs.attempt
    if last is None or last.overwritten + is_overwritten(pod, last, needs.now_s) <= CONTEST_ROUNDS:
        return None
    if needs.now_s - last.at_s >= CONTEST_PAUSE_S:
        return None
    who = pod.rewriter or "somebody"
    return Blocked(Obstacle.CONTESTED, f"{who} changes what Foresize writes: leave its memory to one of the two")


def _fitted(pod: PodView, container: ContainerView, needs: PodNeeds) -> Size:
    """The target as this container can have it: proven, above its use, a limit kept where it cannot be removed.

    Where its use is unknown, nothing is lowered. A request is lowered down to its use, for it kills nothing; a limit
    keeps its margin over it.
    """
    target = _proven(needs.targets[container.name], container, needs)
    used = needs.usage_bytes.get(container.name)
    blind = needs.raise_only or used is None
    in_use = None if blind else rounded_up(used or 0)
    lowest = None if blind else in_use_bytes(used)
    request = _not_lowered_below(in_use, container.size.request_bytes, target.request_bytes)
    request = container.size.request_bytes if keeps_requests(needs.attempt, needs.now_s) else request
    limit = container.size.limit_bytes if target.limit_bytes is None else target.limit_bytes
    kept = canary.least_bytes(needs.canaries.get(container.name), pod.uid, container.size.limit_bytes)
    limit = limit if limit is None else max(limit, kept)
    limit = _not_lowered_below(lowest, container.size.limit_bytes, limit)
    if limit is not None and limit == container.size.limit_bytes and _heals(container, needs):
        limit -= HEALING_BYTES
    if pod.qos is QosClass.GUARANTEED:
        return Size(limit, limit)
    if request is not None and limit is not None:
        request = min(request, limit - MIB if container.cpu_guaranteed else limit)
    return Size(request, limit)


def _heals(container: ContainerView, needs: PodNeeds) -> bool:
    """Whether a limit like the present one is to be written, for it may not have reached the kernel."""
    if not ladder.cgroup_may_be_stale(container, needs.attempt):
        return False
    last, started_s = needs.attempt, container.running_since_s
    asked = last is not None and started_s is not None and last.at_s >= started_s
    return not asked or last is None or needs.now_s - last.at_s >= HEALING_PAUSE_S


def _proven(target: Size, container: ContainerView, needs: PodNeeds) -> Size:
    """The target, but at least the template's size where the pod's revision is still unproven."""
    template = needs.template.get(container.name, container.size)
    request, limit = target.request_bytes, target.limit_bytes
    if not needs.proven.request:
        request = highest(request, template.request_bytes)
    if not needs.proven.limit:
        limit = None if template.limit_bytes is None else highest(limit, template.limit_bytes)
    return Size(request if limit is None or request is None else min(request, limit), limit)


def _same(wanted: Size, has: Size) -> bool:
    """Alike to a MiB: less is not worth a patch.

    A request may lack the head room that a target has over what is needed: pods are born without it.
    """
    return _suffices(has.request_bytes, wanted.request_bytes) and _near(wanted.limit_bytes, has.limit_bytes)


def _suffices(request_bytes: int | None, wanted_bytes: int | None) -> bool:
    if request_bytes is None or wanted_bytes is None or request_bytes > wanted_bytes:
        return _near(request_bytes, wanted_bytes)
    return wanted_bytes - request_bytes * (1 + REQUEST_HEADROOM) < MIB


def _near(one: int | None, other: int | None) -> bool:
    return one == other if one is None or other is None else abs(one - other) < MIB


def _not_lowered_below(floor_bytes: int | None, before_bytes: int | None, wanted_bytes: int | None) -> int | None:
    """A lower value only down to the floor, or not at all where it is None; below the floor already, it stays."""
    if wanted_bytes is None or before_bytes is None or wanted_bytes >= before_bytes:
        return wanted_bytes
    if floor_bytes is None:
        return before_bytes
    return min(before_bytes, max(wanted_bytes, floor_bytes))


def _obstacle(pod: PodView, sizes: Mapping[str, Size], needs: PodNeeds, *, in_back_off: bool = False) -> Blocked | None:
    """The first thing that forbids this patch of this pod now; one that is carried may be made in back-off."""
    waits = any(c.running_since_s is None for c in pod.containers)
    if waits and not in_back_off and (trap := ladder.trap(pod)):
        return Blocked(Obstacle.NOT_IN_FORCE, f"{trap}: delete the pod")
    if needs.room.node_cannot_resize:
        return Blocked(Obstacle.NODE_CANNOT_RESIZE, needs.room.node_cannot_resize)
    if found := unpatchable(pod, sizes, in_back_off=in_back_off):
        return found
    if needs.attempt and needs.now_s < needs.attempt.wait_until_s and not keeps_requests(needs.attempt, needs.now_s):
        return refusal(needs.attempt.message)
    if found := _contest(pod, needs):
        return found
    return _resize_under_way(pod, sizes)


def unpatchable(pod: PodView, sizes: Mapping[str, Size], *, in_back_off: bool = False) -> Blocked | None:
    """What forbids any patch of a pod's sizes, whoever asks for it."""
    changed = [c for c in pod.containers if c.name in sizes]
    if pod.qos is QosClass.BEST_EFFORT:
        return Blocked(Obstacle.BEST_EFFORT, "a BestEffort pod cannot be resized: give its template a memory request")
    if pod.pod_level_resources:
        return Blocked(Obstacle.POD_LEVEL_RESOURCES, "its pod has resources of its own (spec.resources)")
    if names := ", ".join(c.name for c in changed if c.restarts_on_resize):
        return Blocked(Obstacle.RESTART_ON_RESIZE, f"the resizePolicy of {names} asks for a restart")
    waiting = ", ".join(c.name for c in pod.containers if c.running_since_s is None)
    if waiting and not in_back_off:
        return Blocked(Obstacle.BACK_OFF, f"{waiting} is not running: a resize now would not reach the kernel")
    if names := ", ".join(c.name for c in changed if c.actual is None):
        return Blocked(Obstacle.NOT_READY_TO_RESIZE, f"the kubelet has yet to tell the resources of {names}")
    return None


def _resize_under_way(pod: PodView, sizes: Mapping[str, Size]) -> Blocked | None:
    """A resize that has not ended is waited for, but a higher limit never waits: it is what saves from a kill."""
    if any(_raises_limit(c, sizes[c.name]) for c in pod.containers if c.name in sizes):
        return None
    obstacle = {
        ResizePhase.IN_PROGRESS: Obstacle.RESIZE_IN_PROGRESS,
        ResizePhase.DEFERRED: Obstacle.DEFERRED,
        ResizePhase.INFEASIBLE: Obstacle.INFEASIBLE,
        ResizePhase.ERROR: Obstacle.RUNTIME_ERROR,
    }.get(pod.resize.phase)
    return Blocked(obstacle, pod.resize.message or "a resize is under way") if obstacle else None


def _raises_limit(container: ContainerView, size: Size) -> bool:
    before = container.size.limit_bytes
    return before is not None and size.limit_bytes is not None and size.limit_bytes > before
