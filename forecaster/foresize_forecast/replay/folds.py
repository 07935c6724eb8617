"""Namespaces in folds, so that a series is scored by settings that never saw it or its siblings.

Kills are rare and come from days that no day before announced. Those days are shared out evenly first, or a fold
without any would call every setting safe.
"""

from __future__ import annotations

import numpy as np

from foresize_forecast.replay.tally import DAY_S, warmup_columns
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import IntArray, peaks
from foresize_forecast.sizes import MIB

FOLDS = 5
NOVEL_RATIO = 1.25
NOVEL_BYTES = 32 * MIB


def novel_days(trace: Trace) -> IntArray:
    """Scored days with a peak that the day before did not announce, shape (series,).

    A day counts when its highest usage is above `NOVEL_RATIO` times the day before's and `NOVEL_BYTES` more. Days are
    those of the figures; the last one before them is the first one's day before.
    """
    per_day = max(1, DAY_S // trace.grid.step_s)
    first = warmup_columns(trace)
    days = -(-(trace.grid.count - first) // per_day)
    bounds = first + per_day * np.arange(-1, days + 1)
    highest = [peaks(trace.usage[:, max(0, at) : max(0, at + per_day)]) for at in bounds[:-1]]
    before, after = np.array(highest[:-1]), np.array(highest[1:])
    count: IntArray = np.count_nonzero(after > NOVEL_RATIO * before + NOVEL_BYTES, axis=0).astype(np.int64)
    return count


def folds(trace: Trace, count: int = FOLDS) -> IntArray:
    """The fold of every series, shape (series,), from 0 on; all of a namespace share one.

    Namespaces with novel days go first, the most of them to the fold with the fewest; then the largest of the others to
    the fold with the fewest series. The same trace always has the same folds.
    """
    novel = novel_days(trace)
    names = np.array(trace.namespaces)
    sizes = {name: (int(novel[names == name].sum()), int(np.count_nonzero(names == name))) for name in set(names)}
    load = [(0, 0)] * count
    fold = np.zeros(names.size, dtype=np.int64)
    for name in sorted(sizes, key=lambda name: (-sizes[name][0], -sizes[name][1], name)):
        days, series = sizes[name]
        place = min(range(count), key=lambda at: load[at] if days else load[at][1])
        load[place] = (load[place][0] + days, load[place][1] + series)
        fold[names == name] = place
    return fold
