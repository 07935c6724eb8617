"""One look at a workload of runs (a CronJob, a Job): what its next run is born with, and what a run that goes on needs.

As `workload` does for what runs for ever. A run is born with its peak's size, so that it needs nobody. While it goes on
its request follows its level (`runlive`), in place; its limit only rises, after a kill: in place where its container is
started again, and otherwise at the birth of its next attempt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from foresize_forecast.deciding import ladder
from foresize_forecast.deciding.decide import Verdict
from foresize_forecast.deciding.state import REVISIONS_KEPT, Change, ContainerState, RunsKept, WorkloadState
from foresize_forecast.pods import PodView, Room
from foresize_forecast.reasons import Blocked, Reason
from foresize_forecast.resizing.podchange import PodNeeds, Proven, change
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.runs.attempt import BAND, Basis, RunPlan
from foresize_forecast.runs.digest import PastRun
from foresize_forecast.runs.nextrun import MIN_RUNS
from foresize_forecast.sizes import ContainerPolicy, LimitStrategy, Size, WorkloadPolicy, in_mebibytes, rounded_up
from foresize_forecast.sizing.bounds import clamp
from foresize_forecast.workloads.review import Observation, Review, with_kills
from foresize_forecast.workloads.runlive import request_now

NO_PLAN = "its runs have not been read yet"
NEW_TEMPLATE = f"until {MIN_RUNS} runs of its own they have at least what the template says"


@dataclass(frozen=True, slots=True)
class RunsKnown:
    """What is known of a container's runs.

    Attributes:
        plan: of the next run.
        until_s: when the newest of the runs ended that it rests on, Unix seconds.
        past: the runs that it rests on, where they have to be remembered; None where not.
        began_s: when the third newest of them began; 0 where there are fewer.
    """

    plan: RunPlan
    until_s: float
    past: tuple[PastRun, ...] | None = None
    began_s: float = 0.0


def review_runs(
    state: WorkloadState, seen: Observation, known: Mapping[str, RunsKnown], policy: WorkloadPolicy
) -> Review:
    """Decide every container of a workload of runs.

    Args:
        state: what is remembered of the workload.
        seen: what is seen of it: its pods that live, and those that were killed and are still there.
        known: by container name; a container that is missing has no plan yet.
        policy: what its MemoryPolicy asks.
    """
    state = _with_revision(with_kills(state, seen, policy.window_s), seen)
    living = {pod.uid for pod in seen.pods}
    state = replace(state, attempts={uid: each for uid, each in state.attempts.items() if uid in living})
    verdicts: dict[str, Verdict] = {}
    for name, template in sorted(seen.template.items()):
        asked = policy.container(name)
        if asked is None:
            continue
        usage = [recent.usage_bytes for pod in seen.pods if (recent := seen.recent.get((pod.name, name)))]
        runs = known.get(name)
        remembered = ladder.after_use(state.container(name), max(usage, default=None), seen.now_s)
        known_s = runs.until_s if runs and runs.plan.basis is not Basis.DECLARED else None
        remembered = ladder.forget_old_kills(remembered, seen.now_s, policy.window_s, known_s)
        since_s = state.revisions.get(seen.revision, 0.0)
        least = template if since_s and (runs is None or runs.began_s < since_s) else None
        verdict = _verdict(remembered, runs, asked.for_qos(seen.qos), template, seen, least)
        verdicts[name] = verdict
        state = state.with_container(name, _with_target(remembered, verdict, template, seen.now_s))
        if runs is not None and runs.past is not None:
            kept = {name: RunsKept(template, runs.past)} if runs.past else {}
            state = replace(state, runs={of: each for of, each in state.runs.items() if of != name} | kept)
    plans = {name: each.plan for name, each in known.items() if name in verdicts}
    return Review(verdicts, state, policy, plans=plans)


def with_init(found: Review, seen: Observation, known: Mapping[str, RunsKnown], policy: WorkloadPolicy) -> Review:
    """The review with what ordinary init containers are born with: each start of a pod is a run of theirs.

    Their request follows what they used. Their limit is only ever raised: a pod whose init container is killed does
    not start at all, and no kill of one is looked at.
    """
    sizes: dict[str, Size] = {}
    for name, template in seen.init.items():
        asked = policy.container(name)
        if asked is not None and name in known and (size := _of_init(known[name].plan, template, asked)) is not None:
            sizes[name] = clamp(size, asked, seen.bounds)
    return replace(found, init=sizes)


def _of_init(plan: RunPlan, template: Size, asked: ContainerPolicy) -> Size | None:
    if plan.basis is Basis.DECLARED or not math.isfinite(plan.one_size_bytes):
        return None
    need_bytes, limit = rounded_up(plan.one_size_bytes), template.limit_bytes
    if limit is not None and asked.limit not in {LimitStrategy.KEEP, LimitStrategy.NONE}:
        limit = max(limit, need_bytes)
    return Size(need_bytes if limit is None else min(need_bytes, limit), limit)


def run_change(pod: PodView, found: Review, seen: Observation, room: Room) -> PodChange | Blocked | None:
    """What a run that goes on needs in place: the limit that a kill of any run has taught, the request of its level."""
    attempt = found.state.attempts.get(pod.uid)
    targets: dict[str, Size] = {}
    usage: dict[str, float] = {}
    for view in pod.containers:
        if view.name in found.verdicts:
            targets[view.name] = _raised(view.size, found, view.name)
            recent, plan = seen.recent.get((pod.name, view.name)), found.plans.get(view.name)
            if recent is not None:
                usage[view.name] = recent.usage_bytes
            if recent is not None and plan is not None and _follows(pod, found.pace.container(view.name)):
                request = request_now(view, plan, recent, seen.now_s, attempt.at_s if attempt else 0.0)
                targets[view.name] = replace(targets[view.name], request_bytes=request or view.size.request_bytes)
    needs = PodNeeds(
        targets=targets,
        template=seen.template,
        proven=Proven(request=True, limit=True),
        usage_bytes=usage,
        room=room,
        attempt=attempt,
        raise_only=bool(seen.distrust),
        now_s=seen.now_s,
    )
    return change(pod, needs)


def _follows(pod: PodView, asked: ContainerPolicy | None) -> bool:
    """Whether a run's request may be another one than its limit."""
    return asked is not None and asked.for_qos(pod.qos).limit is not LimitStrategy.EQUAL_REQUEST


