"""What a Pod's JSON says of memory, as the brain's `PodView`. Pure: no API, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from foresize.cluster.heapflags import heap_of
from foresize.cluster.managedfields import POD, memory_writers
from foresize.cluster.workloads import EVICT, opted_out, ordinary_init, qos_of, resizable, size_of
from foresize.config.quantities import instant_s, memory_bytes
from foresize.kube.kubeapi import MANAGER
from foresize_forecast.pods import ContainerView, Kill, PodView, Resize, ResizePhase
from foresize_forecast.sizes import QosClass, Size

Json = Mapping[str, Any]
MAKERS = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
"""Who makes ReplicaSets, by the label of their pods that has the end of the ReplicaSet's name."""
REVISION_LABELS = (*MAKERS, "controller-revision-hash")
PENDING = {"Deferred": ResizePhase.DEFERRED, "Infeasible": ResizePhase.INFEASIBLE}
FINISHED = ("Succeeded", "Failed")
SIZED_AT_CREATION = "foresize.dev/sized-at-creation"
"""What the admission policy, or the webhook, notes on a pod: containers whose sizes are not their owner's."""
UNDISTURBED = {
    "karpenter.sh/do-not-disrupt": True,
    "cluster-autoscaler.kubernetes.io/safe-to-evict": False,
    EVICT: False,
}
"""Annotations of pods that ask for them not to be evicted, and whether by a yes (of Karpenter's, a time is one as well)
or by a no: Karpenter's, the Cluster Autoscaler's and our own."""


def view(pod: Json) -> PodView:
    """A pod as sizing sees it."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    labels = metadata.get("labels") or {}
    owner, owner_uid = _owner(metadata)
    return PodView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata.get("resourceVersion", ""),
        revision=next((labels[label] for label in REVISION_LABELS if label in labels), ""),
        owner=owner,
        node=spec.get("nodeName", ""),
        qos=QosClass(status["qosClass"]) if status.get("qosClass") else qos_of(spec),
        created_s=instant_s(metadata.get("creationTimestamp")) or 0.0,
        ready=_condition(pod, "Ready").get("status") == "True",
        terminating=metadata.get("deletionTimestamp") is not None,
        labels=labels,
        containers=tuple(_container(container, pod) for container in resizable(spec)),
        init_memory_bytes=max((_asked(each) for each in ordinary_init(spec)), default=0),
        resize=_resize(pod),
        pod_level_resources=bool(spec.get("resources")),
        ignored=opted_out(metadata),
        owner_uid=owner_uid,
        undisturbed=_undisturbed(metadata.get("annotations") or {}),
        sized_at_creation=SIZED_AT_CREATION in (metadata.get("annotations") or {}),
        priority=spec.get("priority") or 0,
        rewriter=_rewriter(metadata),
    )


def finished(pod: Json) -> bool:
    """Whether all of its containers have ended for good: it holds no memory and no place."""
    return (pod.get("status") or {}).get("phase") in FINISHED


def requested_bytes(pod: Json) -> int:
    """Memory that the scheduler counts for a pod on its node.

    The higher of what runs together (main containers and sidecars) and what runs before it: each init container beside
    the sidecars that were started ahead of it. What the kubelet holds counts beside what the spec asks, because until
    a resize is done the node has to have room for both.

    Source: kubernetes component-helpers resource `PodRequests` with `UseStatusResources`.
    Worked: app 100Mi, sidecar 50Mi, then an init container of 120Mi -> max(150, 50 + 120) = 170Mi.
    """
    if finished(pod):
        return 0
    spec, statuses = pod.get("spec") or {}, _statuses(pod)
    infeasible = _resize(pod).phase is ResizePhase.INFEASIBLE
    sidecars, before = 0, 0
    for container in spec.get("initContainers") or []:
        if container.get("restartPolicy") == "Always":
            sidecars += _counted(container, statuses, infeasible=infeasible)
            before = max(before, sidecars)
        else:
            before = max(before, sidecars + _asked(container))
    together = sum(_counted(each, statuses, infeasible=infeasible) for each in spec.get("containers") or [])
    whole = max(before, together + sidecars)
    if "memory" in ((spec.get("resources") or {}).get("requests") or {}):
        whole = memory_bytes(spec["resources"]["requests"]["memory"])
    overhead = (spec.get("overhead") or {}).get("memory")
    return whole + (memory_bytes(overhead) if overhead else 0)


def _undisturbed(annotations: Mapping[str, str]) -> str:
    """The annotation that asks not to be evicted, as it is written; empty if none does."""
    said = {name: annotations[name].lower() for name in UNDISTURBED if name in annotations}
    return next((f'{name}: "{value}"' for name, value in said.items() if (value != "false") is UNDISTURBED[name]), "")


def _owner(metadata: Json) -> tuple[str, str]:
    """(`Kind/name`, uid) of the controller; the uid is the direct owner's."""
    owner = next((each for each in metadata.get("ownerReferences") or [] if each.get("controller")), None)
    if owner is None:
        return "", ""
    kind, name = owner["kind"], owner["name"]
    for label, maker in MAKERS.items():
        template_hash = (metadata.get("labels") or {}).get(label)
        if kind == "ReplicaSet" and template_hash and name.endswith(f"-{template_hash}"):
            return f"{maker}/{name.removesuffix(f'-{template_hash}')}", owner.get("uid", "")
    return f"{kind}/{name}", owner.get("uid", "")


