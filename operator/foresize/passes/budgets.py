"""Each policy's memory budget, dealt out to its workloads before they are looked at. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize_forecast.budget import Need, need, shares
from foresize_forecast.pods import PodView

Key = tuple[str, str]


def with_shares(
    managed: Mapping[Key, Managed],
    senses: Mapping[Key, Senses],
    pods: Callable[[Managed], Sequence[PodView]],
    now_s: float,
) -> dict[Key, Senses]:
    """What is known of workloads whose policies have a budget, with the share that each gets of what it wants.

    Args:
        managed: all workloads.
        senses: what is known of them.
        pods: tells those of a workload that live.
        now_s: Unix seconds.
    """
    budgets: dict[str, int] = {}
    needs: defaultdict[str, dict[Key, Need]] = defaultdict(dict)
    for key, one in managed.items():
        if one.policy.budget_bytes is not None:
            budgets[one.policy.uid] = one.policy.budget_bytes
            known = senses[key]
            asked = need(pods(one), known.foreseen.forecasts, known.recent, one.policy.workload, now_s)
            needs[one.policy.uid][key] = asked
    dealt = {key: share for uid, each in needs.items() for key, share in shares(each, budgets[uid]).items()}
    return {key: replace(senses[key], share=share) for key, share in dealt.items()}
