"""Each policy's memory budget, dealt out to its workloads before they are looked at. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize_forecast.deciding.state import WorkloadState
from foresize_forecast.pods import PodView
from foresize_forecast.workloads.budget import Need, need, shares, total

Key = tuple[str, str]


def with_shares(
    managed: Mapping[Key, Managed],
    senses: Mapping[Key, Senses],
    pods: Callable[[Managed], Sequence[PodView]],
    state: Callable[[Key], WorkloadState],
    now_s: float,
) -> dict[Key, Senses]:
    """What is known of workloads whose policies have a budget, with the share that each gets of what it wants.

    Args:
        managed: all workloads.
        senses: what is known of them.
        pods: tells those of a workload that live.
        state: tells what is remembered of a workload.
        now_s: Unix seconds.
    """
    budgets: dict[str, int] = {}
    needs: defaultdict[str, dict[Key, Need]] = defaultdict(dict)
    for key, one in managed.items():
        if one.policy.budget_bytes is not None:
            budgets[one.policy.uid] = one.policy.budget_bytes
            needs[one.policy.uid][key] = _need(one, pods(one), senses[key], state(key), now_s)
    dealt = {key: share for uid, each in needs.items() for key, share in shares(each, budgets[uid]).items()}
    return {key: replace(senses[key], share=share) for key, share in dealt.items()}


def _need(one: Managed, pods: Sequence[PodView], known: Senses, state: WorkloadState, now_s: float) -> Need:
    """What the pods of a workload want: those that are sized apart by what is foretold of them."""
    names, left, found = one.names(pods), list(pods), list[Need]()
    for tier in known.foreseen.tiers or ():
        if one.resizes and now_s >= state.together_until_s:
            mine = [pod for pod in left if not set(tier.members).isdisjoint(names.get(pod.name, ()))]
            left = [pod for pod in left if pod not in mine]
            found.append(need(mine, tier.forecasts, known.recent, one.policy.workload, now_s))
    found.append(need(left, known.foreseen.forecasts, known.recent, one.policy.workload, now_s))
    return total(found)
