"""What a pass found of the whole cluster -> the operator's metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from foresize import metrics
from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize.reporting.exports import Dealt, export
from foresize.reporting.forecasts import Look
from foresize_forecast.prometheus import NewestSamples

Key = tuple[str, str]


def measure(
    looks: Mapping[Key, Look], samples: NewestSamples, budgets: Sequence[Dealt], most: int, *, stopped: bool
) -> None:
    """Tell what a pass found.

    Args:
        looks: at each workload.
        samples: the newest ones; without any, what was told of them before stays, and is seen to grow old.
        budgets: of the policies that have one.
        most: containers that have metrics of their own.
        stopped: whether nothing may be lowered anywhere.
    """
    export(looks, most, budgets)
    age_s = samples.age_s()
    if age_s is not None:
        metrics.SAMPLE_AT.set(samples.asked_at_s - age_s)
    metrics.DECREASES_STOPPED.set(stopped)


def dealt(managed: Mapping[Key, Managed], senses: Mapping[Key, Senses], looks: Mapping[Key, Look]) -> list[Dealt]:
    """The budgets of policies that have one, as they were dealt out.

    Args:
        managed: all workloads.
        senses: what is known of each.
        looks: at those that could be looked at.
    """
    mine: defaultdict[str, list[Managed]] = defaultdict(list)
    for one in managed.values():
        if one.policy.budget_bytes is not None:
            mine[one.policy.uid].append(one)
    return [
        Dealt(
            policy=(each[0].policy.namespace, each[0].policy.name),
            budget_bytes=each[0].policy.budget_bytes or 0,
            requested_bytes=sum(_requested_bytes(one, looks) for one in each),
            share=min(senses[one.key].share for one in each),
        )
        for each in mine.values()
    ]


def _requested_bytes(managed: Managed, looks: Mapping[Key, Look]) -> int:
    look = looks.get(managed.key)
    pods = () if look is None else look.seen.pods
    return sum(view.size.request_bytes or 0 for pod in pods for view in pod.containers)
