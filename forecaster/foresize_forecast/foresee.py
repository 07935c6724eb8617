"""Histories in, outlooks with their plans out: the unit of work of a worker process, and of a replay."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from foresize_forecast.forecasting import Question, outlooks
from foresize_forecast.jumps import Jumps, pooled, together
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted, plan
from foresize_forecast.series import History

Key = TypeVar("Key", bound=Hashable)


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


def pool(
    forecasts: Mapping[Key, Forecasted | NoOutlook], namespaces: Mapping[Key, str]
) -> dict[Key, Forecasted | NoOutlook]:
    """The same forecasts, each with a tail of jumps that it shares with its namespace and the cluster.

    Cheap (a sum over records), so it is done over all that is known whenever some of it is new.

    Args:
        forecasts: of all containers known.
        namespaces: of the same containers.
    """
    known = {key: each for key, each in forecasts.items() if isinstance(each, Forecasted)}
    records: dict[str, list[Jumps]] = {}
    for key, each in known.items():
        records.setdefault(namespaces[key], []).append(each.outlook.jumps)
    like = {namespace: together(own) for namespace, own in records.items()}
    everyone = together(like.values())
    return {
        key: replace(each, tail=pooled(each.outlook.jumps, like[namespaces[key]], everyone))
        if isinstance(each, Forecasted)
        else each
        for key, each in forecasts.items()
    }
