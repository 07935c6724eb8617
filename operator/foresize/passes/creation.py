"""From looks to what new pods are born with: the entries of MemorySizes. Pure; `admission` writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from foresize.config.quantities import memory_bytes
from foresize.doors.admission import Entry, Owner
from foresize.passes.managed import Managed
from foresize.reporting.forecasts import Look
from foresize_forecast.sizes import ContainerPolicy, Size
from foresize_forecast.sizing.bounds import clamp
from foresize_forecast.workloads.review import creation_sizes, proven

Json = dict[str, Any]
Key = tuple[str, str]


@dataclass(slots=True)
class Births:
    """What a namespace's MemorySizes should say.

    Attributes:
        entries: by `Kind/name`; a workload that could not be looked at has none.
        owners: the policies that want them, by uid.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)


def births(
    managed: Mapping[Key, Managed], looks: Mapping[Key, Look], written: Callable[[Key], Json]
) -> Mapping[str, Births]:
    """Of all workloads whose new pods are sized, by namespace; `written` tells what is in force until now."""
    found: dict[str, Births] = defaultdict(Births)
    for (namespace, workload), one in managed.items():
        if one.creates:
            found[namespace].owners[one.policy.uid] = Owner(one.policy.name, one.policy.uid, one.policy.kind)
            if look := looks.get(one.key):
                found[namespace].entries[workload] = entry(one, look, written(one.key))
    return found


def creating(managed: Mapping[Key, Managed]) -> Mapping[str, set[str]]:
    """The workloads whose new pods are sized, by namespace."""
    found: dict[str, set[str]] = defaultdict(set)
    for (namespace, workload), one in managed.items():
        if one.creates:
            found[namespace].add(workload)
    return found


def entry(managed: Managed, look: Look, written: Json) -> Entry:
    """What pods of a workload are born with now; `written` is what they were until now."""
    state, now_s = look.review.state, look.seen.now_s
    sizes = creation_sizes(look.review, look.seen, managed.workload.replicas, managed.quota)
    named = {*look.review.verdicts, *(name for name in look.seen.init if managed.policy.workload.container(name))}
    undecided = {name for name in named - sizes.keys() if _fits(written.get(name, {}), managed)}
    if managed.workload.runs or (look.seen.pods and not state.revisions):
        return Entry(sizes, None, undecided)
    return Entry(sizes, [each for each in state.revisions if proven(state, each, now_s).limit], undecided)


def _fits(written: Json, managed: Managed) -> bool:
    """Whether a size that was written earlier is still within the LimitRange: else no pod could be created with it."""
    try:
        size = Size(*(memory_bytes(written[part]) if part in written else None for part in ("request", "limit")))
    except ValueError:  # somebody wrote what is no size
        return False
    return clamp(size, ContainerPolicy(min_bytes=0), managed.bounds) == size
