"""The door to pod templates: server-side apply of the memory of containers, and nothing else of a workload.

It checks the fence, sends what the brain decided and tells how it ended. Fields that another wrote are the API
server's to refuse, unless the order is to take them over; then what they said is written beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from foresize.cluster.managedfields import JOB_TEMPLATE, TEMPLATE
from foresize.cluster.ownership import BEFORE
from foresize.cluster.workloads import BATCH, BUILT_IN, Workload
from foresize.config.quantities import quantity
from foresize.doors.refused import Refused
from foresize.kube.kubeapi import MANAGER, Api, ApiError, NotFound
from foresize.kube.lease import Fence
from foresize_forecast.resizing.templateplan import NOTHING
from foresize_forecast.sizes import Size

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
UNPROCESSABLE = 422
"""What a JSON patch gets whose test fails."""
DISOWN_TRIES = 10
Json = dict[str, Any]


def write(api: Api, fence: Fence, workload: Workload, sizes: Mapping[str, Size], *, force: bool) -> Refused | None:
    """Be the writer of these sizes, and of no others.

    Returns:
        None where the template says so now (or the workload is gone), else why not.
    """
    if why := fence.refusal():
        return Refused(why, fenced=True)
    taken = {name: held.size for name, held in workload.held.items() if held.owner and name in sizes} if force else {}
    try:
        _apply(api, workload, sizes, dict(workload.before) | taken, force=force)
    except NotFound:
        return None
    except ApiError as error:
        return Refused(error.message)
    return None


def give_back(api: Api, fence: Fence, workload: Workload) -> Refused | None:
    """Be the writer of nothing in a template: what was absent is absent again, what was overwritten is back.

    Returns:
        None where that is so (or the workload is gone), else why not.
    """
    if why := fence.refusal():
        return Refused(why, fenced=True)
    ours = {name for name, held in workload.held.items() if not held.owner}
    owners = {name: size for name, size in workload.before.items() if size != NOTHING and name in ours}
    try:
        # What stood there stays beside it until all is done: a release that breaks off can be made again.
        _apply(api, workload, owners, owners, force=bool(owners))
        if owners:
            _disown(api, workload)
    except NotFound:
        return None
    except ApiError as error:
        return Refused(error.message)
    return None


def _apply(api: Api, workload: Workload, sizes: Mapping[str, Size], before: Mapping[str, Size], *, force: bool) -> None:
    """One server-side apply, bound to the workload's uid: without it a workload that is gone would be made anew."""
    kinds: dict[str, list[Json]] = {"containers": [], "initContainers": []}
    for name, size in sorted(sizes.items()):
        kind = "initContainers" if name in workload.sidecars else "containers"
        kinds[kind].append({"name": name, "resources": _resources(size)})
    pod = {kind: rows for kind, rows in kinds.items() if rows}
    words = {name: _stored(size) for name, size in sorted(before.items())}
    annotations = {"annotations": {BEFORE: json.dumps(words)}} if before else {}
    body = {
        "apiVersion": workload.api_version,
        "kind": workload.kind,
        "metadata": {"name": workload.name, "namespace": workload.namespace, "uid": workload.uid, **annotations},
        **(_nested(JOB_TEMPLATE if workload.kind == "CronJob" else TEMPLATE, pod) if pod else {}),
    }
    api.patch(_path(workload), body, APPLY, force=force)


def _nested(place: Sequence[str], value: Json) -> Json:
    """A value at a path: `{"spec": {"template": {"spec": value}}}`."""
    for part in reversed(place):
        value = {part: value}
    return value


def _disown(api: Api, workload: Workload) -> None:
    """Take our name from what is the owner's again: his next server-side apply would conflict with it.

    Controllers write to the object meanwhile; a patch that they overtake is made again.
    """
    for tries_left in reversed(range(DISOWN_TRIES)):
        try:
            api.patch(_path(workload), _disowning(api.get(_path(workload))), JSON_PATCH)
        except ApiError as error:
            if error.status != UNPROCESSABLE or not tries_left:
                raise
        else:
            return


def _disowning(item: Json) -> list[Json]:
    metadata = item["metadata"]
    others = [
        each
        for each in metadata.get("managedFields") or []
        if (each.get("manager"), each.get("operation")) != (MANAGER, "Apply")
    ]
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
    operations = [version, {"op": "replace", "path": "/metadata/managedFields", "value": others}]
    if BEFORE in (metadata.get("annotations") or {}):
        operations.append({"op": "remove", "path": f"/metadata/annotations/{BEFORE.replace('/', '~1')}"})
    return operations


def _path(workload: Workload) -> str:
    plural = (BUILT_IN | BATCH)[workload.kind]
    return f"/apis/{workload.api_version}/namespaces/{workload.namespace}/{plural}/{workload.name}"


def _resources(size: Size) -> Json:
    parts = (("requests", size.request_bytes), ("limits", size.limit_bytes))
    return {part: {"memory": quantity(value)} for part, value in parts if value is not None}


def _stored(size: Size) -> Json:
    parts = (("request", size.request_bytes), ("limit", size.limit_bytes))
    return {part: quantity(value) for part, value in parts if value is not None}
