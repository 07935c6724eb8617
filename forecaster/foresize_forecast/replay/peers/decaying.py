"""Peers with a percentile of decaying, load-weighted usage: Crane, and Autopilot's S_p98."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.peers import histogram
from foresize_forecast.replay.peers.recent import highest_lately
from foresize_forecast.replay.peers.windows import one_size
from foresize_forecast.replay.trace import FIRST_SIZE_S, Sizes, Told, Trace, Track, first_sizes
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

HOUR_S, DAY_S = 3600, 86_400
HALF_LIFE_S = 48.0 * HOUR_S
CRANE_BUCKET_BYTES = 100.0 * MIB
CRANE_STARTS: FloatArray = CRANE_BUCKET_BYTES * np.arange(1001, dtype=np.float64)
AUTOPILOT_STARTS: FloatArray = np.array([0.0, *(MIB * 2.0 ** (20 * n / 399) for n in range(400))])
LEAST_WEIGHT = 1e-5
EPSILON = 1e-10
KILL_BYTES, KILL_RATIO, KILL_MEMORY_S = 100.0 * MIB, 1.2, 7.0 * DAY_S


@dataclass(frozen=True, slots=True)
class Crane:
    """Crane's resource recommender: p99 of 7 days with a half-life of 48 hours, and 15 %.

    Samples weigh as much as they are large. Buckets are 100 MiB wide and their end is taken, so nothing is below 115
    MiB. A kill is remembered for 7 days, the largest one: at least 20 % or 100 MiB above the request that it met. Its
    recommendation is put in force at every step. Burstable: it patches requests and leaves the owner's limit, which is
    not told: twice the first size is assumed, and never less than the request.

    Source: gocrane/crane 0.11.0, pkg/recommendation/recommender/resource/recommend.go, pkg/prediction/percentile and
    pkg/oom/recorder.go.
    """

    name: str = "Crane"
    percentile: float = 0.99
    margin: float = 0.15
    window_s: int = 7 * DAY_S
    limit_ratio: float = 2.0

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force, decided at each step."""
        request = np.empty(trace.usage.shape)
        first, clock = first_sizes(trace), np.array([trace.grid.start_s, trace.grid.step_s], dtype=np.float64)
        burstable = track is Track.BURSTABLE
        limit = np.where(burstable, first * self.limit_ratio, 0.0)
        settings = np.array([self.percentile, 1 + self.margin, max(1, self.window_s // trace.grid.step_s)])
        for row, usage in enumerate(trace.usage):
            _crane(usage, (first[row], limit[row]), settings, clock, request[row])
            told((row + 1) / len(trace.series))
        return Sizes(request, np.maximum(request, limit[:, np.newaxis]) if burstable else request)


@dataclass(frozen=True, slots=True)
class AutopilotPercentile:
    """Borg Autopilot's S_p98: the 98th percentile of load with a half-life of 48 hours and 10 %, highest of an hour.

    Of load: a sample weighs as much as it is large, so the percentile is of bytes, not of time. What the paper leaves
    open is chosen here: 400 buckets of equal ratio from 1 MiB to 1 TiB, and the low end of its margin of 10 to 15 %.
    Autopilot sets limits and nothing else, so request and limit are one on every track.

    Source: Rzadca et al., Autopilot, EuroSys 2020, section 3.2.
    """

    name: str = "Autopilot S_p98"
    percentile: float = 0.98
    margin: float = 0.10
    hold_s: int = HOUR_S

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force; request = limit on every track."""
        del track
        wished = np.full(trace.usage.shape, np.nan)
        clock = np.array([trace.grid.start_s, trace.grid.step_s], dtype=np.float64)
        for row, usage in enumerate(trace.usage):
            _load_percentile(usage, self.percentile, clock, wished[row])
            told((row + 1) / len(trace.series))
        held = highest_lately(wished * (1 + self.margin), max(1, self.hold_s // trace.grid.step_s))
        return one_size(trace, held)


@compiled_as_written
def _crane(
    usage: FloatArray, first: tuple[float, float], settings: FloatArray, clock: FloatArray, request: FloatArray
) -> None:
    """Write the requests in force of one series; `first` is its first request and its limit, if that is higher."""
    seen = histogram.empty(CRANE_STARTS.size, HALF_LIFE_S, EPSILON)
    killed, killed_s = 0.0, -np.inf
    present, measured_s = first[0], 0.0
    for column in range(usage.size):
        now_s = clock[0] + column * clock[1]
        if column:
            used = usage[column - 1]
            _weigh(seen, used, now_s, 1.0)
            gone = column - 1 - int(settings[2])
            if gone >= 0:
                _weigh(seen, usage[gone], clock[0] + (gone + 1) * clock[1], -1.0)
            if used > max(present, first[1]) and present > killed:
                killed, killed_s = present, now_s
            found = histogram.percentile(seen, CRANE_STARTS, settings[0]) * settings[1]
            measured_s += 0.0 if np.isnan(used) else clock[1]
            if found > 0:
                present = found if measured_s >= FIRST_SIZE_S else max(found, first[0])
            if now_s - killed_s <= KILL_MEMORY_S:
                present = max(present, killed + KILL_BYTES, killed * KILL_RATIO)
        request[column] = present


@compiled_as_written
def _weigh(seen: histogram.Histogram, used: float, at_s: float, sign: float) -> None:
    if np.isnan(used):
        return
    bucket = min(int(used // CRANE_BUCKET_BYTES), CRANE_STARTS.size - 1)
    weight = max(LEAST_WEIGHT, used) * histogram.decayed(seen, at_s)
    if sign > 0:
        histogram.add(seen, bucket, weight)
    else:
        histogram.subtract(seen, bucket, weight)


@compiled_as_written
def _load_percentile(usage: FloatArray, share: float, clock: FloatArray, wished: FloatArray) -> None:
    """Write the percentile of what was seen before each column, shape (time,)."""
    seen = histogram.empty(AUTOPILOT_STARTS.size, HALF_LIFE_S, EPSILON)
    for column in range(1, usage.size):
        used, now_s = usage[column - 1], clock[0] + column * clock[1]
        if not np.isnan(used):
            bucket = max(int(np.searchsorted(AUTOPILOT_STARTS, used)) - 1, 0)
            histogram.add(seen, bucket, used * histogram.decayed(seen, now_s))
        found = histogram.percentile(seen, AUTOPILOT_STARTS, share)
        if found > 0:
            wished[column] = found
