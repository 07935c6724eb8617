"""The door to running pods: one patch of the `resize` subresource for all containers of a pod.

One of the doors to workloads. It checks the fence, sends what the brain decided and tells how it ended.
"""

from __future__ import annotations

from typing import Any

from foresize.config.quantities import quantity
from foresize.doors.refused import Refused
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize.kube.lease import Fence
from foresize_forecast.pods import ContainerView, PodView
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import Size


def resize(api: Api, fence: Fence, pod: PodView, change: PodChange) -> Refused | None:
    """Ask for a pod's new sizes.

    Returns:
        None where the API server accepted them (or the pod is gone, and nothing is left to do), else why not.
    """
    if why := fence.refusal():
        return Refused(why, fenced=True)
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/resize"
    try:
        api.patch(path, patch_of(pod, change), "application/strategic-merge-patch+json", urgent=True)
    except NotFound:
        return None
    except ApiError as error:
        return Refused(error.message)
    return None


def patch_of(pod: PodView, change: PodChange) -> dict[str, Any]:
    """The strategic merge patch: every changed container in one document, bound to the pod's uid.

    The uid keeps a size that was decided for one pod from another of the same name (a StatefulSet's).
    """
    changed = [view for view in pod.containers if view.name in change.sizes]
    spec = {
        "containers": [_container(view, change.sizes[view.name]) for view in changed if not view.sidecar],
        "initContainers": [_container(view, change.sizes[view.name]) for view in changed if view.sidecar],
    }
    return {"metadata": {"uid": pod.uid}, "spec": {name: views for name, views in spec.items() if views}}


def _container(view: ContainerView, size: Size) -> dict[str, Any]:
    """Only what differs: a request that the pod never had is not named by a change of its limit."""
    requests = {} if size.request_bytes is None else {"requests": {"memory": quantity(size.request_bytes)}}
    limits = {} if size.limit_bytes is None else {"limits": {"memory": quantity(size.limit_bytes)}}
    return {"name": view.name, "resources": {**requests, **limits}}
