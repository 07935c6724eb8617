"""A workload as sizing sees it: its pods' selector, its template's sizes, whether a rollout is under way. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubernetes.utils import parse_quantity

from foresize.cluster import ownership
from foresize.cluster.managedfields import replicas_writer
from foresize.config.quantities import memory_bytes
from foresize_forecast.resizing.templateplan import NOTHING, Held
from foresize_forecast.runs.schedule import Schedule
from foresize_forecast.sizes import QosClass, Size

IGNORE = "foresize.dev/ignore"
EVICT = "foresize.dev/evict"
WAKE = "foresize.dev/wake"
BUILT_IN = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
}
"""Kinds of apps/v1 that a selector finds; any other kind with a scale subresource is found by reference."""
BUILT_IN_VERSION = "apps/v1"
BATCH = {"CronJob": "cronjobs", "Job": "jobs"}
"""Kinds of batch/v1, whose pods are runs that end. A selector finds CronJobs; a Job is found by reference."""
BATCH_VERSION = "batch/v1"
GROUP = "PodLabel"
GROUP_VERSION = "v1"
"""Pods of one value of a label, that nothing else holds together; named `label=value`."""
POD = "Pod"
POD_VERSION = "v1"
"""A pod that nothing owns."""
SCHEDULED = re.compile(r"Job/(?P<name>.+)-(?:2[5-9]|[3-9][0-9])[0-9]{6}", re.ASCII)
"""A CronJob's Job has the minute of its schedule since 1970 behind the name, as the admission policy takes it too: of
2017 and later, which a date such as 20261122 is not."""
TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
"""Kinds whose pods follow their template: by a rollout, or with the next run."""
DOING = ("name", "image", "command", "args", "env", "envFrom")
"""The parts of a container by which it needs another size of memory."""
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """What owns pods that are alike.

    Attributes:
        selector: a label selector as Kubernetes has it, for its pods.
        template: memory of the containers and native sidecars in its pod template; empty where the kind hides it.
        qos: the class that the template gives its pods.
        rollout: what a rollout that is under way waits for; empty if there is none.
        ignored: opted out by label or annotation.
        held: by container name, what its template says and who else wrote it.
        templated: whether any memory in its template was written by us.
        before: by container name, what another had written where we took it over.
        sidecars: names of the native sidecars in its template.
        cpu_pinned: whether every container's CPU request is its limit.
        evict: what its owner says of evictions by label or annotation: True also of a single replica, False never.
        pods: names of its newest pods, where names and owners do not tell whose they are.
        init: memory of the ordinary init containers in its pod template.
        schedule: when its runs start, where it says so.
        revision: what its runs do, in short: another one after a change of image, command, arguments or environment.
        wake: what its annotation asks of a workload that was scaled to zero; empty where it asks for nothing.
        loses_claims: whether scaling it to zero deletes volumes.
        replicas_by: who last wrote how many replicas it has; empty where that is not on record.
    """

    namespace: str
    api_version: str
    kind: str
    name: str
    uid: str
    labels: Mapping[str, str]
    selector: Json
    template: Mapping[str, Size]
    qos: QosClass
    replicas: int
    rollout: str = ""
    ignored: bool = False
    held: Mapping[str, Held] = field(default_factory=dict)
    templated: bool = False
    before: Mapping[str, Size] = field(default_factory=dict)
    sidecars: frozenset[str] = frozenset()
    cpu_pinned: bool = False
    evict: bool | None = None
    pods: tuple[str, ...] = ()
    init: Mapping[str, Size] = field(default_factory=dict)
    schedule: Schedule | None = None
    revision: str = ""
    wake: str = ""
    loses_claims: bool = False
    replicas_by: str = ""

    @property
    def owners(self) -> Mapping[str, Size]:
        """By container name, what its template says without us: the way back."""
        ours = {name for name, each in self.held.items() if self.templated and not each.owner}
        return {name: self.before.get(name, NOTHING) if name in ours else size for name, size in self.template.items()}

    @property
    def runs(self) -> bool:
        """Whether its pods are runs, each sized by those before it."""
        return self.api_version == BATCH_VERSION or self.is_group

    @property
    def is_group(self) -> bool:
        """Whether a label holds its pods together, and nothing else."""
        return (self.api_version, self.kind) == (GROUP_VERSION, GROUP)

    @property
    def is_bare_pod(self) -> bool:
        """Whether it is a pod that nothing owns: nothing would bring it back."""
        return (self.api_version, self.kind) == (POD_VERSION, POD)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, `Kind/name`)."""
        return (self.namespace, f"{self.kind}/{self.name}")


