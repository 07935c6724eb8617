"""A workload under its policy, with all around it that bears on its pods: what a look at it needs. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from foresize.cluster.autoscalers import Scaler
from foresize.cluster.guard import ROLLING_OUT, Assignment
from foresize.cluster.targets import Inventory
from foresize.cluster.workloads import BUILT_IN_VERSION, POD, TEMPLATED, Workload, may_be_grouped, scheduled
from foresize.config.labels import matches
from foresize.config.policy import Policy
from foresize.reporting.records import Subject
from foresize_forecast.forecasting.tiers import names
from foresize_forecast.moving.disruption import Crew
from foresize_forecast.pods import PodView, Room
from foresize_forecast.sizes import QosClass, Size

KEPT_S = 7 * 86_400.0
"""A MemoryForecast is kept this long after its workload has gone: what kills taught survives a recreation."""
BARE_POD_KEPT_S = 86_400.0
"""The same of a bare pod: many are of a name that never comes again."""


@dataclass(frozen=True, slots=True)
class Managed:
    """One workload to look at.

    Attributes:
        workload: as it was read.
        policy: the one that is responsible for it.
        quiet: one word why nothing is written to it; empty if it may be.
        quiet_message: the same in a sentence.
        bounds: of its containers: the namespace's LimitRange, and the largest node.
        quota: what its namespace's quotas leave.
        node_allocatable_bytes: by node.
        node_requested_bytes: by node, requests of all pods there.
        node_cannot_resize: by node, why nothing can be resized there.
        scaler: who else says how many replicas it has; None: nobody.
        node_types: by node, what kind of machine it is.
    """

    workload: Workload
    policy: Policy
    quiet: str = ""
    quiet_message: str = ""
    bounds: Room = field(default_factory=Room)
    quota: Room = field(default_factory=Room)
    node_allocatable_bytes: Mapping[str, int] = field(default_factory=dict)
    node_requested_bytes: Mapping[str, int] = field(default_factory=dict)
    node_cannot_resize: Mapping[str, str] = field(default_factory=dict)
    scaler: Scaler | None = None
    node_types: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, `Kind/name`)."""
        return self.workload.key

    @property
    def subject(self) -> Subject:
        """What its MemoryForecast is about."""
        workload, policy = self.workload, self.policy
        owner = (policy.name, policy.uid, policy.kind)
        return Subject(workload.namespace, workload.api_version, workload.kind, workload.name, *owner)

    @property
    def resizes(self) -> bool:
        """Whether running pods are resized now; in a rollout they are, but only upwards (`distrust`)."""
        return self.policy.in_place and self.quiet in {"", ROLLING_OUT}

    @property
    def distrust(self) -> str:
        """Why nothing may be lowered, beside what its samples say."""
        return self.quiet_message if self.quiet == ROLLING_OUT else ""

    @property
    def templates(self) -> bool:
        """Whether its pod template is written; a rollout is waited for."""
        return self.policy.template and self.quiet in {"", ROLLING_OUT} and self.workload.kind in TEMPLATED

    @property
    def creates(self) -> bool:
        """Whether new pods get their size. A rollout is the moment for it, not a reason against it."""
        return self.policy.at_creation and self.quiet in {"", ROLLING_OUT}

    def owns(self, pod: PodView) -> bool:
        """Whether a pod is one of its own."""
        return owns(self.workload, pod)

    def template(self, pods: tuple[PodView, ...]) -> Mapping[str, Size]:
        """Sizes as its owner wrote them; where the kind hides its template, as its pods have them now."""
        if self.workload.template or not pods:
            return self.workload.template
        return {view.name: view.size for view in pods[0].containers}

    def qos(self, pods: tuple[PodView, ...]) -> QosClass:
        """The class of its pods: theirs where there are some, for a LimitRange's defaults count too."""
        return pods[0].qos if pods else self.workload.qos

    def names(self, pods: Iterable[PodView]) -> dict[str, tuple[str, ...]]:
        """By pod, what it is known by for longer than it lives: kinds of others may do as they like with names."""
        if self.workload.api_version != BUILT_IN_VERSION:
            return {}
        kind, types = self.workload.kind, self.node_types
        # An ordinal that is just being started anew is one still.
        ordinals = range(self.workload.replicas if kind == "StatefulSet" else 0)
        coming = {each: names(kind, each, "", "") for each in (f"{self.workload.name}-{n}" for n in ordinals)}
        return coming | {pod.name: names(kind, pod.name, pod.node, types.get(pod.node, "")) for pod in pods}

    def room(self, pod: PodView) -> Room:
        """What a pod may grow by, on its node and in its namespace."""
        allocatable = self.node_allocatable_bytes.get(pod.node)
        free = None if allocatable is None else allocatable - self.node_requested_bytes.get(pod.node, 0)
        return replace(
            self.quota,
            node_free_bytes=free,
            node_allocatable_bytes=allocatable,
            node_cannot_resize=self.node_cannot_resize.get(pod.node, ""),
            pod_min_bytes=self.bounds.pod_min_bytes,
            pod_max_bytes=self.bounds.pod_max_bytes,
            pod_ratio_max=self.bounds.pod_ratio_max,
        )

    def crew(self, pods: tuple[PodView, ...]) -> Crew:
        """What bears on whether it can spare one of its pods."""
        return Crew(self.key, self.policy.uid, self.workload.replicas, pods, self.workload.evict, self.distrust)


def owns(workload: Workload, pod: PodView) -> bool:
    """Whether a pod is a workload's: by its controller, or by labels where the controller is not the target."""
    if pod.namespace != workload.namespace:
        return False
    key = workload.key[1]
    if workload.is_group:
        return may_be_grouped(pod.owner) and matches(workload.selector, pod.labels)
    if workload.is_bare_pod:
        return not pod.owner and pod.name == workload.name
    if workload.runs:
        return key in {pod.owner, scheduled(pod.owner)}
    if pod.owner == key:
        return True
    return workload.api_version != BUILT_IN_VERSION and matches(workload.selector, pod.labels)


def kept_s(key: tuple[str, str]) -> float:
    """For how long what is remembered of a workload outlives it."""
    return BARE_POD_KEPT_S if key[1].startswith(f"{POD}/") else KEPT_S


def manage(
    assignment: Assignment,
    inventory: Inventory,
    node_requested_bytes: Mapping[str, int],
    daemons_bytes: Mapping[str, int],
) -> Managed:
    """Put together what one assignment needs.

    Args:
        assignment: a workload and who is responsible for it.
        inventory: what surrounds it.
        node_requested_bytes: by node, what the scheduler counts there.
        daemons_bytes: by node, what of it DaemonSets take: no other pod can ever have that.
    """
    namespace, quiet = assignment.workload.namespace, assignment.quiet
    taken = {} if assignment.workload.kind == "DaemonSet" else daemons_bytes
    rooms = [whole - taken.get(node, 0) for node, whole in inventory.node_allocatable_bytes.items()]
    return Managed(
        workload=assignment.workload,
        policy=assignment.policy,
        quiet=quiet.state if quiet else "",
        quiet_message=quiet.message if quiet else "",
        bounds=replace(
            inventory.limit_ranges.get(namespace, Room()),
            node_allocatable_bytes=max(rooms, default=None),
        ),
        quota=inventory.quotas.get(namespace, Room()),
        node_allocatable_bytes=inventory.node_allocatable_bytes,
        node_requested_bytes=node_requested_bytes,
        node_cannot_resize=inventory.node_cannot_resize,
        scaler=inventory.scalers.get(assignment.workload.key),
        node_types=inventory.node_types,
    )
