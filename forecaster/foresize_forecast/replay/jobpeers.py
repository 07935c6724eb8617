"""Peers of the Jobs track: how the literature on workflows sizes a task, and what a workflow declares.

k-Segments (Bader et al., IEEE Big Data 2023) and KS+ (Bader et al., e-Science 2024) predict from the size of a task's
input, by linear regression. The traces have none, so here each regression is what it comes to without an input: the
mean of the runs before, with the published shifts. Nothing else is left out. Like their authors' simulators these know
a run only by its number of samples: a row of 10 s counts as the five samples of 2 s that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from foresize_forecast.replay.jobruns import Job
from foresize_forecast.runs.digest import filled
from foresize_forecast.series import FloatArray, IntArray

Learnt = TypeVar("Learnt")
PIECES = 5
"""Samples of 2 s in a row of 10 s."""
SEGMENTS = 4
"""k of both papers' evaluations."""
KS_START_SHARE = 0.85
"""KS+ moves each segment's end earlier by 15 %, ..."""
KS_PEAK_FACTOR = 1.1
"""... asks for 10 % more than the mean peak, ..."""
KS_LAST_FACTOR = 1.2
"""... and for 20 % more after a kill in the last segment."""
DOUBLE = 2.0
"""What the others multiply by after a kill."""


class Attempt(Protocol):
    """One attempt at a run."""

    def sizes(self, usage: FloatArray) -> FloatArray:
        """Sizes of each piece, shape (rows x PIECES,), bytes.

        Args:
            usage: shape (rows,), bytes; of it a size may use what is known at its time.
        """
        ...

    def after_kill(self, piece: int, size: float) -> Attempt:
        """The attempt that follows a kill at this piece and size."""
        ...


class JobSizer(Protocol):
    """A way to size the runs of a Job."""

    name: str

    def attempt(self, job: Job, run: int) -> Attempt:
        """The first attempt at a run, from runs that have ended when it starts."""
        ...


@dataclass(frozen=True, slots=True)
class Segments:
    """Sizes by elapsed time.

    Attributes:
        ends: shape (segments,), pieces: where each segment ends; the last one goes on for ever.
        peaks: shape (segments,), bytes.
        retry: what a kill changes: `selective` doubles its segment (equal ones are one), `partial` that and all later
            ones, `ks+` starts the next segment at the kill, or raises the last.
    """

    ends: FloatArray
    peaks: FloatArray
    retry: str

    def _at(self, piece: IntArray | int) -> IntArray:
        place: IntArray = np.minimum(np.searchsorted(self.ends, piece, side="right"), self.ends.size - 1)
        return place

    def sizes(self, usage: FloatArray) -> FloatArray:
        """Nothing of the run itself is used."""
        sized: FloatArray = self.peaks[self._at(np.arange(usage.size * PIECES))]
        return sized

    def after_kill(self, piece: int, size: float) -> Segments:
        """The same segments, higher or earlier."""
        del size
        segment = int(self._at(piece))
        if self.retry == "ks+":
            return self._earlier(piece, segment)
        equal = self.peaks == self.peaks[segment]
        raised = equal if self.retry == "selective" else np.arange(self.peaks.size) >= np.argmax(equal)
        return replace(self, peaks=np.where(raised, self.peaks * DOUBLE, self.peaks))

    def _earlier(self, piece: int, segment: int) -> Segments:
        last = self.ends.size - 1
        if segment == last:
            return replace(self, peaks=np.append(self.peaks[:-1], self.peaks[-1] * KS_LAST_FACTOR))
        scaled = np.floor(self.ends * (piece / self.ends[segment]))
        return replace(self, ends=np.where(np.arange(last + 1) >= segment, scaled, self.ends))


def constant(size: float) -> Segments:
    """One size for the whole run, doubled by a kill."""
    return Segments(np.array([1.0]), np.array([size]), "partial")


class _Learning(Generic[Learnt]):
    """What the peers share: what they keep of the runs that had ended, and the declared size where there are none."""

    name = ""
    fewest = 1

    def __init__(self) -> None:
        self._job: Job | None = None
        self._kept: dict[int, Learnt] = {}

    def attempt(self, job: Job, run: int) -> Attempt:
        """The declared size until enough runs have ended."""
        if job is not self._job:
            self._job, self._kept = job, {}
        ended = job.ended_before(job.runs[run].started_s)
        if len(ended) < self.fewest:
            return constant(job.declared_bytes)
        for past in ended:
            if past not in self._kept:
                self._kept[past] = self.kept(np.repeat(filled(job.runs[past].usage), PIECES))
        return self.learned([self._kept[past] for past in ended])

    def kept(self, usage: FloatArray) -> Learnt:
        """What is kept of a run, from its pieces."""
        raise NotImplementedError

    def learned(self, past: Sequence[Learnt]) -> Segments:
        """The plan from runs that have ended."""
        raise NotImplementedError


