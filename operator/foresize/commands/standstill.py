"""That nobody sizes a workload while it is given back: the operator's lease, and what its policies let it do.

An operator that lives keeps its lease and says what it has noticed; one that is gone leaves the lease to be taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from foresize.cluster.guard import ROLLING_OUT, Assignment, assign
from foresize.cluster.podgroups import take_groups
from foresize.cluster.targets import Inventory, take_inventory
from foresize.config.policy import CLUSTER_SCOPED, Policy, parse, path_of
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize.kube.lease import LEASE, Fence, Lease
from foresize.reporting.records import API_VERSION, Records, object_name

LEASE_S = 15
"""Duration of a lease that nobody had, as an operator's by default; else it is the last holder's own."""
LEASE_DEADLINES = 4.0
"""Durations after which a lease that is neither free nor renewed is a riddle."""
POLL_S = 0.25
Key = tuple[str, str]


class UnclearError(Exception):
    """Whether an operator acts cannot be told."""


def take(api: Api, namespace: str) -> Lease | None:
    """The operator's lease, once it is held here; None where an operator holds and renews it.

    Clocks are not compared: a holder that lives is one that renews while we look.

    Raises:
        UnclearError: neither came to pass.
        ApiError: the lease cannot be read.
    """
    before, duration_s = _renewed(api, namespace)
    lease = Lease(api, namespace, duration_s, lambda: None)
    lease.start()
    until_s = time.monotonic() + LEASE_DEADLINES * duration_s
    while time.monotonic() < until_s:
        if lease.held():
            return lease
        now, _ = _renewed(api, namespace)
        if now[0] not in {"", lease.identity} and now != before:
            lease.stop()
            return None
        time.sleep(POLL_S)
    lease.stop()
    raise UnclearError(f"Lease {namespace}/{LEASE} is neither free nor renewed: is this the operator's namespace?")


def assignments(api: Api, namespaces: Sequence[str], operator_namespace: str) -> Mapping[Key, Assignment]:
    """Which policy has which workload, and why it leaves it alone if it does; of some namespaces (empty: all).

    Raises:
        ApiError: the policies or what they select cannot be read.
    """
    switch = Fence(lambda: True)
    switch.read_kill_switch(api, operator_namespace)
    policies = [each for each in _policies(api, namespaces) if isinstance(each, Policy)]
    wide = not namespaces or any(each.namespace_selector is not None for each in policies)
    inventory = take_inventory(api, policies, Inventory(), clusterwide=wide, reserved={operator_namespace})
    remembered = Records(api, lambda: False)
    remembered.load(namespaces)
    inventory = replace(inventory, groups=take_groups(api, policies, inventory, remembered.groups))
    found, _ = assign(policies, inventory, switch.stopped)
    return {each.workload.key: each for each in found}


def acting(assignment: Assignment | None) -> str:
    """The policy by which an operator sizes a workload, in words; empty where it leaves it alone."""
    if assignment is None or not _applies(assignment.policy):
        return ""
    if assignment.quiet is not None and assignment.quiet.state != ROLLING_OUT:
        return ""
    return assignment.policy.title


def _applies(policy: Policy) -> bool:
    return policy.in_place or policy.at_creation or policy.template


def has_noticed(api: Api, assignment: Assignment) -> bool:
    """Whether the operator has made a pass in which it left the workload alone for the reason that holds now.

    Raises:
        ApiError: what it wrote cannot be read.
    """
    policy, workload = assignment.policy, assignment.workload
    collection = f"/apis/{API_VERSION}/namespaces/{workload.namespace}"
    try:
        seen = api.get(path_of(policy.namespace, policy.name)).get("status", {}).get("observedGeneration", 0)
        if seen < policy.generation or assignment.quiet is None:
            return bool(seen >= policy.generation)
        status = api.get(f"{collection}/memoryforecasts/{object_name(workload.kind, workload.name)}").get("status", {})
    except NotFound:  # deleted in the meantime: then nothing is done by it
        return True
    return bool(status.get("summary", {}).get("state") == assignment.quiet.state)


def _policies(api: Api, namespaces: Sequence[str]) -> Iterator[Any]:
    for scope in [f"/namespaces/{each}" for each in namespaces] or [""]:
        for item in api.list(f"/apis/{API_VERSION}{scope}/memorypolicies"):
            yield parse(item, allow_kube_system=True)
    with suppress(NotFound):  # an earlier release's cluster has no such kind
        for item in api.list(f"/apis/{API_VERSION}/clustermemorypolicies"):
            yield parse({**item, "kind": CLUSTER_SCOPED}, allow_kube_system=True)


def _renewed(api: Api, namespace: str) -> tuple[tuple[str, str], int]:
    """(holder, when it last renewed) of the lease, empty where nobody has it; and for how many seconds it is held."""
    try:
        spec = api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}").get("spec", {})
    except NotFound:
        return ("", ""), LEASE_S
    except ApiError as error:
        raise ApiError(error.status, f"Lease {namespace}/{LEASE} cannot be read: {error.message}") from error
    holder = (spec.get("holderIdentity") or "", spec.get("renewTime") or "")
    return holder, spec.get("leaseDurationSeconds") or LEASE_S
