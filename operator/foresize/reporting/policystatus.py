"""What a MemoryPolicy says of itself: conditions with the way out in their words, and counts. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foresize.cluster.guard import CONFLICT, ROLLING_OUT, Assignment, Overlap, Quiet
from foresize.cluster.workloads import Workload
from foresize.config.policy import Policy, PolicyProblem
from foresize.config.quantities import instant_s, quantity, timestamp
from foresize.reporting.forecasts import Look, evicted, present, wanted
from foresize.reporting.records import REPORT_EVERY_S
from foresize_forecast.moving.idle import IdleAction
from foresize_forecast.node import Relief, told
from foresize_forecast.prometheus import Refusal
from foresize_forecast.reasons import Obstacle

Json = dict[str, Any]
DAY_S = 86_400
HOUR_S = 3600
GIVES_WAY = "NamespacePolicyFirst"
"""A namespace's own policy has a workload that a ClusterMemoryPolicy selects too."""
MOST_NAMED = 50
"""Workloads in one message; a cluster's policy may select thousands."""
SOON_OVER = frozenset({Obstacle.RESIZE_IN_PROGRESS, Obstacle.NOT_READY_TO_RESIZE, Obstacle.BACK_OFF, Obstacle.CANARY})
IDLE_WORDS = {
    IdleAction.EVICT: ", idle ones are evicted where their node lacks room",
    IdleAction.SCALE_TO_ZERO: ", idle workloads are scaled to zero",
}
TEMPLATES = frozenset({Obstacle.TEMPLATE_OWNED, Obstacle.TEMPLATE_REFUSED})


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `status` as Kubernetes has it."""

    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a pass found of one policy."""

    policy: Policy
    assignments: Sequence[Assignment]
    overlaps: Sequence[Overlap]
    looks: Sequence[Look]
    missing: str = ""
    """Why its reference leads nowhere; empty if it does not."""
    refusals: Sequence[Refusal] = ()
    error: str = ""
    """What went wrong in this pass."""
    namespaces: Collection[str] = ()
    """Those that it is about."""
    alarm: str = ""
    """Why nothing may be lowered anywhere."""
    nodes: Mapping[str, Relief] = field(default_factory=dict)
    """By name, how they stand."""
    note: str = ""
    """How memory is known, where not from Prometheus; `held`: why nothing may be lowered for what is known so."""
    held: str = ""


def of_problem(problem: PolicyProblem, generation: int, before: Json, now_s: float) -> Json:
    """The status of a policy that cannot be read; counts of an earlier generation are kept."""
    ready = Condition("Ready", status=False, reason=problem.reason, message=problem.message)
    return {"observedGeneration": generation, "conditions": _merged([ready], before, generation, now_s)}


def of_findings(found: Findings, before: Json, now_s: float) -> Json:
    """The status of a policy after a pass."""
    generation = found.policy.generation
    conditions = [
        _ready(found),
        _history(found),
        _conflict(found),
        _lowering(found),
        *_budget(found),
        *_pressure(found),
    ]
    return {
        "observedGeneration": generation,
        "conditions": _merged(conditions, before, generation, now_s),
        **_counts(found.looks, now_s),
        "workloads": len(found.assignments),
        **({"namespaces": len(found.namespaces)} if found.policy.namespace_selector is not None else {}),
        "lastPass": timestamp(now_s),
    }


def is_ready(status: Json) -> bool:
    """Whether a policy is worked on, by its status."""
    return any((each["type"], each["status"]) == ("Ready", "True") for each in status["conditions"])


def is_due(status: Json, before: Json, now_s: float) -> bool:
    """Whether a status has to be merged into what is there: it says something new, or its last pass is minutes old."""
    merged = {**before, **status}
    if {**merged, "lastPass": None} != {**before, "lastPass": None}:
        return True
    written_s = instant_s(before.get("lastPass"))
    return "lastPass" in status and written_s is not None and now_s - written_s >= REPORT_EVERY_S


def _counts(looks: Sequence[Look], now_s: float) -> Json:
    rows = [(name, verdict, look) for look in looks for name, verdict in look.review.verdicts.items()]
    requested = sum((present(name, look.seen).request_bytes or 0) * len(look.seen.pods) for name, _, look in rows)
    wish = sum((wanted(verdict, look).request_bytes or 0) * len(look.seen.pods) for _, verdict, look in rows)
    kills = [kill for name, _, look in rows for kill in look.review.state.container(name).kills]
    return {
        "containers": len(rows),
        "requested": quantity(requested),
        "wanted": quantity(wish),
        "killsLastDay": sum(now_s - kill.at_s < DAY_S for kill in kills),
        "evictionsLastHour": sum(now_s - each.at_s < HOUR_S for look in looks for each in evicted(look)),
    }