def read(item: Json, kind: str, api_version: str = BUILT_IN_VERSION) -> Workload:
    """A workload from its JSON."""
    metadata, spec = item["metadata"], item.get("spec", {})
    pod = _template(_job_of(spec) if kind == "CronJob" else spec)
    sizes = template_sizes(pod)
    return Workload(
        namespace=metadata["namespace"],
        api_version=api_version,
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        labels=metadata.get("labels") or {},
        selector=spec.get("selector") or {},
        template=sizes,
        init={each["name"]: size_of(each.get("resources")) for each in ordinary_init(pod)},
        qos=qos_of(pod),
        replicas=_replicas(item, kind),
        rollout=_rollout(item, kind) if api_version == BUILT_IN_VERSION else "",
        ignored=opted_out(metadata),
        held=ownership.held(item, sizes),
        templated=ownership.is_ours(item),
        before={name: size for name, size in ownership.before(item).items() if name in sizes},
        sidecars=frozenset(each["name"] for each in _sidecars(pod)),
        cpu_pinned=bool(sizes) and all(_pinned(block, "cpu") for block in _blocks(pod)),
        schedule=Schedule(spec.get("schedule", ""), spec.get("timeZone") or "") if kind == "CronJob" else None,
        revision=_revision(pod) if kind in BATCH else "",
        evict={"true": True, "false": False}.get(_mark(metadata, EVICT)),
        wake=_mark(metadata, WAKE).removeprefix("false"),
        loses_claims=(spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled") == "Delete",
        replicas_by=replicas_writer(metadata),
    )


def group(namespace: str, name: str, template: Mapping[str, Size], qos: QosClass, pods: tuple[str, ...]) -> Workload:
    """The pods of one value of a label; `name` is `label=value`."""
    label, _, value = name.partition("=")
    selector = {"matchLabels": {label: value}}
    return Workload(namespace, GROUP_VERSION, GROUP, name, "", {}, selector, template, qos, replicas=1, pods=pods)


def spoken(workload: str) -> list[str]:
    """The parts of `NAMESPACE/[KIND/]NAME`, as people write it; the name of a group of pods may have a slash."""
    parts = workload.split("/")
    return workload.split("/", 2) if parts[1:2] == [GROUP] else parts


def may_be_grouped(owner: str) -> bool:
    """Whether a label may say whose pod it is: it has no controller (empty), or a Job that no CronJob made."""
    return not owner or (owner.startswith("Job/") and not scheduled(owner))


def scheduled(owner: str) -> str:
    """The CronJob of a Job by its name, both as `Kind/name`; empty where the name is not like that."""
    found = SCHEDULED.fullmatch(owner)
    return f"CronJob/{found['name']}" if found else ""


def _job_of(spec: Json) -> Json:
    found = (spec.get("jobTemplate") or {}).get("spec")
    return found if isinstance(found, Mapping) else {}


def _template(spec: Json) -> Json:
    """The pod spec of a template; empty where a kind of somebody else means something different by the word."""
    template = spec.get("template")
    pod = template.get("spec") if isinstance(template, Mapping) else None
    return pod if isinstance(pod, Mapping) and isinstance(pod.get("containers"), list) else {}


def template_sizes(pod: Json) -> dict[str, Size]:
    """Memory of each container that can be resized: main containers and native sidecars."""
    return {container["name"]: size_of(container.get("resources")) for container in resizable(pod)}


def resizable(pod: Json) -> list[Json]:
    """The containers of a pod spec that run as long as the pod does."""
    return [*(pod.get("containers") or []), *_sidecars(pod)]


def _revision(pod: Json) -> str:
    """A digest of what the containers of a pod spec do; what they get of memory is not part of it."""
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    doing = [{part: each[part] for part in DOING if part in each} for each in containers]
    return hashlib.sha256(json.dumps(doing, sort_keys=True).encode()).hexdigest()[:10]


def _sidecars(pod: Json) -> list[Json]:
    return [each for each in pod.get("initContainers") or [] if each.get("restartPolicy") == "Always"]


def ordinary_init(pod: Json) -> list[Json]:
    """The init containers of a pod spec that end before the others start."""
    return [each for each in pod.get("initContainers") or [] if each.get("restartPolicy") != "Always"]


def size_of(resources: Json | None) -> Size:
    """Memory request and limit of a `resources` block; a request that is left out is the limit, as Kubernetes does."""
    requests, limits = (resources or {}).get("requests") or {}, (resources or {}).get("limits") or {}
    limit = memory_bytes(limits["memory"]) if "memory" in limits else None
    request = memory_bytes(requests["memory"]) if "memory" in requests else limit
    return Size(request, limit)


def qos_of(pod: Json) -> QosClass:
    """The class that Kubernetes gives a pod of this spec (kubernetes pkg/apis/core/v1/helper/qos, `ComputePodQOS`)."""
    blocks = _blocks(pod)
    named = [{**(block.get("requests") or {}), **(block.get("limits") or {})} for block in blocks]
    if not any(name in each for each in named for name in ("cpu", "memory")):
        return QosClass.BEST_EFFORT
    guaranteed = all(_pinned(block, name) for block in blocks for name in ("cpu", "memory"))
    return QosClass.GUARANTEED if guaranteed else QosClass.BURSTABLE


def _blocks(pod: Json) -> list[Json]:
    """The `resources` of all containers."""
    return [each.get("resources") or {} for kind in ("initContainers", "containers") for each in pod.get(kind) or []]


def opted_out(metadata: Json) -> bool:
    """Whether a label or an annotation asks to be left alone."""
    return _mark(metadata, IGNORE) == "true"


def _mark(metadata: Json, name: str) -> str:
    """What a label or an annotation of ours says, in small letters; empty where there is none."""
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return str(marks.get(name, "")).lower()


def _pinned(block: Json, name: str) -> bool:
    """Whether request equals limit, however each is written (`1Gi`, `1024Mi`)."""
    limit = (block.get("limits") or {}).get(name)
    request = (block.get("requests") or {}).get(name, limit)
    return limit is not None and bool(parse_quantity(request) == parse_quantity(limit))


def _replicas(item: Json, kind: str) -> int:
    if kind == "DaemonSet":
        return int(item.get("status", {}).get("desiredNumberScheduled", 0))
    if kind in BATCH:
        spec = item.get("spec", {})
        return int((_job_of(spec) if kind == "CronJob" else spec).get("parallelism", 1))
    return int(item.get("spec", {}).get("replicas", 1))


def _rollout(item: Json, kind: str) -> str:
    """What a rollout that Kubernetes drives itself waits for; empty also where pods are merely added or lost.

    Pods that only their owner replaces (OnDelete, below a partition) may stay as they are for good: no reason to wait.
    """
    status = item.get("status", {})
    if kind == "ReplicaSet":
        return ""
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return "its controller has not seen its newest version"
    present, updated = {
        "Deployment": (status.get("replicas", 0), status.get("updatedReplicas", 0)),
        "StatefulSet": _ordered(item),
        "DaemonSet": (status.get("currentNumberScheduled", 0), status.get("updatedNumberScheduled", 0)),
    }.get(kind, (0, 0))
    by_owner = item.get("spec", {}).get("updateStrategy", {}).get("type") == "OnDelete"
    if by_owner or updated >= present:
        return ""
    return f"{present - updated} of {present} pods are of an older version"


def _ordered(item: Json) -> tuple[int, int]:
    """(pods that should be of the newest revision, pods that are) of a StatefulSet."""
    spec, status = item.get("spec", {}), item.get("status", {})
    if status.get("updateRevision") == status.get("currentRevision"):
        return (0, 0)
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0
    return (max(0, status.get("replicas", 0) - partition), status.get("updatedReplicas", 0))
