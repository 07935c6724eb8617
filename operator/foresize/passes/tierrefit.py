"""The slow clock for replicas that are sized apart: whether they are, and a forecast for each tier of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from foresize.cluster.guard import Assignment
from foresize.fitting.fits import Fitter
from foresize.passes.managed import Managed
from foresize_forecast.deciding.state import WorkloadState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.forecasting.tiers import FEWEST, MOST_PODS
from foresize_forecast.foresee import Wish
from foresize_forecast.pods import Kill, PodView
from foresize_forecast.prometheus import ContainerOfPod, HistoryAnswer
from foresize_forecast.prometheus.podparts import PartHistory, Splitting, parts
from foresize_forecast.prometheus.samples import Samples
from foresize_forecast.series import ContainerKey, History
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.apart import Foretold

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a workload's pods that may be sized apart.

    Attributes:
        kind: of the workload.
        startup_ignore_s: as for its own history.
        names: by pod, what it is known by for longer than it lives.
        before: members of the tiers until now, lowest first.
    """

    kind: str = ""
    startup_ignore_s: int = 0
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    before: Sequence[Collection[str]] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    key: Key
    number: int
    part: PartHistory


def standing_of(managed: Managed, pods: Iterable[PodView], state: WorkloadState) -> Standing:
    """What is known of a workload's living pods by their lasting names, and how they were sized apart until now."""
    before = [part.members for part in state.parts]
    return Standing(managed.workload.kind, managed.policy.workload.startup_ignore_s, managed.names(pods), before)


def is_divisible(assignment: Assignment, standing: Standing) -> bool:
    """Whether its pods may be sized apart: in place, where they have names that last, and enough of them."""
    fewest = 1 if standing.before else FEWEST.get(assignment.workload.kind)
    named = [pod for pod, names in standing.names.items() if names]
    return assignment.policy.in_place and fewest is not None and fewest <= len(named) <= MOST_PODS


def tiers_foreseen(
    pool: Fitter,
    answer: HistoryAnswer,
    standings: Mapping[Key, Standing],
    wish: Callable[[ContainerKey], Wish | None],
    killed: Mapping[ContainerOfPod, Kill],
) -> dict[Key, tuple[Foretold, ...] | None]:
    """The tiers of each workload that may have some: none where one size serves all, None where it cannot be told.

    Args:
        pool: makes forecasts.
        answer: what was read of them, by pod for those with a standing.
        standings: by workload, of those whose pods may be sized apart.
        wish: what is asked of a container's forecast; None where it is not sized.
        killed: the kills on record.
    """
    divided = {key: _divided(key, answer, standing, wish) for key, standing in standings.items()}
    found = [_Found(key, number, part) for key, each in divided.items() for number, part in enumerate(each or ())]
    made = _forecasts(pool, found, answer, wish)
    told = {
        key: tuple(_foretold(one, made, killed) for one in found if one.key == key)
        for key, each in divided.items()
        if each is not None
    }
    return {**dict.fromkeys(divided), **told}


def _foretold(
    found: _Found,
    made: Mapping[tuple[Key, int, str], Forecasted | NoOutlook],
    killed: Mapping[ContainerOfPod, Kill],
) -> Foretold:
    forecasts = {name: made[found.key, found.number, name] for name in found.part.rows}
    kills = {name: tuple(_kills(found, name, killed)) for name in found.part.rows}
    return Foretold(tuple(sorted(found.part.members)), forecasts, kills)


def _divided(
    key: Key, answer: HistoryAnswer, standing: Standing, wish: Callable[[ContainerKey], Wish | None]
) -> tuple[PartHistory, ...] | None:
    samples: dict[str, Mapping[str, Samples]] = {}
    for row, fact in zip(answer.history.containers, answer.facts, strict=True):
        if (row.namespace, row.workload) == key and wish(row) is not None:
            if fact.partial:  # a hole looks like a smaller need
                return None
            samples[row.container] = fact.pods
    how = Splitting(standing.names, standing.before, FEWEST[standing.kind])
    return parts(samples, answer.history.grid, standing.startup_ignore_s, how)


def _forecasts(
    pool: Fitter, found: Sequence[_Found], answer: HistoryAnswer, wish: Callable[[ContainerKey], Wish | None]
) -> dict[tuple[Key, int, str], Forecasted | NoOutlook]:
    """By workload, tier and container."""
    rows = [(each, name, row) for each in found for name, row in each.part.rows.items()]
    keys = [ContainerKey(*each.key, name) for each, name, _ in rows]
    wishes = [wanted for key in keys if (wanted := wish(key)) is not None]
    if not rows:
        return {}
    # A container of several tiers has a row for each: names are for people here.
    usage = np.array([row.usage for _, _, row in rows])
    startup_peak = np.array([row.startup_peak for _, _, row in rows], dtype=np.float64)
    made = pool.foresee(History(answer.history.grid, tuple(keys), usage, startup_peak), wishes)
    return {(each.key, each.number, name): one for (each, name, _), one in zip(rows, made, strict=True)}


def _kills(found: _Found, container: str, killed: Mapping[ContainerOfPod, Kill]) -> list[Kill]:
    pods = (ContainerOfPod(found.key[0], pod, container) for pod in sorted(found.part.pods))
    return [killed[pod] for pod in pods if pod in killed]
