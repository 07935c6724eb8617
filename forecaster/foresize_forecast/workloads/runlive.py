"""The request of a run that goes on: by the level that it has reached, as a replay sizes it (`runs_plan`).

Its limit stays what it was born with. What the request gives back is room for others; a limit that was lowered would be
the end of the run if nobody were there to raise it again.
"""

from __future__ import annotations

import numpy as np

from foresize_forecast.deciding.fast import Recent
from foresize_forecast.pods import ContainerView
from foresize_forecast.runs.attempt import BAND, Basis, RunPlan
from foresize_forecast.runs.digest import LEVEL_S
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import rounded_up


def request_now(view: ContainerView, plan: RunPlan, recent: Recent, now_s: float, changed_s: float) -> int | None:
    """The request that a container of a run should have now; None where it has none, or where nothing is known.

    Raised at once, a little above what is wanted; lowered where a minute has passed since its last change and the fall
    is worth it (`runs_plan.steady`). Never above its limit.

    Args:
        view: the container.
        plan: of its run.
        recent: its newest samples.
        now_s: Unix seconds.
        changed_s: when it was last resized, Unix seconds; 0 for never.
    """
    current, started_s = view.size.request_bytes, view.running_since_s
    if current is None or started_s is None or plan.basis is Basis.DECLARED:
        return None
    want = float(plan.wanted(usage_so_far(recent, started_s, now_s, plan.pace.step_s))[-1])
    most = np.inf if view.size.limit_bytes is None else view.size.limit_bytes
    if want > current:
        return int(min(rounded_up(want * (1 + BAND / 2)), most))
    rested = now_s - max(changed_s, started_s) >= LEVEL_S
    return int(min(rounded_up(want), most)) if rested and want < current * (1 - BAND) else current


def usage_so_far(recent: Recent, started_s: float, now_s: float, step_s: int) -> FloatArray:
    """The rows of a run up to now, shape (rows,), bytes: the highest sample of each; NaN where none is at hand.

    Only the last minutes are: a level needs no more.

    Worked: started 150 s ago, rows of 60 s, samples of 40 MiB 100 s ago, in its 50th second, and of 50 MiB now, in its
    150th: 40 MiB, nothing, 50 MiB.
    """
    rows = np.full(max(1, int((now_s - started_s) // step_s) + 1), np.nan)
    places = ((recent.times_s - started_s) // step_s).astype(np.int64)
    for place, value in zip(places.tolist(), recent.working_set.tolist(), strict=True):
        if 0 <= place < rows.size:
            rows[place] = np.fmax(rows[place], value)
    return rows
