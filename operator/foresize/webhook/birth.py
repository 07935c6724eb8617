"""What a new pod gets: the rules of the chart's `admission-policy.yaml`, rule for rule and under the same names.

A test on a real API server creates the same pods both ways and compares. Pure: a pod and what is known of its
namespace in, operations of a JSON patch out. What it writes must never be the reason that a pod is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foresize.webhook.amounts import amount, integer

Json = dict[str, Any]
IGNORE = "foresize.dev/ignore"
SIZED = "foresize.dev/sized-at-creation"
CRON_JOBS_JOB = re.compile(r"^.+-(2[5-9]|[3-9][0-9])[0-9]{6}$", re.ASCII)
"""A Job's name ends in the minutes since 1970 of its CronJob's schedule, and not in a date such as 20261122."""
REQUESTS, LIMITS = "requests", "limits"


@dataclass(frozen=True, slots=True)
class Unsized:
    """The pod is left as it is, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Sized:
    """The pod gets sizes."""

    patch: tuple[Json, ...]
    """Operations of a JSON patch (RFC 6902)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One container on its way to its size; `""` is no size."""

    place: str
    """Its JSON pointer: `/spec/containers/0`."""
    container: Mapping[str, Any]
    request: str
    limit: str
    known: bool = True
    """The pod is of a revision whose size has been proved."""

    @property
    def template_request(self) -> str:
        """What the pod says without us."""
        return memory(self.container, REQUESTS)

    @property
    def template_limit(self) -> str:
        """What the pod says without us."""
        return memory(self.container, LIMITS)


def birth(pod: Mapping[str, Any], sizes_by_workload: Mapping[str, Any], *, namespace_ignored: bool) -> Sized | Unsized:
    """What a pod that is being created gets.

    Args:
        pod: as the API server sends it, defaults filled in.
        sizes_by_workload: `spec.sizes` of its namespace's MemorySizes.
        namespace_ignored: its namespace has the annotation `foresize.dev/ignore: "true"`.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: pod or sizes are not what the API server lets be written.
    """
    if why := refused(pod):
        return Unsized(why)
    if namespace_ignored:
        return Unsized("ignored")
    key = workload(pod, sizes_by_workload)
    if not key:
        return Unsized("not owned")
    wants = asked(pod, sizes_by_workload.get(key, {}))
    if not wants:
        return Unsized("no sizes")
    if not readable(wants):
        return Unsized("unreadable")
    if best_effort(pod):
        return Unsized("BestEffort")
    result = [pinned_apart(bounded(each, pod), pod) for each in wanted(wants)]
    return Sized(tuple(patch(pod, result))) if result else Unsized("no sizes")


def refused(pod: Mapping[str, Any]) -> str:
    """The policy's match conditions: why a pod is none of ours, or nothing."""
    metadata = pod["metadata"]
    if metadata.get("ownerReferences") is None and metadata.get("labels") is None:
        return "not owned"
    if any((metadata.get(kind) or {}).get(IGNORE) == "true" for kind in ("labels", "annotations")):
        return "ignored"
    # Sizes of the pod as a whole bound those of its containers.
    return "pod-level resources" if pod["spec"].get("resources") is not None else ""


def workload(pod: Mapping[str, Any], sizes_by_workload: Mapping[str, Any]) -> str:
    """The key of a pod's sizes: what owns it, or a label that holds pods of generated names together.

    Such a label counts for pods without a controller, and for those of Jobs without sizes that no CronJob made.
    """
    owner = next((each for each in pod["metadata"].get("ownerReferences") or () if each.get("controller")), None)
    owned = "" if owner is None else controller(pod, owner, sizes_by_workload)
    if owned in sizes_by_workload or (
        owner is not None and (owner["kind"] != "Job" or CRON_JOBS_JOB.fullmatch(owner["name"]))
    ):
        return owned
    groups = (f"PodLabel/{name}={value}" for name, value in labels(pod).items())
    return min((each for each in groups if each in sizes_by_workload), default=owned)


def controller(pod: Mapping[str, Any], owner: Mapping[str, Any], sizes_by_workload: Mapping[str, Any]) -> str:
    """A ReplicaSet is folded to its Deployment or Argo Rollout, a Job to its CronJob where that has sizes."""
    kind, name = owner["kind"], owner["name"]
    for label, maker in (("pod-template-hash", "Deployment"), ("rollouts-pod-template-hash", "Rollout")):
        template_hash = labels(pod).get(label, "")
        if kind == "ReplicaSet" and template_hash and name.endswith(f"-{template_hash}"):
            return f"{maker}/{name.removesuffix(f'-{template_hash}')}"
    cron_job = f"CronJob/{name.rpartition('-')[0]}"
    if kind == "Job" and CRON_JOBS_JOB.fullmatch(name) and cron_job in sizes_by_workload:
        return cron_job
    return f"{kind}/{name}"