def _ready(found: Findings) -> Condition:
    if found.error:
        return Condition("Ready", status=False, reason="PassFailed", message=found.error)
    if found.missing:
        return Condition("Ready", status=False, reason="TargetNotFound", message=found.missing)
    if not found.assignments and not found.overlaps:
        return Condition("Ready", status=False, reason="NoTarget", message=_nothing(found))
    if unmatched := _unmatched(found):
        return Condition("Ready", status=False, reason="NoSuchContainer", message=unmatched)
    if quiet := _silence(found):
        words = f"nothing is written to any workload: {quiet.message}"
        return Condition("Ready", status=quiet.state != CONFLICT, reason=quiet.state, message=words)
    words = "running pods are resized" if found.policy.in_place else "recommendations only: see spec.apply"
    if found.policy.disruption.moves:
        words += ", or evicted where that cannot be done in place"
    if found.policy.disruption.restarts_leaks:
        words += ", those that leak are evicted before they reach their limit"
    words += IDLE_WORDS.get(found.policy.idle.action, "")
    if found.policy.at_creation:
        words += ", new pods are created with the forecast's size"
    if found.policy.template:
        words += ", pod templates are written"
    return Condition("Ready", status=True, reason="Working", message=words + _held_back(found.looks))


def _pressure(found: Findings) -> list[Condition]:
    """Whether a node of its pods will be short of memory, who leaves it, and what is missing."""
    names = sorted({pod.node for look in found.looks for pod in look.seen.pods if pod.node in found.nodes})
    said = told([found.nodes[name] for name in names])
    return [Condition("NodePressure", said.short, said.reason, said.message)] if names else []


def _nothing(found: Findings) -> str:
    if found.policy.namespace_selector is not None and not found.namespaces:
        return "its namespaceSelector matches no namespace; kube-system and Foresize's own are never matched"
    where = "this namespace" if found.policy.namespace_selector is None else "any of its namespaces"
    if label := found.policy.target.group_by:
        return f"its selector finds no pod with the label {label} in {where}, bare or of a Job that no CronJob made"
    bare = ", nor a pod that nothing owns," if found.policy.target.bare_pods else ""
    return f"its selector matches no Deployment, StatefulSet, DaemonSet, ReplicaSet or CronJob{bare} in {where}"


def _silence(found: Findings) -> Quiet | None:
    """Why nothing is written to any of its workloads; None where something may be."""
    if not found.assignments and all(each.intended for each in found.overlaps):
        return Quiet(GIVES_WAY, "all of its workloads are under policies of their own namespaces")
    if not found.assignments:
        return Quiet(CONFLICT, "all of its workloads are under older policies")
    quiet = [each.quiet for each in found.assignments if each.quiet is not None and each.quiet.state != ROLLING_OUT]
    return quiet[0] if len(quiet) == len(found.assignments) else None


def _held_back(looks: Sequence[Look]) -> str:
    """How many pods cannot have their size, by what, with the first one's words; what passes by itself is no news."""
    obstacles = [each for look in looks for _, each in sorted(look.blocked.items()) if each.obstacle not in SOON_OVER]
    if not obstacles:
        return ""
    pods = "1 pod" if len(obstacles) == 1 else f"{len(obstacles)} pods"
    return f"; held back: {pods} ({obstacles[0].obstacle}: {obstacles[0].message})"


def _unmatched(found: Findings) -> str:
    """A container name that matches nothing is a typo until proven otherwise."""
    names = {name for each in found.assignments for name in (*each.workload.template, *each.workload.init)}
    for pattern, policy in found.policy.workload.containers:
        del policy
        if names and not found.policy.names(pattern, names):
            return f"spec.containers name {pattern!r} matches none of the containers {', '.join(sorted(names))}"
    return ""


def _history(found: Findings) -> Condition:
    note = f"; {found.note}" if found.note else ""
    unknown = [
        f"{look.seen.pods[0].owner if look.seen.pods else name}: {forecast.message}"
        for look in found.looks
        for name, forecast in sorted(look.forecasts.items())
        if hasattr(forecast, "message")
    ]
    if found.refusals:
        reason, words = str(found.refusals[0].kind), f"{found.refusals[0].message}{note}"
    elif unknown:
        reason, words = "NoForecast", f"{unknown[0]}{note}"
    elif not found.looks:
        reason, words = "NoContainer", f"nothing to forecast was found yet{note}"
    elif any(not look.forecasts and not look.plans for look in found.looks):
        reason, words = "FetchingHistory", "the first forecasts are on the way"
    else:
        words, reason = f"every container has a forecast{note}", "MetricsServer" if note else "Forecast"
        return Condition("HistoryAvailable", status=True, reason=reason, message=words)
    return Condition("HistoryAvailable", status=False, reason=reason, message=words)


