"""Whether a container waits for memory since its limit was lowered: what is seen of a limit too low before it kills.

A container just above what it needs loses its page cache first: it reads its own program from disk again and again, and
stands still meanwhile. The kernel tells how long (pressure stall information); where that is not measured, major page
faults tell it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.series import FloatArray

RATE_S = 180
"""Rates are taken over three minutes: two samples at any usual scrape interval."""
WATCH_S = 900
"""How long a lowered limit is watched."""
STALLED_SHARE = 0.05
"""A container that loses a twentieth of its time to memory is slower than anybody who lowers its limit may make it."""
STALLED_RISE = 3.0
"""... unless it did nearly so before."""
FAULTS_PER_S = 50.0
"""Reads from disk at, say, a millisecond each: a twentieth of the time again."""
FAULTS_RISE = 10.0
"""Faults come in bursts where nothing is wrong, pressure does not."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate over the last minutes at some moments, without those at which nothing was measured or it was 0."""

    times_s: FloatArray
    values: FloatArray

    def highest(self, after_s: float, until_s: float) -> float:
        """The highest rate in a span of time; 0 where there is none."""
        within = (self.times_s > after_s) & (self.times_s <= until_s)
        return float(self.values[within].max(initial=0.0))


NO_RATES = Rates(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is measured of a container's waiting for memory.

    Attributes:
        stalled: share of time in which all of it stood still for memory (PSI `full`); None where that is not measured.
        faults: major page faults a second.
    """

    stalled: Rates | None = None
    faults: Rates = NO_RATES


def stall(waiting: Waiting, lowered_at_s: float, now_s: float) -> str:
    """What is wrong since a limit was lowered, for a reader; empty where nothing is seen.

    Only rates that lie wholly after the change count as since then. Where pressure is measured, faults do not count.

    Worked: stalled for 12 % of the time four minutes after the change, and for 1 % at most before: a stall.
    """
    since = (lowered_at_s + RATE_S, now_s)
    before = (lowered_at_s - WATCH_S, lowered_at_s)
    if waiting.stalled is not None:
        now, then = waiting.stalled.highest(*since), waiting.stalled.highest(*before)
        if now >= STALLED_SHARE and now > STALLED_RISE * then:
            return f"it waits for memory {now:.0%} of the time, {then:.0%} before its limit was lowered"
        return ""
    now, then = waiting.faults.highest(*since), waiting.faults.highest(*before)
    if now >= FAULTS_PER_S and now > FAULTS_RISE * then:
        return f"it has {now:.0f} major page faults a second, {then:.0f} before its limit was lowered"
    return ""