def _rewriter(metadata: Json) -> str:
    """Who, beside us, last wrote any of its containers' memory that is there now."""
    others = [each for each in memory_writers(metadata, POD) if each.manager != MANAGER]
    return max(others, key=lambda each: each.at).manager if others else ""


def _container(container: Json, pod: Json) -> ContainerView:
    status = _statuses(pod).get(container["name"], {})
    resources = container.get("resources") or {}
    size = size_of(resources)
    actual = _actual(status, resources)
    running = (status.get("state") or {}).get("running") or {}
    return ContainerView(
        name=container["name"],
        size=size,
        actual=actual,
        running_since_s=instant_s(running.get("startedAt")),
        restarts=status.get("restartCount", 0),
        last_kill=_last_kill(status, pod, (actual or size).limit_bytes),
        restarts_on_resize=any(
            rule.get("resourceName") == "memory" and rule.get("restartPolicy") == "RestartContainer"
            for rule in container.get("resizePolicy") or []
        ),
        sidecar=container.get("restartPolicy") == "Always",
        cpu_guaranteed=_cpu_guaranteed(resources),
        heap=heap_of(container),
    )


def _actual(status: Json, wanted: Json) -> Size | None:
    """What the kubelet says is in force. It tells the new request before the old limit is gone: the limit bounds it."""
    told = status.get("resources")
    if told is None or (wanted and not told):
        return None
    request, limit = ((told.get(part) or {}).get("memory") for part in ("requests", "limits"))
    if request and limit and memory_bytes(request) > memory_bytes(limit):
        return size_of({"limits": {"memory": limit}})
    return size_of(told)


def _last_kill(status: Json, pod: Json, limit_bytes: int | None) -> Kill | None:
    """The newest end by the kernel's OOM killer that the status still tells of."""
    for state in ("state", "lastState"):
        ended = (status.get(state) or {}).get("terminated") or {}
        if ended.get("reason") == "OOMKilled":
            return Kill(_ended_s(ended, status, pod), limit_bytes)
    return None


def _ended_s(ended: Json, status: Json, pod: Json) -> float:
    """When a container ended; where the runtime lost that, the next thing that is known to have happened."""
    running = (status.get("state") or {}).get("running") or {}
    ready = _condition(pod, "Ready")
    times = (ended.get("finishedAt"), running.get("startedAt"), ready.get("lastTransitionTime"))
    known = (instant_s(text) for text in (*times, pod["metadata"].get("creationTimestamp")))
    return next((at_s for at_s in known if at_s is not None and at_s > 0), 0.0)


def _resize(pod: Json) -> Resize:
    pending, working = _condition(pod, "PodResizePending"), _condition(pod, "PodResizeInProgress")
    if pending.get("status") == "True":
        return _told(PENDING.get(pending.get("reason", ""), ResizePhase.DEFERRED), pending)
    if working.get("status") == "True":
        failed = working.get("reason") == "Error"
        return _told(ResizePhase.ERROR if failed else ResizePhase.IN_PROGRESS, working)
    return Resize()


def _told(phase: ResizePhase, condition: Json) -> Resize:
    return Resize(phase, condition.get("message", ""), instant_s(condition.get("lastTransitionTime")))


def _condition(pod: Json, kind: str) -> Json:
    conditions: Iterable[Json] = (pod.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def _statuses(pod: Json) -> dict[str, Json]:
    """Status by container name, of main and init containers."""
    status = pod.get("status") or {}
    told = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return {each["name"]: each for each in told}


def _asked(container: Json) -> int:
    return size_of(container.get("resources")).request_bytes or 0


def _counted(container: Json, statuses: Mapping[str, Json], *, infeasible: bool) -> int:
    """What a running container holds of its node; an infeasible resize is not going to need its room."""
    status = statuses.get(container["name"], {})
    actual = ((status.get("resources") or {}).get("requests") or {}).get("memory")
    allocated = (status.get("allocatedResources") or {}).get("memory")
    held = [memory_bytes(each) for each in (actual, allocated) if each]
    if infeasible and held:
        return max(held)
    return max(_asked(container), *held) if held else _asked(container)


def _cpu_guaranteed(resources: Json) -> bool:
    limit = (resources.get("limits") or {}).get("cpu")
    return limit is not None and (resources.get("requests") or {}).get("cpu", limit) == limit
