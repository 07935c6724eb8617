"""Each policy's memory budget, dealt out to its workloads before they are looked at. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from foresize.attend import Senses
from foresize.managed import Managed
from foresize_forecast.budget import Need, need, shares
from foresize_forecast.pods import PodView

Key = tuple[str, str]


def dealt(
    managed: Mapping[Key, Managed], senses: Mapping[Key, Senses], pods: Mapping[Key, Sequence[PodView]], now_s: float
) -> dict[Key, float]:
    """By workload, the share that it gets of the requests that it wants; of those only whose policies have a budget.

    Args:
        managed: all workloads.
        senses: what is known of them.
        pods: those that live.
        now_s: Unix seconds.
    """
    budgets: dict[str, int] = {}
    needs: defaultdict[str, dict[Key, Need]] = defaultdict(dict)
    for key, one in managed.items():
        if one.policy.budget_bytes is not None:
            budgets[one.policy.uid] = one.policy.budget_bytes
            known = senses[key]
            asked = need(pods[key], known.foreseen.forecasts, known.recent, one.policy.workload, now_s)
            needs[one.policy.uid][key] = asked
    return {key: share for uid, each in needs.items() for key, share in shares(each, budgets[uid]).items()}