class KSegments(_Learning[tuple[int, FloatArray]]):
    """k equal segments of the shortest run before, each as high as the highest run in it, never falling."""

    def __init__(self, retry: str) -> None:
        super().__init__()
        self.name, self.retry = f"k-Segments {retry}", retry

    def kept(self, usage: FloatArray) -> tuple[int, FloatArray]:
        """A run's length, and its peak in each k-th of it; what is left over belongs to the last."""
        length = usage.size // SEGMENTS
        last = usage[(SEGMENTS - 1) * length :].max()
        firsts = usage[: (SEGMENTS - 1) * length].reshape(SEGMENTS - 1, length).max(axis=1)
        return usage.size, np.append(firsts, last)

    def learned(self, past: Sequence[tuple[int, FloatArray]]) -> Segments:
        """Mean runtime shifted down to the shortest, mean peaks shifted up to the highest."""
        length = min(size for size, _ in past) // SEGMENTS
        peaks = np.max([peaks for _, peaks in past], axis=0)
        return Segments(length * np.arange(1.0, SEGMENTS + 1), np.maximum.accumulate(peaks), self.retry)


class KSPlus(_Learning[tuple[FloatArray, FloatArray]]):
    """Segments where a run's usage rises, ends and peaks by the mean of the runs before."""

    name = "KS+"

    def kept(self, usage: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Ends and peaks of a run's segments."""
        return rising_segments(usage, SEGMENTS)

    def learned(self, past: Sequence[tuple[FloatArray, FloatArray]]) -> Segments:
        """Means of ends and peaks, moved by the published shares, neither falling."""
        ends = KS_START_SHARE * np.mean([ends for ends, _ in past], axis=0)
        peaks = KS_PEAK_FACTOR * np.mean([peaks for _, peaks in past], axis=0)
        return Segments(np.minimum.accumulate(ends[::-1])[::-1], np.maximum.accumulate(peaks), "ks+")


def rising_segments(usage: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    """Ends and peaks, shape (most,) each, of the segments of one run, by merging those that cost least.

    A new segment starts at each new maximum. Then the pair of neighbours is merged whose merging adds least waste: the
    rise times the length of the lower one. Where there are fewer the last one is repeated.

    Worked: 1 3 2 6 with two segments: segments 1 (1 long), 3 (2), 6 (1). Merging the first two costs (3 - 1) x 1 = 2,
    the last two (6 - 3) x 2 = 6. So: 3 up to 3, 6 up to 4.
    """
    tops = np.maximum.accumulate(usage)
    starts = np.flatnonzero(np.diff(tops, prepend=-np.inf) > 0)
    lengths = np.diff(starts, append=usage.size).astype(np.float64).tolist()
    peaks = tops[starts].tolist()
    while len(peaks) > most:
        costs = [(peaks[at + 1] - peaks[at]) * lengths[at] for at in range(len(peaks) - 1)]
        cheapest = int(np.argmin(costs))
        lengths[cheapest : cheapest + 2] = [lengths[cheapest] + lengths[cheapest + 1]]
        peaks.pop(cheapest)
    lengths += [1.0] * (most - len(peaks))
    peaks += [peaks[-1]] * (most - len(peaks))
    return np.cumsum(lengths), np.array(peaks)


class Highest(_Learning[float]):
    """The highest peak of the runs before."""

    name = "highest peak"

    def kept(self, usage: FloatArray) -> float:
        """A run's peak."""
        return float(usage.max())

    def learned(self, past: Sequence[float]) -> Segments:
        """One size."""
        return constant(max(past))


class Witt(Highest):
    """Mean peak and one standard deviation (Witt et al., 2019, without an input size)."""

    name = "mean + deviation"
    fewest = 2

    def learned(self, past: Sequence[float]) -> Segments:
        """One size."""
        return constant(float(np.mean(past) + np.std(past, ddof=1)))


class Tovar(_Learning[tuple[float, int]]):
    """The first allocation of least expected cost, the highest peak being the second (Tovar et al., TPDS 2018)."""

    name = "Tovar"

    def kept(self, usage: FloatArray) -> tuple[float, int]:
        """A run's peak and length."""
        return float(usage.max()), usage.size

    def learned(self, past: Sequence[tuple[float, int]]) -> Segments:
        """The peak a for which a x total time + highest x time of the runs above a is least."""
        peaks, times = np.array([peak for peak, _ in past]), np.array([time for _, time in past])
        costs = [peak * times.sum() + peaks.max() * times[peaks > peak].sum() for peak in peaks]
        return constant(float(peaks[int(np.argmin(costs))]))


class Declared:
    """What the workflow asks for."""

    name = "declared"

    def attempt(self, job: Job, run: int) -> Attempt:
        """The same for every run."""
        del run
        return constant(job.declared_bytes)


class OwnPeak:
    """The oracle: each run's own peak, as if it were known before."""

    name = "own peak (oracle)"

    def attempt(self, job: Job, run: int) -> Attempt:
        """One size."""
        return constant(float(np.nanmax(job.runs[run].usage)))


def peers() -> tuple[JobSizer, ...]:
    """Every peer of the track."""
    return (KSegments("selective"), KSegments("partial"), KSPlus(), Tovar(), Witt(), Highest(), Declared(), OwnPeak())
