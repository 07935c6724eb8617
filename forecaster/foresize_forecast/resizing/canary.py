"""How a lower limit spreads over the pods of a workload: to one first, watched, then to a tenth, watched, then to all.

Only limits: a request that is lowered kills nothing. A raise is never held back, not even by a watch under way. A kill
or a lost readiness of a pod that tries the limit ends it, and every pod has again at least what it had.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from foresize_forecast.deciding.state import Canary, Stage
from foresize_forecast.pods import ContainerView, PodView, ResizePhase
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.pauses import doubling_s
from foresize_forecast.sizes import MIB, WorkloadPolicy, in_mebibytes

WATCH_S = 300
"""How long each stage is watched, or the policy's cooldown where that is shorter."""
SHARE = 0.1
"""The second stage's part of the pods."""
FIRST_PAUSE_S = 3600
"""After a failure; it doubles with each further one, up to `LONGEST_PAUSE_S`."""
LONGEST_PAUSE_S = 86_400
Wearer = tuple[PodView, ContainerView]


def advanced(
    before: Canary | None, limit_bytes: int | None, worn: Sequence[Wearer], pace: WorkloadPolicy, now_s: float
) -> Canary | None:
    """Where the spread of a container's limit stands now.

    Args:
        before: where it stood; None where there was none.
        limit_bytes: the container's target; None without a limit.
        worn: its living pods, each with this container; without those of revisions that are not lowered yet.
        pace: of its policy.
        now_s: Unix seconds.

    Returns:
        None where nothing is spread in stages.
    """
    there = sorted((each for each in worn if not each[0].terminating), key=lambda each: each[0].uid)
    if limit_bytes is None or not pace.canary:
        return None
    if before is None or before.stage is Stage.ALL:
        return _begun(before, limit_bytes, there, pace, now_s)
    if before.stage is Stage.FAILED:
        if now_s < before.began_s + _pause_s(before):
            return before
        return _begun(before, limit_bytes, there, pace, now_s)
    if any(_fails(each, before) for each in there if each[0].uid in before.pods):
        return replace(before, stage=Stage.FAILED, began_s=now_s, pods=(), failures=before.failures + 1)
    if limit_bytes >= before.held_bytes or len(there) < 2:  # noqa: PLR2004 - one pod has no others
        return _all(before, limit_bytes, there)
    if limit_bytes < before.limit_bytes - MIB:
        return _first(before, limit_bytes, there, pace, now_s)
    return _watched(replace(before, limit_bytes=limit_bytes), there, pace, now_s)


def least_bytes(canary: Canary | None, pod_uid: str, present_bytes: int | None) -> int:
    """The limit that a pod keeps at least, whatever its target is; 0 where there is no such bound."""
    if canary is None or canary.stage is Stage.ALL or pod_uid in canary.pods or present_bytes is None:
        return 0
    return canary.held_bytes if canary.stage is Stage.FAILED else min(canary.held_bytes, present_bytes)


def at_birth_bytes(canary: Canary | None) -> int:
    """The limit that new pods have at least: none is born with a size that is still tried, or that failed."""
    return 0 if canary is None or canary.stage is Stage.ALL else canary.held_bytes


def obstacle(canary: Canary, pods: int, pace: WorkloadPolicy) -> Blocked:
    """Why a pod keeps a higher limit than its target, for a reader."""
    limit = in_mebibytes(canary.limit_bytes)
    if canary.stage is Stage.FAILED:
        until = _clock(canary.began_s + _pause_s(canary))
        words = f"a pod with a limit of {limit} was killed or lost its readiness; tried again at {until}"
        return Blocked(Obstacle.CANARY_FAILED, words)
    since_s = canary.worn_since_s or canary.began_s
    words = f"{len(canary.pods)} of {pods} pods try a limit of {limit} until {_clock(since_s + _watch_s(pace))}"
    return Blocked(Obstacle.CANARY, f"{words}, the others follow")


