"""Other recommenders' published rules, to replay beside ours: what a user would have without Foresize.

Both set request = limit. They are written from their published rules and constants, each checked on a case worked by
hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from foresize_forecast.replay.simulate import Sizes
from foresize_forecast.series import FloatArray, History, PerContainer, peaks
from foresize_forecast.sizes import MIB

DAY_S = 86_400


@dataclass(slots=True)
class Krr:
    """Robusta KRR's `simple` strategy: the maximum of 14 days and 15 %, rounded up, at least 100 MiB.

    Source: robusta_krr/strategies/simple.py and core/models/config.py. Its recommendation is applied at every step,
    which flatters it: a person applies it seldom.
    """

    name: str = "KRR"
    window_s: int = 14 * DAY_S
    margin: float = 0.15
    min_samples: int = 100
    sample_step_s: float = 75.0
    """1.25 minutes: fewer than `min_samples` of them are not enough data."""
    min_bytes: float = 100.0 * MIB

    def step(self, now_s: int, seen: History, present: Sizes, killed: PerContainer) -> Sizes:  # noqa: ARG002 - protocol
        """The highest sample of the window with the margin."""
        window = seen.usage[:, -(self.window_s // seen.grid.step_s) :]
        enough = np.count_nonzero(~np.isnan(window), axis=1) * seen.grid.step_s >= self.min_samples * self.sample_step_s
        size = np.maximum(np.ceil(peaks(window) * (1 + self.margin) / MIB) * MIB, self.min_bytes)
        size = np.where(enough, size, np.nan)
        return Sizes(size, size.copy())


@dataclass(slots=True)
class Vpa:
    """The Vertical Pod Autoscaler 1.8.1 for memory: recommender and updater in place, with default settings.

    Source: vertical-pod-autoscaler/pkg/recommender (model/container.go, util/decaying_histogram.go, logic/) and
    pkg/updater. One peak per container and 24 h goes into a histogram whose weights halve every 24 h. A pod is resized
    when its request leaves [lower, upper], or when it is 12 h old and the target differs by 10 %. Limits follow
    requests.
    """

    name: str = "VPA"
    floor_bytes: float = 250.0 * MIB
    _peaks: list[_Peaks] = field(default_factory=list)
    _read: int = 0

    def step(self, now_s: int, seen: History, present: Sizes, killed: PerContainer) -> Sizes:
        """Read the new samples, then resize what the updater's rules ask for."""
        if not self._peaks:
            self._peaks = [_Peaks() for _ in seen.containers]
        for column in range(self._read, seen.grid.count):
            at_s = seen.grid.start_s + column * seen.grid.step_s
            for known, used in zip(self._peaks, seen.usage[:, column], strict=True):
                if not np.isnan(used):
                    known.add(at_s, float(used))
        self._read = seen.grid.count
        for row in np.flatnonzero(~np.isnan(killed)):
            self._peaks[row].add_kill(now_s, float(killed[row]))
        size = np.array(
            [self._resized(known, float(now), now_s) for known, now in zip(self._peaks, present.request, strict=True)]
        )
        return Sizes(size, size.copy())

    def _resized(self, known: _Peaks, present_bytes: float, now_s: int) -> float:
        if known.first_s is None:
            return np.nan
        lower, target, upper = known.bounds(self.floor_bytes)
        if np.isnan(present_bytes) or not lower <= present_bytes <= upper:
            return target
        old = now_s - known.first_s >= UPDATE_AGE_S
        return target if old and abs(present_bytes - target) >= UPDATE_SHARE * present_bytes else present_bytes


PEAK_WINDOW_S = DAY_S
HALF_LIFE_S = DAY_S
FIRST_BUCKET_BYTES = 1e7
BUCKET_RATIO = 1.05
BUCKETS = 176
LOWER, TARGET, UPPER = 0.5, 0.9, 0.95
MARGIN = 1.15
UPPER_MULTIPLIER, LOWER_MULTIPLIER, LOWER_EXPONENT = 1.0, 0.001, -2.0
KILL_BYTES, KILL_RATIO = 100.0 * MIB, 1.2
UPDATE_AGE_S, UPDATE_SHARE = 12 * 3600, 0.1


@dataclass(slots=True)
class _Peaks:
    """One container's peaks: (end of the 24 h, bytes). The last entry is the present window's and may still grow."""

    first_s: int | None = None
    last_s: int = 0
    window_end_s: int = 0
    ends_s: list[int] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    usage_peak: float = 0.0
    """Of the present window, kills left out."""

    def add(self, at_s: int, used: float) -> None:
        """A sample."""
        if self.first_s is None:
            self.first_s = self.window_end_s = at_s
        self.last_s = at_s
        if self._aggregate(at_s, used):
            self.usage_peak = used

    def add_kill(self, at_s: int, request_bytes: float) -> None:
        """A kill counts as a sample above the larger of the request and the window's peak."""
        base = max(request_bytes, self.usage_peak)
        self._aggregate(at_s, max(base + KILL_BYTES, base * KILL_RATIO))

    def bounds(self, floor_bytes: float) -> tuple[float, float, float]:
        """Lower bound, target and upper bound. Confidence grows with the days of history, with a sample a minute."""
        days = max((self.last_s - (self.first_s or 0)) / DAY_S, 1e-9)
        lower, target, upper = (self._percentile(p) * MARGIN for p in (LOWER, TARGET, UPPER))
        lower *= (1 + LOWER_MULTIPLIER / days) ** LOWER_EXPONENT
        upper *= 1 + UPPER_MULTIPLIER / days
        return max(lower, floor_bytes), max(target, floor_bytes), max(upper, floor_bytes)

    def _aggregate(self, at_s: int, used: float) -> bool:
        """Take a value in; whether it is the present window's peak now."""
        if at_s >= self.window_end_s:
            self.window_end_s += ((at_s - self.window_end_s) // PEAK_WINDOW_S + 1) * PEAK_WINDOW_S
            self.usage_peak = 0.0
            self.ends_s.append(self.window_end_s)
            self.peaks.append(used)
            return True
        if used > self.peaks[-1]:
            self.peaks[-1] = used
            return True
        return False

    def _percentile(self, share: float) -> float:
        ends_s = np.array(self.ends_s, dtype=np.float64)
        weights = np.exp2((ends_s - ends_s[-1]) / HALF_LIFE_S)
        filled = np.bincount(_buckets(np.array(self.peaks)), weights, BUCKETS)
        bucket = int(np.searchsorted(np.cumsum(filled), share * filled.sum() * (1 - 1e-12)))
        return _bucket_start(min(bucket + 1, BUCKETS - 1))


def _buckets(values: FloatArray) -> FloatArray:
    at = np.floor(np.log(values * (BUCKET_RATIO - 1) / FIRST_BUCKET_BYTES + 1) / np.log(BUCKET_RATIO))
    clipped: FloatArray = np.clip(at, 0, BUCKETS - 1).astype(np.int64)
    return clipped


def _bucket_start(bucket: int) -> float:
    """Where a bucket begins: 0, then 10 MB times the sum of the ratios before it."""
    return float(FIRST_BUCKET_BYTES * (BUCKET_RATIO**bucket - 1) / (BUCKET_RATIO - 1))
