"""A MemoryPolicy or ClusterMemoryPolicy as its users write it -> values: the one place for its defaults and its errors.

The API server's schema and rules refuse most of what is refused here before it is stored; this holds where they are
older, or were not asked, as with a policy read from a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from foresize.config.disruptions import LEAK_ACTIONS, disruption, idle
from foresize.config.durations import duration
from foresize.config.fields import Fields, Invalid
from foresize.config.selecting import ANY, NAME, Target, selector, target
from foresize_forecast.moving.consent import Consent
from foresize_forecast.moving.disruption import Disruption
from foresize_forecast.moving.idle import IdleAction, IdlePolicy
from foresize_forecast.prometheus.source import Metric
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, WorkloadPolicy

DEFAULTS: Mapping[str, Any] = {
    "spec.paused": False,
    "spec.apply.atCreation": False,
    "spec.apply.running": "None",
    "spec.apply.template": False,
    "spec.apply.templateForce": False,
    "spec.containers": [{"name": "*"}],
    "spec.containers[].min": "256Ki",
    "spec.containers[].request.overrun": 0.03,
    "spec.containers[].limit.strategy": "Forecast",
    "spec.containers[].limit.headroom": 0.1,
    "spec.containers[].limit.killCost": "2Gi",
    "spec.containers[].limit.ratio": 2,
    "spec.history.window": "14d",
    "spec.history.step": "5m",
    "spec.history.metric": "WorkingSet",
    "spec.horizon": "24h",
    "spec.startup.ignore": "5m",
    "spec.pace.lead": "10m",
    "spec.pace.cooldown": "2h",
    "spec.rollout.canary": 1,
    "spec.leak.action": "Alert",
    "spec.idle.after": "30m",
    "spec.idle.action": "Report",
    "spec.pressure.evict": "None",
    "spec.pressure.reserve": "None",
    "spec.disruption.after": "5m",
    "spec.disruption.evictionsPerHour": 6,
    "spec.disruption.windows[].timeZone": "UTC",
}
"""The CRD's, by path; `[]` stands for any row."""
NAMESPACED, CLUSTER_SCOPED = "MemoryPolicy", "ClusterMemoryPolicy"
"""The two kinds of policy."""
SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
"""A cluster does not come back without what runs there, so it takes a setting to act on it."""

MOST_ROWS = 32
FEWEST_STEPS = 12
"""Of history in a window; the CRD's."""
MOST_STEPS = 50_000
"""Of history in a window: 34 days by the minute; what is longer costs memory and minutes to fit, and tells no more."""

CONTAINER = re.compile(r"[-a-z0-9*]{1,63}")


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that can be followed.

    Attributes:
        namespace: whose workloads it is about; empty for a ClusterMemoryPolicy, whose namespaces the inventory finds.
        created_s: Unix seconds; of two policies of a kind for one workload the older wins.
        at_creation: new pods get the forecast's size.
        in_place: running pods are resized.
        template: pod templates are written.
        template_force: also where another has written memory there.
        workload: what bears on arithmetic.
        metric: what counts as memory.
        disruption: which pods may be evicted, and when.
        idle: what happens to pods that do nothing.
        budget_bytes: the most that the requests of all its targets ask for together; None for no bound.
        relieves: which of its pods go before their node runs out of memory.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    created_s: float
    paused: bool
    target: Target
    at_creation: bool
    in_place: bool
    template: bool
    template_force: bool
    workload: WorkloadPolicy
    metric: Metric
    disruption: Disruption = field(default_factory=Disruption)
    idle: IdlePolicy = field(default_factory=IdlePolicy)
    budget_bytes: int | None = None
    relieves: Consent = Consent.NONE
    namespace_selector: Mapping[str, Any] | None = None
    """A LabelSelector on namespaces' labels; None for a MemoryPolicy."""

    @property
    def kind(self) -> str:
        """MemoryPolicy or ClusterMemoryPolicy."""
        return NAMESPACED if self.namespace_selector is None else CLUSTER_SCOPED

    @property
    def title(self) -> str:
        """Kind and name, for people."""
        return f"{self.kind} {self.name}"

    @staticmethod
    def names(pattern: str, containers: Iterable[str]) -> bool:
        """Whether a row's name stands for any of the containers."""
        return any(fnmatchcase(container, pattern) for container in containers)


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """Why a policy cannot be followed."""

    reason: str
    """InvalidSpec or ForbiddenNamespace."""
    message: str
    """Names the field, its value and what is allowed."""


