"""The memory that all containers of a node will use at once: what is expected of the sum, and its quantiles. Pure.

Means add. Deviations do not: that all containers have a bad hour at the same moment is far rarer than that one has. So
each container's own quantile is taken as its distance from its mean, and the distances are combined as correlated
deviations are. Where one container outweighs all others that is its own quantile; where many are alike it grows with
the root of their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.forecasting.jumps import GROWTHS, OFFSET_BYTES, PRIOR, PRIOR_DAY, Tail
from foresize_forecast.series import FloatArray
from foresize_forecast.sizing.plan import Forecasted

STEP_S = 1800
"""Levels are known by the hour; half of that keeps the end of one apart from the begin of the next."""
HOUR_S = 3600
DAY_S = 86_400
MISSES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
"""The probabilities of more, falling, for which quantiles are made."""
CORRELATION = 0.1
"""Between the deviations of any two containers of a node. Chosen of 0, 0.05, 0.1, 0.2, 0.4 and 1 on half of the
namespaces of a recorded cluster; what it came to on the other half is in docs/measured.md, by `bench/nodes.py`."""
NEARLY = 0.95
"""Use up to a twentieth above a level is use at that level: no process is as large to the byte as the day before."""
LEAST_SHARE, MOST_SHARE = 1e-6, 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """A container of a pod on a node, or a whole pod without a forecast.

    Attributes:
        pod: its uid.
        levels: shape (steps,), bytes: the peak expected in each `STEP_S` from now on.
        now_bytes: what it uses.
        level_bytes: the peak expected just now.
        hour: how far the next hour's peak may rise above its level.
        day: the same of a day's.
    """

    pod: str
    levels: FloatArray
    now_bytes: float
    level_bytes: float
    hour: Tail = PRIOR
    day: Tail = PRIOR_DAY


@dataclass(frozen=True, slots=True)
class Demand:
    """What a node's containers will use together at the highest moment of a horizon.

    Attributes:
        mean_bytes: as is expected.
        uppers: shape (misses,), bytes: what is passed with each probability of `MISSES`.
        stated: shape (misses,), bytes: how far above the mean that is before any correction (`hindsight`).
        path: shape (steps,), bytes: what is expected in each `STEP_S` from now on.
        movers: pods by their share of the square of the sum's deviation, the largest first, with that share.
    """

    mean_bytes: float
    uppers: FloatArray
    stated: FloatArray
    path: FloatArray
    movers: tuple[tuple[str, float], ...] = ()

    def upper_bytes(self, miss: float) -> float:
        """What is passed with a probability of `miss`, from 0.5 to 0.005."""
        return float(np.interp(-math.log(miss), -np.log(MISSES), self.uppers))

    def risk(self, room_bytes: float) -> float:
        """The probability that more is needed than there is: 1 where that is expected, else at most a half.

        Below the last of `MISSES` it counts as that: rarer things were not measured.
        """
        if self.mean_bytes > room_bytes:
            return 1.0
        above = np.flatnonzero(self.uppers > room_bytes)
        return MISSES[int(above[0])] if above.size else 0.0

    def reached_in_s(self, room_bytes: float, miss: float) -> int | None:
        """How long until it may be more than there is, but for a probability of `miss`; None: not in the horizon."""
        spread = self.upper_bytes(miss) - self.mean_bytes
        over = np.flatnonzero(self.path + spread > room_bytes)
        return int(over[0]) * STEP_S if over.size else None


NOTHING = Demand(0.0, np.zeros(len(MISSES)), np.zeros(len(MISSES)), np.zeros(1))


def foreseen(pod: str, forecast: Forecasted, usage_bytes: float | None, now_s: float, horizon_s: int = DAY_S) -> Part:
    """A container with a forecast.

    Args:
        pod: uid of its pod.
        forecast: of its workload's container.
        usage_bytes: its newest sample; None where there is none: then it may use all of its level.
        now_s: Unix seconds.
        horizon_s: how far ahead.
    """
    outlook = forecast.outlook
    starts = (now_s + STEP_S * step for step in range(max(1, horizon_s // STEP_S)))
    levels = np.array([outlook.level_at(start_s, STEP_S - 1) for start_s in starts])
    level = outlook.level_at(now_s)
    return Part(pod, levels, level if usage_bytes is None else float(usage_bytes), level, forecast.tail, forecast.rise)


def flat(pod: str, bytes_: float, horizon_s: int = DAY_S) -> Part:
    """What has no forecast: it goes on as it was, and jumps as is usual."""
    return Part(pod, np.full(max(1, horizon_s // STEP_S), float(bytes_)), float(bytes_), float(bytes_))


def demand(parts: Sequence[Part], horizon_s: int, correlation: float = CORRELATION) -> Demand:
    """What the containers of a node need together.

    Args:
        parts: its containers, with levels for at least the horizon.
        horizon_s: up to an hour it is jumps within the hour that count, else rises of a day's peak, as many as fall
            into the horizon.
        correlation: of their deviations.

    Worked: two containers whose quantile is 3 and 4 GiB above their means, correlation 0: the sum's is
    sqrt(9 + 16) = 5 GiB above the sum of their means, not 7.
    """
    if not parts:
        return NOTHING
    steps = max(1, horizon_s // STEP_S)
    whole = np.stack([part.levels for part in parts]).astype(np.float64)
    levels = whole[:, :steps]
    now = np.array([part.now_bytes for part in parts], dtype=np.float64)
    held = _held_against(whole, now, np.array([part.level_bytes for part in parts], dtype=np.float64))
    means = _means(levels, now, held)
    path = means.sum(axis=0)
    highest = int(path.argmax())
    at_peak = means[:, highest]
    within_hour = horizon_s <= HOUR_S
    shares = np.stack([(part.hour if within_hour else part.day).shares for part in parts])
    scale = 1.0 if within_hour else DAY_S / horizon_s
    top = np.maximum(levels.max(axis=1), now)
    apart = np.stack([_deviations(top, at_peak, shares, min(1.0, miss * scale)) for miss in MISSES], axis=1)
    squares, sums = (apart**2).sum(axis=0), apart.sum(axis=0)
    spread = np.maximum.accumulate(np.sqrt((1 - correlation) * squares + correlation * sums**2))
    movers = _movers(parts, apart[:, MISSES.index(0.05)])
    return Demand(float(path[highest]), path[highest] + spread, spread, path, movers)


def _held_against(levels: FloatArray, now: FloatArray, present: FloatArray) -> FloatArray:
    """The level that each one's present use is that of, shape (parts,): the lowest to come that is not far below it.

    A level is raised for the hours around a peak, whose minute nobody knows. What uses as much as at its lowest level
    while that of now is higher is about to rise.
    """
    above = np.where(levels >= NEARLY * now[:, np.newaxis], levels, np.inf).min(axis=1)
    found: FloatArray = np.where(now > present, present, np.minimum(above, present))
    return found


def _means(levels: FloatArray, now: FloatArray, held: FloatArray) -> FloatArray:
    """What is expected of each in each step: present use, moved as its level moves, shape (parts, steps)."""
    first, used = held[:, np.newaxis], now[:, np.newaxis]
    below = used * levels / np.maximum(first, 1.0)
    above = used + np.maximum(levels - first, 0.0)
    means: FloatArray = np.where(used <= first, below, above)
    return means


def _deviations(top: FloatArray, means: FloatArray, shares: FloatArray, miss: float) -> FloatArray:
    """How far above its mean each is with a probability of `miss`, bytes, shape (parts,).

    Above its highest level its own tail says so. Below, where nothing is on record, an exponential that reaches the
    level with the probability that the tail has there.
    """
    at_level = np.clip(shares[:, 0], LEAST_SHARE, MOST_SHARE)
    below = (top - means) * np.minimum(1.0, math.log(miss) / np.log(at_level))
    held = shares <= miss
    growth = GROWTHS[np.where(held.any(axis=1), held.argmax(axis=1), GROWTHS.size - 1)]
    above = (top + OFFSET_BYTES) * (1 + growth) - OFFSET_BYTES - means
    apart: FloatArray = np.maximum(0.0, np.where(miss > at_level, below, above))
    return apart


def _movers(parts: Sequence[Part], apart: FloatArray) -> tuple[tuple[str, float], ...]:
    total = float((apart**2).sum())
    if total <= 0:
        return ()
    by_pod: dict[str, float] = {}
    for part, distance in zip(parts, apart, strict=True):
        by_pod[part.pod] = by_pod.get(part.pod, 0.0) + float(distance) ** 2
    return tuple((pod, by_pod[pod] / total) for pod in sorted(by_pod, key=lambda pod: (-by_pod[pod], pod)))
