"""A workload by its name: of apps/v1 or batch/v1, a bare pod, or any kind with a scale subresource."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from foresize.cluster import barepods
from foresize.cluster.workloads import (
    BATCH,
    BATCH_VERSION,
    BUILT_IN,
    BUILT_IN_VERSION,
    GROUP,
    GROUP_VERSION,
    POD,
    POD_VERSION,
    Workload,
    group,
    read,
)
from foresize.config.labels import parse
from foresize.config.selecting import Ref
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize_forecast.sizes import QosClass

Json = dict[str, Any]


def find(api: Api, namespace: str, ref: Ref) -> Workload | str:
    """One workload of any kind that a policy may name, or why there is none.

    Raises:
        ApiError: one of apps/v1 could not be read.
    """
    if (ref.api_version, ref.kind) == (GROUP_VERSION, GROUP):
        return group(namespace, ref.name, {}, QosClass.BURSTABLE, ())
    if ref.api_version != BUILT_IN_VERSION or ref.kind not in BUILT_IN:
        return by_scale(api, namespace, ref, None)
    try:
        item = api.get(f"/apis/apps/v1/namespaces/{namespace}/{BUILT_IN[ref.kind]}/{ref.name}")
    except NotFound:
        return f"there is no {ref.kind} {ref.name} in {namespace}"
    return read(item, ref.kind)


def by_scale(api: Api, namespace: str, ref: Ref, known: Workload | None) -> Workload | str:
    """A workload of batch/v1, a bare pod, or any kind with a scale subresource, or why it cannot be one."""
    if ref.api_version == BATCH_VERSION and ref.kind in BATCH:
        return _of_batch(api, namespace, ref, known)
    if (ref.api_version, ref.kind) == (POD_VERSION, POD):
        return barepods.by_name(api, namespace, ref, known)
    prefix = f"/api/{ref.api_version}" if "/" not in ref.api_version else f"/apis/{ref.api_version}"
    try:
        resources = api.get(prefix).get("resources", [])
        plural = next(
            (each["name"] for each in resources if each["kind"] == ref.kind and "/" not in each["name"]), None
        )
        if plural is None:
            return f"the API server knows no kind {ref.kind} in {ref.api_version}"
        path = f"{prefix}/namespaces/{namespace}/{plural}/{ref.name}"
        item = api.get(path)
        if ref.kind == "ReplicaSet" and (owner := controller(item)):
            return f"{ref.kind} {ref.name} belongs to {owner['kind']} {owner['name']}: name that one"
        scale = api.get(f"{path}/scale")
    except NotFound:
        return f"there is no {ref.kind} {ref.name} ({ref.api_version}) in {namespace}, or it has no scale subresource"
    except ApiError as error:
        return known or f"{ref.kind} {ref.name} could not be read: {error.message}"
    return _scalable(item, scale, ref)


def _of_batch(api: Api, namespace: str, ref: Ref, known: Workload | None) -> Workload | str:
    """A CronJob or a Job. A Job that is deleted after each run is taken to be as it was."""
    try:
        item = api.get(f"/apis/{BATCH_VERSION}/namespaces/{namespace}/{BATCH[ref.kind]}/{ref.name}")
    except NotFound:
        absent = f"there is no {ref.kind} {ref.name} ({ref.api_version}) in {namespace}"
        return (known if ref.kind == "Job" else None) or absent
    except ApiError as error:
        return known or f"{ref.kind} {ref.name} could not be read: {error.message}"
    if owner := controller(item):
        return f"{ref.kind} {ref.name} belongs to {owner['kind']} {owner['name']}: name that one"
    return read(item, ref.kind, ref.api_version)


def _scalable(item: Json, scale: Json, ref: Ref) -> Workload | str:
    text = scale.get("status", {}).get("selector", "")
    if not text:
        return f"the scale subresource of {ref.kind} {ref.name} names no selector for its pods"
    try:
        workload = read(item, ref.kind, ref.api_version)
        replicas = int(scale.get("spec", {}).get("replicas", 0))
        return replace(workload, selector=parse(text), replicas=replicas, rollout="")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{ref.kind} {ref.name} is not of a shape that can be read: {error}"


def controller(item: Json) -> Json | None:
    """The controller that owns it, as a Deployment does its ReplicaSets."""
    owners = item["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)
