"""What a kill teaches: the limit doubles from the limit that killed, and the lesson is kept for a window.

Doubling reaches any need in its logarithm of kills: 20 MiB that should be 160 MiB takes three. Raising from the request
instead (as a request-based recommender does) never cures a limit.
"""

from __future__ import annotations

from dataclasses import replace

from foresize_forecast.deciding.stalls import WATCH_S
from foresize_forecast.deciding.state import KILLS_KEPT, Attempt, ContainerState, WorkloadState
from foresize_forecast.pods import ContainerView, Kill, PodView
from foresize_forecast.sizes import in_mebibytes

KILL_FACTOR = 2
FULL_FLOOR_S = 86_400
"""How long twice the killing limit is held: what is needed once a day comes again within it."""
STALL_FLOOR_S = 7 * 86_400
"""How long the limit before a stall is held: what made it stall (page cache) is not in its use, so nothing else would
keep it from being lowered again."""
SEEN_FLOOR_S = 3600
"""How long at least where more than the killing limit has been used since, so that the need is known."""
LASTING_FACTOR = 1.2
VAIN_KILLS = 2
"""So often a container is killed once it is seen to be held to a limit that was raised, before it counts as caught
there: with the kill by which that is seen three starts at which the new one might have arrived, and a back-off."""
SAME_KILL_S = 2.0
"""Reports of one kill may differ by this much: the kubelet's clock has whole seconds and status is written again."""


def after_kill(state: ContainerState, kill: Kill) -> ContainerState:
    """The memory of a container after one more kill; the same memory where the kill is known already.

    The floor is twice the limit that killed, at least the limit before it was last lowered. A kill without a limit (the
    node ran out) is remembered but raises nothing: no limit of ours caused it.

    Worked: killed at 20, 40 and 80 MiB: floors 40, 80, 160 MiB.
    """
    if any(abs(known.at_s - kill.at_s) <= SAME_KILL_S for known in state.kills):
        return state
    if len(state.kills) == KILLS_KEPT and kill.at_s < state.kills[0].at_s:
        return state  # learnt and forgotten: pods tell of their last kill for as long as they live
    kills = tuple(sorted((*state.kills, kill), key=lambda known: known.at_s))[-KILLS_KEPT:]
    if kill.limit_bytes is None:
        return replace(state, kills=kills)
    floor = max(KILL_FACTOR * kill.limit_bytes, state.kill_floor_bytes, state.limit_before_lowering or 0)
    return replace(state, kills=kills, kill_floor_bytes=floor, need_seen_at_s=0.0, limit_before_lowering=None)


def is_watched(state: ContainerState, now_s: float) -> bool:
    """Whether the limit was lowered so recently that a stall is laid at its door."""
    return state.limit_before_lowering is not None and now_s - state.limit_changed_at_s <= WATCH_S


def watches(state: WorkloadState, now_s: float) -> bool:
    """Whether any limit of a workload was lowered so recently."""
    each = (state.containers, *(part.containers for part in state.parts))
    return any(is_watched(container, now_s) for containers in each for container in containers.values())


def after_stall(state: ContainerState, now_s: float) -> ContainerState:
    """The memory of a container that waits for memory since its limit was lowered: back to where it was."""
    floor = state.limit_before_lowering or 0
    return replace(state, stalled_at_s=now_s, stall_floor_bytes=floor, limit_before_lowering=None)


def floor_bytes(state: ContainerState, now_s: float) -> int:
    """The limit that kills and stalls have taught."""
    stalled = state.stall_floor_bytes if now_s - state.stalled_at_s <= STALL_FLOOR_S else 0
    return max(state.kill_floor_bytes, stalled)


def after_use(state: ContainerState, used_bytes: float | None, now_s: float) -> ContainerState:
    """The memory after a sample: a kill hides how much was needed, until more than its limit is seen in use."""
    if not state.kills or state.need_seen_at_s or used_bytes is None or used_bytes <= highest_killer(state):
        return state
    return replace(state, need_seen_at_s=now_s)


def highest_killer(state: ContainerState) -> int:
    """The highest limit that killed, bytes; 0 where none did."""
    return max((kill.limit_bytes for kill in state.kills if kill.limit_bytes is not None), default=0)


def forget_old_kills(state: ContainerState, now_s: float, window_s: int, forecast_at_s: float | None) -> ContainerState:
    """The floor comes down when it has served, and is forgotten a window after the last kill.

    Where more than the limit that killed has been used since, a forecast made an hour after the kill or later knows
    the need, and how sudden it came: the floor goes. Else it comes down a day after the kill, to a fifth above the
    highest limit that killed.

    Args:
        state: the container's memory.
        now_s: Unix seconds.
        window_s: how long kills are remembered.
        forecast_at_s: when its forecast was made, Unix seconds; None without one.
    """
    if not state.kills:
        return state
    killed_at_s = state.kills[-1].at_s
    if now_s - killed_at_s > window_s:
        return replace(state, kills=(), kill_floor_bytes=0, need_seen_at_s=0.0)
    if state.need_seen_at_s and forecast_at_s is not None:
        known = forecast_at_s >= max(state.need_seen_at_s, killed_at_s + SEEN_FLOOR_S)
        return replace(state, kill_floor_bytes=0) if known else state
    kept = int(LASTING_FACTOR * highest_killer(state))
    lowered = now_s - killed_at_s > FULL_FLOOR_S and kept < state.kill_floor_bytes
    return replace(state, kill_floor_bytes=kept) if lowered else state


def cgroup_may_be_stale(container: ContainerView, attempt: Attempt | None) -> bool:
    """Whether the last resize may not have reached the kernel: it came between a kill and the next start.

    The kubelet then leaves the pod's cgroup at the old limit while the status shows the new one; only another value
    makes it write again. Who was not watching at the time goes by the times: those of starts have whole seconds, so a
    resize in the second of a start counts as after it.
    """
    if container.held_bytes is not None:
        return True
    kill, started_s = container.last_kill, container.running_since_s
    if attempt is None or kill is None or started_s is None:
        return False
    return kill.at_s - SAME_KILL_S <= attempt.at_s < started_s


def trap(pod: PodView) -> str:
    """What keeps a pod from living, where raises do not reach the kernel: its container dies too soon; else empty."""
    for each in pod.containers:
        if each.held_bytes is not None and each.vain_kills >= VAIN_KILLS:
            held, told = in_mebibytes(each.held_bytes), in_mebibytes((each.actual or each.size).limit_bytes)
            return (
                f"{each.name} dies before a higher limit reaches the kernel, which holds it to {held}"
                f" while its status shows {told}; a new pod has it from its start"
            )
    return ""
