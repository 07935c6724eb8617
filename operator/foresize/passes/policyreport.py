"""Writes what a pass found of a policy to its status."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foresize import metrics
from foresize.cluster.guard import Assignment, Overlap
from foresize.cluster.targets import Inventory
from foresize.config.policy import Policy, PolicyProblem, path_of
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize.reporting import policystatus
from foresize.reporting.forecasts import Look
from foresize.reporting.policystatus import Findings
from foresize_forecast.node import Relief
from foresize_forecast.prometheus import Refusal

logger = logging.getLogger(__name__)

Key = tuple[str, str]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What a pass found of all policies.

    Attributes:
        inventory: what was there.
        assignments: who has which workload.
        overlaps: by policy uid, what it selects in vain.
        looks: by workload, of those that could be looked at.
        errors: by policy uid.
        history: by workload, why its history could not be read.
        samples: by namespace, why there are no newest samples.
        alarm: why nothing may be lowered anywhere; empty where it may.
        nodes: by name, how they stand.
        note: how memory is known, where that is not from Prometheus.
        held: why nothing may be lowered for what is known so; empty where it may.
    """

    inventory: Inventory
    assignments: Sequence[Assignment]
    overlaps: Mapping[str, Sequence[Overlap]]
    looks: Mapping[Key, Look]
    errors: Mapping[str, str]
    history: Mapping[Key, Refusal]
    samples: Mapping[str, Refusal]
    alarm: str
    nodes: Mapping[str, Relief]
    note: str = ""
    held: str = ""


def write(api: Api, resource: Json, policy: Policy | PolicyProblem, found: Found, now_s: float) -> bool:
    """Write one policy's status where it is due; an error is this policy's own.

    Returns:
        Whether the policy is ready.
    """
    metadata = resource["metadata"]
    path = path_of(metadata.get("namespace", ""), metadata["name"])
    before = resource.get("status") or {}
    try:
        status = _status(policy, metadata["generation"], before, found, now_s)
        if policystatus.is_due(status, before, now_s):
            api.patch(f"{path}/status", {"status": status}, "application/merge-patch+json")
        return policystatus.is_ready(status)
    except NotFound:
        return False  # deleted since the LIST
    except ApiError as error:
        logger.warning("status of %s: %s", path, error)
    except Exception:
        metrics.PASS_ERRORS.labels("act").inc()
        logger.exception("status of %s", path)
    return False


def _status(policy: Policy | PolicyProblem, generation: int, before: Json, found: Found, now_s: float) -> Json:
    if isinstance(policy, PolicyProblem):
        return policystatus.of_problem(policy, generation, before, now_s)
    mine = [each for each in found.assignments if each.policy.uid == policy.uid]
    keys = [each.workload.key for each in mine]
    findings = Findings(
        policy,
        mine,
        found.overlaps.get(policy.uid, ()),
        [found.looks[key] for key in keys if key in found.looks],
        found.inventory.missing.get(policy.uid, ""),
        _refusals(keys, found),
        found.errors.get(policy.uid, ""),
        found.inventory.namespaces(policy),
        found.alarm,
        found.nodes,
        found.note,
        found.held,
    )
    return policystatus.of_findings(findings, before, now_s)


def _refusals(keys: Sequence[Key], found: Found) -> list[Refusal]:
    """Why there is no history, or else no newest samples: the second is known at each tick."""
    history = [refusal for key in keys if (refusal := found.history.get(key)) is not None]
    return history or [found.samples[namespace] for namespace, _ in keys[:1] if namespace in found.samples]