def _conflict(found: Findings) -> Condition:
    disputed = [each for each in found.overlaps if not each.intended]
    if disputed:
        words = _listed([_shared(each, found.policy) for each in disputed[:MOST_NAMED]], len(disputed))
        return Condition("Conflict", status=True, reason="OtherPolicy", message=words)
    quiet = [each.quiet for each in found.assignments if each.quiet is not None and each.quiet.state == CONFLICT]
    if quiet:
        return Condition("Conflict", status=True, reason="OtherAutoscaler", message=quiet[0].message)
    contests = [each for look in found.looks for each in look.blocked.values() if each.obstacle is Obstacle.CONTESTED]
    if contests:
        return Condition("Conflict", status=True, reason="OtherWriter", message=contests[0].message)
    templates = [look.template for look in found.looks if look.template is not None]
    if owned := [each for each in templates if each.obstacle in TEMPLATES]:
        return Condition("Conflict", status=True, reason=str(owned[0].obstacle), message=owned[0].message)
    if found.overlaps:
        words = _listed([_replaced(each, found.policy) for each in found.overlaps[:MOST_NAMED]], len(found.overlaps))
        return Condition("Conflict", status=False, reason=GIVES_WAY, message=words)
    return Condition("Conflict", status=False, reason="None", message="nobody else sizes these workloads")


def _listed(words: Sequence[str], of: int) -> str:
    """The first of many, and how many there are besides."""
    return "; ".join(words) + (f"; and {of - MOST_NAMED} more" if of > MOST_NAMED else "")


def _shared(overlap: Overlap, policy: Policy) -> str:
    what = _named(overlap.workload, policy)
    if policy.uid == overlap.winner.uid:
        return f"{what} is also selected by {overlap.loser.title}, which does nothing there"
    return f"{what} is under the older {overlap.winner.title}: narrow one of the two targets"


def _replaced(overlap: Overlap, policy: Policy) -> str:
    """A namespace's own policy goes before one of the cluster: each says who has the workload."""
    what = _named(overlap.workload, policy)
    if policy.uid == overlap.winner.uid:
        return f"{what} is under this policy, {overlap.loser.title} gives way"
    return f"{what} is under its namespace's own {overlap.winner.title}"


def _named(workload: Workload, policy: Policy) -> str:
    where = "" if policy.namespace_selector is None else f"{workload.namespace}/"
    return f"{where}{workload.kind} {workload.name}"


def _lowering(found: Findings) -> Condition:
    if found.alarm or found.held:
        reason, words = ("KillsRise", found.alarm) if found.alarm else ("MetricsServer", found.held)
        return Condition("DecreasesAllowed", status=False, reason=reason, message=words)
    return Condition("DecreasesAllowed", status=True, reason="KillsAsUsual", message="kills are not on the rise")


def _budget(found: Findings) -> list[Condition]:
    """Whether a policy's budget is enough, and who gets how much of what it wants where it is not."""
    if found.policy.budget_bytes is None:
        return []
    most = quantity(found.policy.budget_bytes)
    short = {look.seen.pods[0].owner: look.seen.share for look in found.looks if look.seen.share < 1 and look.seen.pods}
    if not short:
        words = f"the requests that are wanted are within {most}"
        return [Condition("WithinBudget", status=True, reason="Enough", message=words)]
    named = sorted(short.items(), key=lambda each: each[1])
    words = ", ".join(f"{owner} {share:.0%}" for owner, share in named[:MOST_NAMED])
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    words = f"more than {most} of requests is wanted; of what it wants gets {words}{more}"
    return [Condition("WithinBudget", status=False, reason="Shared", message=words)]


def _merged(conditions: Sequence[Condition], before: Json, generation: int, now_s: float) -> list[Json]:
    """As Kubernetes wants them: `lastTransitionTime` moves only with `status`."""
    known: Mapping[str, Json] = {each["type"]: each for each in before.get("conditions") or []}
    merged = []
    for condition in conditions:
        status = "True" if condition.status else "False"
        old = known.get(condition.type, {})
        since = old.get("lastTransitionTime") if old.get("status") == status else None
        merged.append(
            {
                "type": condition.type,
                "status": status,
                "reason": condition.reason,
                "message": condition.message[:32_000],
                "observedGeneration": generation,
                "lastTransitionTime": since or timestamp(now_s),
            }
        )
    return merged
