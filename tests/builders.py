"""Builders of the brain's values for tests: short to call, every default harmless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from foresize_forecast.deciding.choices import Evidence
from foresize_forecast.deciding.fast import Recent
from foresize_forecast.forecasting.jumps import GROWTHS, NO_JUMPS, STEPS, Tail
from foresize_forecast.forecasting.outlook import Outlook, Shape, ShapeKind
from foresize_forecast.pods import ContainerView, PodView
from foresize_forecast.series import Grid
from foresize_forecast.sizes import MIB, QosClass, Size
from foresize_forecast.sizing.plan import Forecasted, plan

NOW_S = 1_800_000_000
STEP_S = 300


def mi(value: float) -> int:
    """MiB in bytes."""
    return int(value * MIB)


def size(request_mib: float | None, limit_mib: float | None) -> Size:
    """A size in MiB."""
    return Size(None if request_mib is None else mi(request_mib), None if limit_mib is None else mi(limit_mib))


def outlook(demand_mib: list[float], *, level_mib: list[float] | None = None, **changes: Any) -> Outlook:
    """An outlook that starts now; its level is the demand unless given."""
    demand = np.array(demand_mib, dtype=float) * MIB
    level = demand if level_mib is None else np.array(level_mib, dtype=float) * MIB
    grid = Grid(NOW_S, STEP_S, demand.size)
    made = Outlook(
        made_at_s=NOW_S,
        grid=grid,
        level=level,
        demand=demand,
        peak_at_s=int(grid.ends_s[int(level.argmax())]),
        seen_peak_bytes=int(level.max()),
        startup_peak_bytes=None,
        jumps=NO_JUMPS,
        rises=NO_JUMPS,
        days=14.0,
        model="RecentPeak",
        score=None,
        baseline="RecentPeak",
        baseline_score=None,
        shape=Shape(ShapeKind.FLAT),
    )
    return replace(made, **changes)


STEADY = Tail(np.zeros_like(STEPS))
"""Nothing ever jumps: what is held over a level is the level, so that a limit is the level and its head room."""


def tail(share: float, below: float) -> Tail:
    """Jumps in a share of hours, all of them of a growth less than `below`."""
    return Tail(np.where(below > GROWTHS, share, 0.0))


def forecasted(
    demand_mib: list[float], *, lead_s: int = 0, cooldown_s: int = 1800, tail: Tail = STEADY, **changes: Any
) -> Forecasted:
    """An outlook with its plan."""
    made = outlook(demand_mib, **changes)
    return Forecasted(made, plan(made, lead_s, cooldown_s), tail, STEADY)


def evidence(present: Size, *, usage_mib: float | None = 50, **changes: Any) -> Evidence:
    """What is seen of a container."""
    return replace(Evidence(present, None if usage_mib is None else usage_mib * MIB), **changes)


def container(name: str = "app", present: Size | None = None, **changes: Any) -> ContainerView:
    """A running container whose size is in force."""
    has = present or size(64, 128)
    made = ContainerView(name=name, size=has, actual=has, running_since_s=NOW_S - 86_400.0)
    return replace(made, **changes)


def pod(*containers: ContainerView, **changes: Any) -> PodView:
    """A ready Burstable pod of Deployment/web."""
    made = PodView(
        namespace="shop",
        name="web-abc-1",
        uid="uid-1",
        resource_version="1",
        revision="abc",
        owner="Deployment/web",
        node="node-1",
        qos=QosClass.BURSTABLE,
        created_s=NOW_S - 86_400.0 * 30,
        ready=True,
        terminating=False,
        labels={},
        containers=containers or (container(),),
    )
    return replace(made, **changes)


def recent(values_mib: list[float], *, step_s: float = 15, cache_mib: float = 0) -> Recent:
    """Newest samples, the last of them now."""
    rss = np.array(values_mib, dtype=float) * MIB
    times_s = NOW_S - step_s * np.arange(len(values_mib) - 1, -1, -1, dtype=float)
    return Recent(times_s, rss + cache_mib * MIB, rss)
