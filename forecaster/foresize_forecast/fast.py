"""The fast clock: minutes ahead from the last minutes, and only upwards.

A line through the newest samples of anonymous memory. Page cache is left out: a cache fills what it is given, and a
limit that is raised for it asks for the next raise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foresize_forecast.series import FloatArray
from foresize_forecast.state import ContainerState

AHEAD_S = 180
"""How far the line is drawn: several scrape intervals and a resize, with room for one that is missed."""
REACH = 3
"""The line is drawn this many times as far ahead as it was seen."""
STEP_SHARE = 0.5
"""A rise of which one sample makes more than this share is a step; an even rise over four samples has a third each."""
MIN_SAMPLES = 4
TREND_MARGIN = 0.2
"""Head room over the line's end: the line is a mean, and its scatter is of this order in the traces."""
MAX_FACTOR = 2
MAX_RAISES_A_DAY = 3
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


def crossing(recent: Recent, limit_bytes: int, since_s: float = 0.0) -> int | None:
    """The bytes reached some minutes from now, where a rising line of anonymous memory passes the limit.

    None without a trend: fewer than `MIN_SAMPLES` samples since the last restart, a line that explains less than half
    of its samples' variance (noise), a rise that is mostly one step (a level that was reached, not one that goes on),
    or a line that stays below the limit. The line is drawn `AHEAD_S` ahead, but no more than `REACH` times as far as it
    was seen: four samples of a second each say nothing of the next three minutes.

    Args:
        recent: the newest samples.
        limit_bytes: the limit in force.
        since_s: samples up to here have been acted on already and are left out.
    """
    times_s, rss = _fresh(recent, since_s)
    if times_s.size < MIN_SAMPLES or rss[-1] <= rss[0] or np.diff(rss).max() > STEP_SHARE * (rss[-1] - rss[0]):
        return None
    elapsed = times_s - times_s[-1]
    level, slope = np.polynomial.polynomial.polyfit(elapsed, rss, 1)
    residual = rss - (level + slope * elapsed)
    if slope <= 0 or residual.var() > rss.var() / 2:
        return None
    ahead_s = min(AHEAD_S, REACH * float(times_s[-1] - times_s[0]))
    reached = max(level, float(rss[-1])) + slope * ahead_s
    return int(reached) if reached > limit_bytes else None


def after_crossing(state: ContainerState, reached_bytes: int, limit_bytes: int, now_s: float) -> ContainerState:
    """The memory after the fast clock saw a limit crossed: a higher floor, at most doubled and three times a day."""
    raises = tuple(at for at in state.trend_raises_s if now_s - at < DAY_S)
    if len(raises) >= MAX_RAISES_A_DAY:
        return replace(state, trend_raises_s=raises)
    wanted = min(int(reached_bytes * (1 + TREND_MARGIN)), MAX_FACTOR * limit_bytes)
    if wanted <= state.trend_floor_bytes:
        return replace(state, trend_raises_s=raises)
    return replace(state, trend_floor_bytes=wanted, trend_raises_s=(*raises, now_s))


def _fresh(recent: Recent, since_s: float) -> tuple[FloatArray, FloatArray]:
    """Times and anonymous memory after `since_s` and after the last restart (a fall to less than half)."""
    known = ~np.isnan(recent.rss) & (recent.times_s > since_s)
    times_s, rss = recent.times_s[known], recent.rss[known]
    falls = np.flatnonzero(rss[1:] < rss[:-1] / 2)
    start = int(falls[-1]) + 1 if falls.size else 0
    return times_s[start:], rss[start:]