def path_of(namespace: str, name: str) -> str:
    """Where a policy is kept; without a namespace it is one of the cluster."""
    where = f"namespaces/{namespace}/memorypolicies" if namespace else "clustermemorypolicies"
    return f"/apis/foresize.dev/v1alpha1/{where}/{name}"


def parse(resource: Mapping[str, Any], *, allow_kube_system: bool = False) -> Policy | PolicyProblem:
    """A policy of either kind from its JSON, or why it cannot be followed."""
    try:
        policy = _policy(resource)
    except Invalid as error:
        return PolicyProblem("InvalidSpec", str(error))
    if policy.namespace in SYSTEM_NAMESPACES and not allow_kube_system:
        words = f"policies in {policy.namespace} are not acted on: the operator's setting --allow-kube-system is false"
        return PolicyProblem("ForbiddenNamespace", words)
    return policy


def _policy(resource: Mapping[str, Any]) -> Policy:
    root = Fields("", resource, DEFAULTS)
    metadata, spec = root.group("metadata"), root.group("spec")
    apply = spec.group("apply")
    running, at_creation = _apply(apply)
    everywhere = resource.get("kind") == CLUSTER_SCOPED
    return Policy(
        namespace="" if everywhere else metadata.text("namespace", NAME, "a namespace"),
        name=metadata.text("name", NAME, "a name"),
        uid=metadata.text("uid", ANY, "text") if metadata.given("uid") else "",
        generation=int(metadata.number("generation", 0, 2**63)) if metadata.given("generation") else 0,
        created_s=metadata.instant_s("creationTimestamp") if metadata.given("creationTimestamp") else 0.0,
        paused=spec.switch("paused"),
        target=target(spec.group("target")),
        at_creation=at_creation,
        in_place=running != "None",
        template=apply.switch("template"),
        template_force=apply.switch("templateForce"),
        disruption=disruption(spec, running),
        workload=_workload(spec),
        metric=spec.group("history").choice("metric", {"WorkingSet": Metric.WORKING_SET, "RSS": Metric.RSS}),
        idle=idle(spec, running),
        relieves=_relieves(spec, running),
        budget_bytes=spec.memory_bytes("budget", "1Mi", "1Pi") if spec.given("budget") else None,
        namespace_selector=_namespaces(spec) if everywhere else None,
    )


def _namespaces(spec: Fields) -> dict[str, Any]:
    if not spec.given("namespaceSelector"):
        raise spec.invalid("namespaceSelector", "a label selector of namespaces ({} selects all)")
    return selector(spec.group("namespaceSelector"))


def _apply(apply: Fields) -> tuple[str, bool]:
    """How running pods are resized, and whether new ones are sized."""
    running = apply.choice("running", {each: each for each in ("None", "InPlace", "InPlaceOrEvict")})
    at_creation, template = apply.switch("atCreation"), apply.switch("template")
    if running != "None" and not at_creation and not template:
        words = "a pod that is evicted would otherwise come back at its template's size"
        raise Invalid(f"{apply.at('running')} is {running!r}: needs spec.apply.atCreation or template as well, {words}")
    if apply.switch("templateForce") and not template:
        raise Invalid(f"{apply.at('templateForce')} is true: needs spec.apply.template to be true as well")
    return running, at_creation


