"""Which limit the kernel holds a container to, from one look at its pod to the next. Pure: no API, no clock.

A resize that reaches the kubelet while its container is dead or in back-off leaves the pod's cgroup at the old limit,
though the status shows the new one (Kubernetes 1.36.3; kubernetes/kubernetes#138760). What tells the two apart is when
the status changes: within a run of the container it is the runtime's word, between two runs only the spec's.
"""

from __future__ import annotations

from dataclasses import replace

from foresize_forecast.pods import ContainerView, Kill, PodView


def carried(before: PodView | None, now: PodView) -> PodView:
    """The pod as it is told of now, with what was seen of it before.

    A kill keeps the limit that it met. A resize of one container of a running pod writes the cgroup of the whole pod;
    a pod with a container that has no limit has none in its cgroup, so that nothing can be left there.
    """
    if before is None:
        return now
    bound = all(each.size.limit_bytes is not None for each in now.containers)
    reached = not bound or any(_took_effect(before.container(each.name), each) for each in now.containers)
    containers = (_carried(before.container(each.name), each, reached=reached) for each in now.containers)
    return replace(now, containers=tuple(containers))


def _took_effect(was: ContainerView | None, now: ContainerView) -> bool:
    """Whether a limit has changed under a container that runs on."""
    if was is None or was.restarts != now.restarts or was.running_since_s is None or now.running_since_s is None:
        return False
    return was.actual is not None and now.actual is not None and was.actual.limit_bytes != now.actual.limit_bytes


def _carried(was: ContainerView | None, now: ContainerView, *, reached: bool) -> ContainerView:
    if was is None:
        return now
    kill = _kill(was, now)
    held = None if reached else _held_bytes(was, now)
    if held is None:
        return replace(now, last_kill=kill)
    vain = was.vain_kills + (was.held_bytes is not None and kill is not was.last_kill)
    return replace(now, last_kill=kill, held_bytes=held, vain_kills=vain)


def _held_bytes(was: ContainerView, now: ContainerView) -> int | None:
    """The lower limit that may still be in the pod's cgroup; None where there is none."""
    held, told = was.held_bytes, _limit_bytes(now)
    if held is None and was.actual is not None and now.actual is not None:
        held = was.actual.limit_bytes
    return held if held is not None and told is not None and held < told else None


def _kill(was: ContainerView, now: ContainerView) -> Kill | None:
    """The last kill, with the limit that was in force when it was first told of."""
    if now.last_kill is None or (was.last_kill is not None and was.last_kill.at_s == now.last_kill.at_s):
        return was.last_kill if now.last_kill is not None else None
    limits = [each for each in (was.held_bytes, _limit_bytes(was)) if each is not None]
    return replace(now.last_kill, limit_bytes=min(limits, default=None))


def _limit_bytes(container: ContainerView) -> int | None:
    """As the status tells it."""
    return (container.actual or container.size).limit_bytes
