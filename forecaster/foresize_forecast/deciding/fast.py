"""The fast clock: one reaction ahead, from the last samples, and only upwards.

Anonymous memory only. Page cache is left out: a cache fills what it is given, and a limit that is raised for it asks
for the next raise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.levels import HOLD_S
from foresize_forecast.series import FloatArray

REACTION_S = 60
"""How far ahead memory is thought to go on as it went: scrape, tick and resize, with room for one that is late."""
MAX_FACTOR = 2
"""Without a kill, one look at the fast clock at most doubles what is held."""
MAX_RAISES_A_DAY = 12
"""Rises that may begin in a day: memory that rises more often is fed by what it is given. Three would more than double
the kills on containers whose load comes in waves."""
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest samples of one container of one pod.

    Attributes:
        times_s: shape (samples,), rising, Unix seconds as the samples carry them.
        working_set: shape (samples,), bytes.
        rss: shape (samples,), bytes, NaN where the source has none.
    """

    times_s: FloatArray
    working_set: FloatArray
    rss: FloatArray

    @property
    def usage_bytes(self) -> float:
        """The newest working set."""
        return float(self.working_set[-1])

    def age_s(self, now_s: float) -> float:
        """Seconds since the newest sample."""
        return now_s - float(self.times_s[-1])


def ahead(recent: Recent) -> float | None:
    """Where anonymous memory will be one reaction from now if it goes on as in the last one, bytes.

    The newest sample and what was added to it since the sample of a reaction before, nothing where it fell. None
    without two samples that far apart: a start is no trend.
    """
    known = ~np.isnan(recent.rss)
    times_s, rss = recent.times_s[known], recent.rss[known]
    before = np.flatnonzero(times_s <= times_s[-1] - REACTION_S) if times_s.size else np.empty(0)
    if not before.size:
        return None
    at = int(before[-1])
    rate = (rss[-1] - rss[at]) / (times_s[-1] - times_s[at])
    return float(rss[-1] + max(0.0, rate) * REACTION_S)


def sustained(recent: Recent) -> float:
    """The working set that was in use throughout the last reaction, bytes: the lowest sample in it."""
    return float(recent.working_set[recent.times_s >= recent.times_s[-1] - REACTION_S].min())


def level(state: ContainerState, now_s: float) -> float:
    """The level that the fast clock holds at this moment, bytes; 0 where it holds none."""
    return float(state.fast_level_bytes) if now_s < state.fast_until_s else 0.0


def after_rise(state: ContainerState, rising_bytes: float, held_bytes: float, now_s: float) -> ContainerState:
    """The memory after the fast clock saw anonymous memory rise above what is held for it.

    A rise begins where none is held; a dozen may begin in a day. While it is held it may go on to rise, at most
    doubling what is held at each look.

    Args:
        state: the container's memory.
        rising_bytes: where its anonymous memory will be.
        held_bytes: the forecast's level at this moment.
        now_s: Unix seconds.
    """
    raises = tuple(at for at in state.fast_raises_s if now_s - at < DAY_S)
    present_bytes = max(level(state, now_s), held_bytes)
    risen = int(min(rising_bytes, MAX_FACTOR * present_bytes))
    if risen <= present_bytes:
        return state
    if now_s >= state.fast_until_s:
        if len(raises) >= MAX_RAISES_A_DAY:
            return state
        raises = (*raises, now_s)
    return replace(state, fast_level_bytes=risen, fast_until_s=now_s + HOLD_S, fast_raises_s=raises)
