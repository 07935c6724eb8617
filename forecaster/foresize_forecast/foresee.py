"""Histories in, outlooks with their plans out: the unit of work of a worker process, and of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foresize_forecast.forecasting import Question, outlooks
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted, plan
from foresize_forecast.series import History


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