def _raised(size: Size, found: Review, name: str) -> Size:
    """With the limit that kills have taught, up to what the policy and the LimitRange let the next run have."""
    floor_bytes, most_bytes = found.state.container(name).kill_floor_bytes, found.verdicts[name].target.limit_bytes
    if size.limit_bytes is None or most_bytes is None or not floor_bytes:
        return size
    return Size(size.request_bytes, max(size.limit_bytes, min(rounded_up(floor_bytes), most_bytes)))


def _with_revision(state: WorkloadState, seen: Observation) -> WorkloadState:
    """When the present template was first seen; the first of all has always been there."""
    if not seen.revision or seen.revision in state.revisions:
        return state
    since = {**state.revisions, seen.revision: seen.now_s if state.revisions else 0.0}
    newest = sorted(since.items(), key=lambda each: each[1])[-REVISIONS_KEPT:]
    return replace(state, revisions=dict(newest))


def _verdict(  # noqa: PLR0913, PLR0917 - all that a run's size rests on
    state: ContainerState,
    known: RunsKnown | None,
    asked: ContainerPolicy,
    template: Size,
    seen: Observation,
    least: Size | None,
) -> Verdict:
    """What runs have; `least` is what the template says, where too few runs of it have been seen yet."""
    floor_bytes = rounded_up(state.kill_floor_bytes) if state.kill_floor_bytes else 0
    if known is None or known.plan.basis is Basis.DECLARED or not math.isfinite(known.plan.one_size_bytes):
        why = NO_PLAN if known is None else known.plan.message
        if template.limit_bytes is None or not floor_bytes:
            return Verdict(template, None, None, Reason.NO_OUTLOOK, _words(template, why))
        taught = clamp(Size(template.request_bytes, max(floor_bytes, template.limit_bytes)), asked, seen.bounds)
        return Verdict(taught, taught, taught, Reason.OOM_KILLED, _words(taught, _killed(state)))
    need_bytes = rounded_up(known.plan.one_size_bytes)
    wish = _sized(need_bytes, floor_bytes, asked, template)
    wish = clamp(wish if least is None else _at_least(wish, least, asked), asked, seen.bounds)
    target = clamp(_steady(state.target, wish, seen.distrust), asked, seen.bounds)
    if floor_bytes > need_bytes and target.limit_bytes is not None:
        return Verdict(target, wish, target, Reason.OOM_KILLED, _words(target, _killed(state)))
    why = known.plan.message if least is None else f"{known.plan.message}, of another image or command: {NEW_TEMPLATE}"
    return Verdict(target, wish, target, Reason.FORECAST, _words(target, why))


