"""One look at a workload whose replicas are sized apart: each tier as if it were a workload of its own.

The workload is reviewed as one as well: that size fits any replica, so it is what new pods are born with, and what all
go back to where tiers end. They end where the evidence does, and with a kill below the highest tier: what was taken for
the need of one replica was then a role, which has moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foresize_forecast.deciding.ladder import KILL_FACTOR, SAME_KILL_S
from foresize_forecast.deciding.state import ContainerState, Part, WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.pods import Kill, PodView
from foresize_forecast.sizes import WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Apart, Observation, Review, review

ALIKE = "one size for all replicas: they are not far apart any more"
MOVED = "one size for all replicas: one that had been sized below others was killed, so what they need moves"
Forecasts = Mapping[str, Forecasted | NoOutlook]


@dataclass(frozen=True, slots=True)
class Foretold:
    """What the last refit found of the replicas of one tier.

    Attributes:
        members: the names that they are known by.
        forecasts: by container name.
        kills: on record, of pods that may be gone, by container name.
    """

    members: tuple[str, ...]
    forecasts: Forecasts
    kills: Mapping[str, tuple[Kill, ...]] = field(default_factory=dict)


def review_apart(
    state: WorkloadState,
    seen: Observation,
    forecasts: Forecasts,
    tiers: Sequence[Foretold] | None,
    policy: WorkloadPolicy,
) -> Review:
    """Decide every container of a workload, and of each of its tiers.

    Args:
        state: what is remembered of the workload.
        seen: what is seen of it.
        forecasts: by container name, of all replicas together.
        tiers: what is known of them apart, lowest first; empty where one size serves all; None where nothing is known
            yet: then they stay as they are remembered.
        policy: what its MemoryPolicy asks.
    """
    before = state.parts
    whole = review(state, seen, forecasts, policy)
    state = _settled(state, whole.state, seen, tiers)
    known = {each.members: each for each in tiers or ()}
    apart = [_reviewed(part, known.get(part.members), state, seen, policy) for part in state.parts]
    if _role_has_moved(state.parts, apart):
        together = replace(state, parts=(), together_until_s=seen.now_s + policy.window_s)
        return replace(whole, state=together, turned=MOVED)
    parts = tuple(
        replace(part, containers=each.review.state.containers) for part, each in zip(state.parts, apart, strict=True)
    )
    return replace(whole, state=replace(state, parts=parts), apart=tuple(apart), turned=_turned(before, parts))


def _turned(before: Sequence[Part], after: Sequence[Part]) -> str:
    if len(before) == len(after):
        return ""
    if not after:
        return ALIKE
    return f"{len(after)} sizes, as replicas have used far more than others for days; {after[-1].members[0]} needs most"


def _settled(
    before: WorkloadState, state: WorkloadState, seen: Observation, tiers: Sequence[Foretold] | None
) -> WorkloadState:
    """The memory with the tiers that there are now; `before` is the one before the look at all replicas."""
    if seen.now_s < state.together_until_s:
        return replace(state, parts=())
    if tiers is None or tuple(each.members for each in tiers) == tuple(part.members for part in state.parts):
        return state
    return replace(state, parts=tuple(_part(each, (before, state), seen, tiers) for each in tiers))


def _part(
    tier: Foretold, states: tuple[WorkloadState, WorkloadState], seen: Observation, tiers: Sequence[Foretold]
) -> Part:
    """A new tier: with what is remembered of the highest that its members were in, or of the workload."""
    before, after = states
    own = [part for part in before.parts if set(part.members) & set(tier.members)]
    if own:
        return replace(own[-1], members=tier.members, since_s=min(part.since_s for part in own))
    others = [each for each in tiers if each is not tier]
    containers = {
        name: _seeded(before.container(name), learnt, _kills_of(name, others, seen))
        for name, learnt in after.containers.items()
    }
    return Part(tier.members, seen.now_s, containers)


def _seeded(container: ContainerState, learnt: ContainerState, others: Sequence[Kill]) -> ContainerState:
    """The memory of a container as its tier begins with it: target and cooldowns as they were, kills as `learnt` now.

    Without what killed others. A kill that nobody else's pod tells of may have been its own.
    """
    own = tuple(kill for kill in learnt.kills if not any(_same(kill, other) for other in others))
    taught = max((KILL_FACTOR * kill.limit_bytes for kill in own if kill.limit_bytes is not None), default=0)
    return replace(
        container,
        kills=own,
        kill_floor_bytes=min(taught, learnt.kill_floor_bytes),
        need_seen_at_s=learnt.need_seen_at_s if own else 0.0,
        last_change=None,
        canary=None,
        shapes=None,
    )


def _kills_of(name: str, tiers: Sequence[Foretold], seen: Observation) -> list[Kill]:
    """What is known to have killed a container in these tiers."""
    found = [kill for tier in tiers for kill in tier.kills.get(name, ())]
    members = {member for tier in tiers for member in tier.members}
    views = (pod.container(name) for pod in (*seen.pods, *seen.ended) if _is_of(pod, members, seen))
    return found + [view.last_kill for view in views if view is not None and view.last_kill is not None]


def _same(one: Kill, other: Kill) -> bool:
    return abs(one.at_s - other.at_s) <= SAME_KILL_S and one.limit_bytes == other.limit_bytes


def _is_of(pod: PodView, members: set[str], seen: Observation) -> bool:
    return not members.isdisjoint(seen.names.get(pod.name, ()))


def _reviewed(
    part: Part, tier: Foretold | None, state: WorkloadState, seen: Observation, policy: WorkloadPolicy
) -> Apart:
    """A look at the replicas of one tier alone."""
    members = set(part.members)
    mine = tuple(pod for pod in seen.pods if _is_of(pod, members, seen))
    alone = replace(
        seen,
        pods=mine,
        ended=tuple(pod for pod in seen.ended if _is_of(pod, members, seen)),
        past_kills=tier.kills if tier is not None else {},
    )
    forecasts = tier.forecasts if tier is not None else {}
    own = WorkloadState(containers=part.containers, attempts=state.attempts, revisions=state.revisions)
    found = review(own, alone, forecasts, policy)
    return Apart(part.members, frozenset(pod.name for pod in mine), found, forecasts)


def _role_has_moved(parts: Sequence[Part], apart: Sequence[Apart]) -> bool:
    """Whether a replica below the highest tier was killed at its limit since it is apart."""
    return any(
        kill.limit_bytes is not None and kill.at_s >= part.since_s
        for part, each in zip(parts[:-1], apart[:-1], strict=True)
        for container in each.review.state.containers.values()
        for kill in container.kills
    )
