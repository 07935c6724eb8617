"""From the samples of a workload's pods to the histories of those that are sized apart. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.tiers import Level, Tier, tiers
from foresize_forecast.prometheus.rows import Row, Rows
from foresize_forecast.prometheus.samples import Samples
from foresize_forecast.series import FloatArray, Grid, peaks

DAY_S = 86_400
WORTH = 0.1
"""What names that say less have to save more."""


@dataclass(frozen=True, slots=True)
class PartHistory:
    """The replicas of one tier.

    Attributes:
        members: the names that they are known by (`tiers.names`).
        pods: those with samples.
        rows: by container name, folded as a workload's are.
    """

    members: Tier
    pods: frozenset[str]
    rows: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Splitting:
    """How pods may be told apart.

    Attributes:
        names: by pod, what it is known by, the more general name first.
        before: members of the tiers until now, lowest first.
        fewest: replicas that it takes.
    """

    names: Mapping[str, tuple[str, ...]]
    before: Sequence[Collection[str]]
    fewest: int


def parts(
    samples: Mapping[str, Mapping[str, Samples]], grid: Grid, startup_ignore_s: int, how: Splitting
) -> tuple[PartHistory, ...]:
    """The histories of the tiers, lowest first; empty where one size serves all.

    A node's type says what the next node like it will need, so types are taken where telling nodes apart does not save
    a tenth more. What tells them apart now stays where the other does not save as much more.

    Args:
        samples: by container and pod, of the containers that are sized.
        grid: the window.
        startup_ignore_s: as for a workload's own history.
        how: by what pods are told apart.
    """
    rows = Rows(grid, partial=False)
    best: tuple[PartHistory, ...] = ()
    least_bytes = math.inf
    for depth in _depths(how):
        named = {pod: each[depth] for pod, each in how.names.items() if len(each) > depth}
        levels = _levels(samples, named, rows, startup_ignore_s)
        found = tiers(levels, how.before, how.fewest)
        held_bytes = _held_bytes(found, levels, named)
        if found and held_bytes < least_bytes * (1 - WORTH):
            least_bytes = held_bytes
            best = tuple(_part(tier, samples, named, rows, startup_ignore_s) for tier in found)
    return best


def _depths(how: Splitting) -> list[int]:
    """How general names are tried: as they tell pods apart until now, then from the most general on."""
    before = frozenset().union(*how.before)
    deepest = max((len(each) for each in how.names.values()), default=0)
    known = {depth for each in how.names.values() for depth, name in enumerate(each) if name in before}
    return sorted(range(deepest), key=lambda depth: (depth not in known, depth))


def _held_bytes(found: Sequence[Tier], levels: Mapping[str, Level], named: Mapping[str, str]) -> float:
    """What all pods would hold, each the peak of its tier, one that is in none the highest."""
    tops = {name: max(levels[each].peak_bytes for each in tier) for tier in found for name in tier}
    highest = max((level.peak_bytes for level in levels.values()), default=0.0)
    return sum(tops.get(name, highest) for name in named.values())


def _part(
    tier: Tier,
    samples: Mapping[str, Mapping[str, Samples]],
    named: Mapping[str, str],
    rows: Rows,
    startup_ignore_s: int,
) -> PartHistory:
    mine = frozenset(pod for pod, name in named.items() if name in tier)
    folded = {
        container: row
        for container, pods in samples.items()
        if (row := rows.row({pod: each for pod, each in pods.items() if pod in mine}, startup_ignore_s))
    }
    return PartHistory(tier, mine, folded)


def _levels(
    samples: Mapping[str, Mapping[str, Samples]], named: Mapping[str, str], rows: Rows, startup_ignore_s: int
) -> dict[str, Level]:
    """What each replica uses, its containers together."""
    usage: dict[str, FloatArray] = {}
    for pods in samples.values():
        of_name: dict[str, dict[str, Samples]] = {}
        for pod, each in pods.items():
            if pod in named:
                of_name.setdefault(named[pod], {})[pod] = each
        for name, mine in of_name.items():
            row = rows.row(mine, startup_ignore_s)
            if row is not None:
                usage[name] = row.usage if name not in usage else _added(usage[name], row.usage)
    return {name: _level(each, rows.grid) for name, each in usage.items()}


def _added(one: FloatArray, other: FloatArray) -> FloatArray:
    """The sum, of what is known: NaN only where neither is."""
    both = np.nan_to_num(one) + np.nan_to_num(other)
    return np.where(np.isnan(one) & np.isnan(other), np.nan, both)


def _level(usage: FloatArray, grid: Grid) -> Level:
    count = max(1, DAY_S // grid.step_s)
    whole = usage.size - usage.size % count
    days = peaks(usage[usage.size - whole :].reshape(-1, count))
    known = days[~np.isnan(days)]
    observed = np.count_nonzero(~np.isnan(usage)) * grid.step_s / DAY_S
    usual = float(np.median(known)) if known.size else 0.0
    return Level(usual, float(np.nanmax(usage)), observed)
