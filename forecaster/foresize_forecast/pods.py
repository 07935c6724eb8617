"""What the brain is told of the cluster: pods, their containers, and the room around them. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from foresize_forecast.heaps import Heap
from foresize_forecast.sizes import QosClass, Size


class ResizePhase(StrEnum):
    """Where a resize of a pod stands, as the kubelet tells it."""

    NONE = "None"
    IN_PROGRESS = "InProgress"
    DEFERRED = "Deferred"
    """Fits the node, but not now."""
    INFEASIBLE = "Infeasible"
    """Can never be on this node."""
    ERROR = "Error"
    """Accepted, but the runtime refuses it, for example a limit below usage."""


@dataclass(frozen=True, slots=True)
class Resize:
    """The state of a pod's last resize, with the kubelet's own words."""

    phase: ResizePhase = ResizePhase.NONE
    message: str = ""
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """A container ended by the kernel for lack of memory."""

    at_s: float
    limit_bytes: int | None
    """The limit in force when it was killed; None where it had none (the node ran out)."""


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container of a running pod that can be resized: main containers and native sidecars."""

    name: str
    size: Size
    """As the pod's spec says."""
    actual: Size | None
    """As the kubelet says is in force; None until it says so (a resize is refused until then)."""
    running_since_s: float | None
    """None while it waits, for example in back-off, and after its end."""
    restarts: int = 0
    last_kill: Kill | None = None
    restarts_on_resize: bool = False
    """resizePolicy: RestartContainer for memory."""
    sidecar: bool = False
    cpu_guaranteed: bool = False
    """CPU request equals CPU limit, so that memory request equal to limit would make the container Guaranteed."""
    heap: Heap | None = None
    """The bound that its process keeps its heap to, where its flags tell of one."""
    held_bytes: int | None = None
    """A lower limit than the one that is told, which the kernel may still hold it to; None where there is none."""
    vain_kills: int = 0
    """How often it was killed since at that one."""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod, trimmed to what sizing needs."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    revision: str
    """pod-template-hash or controller-revision-hash; empty where the owner has no revisions."""
    owner: str
    """`Kind/name` of its controller, a ReplicaSet of a Deployment already folded to `Deployment/name`; empty: none."""
    node: str
    qos: QosClass
    created_s: float
    ready: bool
    terminating: bool
    labels: dict[str, str] = field(hash=False)
    containers: tuple[ContainerView, ...]
    init_memory_bytes: int = 0
    """The highest request of its ordinary init containers: part of what the scheduler counts."""
    resize: Resize = Resize()
    pod_level_resources: bool = False
    ignored: bool = False
    """Opted out by `foresize.dev/ignore` on the pod."""
    owner_uid: str = ""
    undisturbed: str = ""
    """The annotation by which it asks not to be evicted; empty if it does not."""
    sized_at_creation: bool = False
    """Whether the API server gave it its size when it was created, by its annotation."""
    priority: int = 0
    """Of its PriorityClass: of two pods the kubelet, too, evicts the lower one first."""
    rewriter: str = ""
    """Who, beside us, last wrote any of its containers' memory that is there now, by the API server's record."""

    def container(self, name: str) -> ContainerView | None:
        """The container of that name, if it has one."""
        return next((c for c in self.containers if c.name == name), None)


@dataclass(frozen=True, slots=True)
class Room:
    """What bounds a pod's memory beside its policy. None: no such bound.

    Attributes:
        node_free_bytes: allocatable memory of its node less the requests of all pods there, this one included.
        node_allocatable_bytes: of its node; a request above it is refused at once.
        node_cannot_resize: why nothing can be resized on its node; empty where it can.
        container_min_bytes: LimitRange minimum of a container, for requests.
        container_max_bytes: LimitRange maximum of a container, for limits.
        limit_ratio_max: LimitRange maximum of limit over request.
        pod_min_bytes: LimitRange minimum of a pod, for the sum of its requests.
        pod_max_bytes: LimitRange maximum of a pod, for the sum of its limits.
        pod_ratio_max: LimitRange maximum of the one sum over the other.
        quota_request_free_bytes: what is left of ResourceQuota `requests.memory` in the namespace.
        quota_limit_free_bytes: what is left of ResourceQuota `limits.memory` in the namespace.
    """

    node_free_bytes: int | None = None
    node_allocatable_bytes: int | None = None
    node_cannot_resize: str = ""
    container_min_bytes: int | None = None
    container_max_bytes: int | None = None
    limit_ratio_max: float | None = None
    pod_min_bytes: int | None = None
    pod_max_bytes: int | None = None
    pod_ratio_max: float | None = None
    quota_request_free_bytes: int | None = None
    quota_limit_free_bytes: int | None = None
