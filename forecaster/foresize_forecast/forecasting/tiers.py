"""Replicas with a lasting identity in tiers: those that for days have used far more than the others are sized apart.

Where all replicas have one size, it is the size of the hottest. That is worth ending only where the skew is large, has
lasted, and belongs to names that come back: a StatefulSet's ordinals and a DaemonSet's nodes. A Deployment's pod has no
identity beyond its life: who is hot there is an accident, and the next pod in its place may be any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from foresize_forecast.sizes import MIB

TIMES = 1.5
"""A tier is apart where what is usual in it is above this many times the highest ever seen below it: those below would
have half as much again as they have ever needed."""
TIMES_KEPT = 1.25
"""It stays apart while it is above this many: a tier that came and went would move limits for nothing."""
LEAST_BYTES = 64 * MIB
"""More than what is below it: less is not worth a size of its own."""
LEAST_KEPT_BYTES = 32 * MIB
LASTING_DAYS = 3.0
"""Measurements of its own that a replica needs: less may be a role (a leader's) that moves."""
FEWEST = {"StatefulSet": 3, "DaemonSet": 2}
"""Replicas needed. Of two in a StatefulSet the one that uses less is most often there to take over."""
MOST_PODS = 100
"""Pods of a workload that are looked at one by one: the history of each is held meanwhile."""
Tier = frozenset[str]


@dataclass(frozen=True, slots=True)
class Level:
    """What one replica uses.

    Attributes:
        usual_bytes: the median of its days' peaks.
        peak_bytes: the highest of the window.
        days: with measurements.
    """

    usual_bytes: float
    peak_bytes: float
    days: float


def names(kind: str, pod: str, node: str, node_class: str) -> tuple[str, ...]:
    """What a replica is known by for longer than its pod lives; nothing where its kind has no such identity.

    Worked: a StatefulSet's `db-0` is `pod/db-0`; a DaemonSet's pod on `n1` of type `m5.large` is `type/m5.large` and
    `node/n1`, the more general name first.
    """
    if kind == "StatefulSet":
        return (f"pod/{pod}",)
    if kind != "DaemonSet" or not node:
        return ()
    return (f"type/{node_class}", f"node/{node}") if node_class else (f"node/{node}",)


def tiers(levels: Mapping[str, Level], before: Sequence[Collection[str]], fewest: int) -> tuple[Tier, ...]:
    """Replicas in tiers, lowest first; empty where one size serves all.

    Tiers that there were before stay while they are apart by less than it takes to come apart. A replica without
    enough history of its own is in none.

    Args:
        levels: by the replica's name.
        before: the tiers until now, lowest first.
        fewest: replicas that it takes.

    Worked: peaks of 100, 110, 120 and 400 MiB, and 390 usual for the last: above 1.5 x 120 and 120 + 64, so apart.
    """
    known = {name: level for name, level in levels.items() if level.days >= LASTING_DAYS}
    if len(known) < fewest and not before:
        return ()
    kept = _merged(_placed(known, before), known)
    found = tuple(each for tier in kept or [frozenset(known)] for each in _split(tier, known))
    return found if len(found) > 1 else ()


def _placed(known: Mapping[str, Level], before: Sequence[Collection[str]]) -> list[Tier]:
    """The tiers of before with who is there now: a new one is in the lowest that has its peak in it, else on top."""
    there = [frozenset(name for name in tier if name in known) for tier in before]
    placed = [set(tier) for tier in there if tier]
    if not placed:
        return []
    tops = [max(known[name].peak_bytes for name in tier) for tier in placed]
    for name in sorted(known.keys() - frozenset().union(*placed)):
        at = next((i for i, top in enumerate(tops) if known[name].peak_bytes <= top), len(placed) - 1)
        placed[at].add(name)
    return [frozenset(tier) for tier in placed]


def _merged(placed: Sequence[Tier], known: Mapping[str, Level]) -> list[Tier]:
    """Neighbours that are not apart any more are one."""
    found: list[Tier] = []
    for at, tier in enumerate(placed):
        below, above = frozenset().union(*placed[:at]), frozenset().union(*placed[at:])
        if found and not _apart(below, above, known, TIMES_KEPT, LEAST_KEPT_BYTES):
            found[-1] |= tier
        else:
            found.append(tier)
    return found


def _split(tier: Tier, known: Mapping[str, Level]) -> list[Tier]:
    """A tier, cut wherever those above are far above all below."""
    rising = sorted(tier, key=lambda name: (known[name].peak_bytes, name))
    cuts = [
        at
        for at in range(1, len(rising))
        if _apart(frozenset(rising[:at]), frozenset(rising[at:]), known, TIMES, LEAST_BYTES)
    ]
    return [frozenset(rising[start:end]) for start, end in zip([0, *cuts], [*cuts, len(rising)], strict=True)]


def _apart(below: Tier, above: Tier, known: Mapping[str, Level], times: float, least_bytes: float) -> bool:
    """Whether each above usually uses far more than any below ever did: a role that moved in between shows in both."""
    highest = max(known[name].peak_bytes for name in below)
    usual = min(known[name].usual_bytes for name in above)
    return usual > times * highest and usual > highest + least_bytes