def _begun(
    before: Canary | None, limit_bytes: int, there: Sequence[Wearer], pace: WorkloadPolicy, now_s: float
) -> Canary:
    """The first stage where pods would be lowered to what none has proven; what was raised needs no stages."""
    lowered = [
        (pod.revision, limit)
        for pod, c in there
        if (limit := c.size.limit_bytes) is not None and limit > limit_bytes + MIB
    ]
    borne = before is not None and before.stage is Stage.ALL and limit_bytes >= before.limit_bytes - MIB
    proven = borne and before is not None and {revision for revision, _ in lowered} <= {before.revision}
    if proven or not lowered or len(there) < 2:  # noqa: PLR2004 - one pod has no others
        return _all(before, limit_bytes, there)
    held = replace(before or Canary(Stage.FIRST, limit_bytes), held_bytes=max(limit for _, limit in lowered), pods=())
    return _first(held, limit_bytes, there, pace, now_s)


def _all(before: Canary | None, limit_bytes: int, there: Sequence[Wearer]) -> Canary:
    """All may have it: said of the newest revision that is there."""
    newest = max((pod for pod, _ in there), key=lambda pod: pod.created_s, default=None)
    known = before.revision if before is not None else ""
    return Canary(Stage.ALL, limit_bytes, revision=known if newest is None else newest.revision)


def _first(before: Canary, limit_bytes: int, there: Sequence[Wearer], pace: WorkloadPolicy, now_s: float) -> Canary:
    made = Canary(Stage.FIRST, limit_bytes, before.held_bytes, began_s=now_s, failures=before.failures)
    return replace(made, pods=_chosen(before.pods, (), made, there, pace.canary))


def _watched(canary: Canary, there: Sequence[Wearer], pace: WorkloadPolicy, now_s: float) -> Canary:
    """The same stage, or the next one once a pod has had the limit for the watch."""
    trying = [each for each in there if each[0].uid in canary.pods]
    if not any(_wears(each, canary) for each in trying):
        if trying and now_s - canary.began_s < _watch_s(pace):
            return canary
        # Gone, or in need of more than the limit: others have their turn, else one pod would hold up all.
        pods = _chosen((), canary.pods, canary, there, max(len(canary.pods), pace.canary))
        return replace(canary, pods=pods, began_s=now_s, worn_since_s=0.0)
    if not canary.worn_since_s:
        return replace(canary, worn_since_s=now_s)
    if now_s - canary.worn_since_s < _watch_s(pace):
        return canary
    share = max(pace.canary, int(SHARE * len(there)))
    if canary.stage is Stage.SHARE or share <= len(trying):
        return _all(canary, canary.limit_bytes, there)
    pods = _chosen(canary.pods, (), canary, there, share)
    return replace(canary, stage=Stage.SHARE, began_s=now_s, worn_since_s=0.0, pods=pods)


def _chosen(
    first: Collection[str], last: Collection[str], canary: Canary, there: Sequence[Wearer], count: int
) -> tuple[str, ...]:
    """The pods that try: ready ones that it lowers, the same in each look, `first` before others and `last` after."""
    ready = [
        pod.uid
        for pod, c in there
        if pod.uid in first or (pod.ready and (c.size.limit_bytes or 0) > canary.limit_bytes + MIB)
    ]
    return tuple(sorted(sorted(ready), key=lambda uid: (uid not in first, uid in last))[:count])


def _wears(each: Wearer, canary: Canary) -> bool:
    pod, container = each
    limit = container.actual.limit_bytes if container.actual is not None else None
    return pod.resize.phase is ResizePhase.NONE and limit is not None and limit <= canary.limit_bytes + MIB


def _fails(each: Wearer, canary: Canary) -> bool:
    pod, container = each
    killed = container.last_kill is not None and container.last_kill.at_s >= int(canary.began_s)
    asked = container.size.limit_bytes is not None and container.size.limit_bytes <= canary.limit_bytes + MIB
    return killed or (asked and not pod.ready)


def _watch_s(pace: WorkloadPolicy) -> float:
    return min(WATCH_S, pace.cooldown_s)


def _pause_s(canary: Canary) -> float:
    return doubling_s(canary.failures, FIRST_PAUSE_S, LONGEST_PAUSE_S)


def _clock(instant_s: float) -> str:
    return datetime.fromtimestamp(instant_s, UTC).strftime("%H:%M:%SZ")
