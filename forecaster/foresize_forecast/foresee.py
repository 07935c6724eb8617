"""Histories in, outlooks with their plans out: the unit of work of a worker process, and of a replay."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from foresize_forecast.forecasting.forecast import Question, outlooks
from foresize_forecast.forecasting.jumps import PRIOR, PRIOR_DAY, Jumps, Kin, Tail, pooled, together
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.series import History
from foresize_forecast.sizing.plan import Forecasted, plan

Key = TypeVar("Key", bound=Hashable)
Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of one container's forecast, and at what pace its request may follow it."""

    question: Question
    lead_s: int
    cooldown_s: int


def foresee(history: History, wishes: Sequence[Wish]) -> list[Forecasted | NoOutlook]:
    """Forecast and plan every container of a history.

    Args:
        history: usage of many containers.
        wishes: one for each container, in the history's order.

    Returns:
        In the same order, an outlook with its plan or the reason why there is none.
    """
    made = outlooks(history, [wish.question for wish in wishes])
    return [
        outlook if isinstance(outlook, NoOutlook) else Forecasted(outlook, plan(outlook, wish.lead_s, wish.cooldown_s))
        for outlook, wish in zip(made, wishes, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Family:
    """Whose records of jumps a container shares.

    Attributes:
        namespace: its own.
        siblings: what the same containers of other replicas have in common; its own name where it has none.
    """

    namespace: str
    siblings: Hashable


def pool(
    forecasts: Mapping[Key, Forecasted | NoOutlook], families: Mapping[Key, Family]
) -> dict[Key, Forecasted | NoOutlook]:
    """The same forecasts, each with tails that it shares with siblings, namespace and cluster.

    Cheap (sums over records), so it is done over all that is known whenever some of it is new.

    Args:
        forecasts: of all containers known.
        families: of the same containers.
    """
    known = {key: each for key, each in forecasts.items() if isinstance(each, Forecasted)}
    tails = _tails({key: each.outlook.jumps for key, each in known.items()}, families, PRIOR)
    rises = _tails({key: each.outlook.rises for key, each in known.items()}, families, PRIOR_DAY)
    return {
        key: replace(known[key], tail=tails[key], rise=rises[key]) if key in known else each
        for key, each in forecasts.items()
    }


def _tails(records: Mapping[Key, Jumps], families: Mapping[Key, Family], prior: Tail) -> dict[Key, Tail]:
    """Each record as a tail, filled up by those of its family and of all."""
    siblings = _sums(records, {key: (families[key].namespace, families[key].siblings) for key in records})
    namespaces = _sums(records, {key: families[key].namespace for key in records})
    cluster = together(namespaces.values())
    found: dict[Key, Tail] = {}
    for key, own in records.items():
        of = families[key]
        kin = Kin(siblings[of.namespace, of.siblings], namespaces[of.namespace], cluster)
        found[key] = pooled(own, kin, prior)
    return found


def _sums(records: Mapping[Key, Jumps], groups: Mapping[Key, Group]) -> dict[Group, Jumps]:
    """The records of each group as one."""
    found: dict[Group, list[Jumps]] = {}
    for key, own in records.items():
        found.setdefault(groups[key], []).append(own)
    return {group: together(own) for group, own in found.items()}