def revision(pod: Mapping[str, Any]) -> str:
    """Of which version of its workload a pod is."""
    has = labels(pod)
    names = ("pod-template-hash", "rollouts-pod-template-hash", "controller-revision-hash")
    return next((has[name] for name in names if has.get(name)), "")


def asked(pod: Mapping[str, Any], sizes: Mapping[str, Any]) -> list[Wanted]:
    """Each container that has a size, and what is asked for it; init containers too."""
    of = revision(pod)
    found = []
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(pod["spec"].get(kind) or []):
            size = sizes.get(container["name"])
            if size is None:
                continue
            known = "revisions" not in size or of in size["revisions"]
            place = f"/spec/{kind}/{index}"
            found.append(Wanted(place, container, size.get("request", ""), size.get("limit", ""), known))
    return found


def readable(wants: Iterable[Wanted]) -> bool:
    """One size that cannot be read leaves the whole pod as it is."""
    return all((integer(size) or 0) > 0 for each in wants for size in (each.request, each.limit) if size)


def wanted(wants: Iterable[Wanted]) -> list[Wanted]:
    """What was asked, or the template's size; a revision not seen before gets at least its template's size."""
    found = []
    for each in wants:
        request, limit = each.request or each.template_request, each.limit or each.template_limit
        if not each.known:
            request = larger(request, each.template_request)
            limit = larger(limit, each.template_limit) if each.template_limit else ""
        if request:
            found.append(replace(each, request=request, limit=limit))
    return found


def bounded(each: Wanted, pod: Mapping[str, Any]) -> Wanted:
    """Never a request above its limit; a Guaranteed pod stays Guaranteed."""
    if each.limit and (guaranteed(pod) or amount(each.request) > amount(each.limit)):
        return replace(each, request=each.limit)
    return each


def pinned_apart(each: Wanted, pod: Mapping[str, Any]) -> Wanted:
    """A Burstable pod stays Burstable: where only memory keeps it so, a request stays a byte below its limit."""
    if not each.limit or guaranteed(pod) or not pinned(pod, "cpu") or amount(each.request) != amount(each.limit):
        return each
    limit = integer(each.limit)
    if limit is None:
        raise ValueError(f"limit {each.limit} of {each.container['name']} is no whole number of bytes")
    return replace(each, request=str(limit - 1))


def guaranteed(pod: Mapping[str, Any]) -> bool:
    """The QoS class is made of all containers, also of those that are never sized."""
    return pinned(pod, "cpu") and pinned(pod, "memory")


def pinned(pod: Mapping[str, Any], resource: str) -> bool:
    """Every container requests as much of it as it may have."""
    return all(
        (limit := of(container, LIMITS, resource))
        and (request := of(container, REQUESTS, resource))
        and amount(limit) > 0
        and amount(request) == amount(limit)
        for container in containers(pod)
    )


def best_effort(pod: Mapping[str, Any]) -> bool:
    """No container asks for anything: with a request it would be another class."""
    return not any(
        (size := of(container, kind, resource)) and amount(size) > 0
        for container in containers(pod)
        for kind in (REQUESTS, LIMITS)
        for resource in ("cpu", "memory")
    )


def patch(pod: Mapping[str, Any], result: Sequence[Wanted]) -> list[Json]:
    """The operations that write sizes into a pod, and their names into an annotation of it; all else stays."""
    names = ",".join(each.container["name"] for each in result)
    annotations = {**(pod["metadata"].get("annotations") or {}), SIZED: names}
    return [
        *({"op": "add", "path": f"{each.place}/resources", "value": resources(each)} for each in result),
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]


def resources(each: Wanted) -> Json:
    """A container's resources with its memory as wanted: CPU, devices, claims and the rest as they are."""
    has = each.container.get("resources") or {}
    sizes = {REQUESTS: each.request, LIMITS: each.limit}
    return {**has, **{kind: {**(has.get(kind) or {}), "memory": size} for kind, size in sizes.items() if size}}


def containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All of them, init containers last."""
    return [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]


def labels(pod: Mapping[str, Any]) -> Mapping[str, str]:
    """The pod's labels."""
    found: Mapping[str, str] = pod["metadata"].get("labels") or {}
    return found


def memory(container: Mapping[str, Any], kind: str) -> str:
    """The memory that a container requests, or is limited to."""
    return of(container, kind, "memory")


def of(container: Mapping[str, Any], kind: str, resource: str) -> str:
    """One of a container's sizes, `""` where it has none."""
    found: str = ((container.get("resources") or {}).get(kind) or {}).get(resource, "")
    return found


def larger(one: str, other: str) -> str:
    """The larger of two sizes, the second where they are equal; nothing is smaller than any."""
    if not one or not other:
        return one or other
    return one if amount(one) > amount(other) else other