def _relieves(spec: Fields, running: str) -> Consent:
    """Which of its pods go before their node runs out: the idle ones where those may make room at all."""
    pressure = spec.group("pressure")
    lowest = pressure.choice("evict", {"None": False, "LowestPriority": True})
    if lowest and running == "None":
        words = "must be None where spec.apply.running is None: a policy that only recommends evicts nothing"
        raise Invalid(f"{pressure.at('evict')} is 'LowestPriority': {words}")
    if lowest:
        return Consent.ANY
    return Consent.IDLE if idle(spec, running).action is IdleAction.EVICT else Consent.NONE


def _workload(spec: Fields) -> WorkloadPolicy:
    history, pace = spec.group("history"), spec.group("pace")
    asked = WorkloadPolicy(
        containers=tuple(_container(row) for row in spec.rows("containers", MOST_ROWS)),
        window_s=history.span_s("window", "1h", "90d"),
        step_s=history.span_s("step", "15s", "1h"),
        horizon_s=spec.span_s("horizon", "10m", "7d"),
        startup_ignore_s=spec.group("startup").span_s("ignore", "0s", "2h"),
        cooldown_s=pace.span_s("cooldown", "10s", "24h"),
        lead_s=pace.span_s("lead", "0s", "6h"),
        canary=int(spec.group("rollout").number("canary", 0, 1000)),
        hold_leaks=spec.group("leak").choice("action", LEAK_ACTIONS) != "Alert",
        reserve_movers=spec.group("pressure").choice("reserve", {"None": False, "LargeMovers": True}),
    )
    for wrong in _contradictions(asked):
        raise Invalid(wrong)
    return asked


def _container(row: Fields) -> tuple[str, ContainerPolicy]:
    limit = row.group("limit")
    policy = ContainerPolicy(
        min_bytes=row.memory_bytes("min", "64Ki", "16Ti"),
        max_bytes=row.memory_bytes("max", "1Mi", "16Ti") if row.given("max") else None,
        overrun=row.group("request").number("overrun", 0.0001, 0.5),
        limit=limit.choice("strategy", {str(each): each for each in LimitStrategy}),
        limit_headroom=limit.number("headroom", 0, 10),
        kill_cost_bytes=limit.memory_bytes("killCost", "1Mi", "16Ti"),
        limit_ratio=limit.number("ratio", 1, 100),
    )
    if policy.max_bytes is not None and policy.min_bytes > policy.max_bytes:
        least, most = row.value("min"), row.value("max")
        raise Invalid(
            f"{row.at('min')} is {least!r}: must not be above {row.at('max')}, {most!r} (256Ki where not set)"
        )
    return row.text("name", CONTAINER, "a container's name, where * stands for any characters"), policy


def _contradictions(asked: WorkloadPolicy) -> Iterable[str]:
    """What no single field is to blame for, with the ways out."""
    window, step, horizon = duration(asked.window_s), duration(asked.step_s), duration(asked.horizon_s)
    steps = asked.window_s // asked.step_s
    if asked.window_s < FEWEST_STEPS * asked.step_s:
        least = duration(FEWEST_STEPS * asked.step_s)
        yield f"spec.history.window is {window}: must be at least {FEWEST_STEPS} steps of {step}, which is {least}"
    if steps > MOST_STEPS:
        coarser, shorter = duration(-(-asked.window_s // MOST_STEPS)), duration(MOST_STEPS * asked.step_s)
        yield (
            f"spec.history.window of {window} in steps of {step} is {steps} points: must be at most {MOST_STEPS}; "
            f"set spec.history.step to {coarser} or more, or window to {shorter} or less"
        )
    if asked.horizon_s > asked.window_s:
        words = f"must not be longer than spec.history.window, {window}: shorten it or widen the window"
        yield f"spec.horizon is {horizon}: {words}"
    if asked.lead_s > asked.horizon_s:
        yield f"spec.pace.lead is {duration(asked.lead_s)}: must not be longer than spec.horizon, {horizon}"
