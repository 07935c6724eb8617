"""Who is responsible for a workload, and whether anybody may act on it: opt-out, conflicts, rollouts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foresize.cluster.targets import Inventory, selected
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy

ROLLING_OUT = "RollingOut"
"""The one state in which pods are still raised: a rollout may be stuck because its pods are killed."""


CONFLICT = "Conflict"
"""Somebody else sizes it."""
STOPPED = "Stopped"
"""The kill switch is on."""
RECOMMEND_ONLY = "RecommendOnly"
"""Its kind is never written to."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Why nothing is written to a workload."""

    state: str
    """One CamelCase word, shown by `kubectl get memoryforecasts`."""
    message: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A workload, the policy that is responsible for it, and why it is left alone if it is."""

    workload: Workload
    policy: Policy
    quiet: Quiet | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """A workload that two policies select: one has it, the other does not."""

    workload: Workload
    winner: Policy
    loser: Policy

    @property
    def intended(self) -> bool:
        """Whether a namespace's own policy replaces a ClusterMemoryPolicy there: nobody's mistake."""
        return self.winner.kind != self.loser.kind


def assign(
    policies: Sequence[Policy], inventory: Inventory, stopped: str = ""
) -> tuple[list[Assignment], Mapping[str, Sequence[Overlap]]]:
    """Give each workload to one policy.

    A namespace's own policy goes before a ClusterMemoryPolicy; of one kind the older goes first, then the first by
    name, so that a new policy takes nothing away.

    Args:
        policies: all that can be read.
        inventory: what they may select.
        stopped: by what the kill switch stops all writes to workloads; empty where it does not.

    Returns:
        The assignments, and by policy uid the workloads that another policy selects too, on both sides.
    """
    taken: dict[tuple[str, str], Policy] = {}
    assignments: list[Assignment] = []
    overlaps: dict[str, list[Overlap]] = {}
    for policy in sorted(policies, key=_precedence):
        for workload in selected(policy, inventory):
            if workload.key in taken:
                overlap = Overlap(workload, taken[workload.key], policy)
                for uid in (overlap.winner.uid, overlap.loser.uid):
                    overlaps.setdefault(uid, []).append(overlap)
                continue
            taken[workload.key] = policy
            why = Quiet(STOPPED, stopped) if stopped else quiet(policy, workload, inventory)
            assignments.append(Assignment(workload, policy, why))
    return assignments, overlaps


def _precedence(policy: Policy) -> tuple[bool, float, str, str]:
    return (policy.namespace_selector is not None, policy.created_s, policy.namespace, policy.name)


def quiet(policy: Policy, workload: Workload, inventory: Inventory) -> Quiet | None:
    """Why a policy that has a workload writes nothing to it; None where it may."""
    if policy.paused:
        return Quiet("Paused", "its policy is paused (spec.paused)")
    if workload.ignored:
        return Quiet("Ignored", f"{workload.kind} {workload.name} opted out by foresize.dev/ignore")
    if workload.namespace in inventory.ignored_namespaces:
        return Quiet("Ignored", f"namespace {workload.namespace} opted out by foresize.dev/ignore")
    if workload.is_bare_pod:
        words = "is only recommended for: nothing would bring it back if a change went wrong"
        return Quiet(RECOMMEND_ONLY, f"Pod {workload.name} has no controller and {words}")
    for other in inventory.autoscalers:
        if (other.namespace, other.target) == workload.key:
            return Quiet(CONFLICT, _way_out(other.kind, other.name))
    if workload.rollout:
        return Quiet(ROLLING_OUT, f"a rollout is in progress: {workload.rollout}")
    return None


def _way_out(kind: str, name: str) -> str:
    if kind == "HorizontalPodAutoscaler":
        return f"HorizontalPodAutoscaler {name} scales it by memory: let it scale by CPU and leave memory to Foresize"
    return f"{kind} {name} sizes it too: set its updateMode to Off, or take memory out of its controlledResources"
