"""Pods of generated names as workloads: those of one value of a label share history and size (`target.groupBy`)."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from foresize.cluster.podviews import SIZED_AT_CREATION, view
from foresize.cluster.targets import Inventory
from foresize.cluster.workloads import GROUP, Workload, group, may_be_grouped, template_sizes
from foresize.config.labels import matches
from foresize.config.policy import Policy
from foresize.kube.kubeapi import Api, Forbidden
from foresize_forecast.deciding.state import RunsKept, WorkloadState
from foresize_forecast.sizes import QosClass, Size

logger = logging.getLogger(__name__)

MOST_GROUPS = 300
"""Of one policy: a label whose values never come again would make one for each pod."""
MOST_PODS = 200
"""Names of a group's pods that are asked for at once, the newest."""
Json = dict[str, Any]
Key = tuple[str, str]


def take_groups(
    api: Api,
    policies: Sequence[Policy],
    inventory: Inventory,
    remembered: Callable[[str], Mapping[Key, WorkloadState]],
) -> dict[str, tuple[Workload, ...]]:
    """What each policy groups, by its uid: groups of pods that are there, and those that had runs within its window.

    Args:
        api: the way to the API server.
        policies: all that can be followed.
        inventory: tells the namespaces of each.
        remembered: by policy uid, the groups of which runs are remembered.

    Raises:
        ApiError: pods could not be listed.
    """
    return {
        policy.uid: tuple(_groups(api, policy, sorted(inventory.namespaces(policy)), remembered(policy.uid)))
        for policy in policies
        if policy.target.group_by
    }


def _groups(
    api: Api, policy: Policy, namespaces: Sequence[str], remembered: Mapping[Key, WorkloadState]
) -> Iterator[Workload]:
    label = policy.target.group_by
    found: defaultdict[Key, list[Json]] = defaultdict(list)
    for namespace in namespaces:
        for pod in _listed(api, namespace, label):
            labels = pod["metadata"].get("labels") or {}
            if label in labels and matches(policy.target.selector or {}, labels) and may_be_grouped(view(pod).owner):
                found[namespace, f"{GROUP}/{label}={labels[label]}"].append(pod)
    known = [key for key, state in remembered.items() if key[0] in namespaces and state.runs]
    keys = [*sorted(found), *sorted(set(known) - found.keys())]
    if len(keys) > MOST_GROUPS:
        words = "%s groups pods by %s into %d workloads, of which %d are sized: does any value come again?"
        logger.warning(words, policy.title, label, len(keys), MOST_GROUPS)
    for key in keys[:MOST_GROUPS]:
        kept = remembered[key].runs if key in remembered else {}
        if key[1].startswith(f"{GROUP}/{label}="):
            yield _group(key, found.get(key, []), kept)


def _listed(api: Api, namespace: str, label: str) -> list[Json]:
    try:
        return api.list(f"/api/v1/namespaces/{namespace}/pods", labelSelector=label)
    except Forbidden as error:
        logger.warning("not allowed to list pods of %s, going on without: %s", namespace, error.message)
        return []


def _group(key: Key, pods: Sequence[Json], kept: Mapping[str, RunsKept]) -> Workload:
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)
    qos = view(newest[0]).qos if newest else QosClass.BURSTABLE
    names = tuple(pod["metadata"]["name"] for pod in newest[:MOST_PODS])
    return group(key[0], key[1].removeprefix(f"{GROUP}/"), _declared(newest, kept), qos, names)


def _declared(newest: Sequence[Json], kept: Mapping[str, RunsKept]) -> dict[str, Size]:
    """What the owner of the pods wrote: as the newest pod has it that was not sized, else as it is remembered."""
    declared = {name: each.declared for name, each in kept.items()}
    for pod in newest[:1]:
        declared = {name: declared.get(name, size) for name, size in template_sizes(pod["spec"]).items()} | declared
    for pod in reversed(newest):
        changed = ((pod["metadata"].get("annotations") or {}).get(SIZED_AT_CREATION) or "").split(",")
        declared |= {name: size for name, size in template_sizes(pod["spec"]).items() if name not in changed}
    return declared
