"""When what happens in the demo: the day's two peaks, and the memory curves of its workloads. Pure."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

MIB = 1 << 20
DAY_S = 86_400
HISTORY_DAYS = 14

STEP_S = 15
"""Of the history of the workload with peaks: the finest that a policy may ask for, as its peaks are this short."""
COARSE_STEP_S = 300
"""Of the others' history."""
PEAK_S = 15
"""Long enough to kill what has too low a limit; short beside the quiet before it, so that it is no trend."""
BETWEEN_S = 120
"""From one peak's start to the other's: the request goes down and up again between them."""
FIRST_PEAK_AFTER_S = 110
"""From the Deployments' creation: room for back-filling, starting the operator, a first forecast, and a look at it."""
SCALE_AFTER_S = 50
"""From the first peak's start to the second replica's birth, when the request is down again."""
LOWERED_WITHIN_S = 60
"""From the last peak's start until its request is down."""

BASE_BYTES, PEAK_BYTES = 60 * MIB, 220 * MIB
BATCH_BYTES = 50 * MIB
LEAK_FROM_BYTES, LEAK_TO_BYTES = 40 * MIB, 180 * MIB
NOISE = 0.01
SEED = 20_240_229


@dataclass(frozen=True)
class Timeline:
    """The peaks of one day, Unix seconds, at whole steps of the history."""

    first_peak_s: int

    @property
    def peaks_s(self) -> tuple[int, int]:
        """When the peaks begin."""
        return self.first_peak_s, self.first_peak_s + BETWEEN_S

    @property
    def scale_s(self) -> int:
        """When the managed twin gets a second replica."""
        return self.first_peak_s + SCALE_AFTER_S

    @property
    def end_s(self) -> int:
        """When everything should have happened."""
        return self.peaks_s[-1] + LOWERED_WITHIN_S

    @property
    def daily(self) -> str:
        """The twins' day, as memhog reads it."""
        base, peak = f"{BASE_BYTES // MIB}Mi", f"{PEAK_BYTES // MIB}Mi"
        return ",".join(f"{clock(at_s)}={peak},{clock(at_s + PEAK_S)}={base}" for at_s in self.peaks_s)

    def twin_bytes(self, at_s: float) -> int:
        """What a twin holds at a time of any day."""
        in_peak = any((at_s - peak_s) % DAY_S < PEAK_S for peak_s in self.peaks_s)
        return PEAK_BYTES if in_peak else BASE_BYTES


def starting(now_s: float) -> Timeline:
    """The timeline of a demo whose Deployments are created now."""
    return Timeline(math.ceil((now_s + FIRST_PEAK_AFTER_S) / STEP_S) * STEP_S)


def clock(at_s: float) -> str:
    """A time of the day in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


@dataclass(frozen=True)
class Past:
    """The times of a back-filled history: from `start_s` every `step_s`, until just before now."""

    start_s: float
    step_s: int
    count: int

    @property
    def times_s(self) -> Iterator[float]:
        """Each sample's time."""
        return (self.start_s + position * self.step_s for position in range(self.count))


def past_until(now_s: float, step_s: int) -> Past:
    """`HISTORY_DAYS` of samples, each in the middle of its interval: none is on the border between two."""
    count = HISTORY_DAYS * DAY_S // step_s
    newest_s = now_s // step_s * step_s - step_s / 2
    return Past(newest_s - (count - 1) * step_s, step_s, count)


def twin_history(timeline: Timeline, past: Past) -> list[float]:
    """What a twin used, day by day."""
    return _noisy([timeline.twin_bytes(at_s) for at_s in past.times_s])


def batch_history(past: Past) -> list[float]:
    """The same all the time."""
    return _noisy([BATCH_BYTES] * past.count)


def leak_history(past: Past) -> list[float]:
    """A line upwards; its noise is far below what it gains in a day."""
    gain = (LEAK_TO_BYTES - LEAK_FROM_BYTES) / past.count
    return [LEAK_FROM_BYTES + position * gain for position in range(past.count)]


def leak_rate() -> str:
    """The same slope, as memhog reads it."""
    per_mib_s = HISTORY_DAYS * DAY_S * MIB // (LEAK_TO_BYTES - LEAK_FROM_BYTES)
    return f"1Mi/{per_mib_s}s"


def _noisy(values: list[int]) -> list[float]:
    """The same on every run, never above the value: what a container is told to hold is its most."""
    chance = random.Random(SEED)  # noqa: S311 - noise, not a secret
    return [value * (1 - NOISE * chance.random()) for value in values]