def _at_least(wish: Size, template: Size, asked: ContainerPolicy) -> Size:
    """What is wished, not below what the owner wrote; without a limit where he wrote none."""
    request = max(wish.request_bytes or 0, template.request_bytes or 0) or None
    if wish.limit_bytes is None or template.limit_bytes is None:
        return Size(request, None)
    limit = max(wish.limit_bytes, template.limit_bytes)
    return Size(limit if asked.limit is LimitStrategy.EQUAL_REQUEST else request, limit)


def _sized(need_bytes: int, floor_bytes: int, asked: ContainerPolicy, template: Size) -> Size:
    """A run has what it needs from its birth to its end, as request and as limit: what it may use is reserved."""
    limit: int | None = max(need_bytes, floor_bytes)
    if asked.limit is LimitStrategy.RATIO:
        limit = max(rounded_up(need_bytes * asked.limit_ratio), floor_bytes)
    elif asked.limit is LimitStrategy.KEEP:
        limit = template.limit_bytes if template.limit_bytes is None else max(template.limit_bytes, floor_bytes)
    elif asked.limit is LimitStrategy.NONE:
        limit = None
    elif asked.limit is LimitStrategy.EQUAL_REQUEST:
        return Size(limit, limit)
    return Size(need_bytes if limit is None else min(need_bytes, limit), limit)


def _steady(before: Size | None, wish: Size, distrust: str) -> Size:
    """The size before, where what is wanted is not above it and hardly below: each run moves its plan a little.

    Data that cannot be trusted, or kills all over the cluster, lower nothing.
    """
    if before is not None and distrust:
        return Size(_higher(before.request_bytes, wish.request_bytes), _higher(before.limit_bytes, wish.limit_bytes))
    if before is None or not (
        _near(before.request_bytes, wish.request_bytes) and _near(before.limit_bytes, wish.limit_bytes)
    ):
        return wish
    return before


def _higher(before: int | None, wish: int | None) -> int | None:
    return wish if before is None or wish is None else max(before, wish)


def _near(before: int | None, wish: int | None) -> bool:
    if before is None or wish is None:
        return before == wish
    return before * (1 - BAND) <= wish <= before


def _with_target(state: ContainerState, verdict: Verdict, template: Size, now_s: float) -> ContainerState:
    before = state.target or template
    if verdict.creation is None:
        return state  # what is written still holds
    if verdict.target == before:
        return replace(state, target=before)
    moved = Change(now_s, before, verdict.target, verdict.reason, verdict.message)
    return replace(state, target=verdict.target, last_change=moved)


def _killed(state: ContainerState) -> str:
    return f"a run was killed at its limit of {in_mebibytes(state.kills[-1].limit_bytes if state.kills else None)}"


def _words(size: Size, why: str) -> str:
    return f"runs have request {in_mebibytes(size.request_bytes)}, limit {in_mebibytes(size.limit_bytes)}: {why}"
