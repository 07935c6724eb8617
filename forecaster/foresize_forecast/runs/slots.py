"""Which runs before a run of a CronJob are like it: those of the same hour, of the same hour and weekday, or all.

A nightly run and the one on Sunday may differ by ten times. Whether a slot says more than all runs together is not
assumed: each of the slot's runs is sized by the others, once from the slot and once from all, and the cheaper one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.runs.digest import RunDigest
from foresize_forecast.runs.headroom import headroom
from foresize_forecast.series import FloatArray

HOUR_S = 3600
DAY_S = 24 * HOUR_S
WEEK_S = 7 * DAY_S
SLOT_DAYS = 3
"""A slot is one from its third day on: many runs within one hour of one day are a batch, no schedule."""
WORTH = 0.95
"""A slot replaces all runs where it costs at least 5 % less: fewer runs say less."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Runs that speak for the next one.

    Attributes:
        name: what they have in common, for people; empty for all runs.
        runs: in the order in which they ended.
    """

    name: str
    runs: tuple[RunDigest, ...]


def alike(runs: Sequence[RunDigest], starts_s: float, price: float) -> Alike:
    """The runs that size a run best which starts at `starts_s` (Unix seconds; hours and weekdays are UTC).

    Worked: a report of 100 MiB each night, 1000 MiB on Sundays. From all runs each night has room for 1000. Those of a
    Monday, sized by one another, have 100: they speak for the next Monday.
    """
    everything = Alike("", tuple(runs))
    best, cost = everything, np.inf
    for slot in _slots(runs, starts_s):
        from_all = WORTH * _cost(slot.runs, everything.runs, price)
        from_slot = _cost(slot.runs, slot.runs, price)
        if from_slot < min(from_all, cost):
            best, cost = slot, from_slot
    return best


def likely_starts_s(runs: Sequence[RunDigest], now_s: float, horizon_s: float) -> list[float]:
    """The full hours of a span in which a run is likely to start, Unix seconds, by the hours in which runs did.

    Hours of the week where the runs are of more than a week; before that hours of the day.
    """
    starts_s = [run.started_s for run in runs]
    period_s = WEEK_S if max(starts_s) - min(starts_s) > WEEK_S else DAY_S
    seen = {each % period_s // HOUR_S for each in starts_s}
    hours_s = [HOUR_S * each for each in range(int(now_s // HOUR_S), int((now_s + horizon_s) // HOUR_S) + 1)]
    return [float(each) for each in hours_s if each % period_s // HOUR_S in seen]


def _slots(runs: Sequence[RunDigest], starts_s: float) -> Iterator[Alike]:
    for name, period_s in (("of this hour of the day", DAY_S), ("of this hour of the week", WEEK_S)):
        place = starts_s % period_s // HOUR_S
        found = tuple(run for run in runs if run.started_s % period_s // HOUR_S == place)
        if len({run.started_s // DAY_S for run in found}) >= SLOT_DAYS and len(found) < len(runs):
            yield Alike(name, found)


def _cost(slot: Sequence[RunDigest], runs: Sequence[RunDigest], price: float) -> float:
    """What it costs on average to size a run of the slot by the others of `runs`: bytes of room, and kills."""
    peaks = np.array([run.peak_bytes for run in runs])
    costs = []
    for run in slot:
        others = peaks[[other is not run for other in runs]]
        size = _sized(others, price)
        costs.append(price * size if run.peak_bytes > size else size - run.peak_bytes)
    return float(np.mean(costs))


def _sized(peaks: FloatArray, price: float) -> float:
    highest = peaks.max(keepdims=True)
    room = headroom(highest, np.median(peaks, keepdims=True), np.array([peaks.size]), price)
    return float(highest[0] + room[0])
