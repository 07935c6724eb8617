"""What a plan saves of the requests that are in force, and which limits a forecast's peak would meet. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.pods import Room
from foresize_forecast.series import History
from foresize_forecast.sizes import ContainerPolicy, Size
from foresize_forecast.sizing.bounds import clamp
from foresize_forecast.sizing.plan import Forecasted, Plan


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a container's requests would be with another accepted share of time above them, before bounds.

    Attributes:
        overrun: that share.
        plan: the requests of the horizon.
        mean_bytes: on average.
    """

    overrun: float
    plan: Plan
    mean_bytes: float


def what_if(history: History, wish: Wish, overrun: float, now_s: float) -> WhatIf | NoOutlook:
    """Plan the one container of a history anew."""
    asked = replace(wish, question=replace(wish.question, overrun=overrun))
    [made] = foresee(history, [asked])
    if isinstance(made, NoOutlook):
        return made
    return WhatIf(overrun, made.plan, planned_mean_bytes(made, ContainerPolicy(min_bytes=0), Room(), now_s))


@dataclass(frozen=True, slots=True)
class Share:
    """One container of a workload, in all of its pods.

    Attributes:
        pods: how many have it.
        requested_bytes: by each, now; None where it has no request.
        planned_bytes: by each, on average over the horizon; None where nothing is planned.
        limit_bytes: of each, now; None for no limit.
        peak_bytes: what its highest use of the horizon stays below on 99 days of 100; None where it has no forecast.
    """

    pods: int
    requested_bytes: int | None
    planned_bytes: float | None
    limit_bytes: int | None = None
    peak_bytes: int | None = None

    @property
    def is_at_risk(self) -> bool:
        """Whether the peak that is expected meets the limit that is in force."""
        return self.peak_bytes is not None and self.limit_bytes is not None and self.peak_bytes > self.limit_bytes


@dataclass(frozen=True, slots=True)
class Total:
    """Of all containers with a request and a plan.

    Attributes:
        requested_bytes: in force.
        planned_bytes: on average over the horizon.
        containers: how many were counted, of how many pods they are apart.
        left_out: containers without a request or a plan.
        at_risk: containers whose expected peak meets their limit.
    """

    requested_bytes: int
    planned_bytes: int
    containers: int
    left_out: int
    at_risk: int

    @property
    def saved_bytes(self) -> int:
        """What would be free for others; negative where more is needed than is requested."""
        return self.requested_bytes - self.planned_bytes


def total(shares: Iterable[Share]) -> Total:
    """The sum over containers. Worked: 2 pods with 300 of which 100 are planned, 1 with 50 for 60: saved 390."""
    requested, planned, counted, left_out, at_risk = 0, 0.0, 0, 0, 0
    for each in shares:
        at_risk += each.is_at_risk
        if each.requested_bytes is None or each.planned_bytes is None:
            left_out += 1
            continue
        counted += 1
        requested += each.pods * each.requested_bytes
        planned += each.pods * each.planned_bytes
    return Total(requested, round(planned), counted, left_out, at_risk)


def planned_mean_bytes(forecast: Forecasted, policy: ContainerPolicy, bounds: Room, now_s: float) -> float:
    """What a plan requests on average from now to its end, within the policy's bounds, bytes."""
    steps, end_s = forecast.plan.steps, forecast.plan.end_s
    ends = [*(step.at_s for step in steps[1:]), end_s]
    spans = [max(0.0, until_s - max(step.at_s, now_s)) for step, until_s in zip(steps, ends, strict=True)]
    sizes = [clamp(Size(step.request_bytes, None), policy, bounds).request_bytes or 0 for step in steps]
    whole_s = sum(spans)
    if whole_s <= 0:  # the horizon has ended: what was last planned still holds
        return float(sizes[-1])
    return sum(size * span for size, span in zip(sizes, spans, strict=True)) / whole_s
