"""A policy's memory budget dealt out by forecast need: nobody gets less than it uses, what is left goes by need."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from foresize_forecast.deciding.fast import Recent
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.pods import PodView
from foresize_forecast.sizes import LimitStrategy, QosClass, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Need:
    """What all pods of a workload ask of a budget now, bytes of requests.

    Attributes:
        wanted: by the plan.
        used: of that, what is in use.
        fixed: what is not dealt out: sizes without a forecast, and requests that are limits as well, for a share of
            what they need would kill.
    """

    wanted: float = 0.0
    used: float = 0.0
    fixed: float = 0.0


def total(needs: Iterable[Need]) -> Need:
    """Of pods of which some are sized apart."""
    each = list(needs)
    return Need(sum(n.wanted for n in each), sum(n.used for n in each), sum(n.fixed for n in each))


def need(
    pods: Sequence[PodView],
    forecasts: Mapping[str, Forecasted | NoOutlook],
    recent: Mapping[tuple[str, str], Recent],
    policy: WorkloadPolicy,
    now_s: float,
) -> Need:
    """What a workload asks of its policy's budget.

    Args:
        pods: its living ones.
        forecasts: by container name.
        recent: newest samples by (pod name, container name).
        policy: what its policy asks.
        now_s: Unix seconds.
    """
    wanted, used, fixed = 0.0, 0.0, 0.0
    for pod in pods:
        for view in pod.containers:
            forecast, asked = forecasts.get(view.name), policy.container(view.name)
            present = float(view.size.request_bytes or 0)
            if asked is None or not isinstance(forecast, Forecasted) or _is_tied(asked.limit, pod):
                fixed += present
                continue
            planned = float(forecast.plan.request_at(now_s))
            sample = recent.get((pod.name, view.name))
            wanted += planned
            used += min(planned, present if sample is None else sample.usage_bytes)
    return Need(wanted, used, fixed)


def shares(needs: Mapping[Key, Need], budget_bytes: float) -> dict[Key, float]:
    """The share of what it wants that each gets, from 0 to 1: 1 for all where the budget is enough.

    Everybody gets the same share, but for who uses more than that already: these get what they use, and the others'
    share is so much smaller. Where even what is used is above the budget, everybody gets just that.

    Worked: 10 GiB for three that want 8, 4 and 4 and use 1, 1 and 3. An even share is 10 / 16 = 0.625; the third uses
    0.75 of what it wants, so it gets 3, and the others (10 - 3) / 12 = 0.583: 4.67 and 2.33 GiB.
    """
    left = budget_bytes - sum(each.fixed for each in needs.values())
    open_ = {key: each for key, each in needs.items() if each.wanted > 0}
    if sum(each.wanted for each in open_.values()) <= left:
        return dict.fromkeys(needs, 1.0)
    found = dict.fromkeys(needs, 1.0)
    while open_:
        share = max(0.0, left) / sum(each.wanted for each in open_.values())
        hungriest = max(open_, key=lambda key: open_[key].used / open_[key].wanted)
        taken = open_[hungriest].used / open_[hungriest].wanted
        if taken <= share:
            return found | dict.fromkeys(open_, share)
        found[hungriest] = taken
        left -= open_.pop(hungriest).used
    return found


def _is_tied(limit: LimitStrategy, pod: PodView) -> bool:
    return limit is LimitStrategy.EQUAL_REQUEST or pod.qos is QosClass.GUARANTEED
