"""Pods that nothing owns, as workloads: each is one of its own, forecast and never written to."""

from __future__ import annotations

from foresize.cluster.podviews import view
from foresize.cluster.workloads import POD, POD_VERSION, Workload
from foresize.config.selecting import Ref
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize_forecast.pods import PodView

STATIC = "Node"
"""The kind of who owns a mirror pod: what is changed in it changes nothing of the static pod that it shows."""


def bare(pod: PodView) -> Workload:
    """A pod without a controller as a workload; its own sizes are its template, for nothing else has them."""
    return Workload(
        namespace=pod.namespace,
        api_version=POD_VERSION,
        kind=POD,
        name=pod.name,
        uid=pod.uid,
        labels=pod.labels,
        selector={},
        template={container.name: container.size for container in pod.containers},
        qos=pod.qos,
        replicas=1,
        ignored=pod.ignored,
        sidecars=frozenset(container.name for container in pod.containers if container.sidecar),
    )


def by_name(api: Api, namespace: str, ref: Ref, known: Workload | None) -> Workload | str:
    """A pod that nothing owns, or why there is none of that name; what cannot be read just now is as it was."""
    try:
        pod = view(api.get(f"/api/v1/namespaces/{namespace}/pods/{ref.name}"))
    except NotFound:
        return f"there is no Pod {ref.name} in {namespace}"
    except ApiError as error:
        return known or f"Pod {ref.name} could not be read: {error.message}"
    kind, _, name = pod.owner.partition("/")
    if kind == STATIC:
        return f"Pod {ref.name} is a static pod of node {name}: its memory is in a file there"
    if kind:
        return f"Pod {ref.name} belongs to {kind} {name}: name that one"
    return bare(pod)
