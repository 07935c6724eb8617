"""The door to how many replicas a workload has: the `scale` subresource, and nothing else of it.

It checks the fence, sends what was decided and tells how it ended. What is asked is written down before. Whoever has
scaled the workload meanwhile keeps his word: the number is only changed from the one that was decided on.
"""

from __future__ import annotations

from foresize.cluster.workloads import BUILT_IN, BUILT_IN_VERSION, Workload
from foresize.doors.refused import Refused
from foresize.kube.kubeapi import Api, ApiError, Conflict, NotFound
from foresize.kube.lease import Fence

SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet")
"""Kinds whose scale is written."""
TRIES = 5
"""Controllers write to the object meanwhile; a patch that they overtake is made again."""
MERGE = "application/merge-patch+json"


def replicas(api: Api, workload: Workload) -> int:
    """How many it has by its spec now.

    Raises:
        NotFound: it is gone, or another of its name is there.
        ApiError: it could not be read.
    """
    return _read(api, workload)[0]


def scale(api: Api, fence: Fence, workload: Workload, before: int, after: int) -> Refused | None:
    """Change how many replicas it has from one number to another.

    Returns:
        None where it has that many now, or is gone; else why not.
    """
    if why := fence.refusal():
        return Refused(why, fenced=True)
    for tries_left in reversed(range(TRIES)):
        try:
            present, version = _read(api, workload)
            if present == after:
                return None
            if present != before:
                return Refused(f"it has {present} replicas and not {before}: somebody else has scaled it")
            body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": after}}
            api.patch(_path(workload), body, MERGE)
        except NotFound:
            return None
        except Conflict as error:
            if not tries_left:
                return Refused(error.message)
        except ApiError as error:
            return Refused(error.message)
        else:
            return None
    return None


def _read(api: Api, workload: Workload) -> tuple[int, str]:
    """(replicas, resourceVersion) of the workload's scale."""
    found = api.get(_path(workload))
    metadata = found["metadata"]
    if metadata.get("uid") != workload.uid:
        raise NotFound(404, f"{workload.kind} {workload.name} was made anew")
    return int((found.get("spec") or {}).get("replicas", 0)), metadata["resourceVersion"]


def _path(workload: Workload) -> str:
    plural = BUILT_IN[workload.kind]
    return f"/apis/{BUILT_IN_VERSION}/namespaces/{workload.namespace}/{plural}/{workload.name}/scale"
