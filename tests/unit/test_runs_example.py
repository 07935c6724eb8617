"""The example of docs/how-it-sizes-jobs.md is what is decided."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from builders import mi
from foresize_forecast.runs.attempt import steady
from foresize_forecast.runs.digest import Pace, digest
from foresize_forecast.runs.nextrun import RunHistory, size
from foresize_forecast.series import FloatArray

PACE = Pace(10)
PAGE = Path(__file__).parents[2] / "docs" / "how-it-sizes-jobs.md"


def run(level_mib: float, peak_mib: float) -> FloatArray:
    """Ten minutes at a level, five of rise, ten at 300 MiB, in rows of 10 s."""
    rise = np.linspace(level_mib, peak_mib, 31)[1:]
    usage: FloatArray = np.concatenate([np.full(60, level_mib), rise, np.full(60, 300.0)]) * mi(1)
    return usage


def test_the_example_of_a_run_is_what_is_decided() -> None:
    """Who reads how runs are sized reads what is done: each row of the table, and the shares below it."""
    runs = tuple(digest(0.0, run(*each), PACE) for each in ((400, 1000), (400, 1040), (410, 1100)))
    plan, usage = size(RunHistory(PACE, 4096.0 * mi(1), runs)), run(405, 1020)
    sizes = steady(plan.wanted(usage), PACE)
    text = PAGE.read_text()
    told = [tuple(map(int, row)) for row in re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)]
    one_size = float(plan.one_size_bytes)

    assert [(at_s, round(usage[at_s // 10] / mi(1)), round(sizes[at_s // 10] / mi(1))) for at_s, _, _ in told] == told
    assert 5 == len(told)
    assert (usage <= sizes).all()
    assert 0.30 == pytest.approx(1 - usage.sum() / sizes.sum(), abs=0.005)
    assert (1326, 0.68) == (round(one_size / mi(1)), pytest.approx(1 - usage.mean() / one_size, abs=0.005))
