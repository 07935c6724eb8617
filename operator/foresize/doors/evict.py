"""The door through which pods leave their nodes: the API server's evictions, which keep PodDisruptionBudgets.

It checks the fence, asks for what was decided and tells how it ended. What is asked is written down before.
"""

from __future__ import annotations

from foresize.doors.refused import Refused
from foresize.kube.kubeapi import Api, ApiError, Conflict, NotFound
from foresize.kube.lease import Fence
from foresize_forecast.pods import PodView


def evict(api: Api, fence: Fence, pod: PodView) -> Refused | None:
    """Ask for a pod's eviction, bound to its uid: another pod of the same name (a StatefulSet's) stays.

    Returns:
        None where the API server accepted it (or the pod is gone, and nothing is left to do), else why not.
    """
    if why := fence.refusal():
        return Refused(why, fenced=True)
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}},
    }
    try:
        api.create(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction", body)
    except (NotFound, Conflict):
        return None
    except ApiError as error:
        return Refused(error.message)
    return None
