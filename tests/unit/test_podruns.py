"""Which pods are runs that have ended, and what they used."""

from __future__ import annotations

import numpy as np

from builders import mi
from foresize_forecast.prometheus import ended_runs, run_step_s
from foresize_forecast.prometheus.podruns import MOST_RUNS
from foresize_forecast.prometheus.samples import Samples
from foresize_forecast.series import Grid

GRID = Grid(0, 60, 60)
"""An hour by the minute."""


def samples(first_minute: int, *values_mib: float) -> Samples:
    """Samples at the ends of minutes; NaN is a gap."""
    values = np.array(values_mib) * mi(1)
    times_s = 60.0 * (first_minute + 1 + np.arange(values.size))
    kept = ~np.isnan(values)
    return Samples(times_s[kept], values[kept], 0)


def test_a_pod_that_has_ended_is_a_run() -> None:
    """From the start of its first minute to the end of its last, with its peak; a gap ends nothing."""
    [run] = ended_runs({"nightly-1-a": samples(10, 100, np.nan, 300, 200)}, GRID)

    assert (600.0, 840.0, float(mi(300))) == (run.started_s, run.ended_s, run.peak_bytes)


def test_a_run_that_goes_on_or_began_before_the_window_is_left_out() -> None:
    """What it needs is not known yet, or not how it began; three minutes without a sample are an end."""
    pods = {"before": samples(0, 100, 100), "goes-on": samples(56, 100), "just-ended": samples(54, 100, 100)}

    # The last minute is number 59; the pod whose last sample is in minute 55 is silent for 4, that of 56 for 3.
    assert [3240.0, 3360.0] == [run.started_s for run in ended_runs(pods, GRID)]
    assert [] == list(ended_runs({"goes-on": samples(57, 100)}, GRID))


def test_runs_are_told_in_the_order_in_which_they_ended() -> None:
    """The newest speak where there are too many."""
    pods = {f"p{n}": samples(1 + n % 50, 100 + n) for n in range(MOST_RUNS + 50)}

    runs = ended_runs(pods, GRID)

    assert MOST_RUNS == len(runs)
    assert sorted(run.ended_s for run in runs) == [run.ended_s for run in runs]
    assert 60.0 * 51 == runs[-1].ended_s  # minute 50 is the last in which one ends


def test_runs_are_read_by_the_minute() -> None:
    """A coarser policy does not hide how a run rises; only a very long window is read more coarsely."""
    assert 60 == run_step_s(14 * 86_400, 300)
    assert 15 == run_step_s(86_400, 15)
    assert 156 == run_step_s(90 * 86_400, 3600)
