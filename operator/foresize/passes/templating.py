"""From looks to pod templates: the intent written down, the door asked, and what became of it told."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from foresize import metrics
from foresize.config.quantities import people
from foresize.doors.template import write
from foresize.kube.kubeapi import Api
from foresize.kube.lease import Fence
from foresize.passes.attend import REMEMBERED, Attendant
from foresize.passes.managed import Managed
from foresize.reporting.events import Events
from foresize.reporting.forecasts import Look
from foresize.reporting.records import Records
from foresize_forecast.deciding.state import TemplateWrite
from foresize_forecast.moving.disruption import Past, no_rollout
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.podchange import Proven
from foresize_forecast.resizing.templateplan import NOTHING, TemplateNeeds, TemplatePlan, planned
from foresize_forecast.sizes import Size
from foresize_forecast.workloads.review import creation_sizes, proven

logger = logging.getLogger(__name__)


class Templater:
    """Brings templates to what is planned, in the act loop's thread."""

    def __init__(self, api: Api, fence: Fence, attendant: Attendant, records: Records, events: Events) -> None:
        self._api, self._fence = api, fence
        self._attendant, self._records, self._events = attendant, records, events

    def attend(self, managed: Managed, look: Look, now_s: float) -> Look:
        """Write a workload's template where its policy wants it and it pays; the look with what came of it.

        Raises:
            ApiError: what was to be remembered could not be written, so nothing was done.
        """
        if not managed.templates:
            return look
        past = self._records.disruptions()
        plan = planned(needs(managed, look, past), now_s)
        if not plan.sizes:
            return replace(look, template=plan.blocked)
        if why := self._fence.refusal():
            return replace(look, template=Blocked(Obstacle.FENCED, why))
        with self._attendant.alone(managed.key):
            self._remember(managed, TemplateWrite(now_s))
            refused = write(self._api, self._fence, managed.workload, plan.sizes, force=managed.policy.template_force)
            metrics.TEMPLATES.labels("refused" if refused else "accepted").inc()
            words = "" if refused is None else refused.message[:REMEMBERED]
            made = TemplateWrite(now_s, done=refused is None, message=words)
            state = replace(self._records.state(managed.key), template=made)
            self._records.keep(managed.key, state)
        self._tell(managed, plan, words)
        blocked = Blocked(Obstacle.TEMPLATE_REFUSED, words) if words else plan.blocked
        # Its pods are about to be replaced: none is evicted beside that.
        return replace(look, review=replace(look.review, state=state), template=blocked, wishes=())

    def _remember(self, managed: Managed, written: TemplateWrite) -> None:
        state = replace(self._records.state(managed.key), template=written)
        self._records.remember(managed.subject, state)

    def _tell(self, managed: Managed, plan: TemplatePlan, refusal: str) -> None:
        about = self._records.regarding(managed.subject)
        changes = _changes(managed.workload.template, plan.sizes)
        if refusal:
            self._events.warning(about, "TemplateRefused", f"pod template not written ({changes}): {refusal}")
            return
        words = f"memory request/limit in the pod template, {changes}; MemoryPolicy {managed.policy.name}"
        logger.info("%s/%s: %s", *managed.key, words)
        self._events.normal(about, "TemplateWritten", words)


def needs(managed: Managed, look: Look, past: Sequence[Past]) -> TemplateNeeds:
    """What bears on a workload's template, of a look at it and of what was disrupted in the last hour."""
    seen, workload = look.seen, managed.workload
    # What a run used is in its plan already, and between two runs there is nothing to look at.
    usage: dict[str, float] = dict.fromkeys(look.review.verdicts, 0.0) if workload.runs else {}
    for (_, name), recent in seen.recent.items():
        usage[name] = max(usage.get(name, 0.0), recent.usage_bytes)
    policy = managed.policy
    held = no_rollout(managed.key, policy.uid, policy.disruption, past, seen.now_s)
    return TemplateNeeds(
        held=workload.held,
        born=creation_sizes(look.review, seen, workload.replicas, managed.quota),
        usage_bytes=usage,
        proven=Proven(request=True, limit=True) if workload.runs else _proven(look),
        qos=workload.qos,
        cpu_pinned=workload.cpu_pinned,
        policies={name: asked for name in workload.held if (asked := policy.workload.container(name)) is not None},
        room=seen.bounds,
        waits=managed.distrust or (held.message if held else ""),
        distrust=seen.distrust,
        force=managed.policy.template_force,
        killed=frozenset() if policy.in_place else _killed(look),
        written=look.review.state.template,
    )


def _killed(look: Look) -> frozenset[str]:
    """Containers that were killed since the template was last written."""
    state = look.review.state
    since_s = state.template.at_s if state.template is not None else 0.0
    kills = {name: state.container(name).kills for name in look.review.verdicts}
    return frozenset(name for name, each in kills.items() if each and each[-1].at_s > since_s)


def _proven(look: Look) -> Proven:
    """How far the newest revision that runs is proven; without a pod not at all."""
    if not look.seen.pods:
        return Proven(request=False, limit=False)
    newest = max(look.seen.pods, key=lambda pod: pod.created_s)
    return proven(look.review.state, newest.revision, look.seen.now_s)


def _changes(before: Mapping[str, Size], sizes: Mapping[str, Size]) -> str:
    return ", ".join(f"{name} {_both(before.get(name, NOTHING))} -> {_both(size)}" for name, size in sizes.items())


def _both(size: Size) -> str:
    return f"{people(size.request_bytes)}/{people(size.limit_bytes)}"
