"""Peers that take the highest usage of a recent window: KRR, the day's maximum, Autopilot's S_max."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.peers.windows import one_size, trailing_count, trailing_max
from foresize_forecast.replay.trace import Sizes, Told, Trace, Track
from foresize_forecast.series import PerContainerAndTime
from foresize_forecast.sizes import MIB

HOUR_S, DAY_S = 3600, 86_400


@dataclass(frozen=True, slots=True)
class Krr:
    """Robusta KRR's `simple` strategy: the maximum of 14 days and 15 %, rounded up to MiB, at least 100 MiB.

    It speaks up after 100 samples of 75 s. Its option to learn from kills is off by default and left out. Its
    recommendation is put in force at every step, which flatters it: a person applies it seldom. Burstable: request and
    limit are one, as it prints them.

    Source: robusta-dev/krr, robusta_krr/strategies/simple.py and core/models/config.py (2026-07).
    """

    name: str = "KRR"
    window_s: int = 14 * DAY_S
    margin: float = 0.15
    min_bytes: float = 100.0 * MIB
    min_measured_s: float = 100 * 75.0

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force; request = limit on every track."""
        del track
        columns = max(1, self.window_s // trace.grid.step_s)
        enough = trailing_count(trace.usage, columns) * trace.grid.step_s >= self.min_measured_s
        size = np.ceil(trailing_max(trace.usage, columns) * (1 + self.margin) / MIB) * MIB
        told(1.0)
        return one_size(trace, np.where(enough, np.maximum(size, self.min_bytes), np.nan))


@dataclass(frozen=True, slots=True)
class DayMax:
    """The highest usage of the last 24 hours and 15 %: the simplest rule that anyone would write. Request = limit."""

    name: str = "day's max"
    window_s: int = DAY_S
    margin: float = 0.15

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force; request = limit on every track."""
        del track
        wished = trailing_max(trace.usage, max(1, self.window_s // trace.grid.step_s)) * (1 + self.margin)
        told(1.0)
        return one_size(trace, wished)


@dataclass(frozen=True, slots=True)
class AutopilotMax:
    """Borg Autopilot's windowed S_max: the maximum of the window and 10 %, the highest of the last hour's results.

    What the paper leaves open is chosen here: a window of 7 days (it says "the last N samples") and the low end of its
    margin of 10 to 15 %. Autopilot sets limits and nothing else, so request and limit are one on every track.

    Source: Rzadca et al., Autopilot, EuroSys 2020, section 3.2.
    """

    name: str = "Autopilot S_max"
    window_s: int = 7 * DAY_S
    margin: float = 0.10
    hold_s: int = HOUR_S

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force; request = limit on every track."""
        del track
        wished = trailing_max(trace.usage, max(1, self.window_s // trace.grid.step_s)) * (1 + self.margin)
        told(1.0)
        return one_size(trace, highest_lately(wished, max(1, self.hold_s // trace.grid.step_s)))


def highest_lately(wished: PerContainerAndTime, columns: int) -> PerContainerAndTime:
    """The highest of this and the last `columns` wishes: what keeps sizes from following every dip."""
    highest: PerContainerAndTime = np.fmax(wished, trailing_max(wished, columns))
    return highest
