"""What a kill teaches: the limit doubles from the limit that killed, and the lesson is kept for a window.

Doubling reaches any need in its logarithm of kills: 20 MiB that should be 160 MiB takes three. Raising from the request
instead (as a request-based recommender does) never cures a limit.
"""

from __future__ import annotations

from dataclasses import replace

from foresize_forecast.pods import ContainerView, Kill
from foresize_forecast.state import KILLS_KEPT, Attempt, ContainerState

KILL_FACTOR = 2
FULL_FLOOR_S = 86_400
LASTING_FACTOR = 1.2
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
    kills = tuple(sorted((*state.kills, kill), key=lambda known: known.at_s))[-KILLS_KEPT:]
    if kill.limit_bytes is None:
        return replace(state, kills=kills)
    floor = max(KILL_FACTOR * kill.limit_bytes, state.kill_floor_bytes, state.limit_before_lowering or 0)
    return replace(state, kills=kills, kill_floor_bytes=floor, limit_before_lowering=None)


def forget_old_kills(state: ContainerState, now_s: float, window_s: int) -> ContainerState:
    """The floor comes down a day after the last kill, to a fifth above the highest limit that killed.

    By then the forecast has seen what the container really needs. The rest is forgotten a window after the last kill.
    """
    if not state.kills:
        return state
    since_s = now_s - state.kills[-1].at_s
    if since_s > window_s:
        return replace(state, kills=(), kill_floor_bytes=0)
    if since_s <= FULL_FLOOR_S:
        return state
    killers = [kill.limit_bytes for kill in state.kills if kill.limit_bytes is not None]
    kept = int(LASTING_FACTOR * max(killers, default=0))
    return replace(state, kill_floor_bytes=kept) if kept < state.kill_floor_bytes else state


def cgroup_may_be_stale(container: ContainerView, attempt: Attempt | None) -> bool:
    """Whether the last resize may not have reached the kernel: it came between a kill and the next start.

    The kubelet then leaves the pod's cgroup at the old limit while the status shows the new one; only another value
    makes it write again. Start times have whole seconds, so a resize in the second of a start counts as after it.
    """
    kill, started_s = container.last_kill, container.running_since_s
    if attempt is None or kill is None or started_s is None:
        return False
    return kill.at_s - SAME_KILL_S <= attempt.at_s < started_s
