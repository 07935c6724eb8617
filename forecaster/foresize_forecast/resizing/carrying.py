"""A raise for a container that waits to start again, carried into the kernel by another one of its pod that runs.

Between two runs of a container the kubelet leaves the pod's cgroup as it is, whatever the container's limit is by now
(Kubernetes 1.36.3). A new limit of a container that runs has it write the cgroup of the whole pod, with the raise: so
that one is written half a MiB off in the same patch. Tried on a real kubelet: in force after 40 ms.
"""

from __future__ import annotations

from collections.abc import Mapping

from foresize_forecast.deciding.choices import in_use_bytes
from foresize_forecast.deciding.state import Attempt
from foresize_forecast.pods import ContainerView, PodView
from foresize_forecast.sizes import MIB, QosClass, Size, WorkloadPolicy

HEALING_BYTES = MIB // 2
"""What a limit is written off, where only another value is written at all: as good, and no reason to write again."""
HEALING_PAUSE_S = 10
"""How long is waited for a limit to arrive: it does within a second."""


def carried(
    pod: PodView,
    sizes: Mapping[str, Size],
    targets: Mapping[str, Size],
    usage_bytes: Mapping[str, float],
    pace: WorkloadPolicy,
) -> dict[str, Size] | None:
    """What to patch while containers that were killed wait; None where none waits for more, or nobody runs beside it.

    Args:
        pod: with containers that wait.
        sizes: what its containers should have, those that differ.
        targets: by container name; one without a target is not ours to write.
        usage_bytes: by container name, newest working set; of those that are not trusted, none.
        pace: of its policy.
    """
    if any(each.size.limit_bytes is None for each in pod.containers):
        return None  # its cgroup has no limit that could be left behind
    raised = {each.name: sizes[each.name] for each in pod.containers if each.name in sizes and _waits_for(each, sizes)}
    if not raised:
        return None
    for each in pod.containers:
        target = targets.get(each.name)
        if each.running_since_s is None or each.restarts_on_resize or each.actual != each.size or target is None:
            continue
        own = sizes.get(each.name)
        if own is not None and _raises(each, own):
            return {**raised, each.name: own}
        most, used = getattr(pace.container(each.name), "max_bytes", None), usage_bytes.get(each.name)
        limit = _moved(each.size.limit_bytes or 0, target.limit_bytes, used, most)
        if limit is not None and (size := _with_limit(pod.qos, each, limit)) is not None:
            return {**raised, each.name: size}
    return None


def is_news(sizes: Mapping[str, Size], last: Attempt | None, now_s: float) -> bool:
    """Whether this was not asked for just now: what was asked is given time to arrive, a higher limit is not."""
    if last is None or now_s - last.at_s >= HEALING_PAUSE_S:
        return True
    before = {name: size.limit_bytes or 0 for name, size in last.asked.items()}
    return any((size.limit_bytes or 0) - before.get(name, 0) >= MIB for name, size in sizes.items())


def _waits_for(container: ContainerView, sizes: Mapping[str, Size]) -> bool:
    """Whether it is to start again, after a kill, with more than the kernel would give it."""
    if container.running_since_s is not None or container.last_kill is None:
        return False
    return container.held_bytes is not None or _raises(container, sizes[container.name])


def _raises(container: ContainerView, wanted: Size) -> bool:
    limit, has = wanted.limit_bytes, container.size.limit_bytes
    return limit is not None and has is not None and limit > has


def _moved(limit: int, target: int | None, usage_bytes: float | None, most: int | None) -> int | None:
    """Another limit, as good: towards the target, or below it down to its use.

    Where that is unknown it is above it, and from an odd half of a MiB back: however often, it comes no further.
    """
    up, down = limit + HEALING_BYTES, limit - HEALING_BYTES
    if usage_bytes is None and limit // HEALING_BYTES % 2:
        return down
    if target is None or up <= target:
        return up
    if usage_bytes is not None:
        return down if down >= in_use_bytes(usage_bytes) else None
    return up if most is None or up <= most else None


def _with_limit(qos: QosClass, container: ContainerView, limit: int) -> Size | None:
    """A size of this limit, with the present request where it fits below."""
    if qos is QosClass.GUARANTEED:
        return Size(limit, limit)
    request = container.size.request_bytes
    return None if request is not None and request >= limit else Size(request, limit)
