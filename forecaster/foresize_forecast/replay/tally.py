"""What came of sizes, counted once per series and day: every figure is a sum over these, for any choice of series.

Usage above the limit is a kill minute, usage above the request an overrun. Only measured intervals count. A day is 24
hours from the first interval that is scored; a part of a day counts by its measured share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.trace import Sizes, Trace
from foresize_forecast.series import BoolArray, FloatArray, IntArray, PerContainer, PerContainerAndTime

DAY_S = 86_400
MACHINE_WARMUP_S = 14 * DAY_S
"""Of VMs, whose weeks matter; a trace that is no longer than twice that has a day like the others."""
EPISODE_GAP_S = 600
"""Kill minutes less than this apart are one episode: what a person would call one incident."""
SLACK_QUANTILE = 0.95
MINUTE_S = 60
SeriesDays = FloatArray
"""Shape (series, days)."""


@dataclass(frozen=True, slots=True)
class Need:
    """What was used in the scored part of a trace: the side of a tally that no sizer changes.

    Attributes:
        usage: shape (series, time) from the first scored interval on, bytes.
        step_s: seconds of a column.
        weight: shape (series, days): measured share of the day.
        p95: shape (series, days), bytes; NaN where nothing was measured.
        peak: shape (series, days), bytes; NaN where nothing was measured.
    """

    usage: PerContainerAndTime
    step_s: int
    weight: SeriesDays
    p95: SeriesDays
    peak: SeriesDays

    def rows(self, chosen: IntArray) -> Need:
        """Of some of the series."""
        return Need(self.usage[chosen], self.step_s, self.weight[chosen], self.p95[chosen], self.peak[chosen])


@dataclass(frozen=True, slots=True)
class Tally:
    """What one sizer did to the series of one trace.

    Attributes:
        weight: as in `Need`; the same for `p95` and `peak`.
        p95: bytes.
        peak: bytes.
        request: shape (series, days): mean over measured time, bytes.
        limit: shape (series, days): mean over measured time, bytes.
        killed: shape (series, days): whether usage went above the limit.
        minutes: shape (series,): measured.
        kill_minutes: shape (series,).
        kill_episodes: shape (series,).
        overrun_minutes: shape (series,).
        unused: shape (series,): byte-minutes requested and not used.
        requested: shape (series,): byte-minutes requested.
        request_changes: shape (series,).
        limit_changes: shape (series,).
    """

    weight: SeriesDays
    p95: SeriesDays
    peak: SeriesDays
    request: SeriesDays
    limit: SeriesDays
    killed: BoolArray
    minutes: PerContainer
    kill_minutes: PerContainer
    kill_episodes: PerContainer
    overrun_minutes: PerContainer
    unused: PerContainer
    requested: PerContainer
    request_changes: PerContainer
    limit_changes: PerContainer

    def rows(self, chosen: IntArray | BoolArray) -> Tally:
        """Of some of the series."""
        return Tally(*(getattr(self, name)[chosen] for name in self.__slots__))


def warmup_columns(trace: Trace) -> int:
    """How many intervals at the start of a trace are seen and not scored."""
    span_s = trace.grid.count * trace.grid.step_s
    warmup_s = MACHINE_WARMUP_S if not trace.kills and span_s > 2 * MACHINE_WARMUP_S else DAY_S
    return -(-warmup_s // trace.grid.step_s)


def need(trace: Trace) -> Need:
    """The usage that is scored.

    Raises:
        ValueError: the trace ends before its warm-up does.
    """
    first = warmup_columns(trace)
    if first >= trace.grid.count:
        raise ValueError(f"{trace.source} has {trace.grid.count} intervals, the warm-up alone takes {first}")
    usage = np.ascontiguousarray(trace.usage[:, first:])
    weight, p95, peak = _days(usage, max(1, DAY_S // trace.grid.step_s))
    return Need(usage, trace.grid.step_s, weight, p95, peak)


def tally(needed: Need, sizes: Sizes, node_bytes: float = np.inf) -> Tally:
    """Count what these sizes did.

    Args:
        needed: what was used.
        sizes: of the whole trace or of its scored part; the last columns count.
        node_bytes: what an absent limit counts as: a leak could take all of it.

    Raises:
        ValueError: a request is missing, or a size is negative, where something was measured.
    """
    columns = needed.usage.shape[1]
    request = np.ascontiguousarray(sizes.request[:, sizes.request.shape[1] - columns :])
    limit = np.ascontiguousarray(sizes.limit[:, sizes.limit.shape[1] - columns :])
    measured = ~np.isnan(needed.usage)
    if not (np.all(request[measured] >= 0) and np.all(limit[measured] >= 0)):
        raise ValueError("a size that is in force while a container runs must be known and not below 0")
    minutes_per_column = needed.step_s / MINUTE_S
    gap = -(-EPISODE_GAP_S // needed.step_s)
    per_day = max(1, DAY_S // needed.step_s)
    mean_request, mean_limit, killed, sums = _count(needed.usage, request, limit, node_bytes, (per_day, gap))
    count, kills, episodes, over, unused, requested, request_moves, limit_moves = sums.T
    return Tally(
        weight=needed.weight,
        p95=needed.p95,
        peak=needed.peak,
        request=mean_request,
        limit=mean_limit,
        killed=killed,
        minutes=count * minutes_per_column,
        kill_minutes=kills * minutes_per_column,
        kill_episodes=episodes,
        overrun_minutes=over * minutes_per_column,
        unused=unused * minutes_per_column,
        requested=requested * minutes_per_column,
        request_changes=request_moves,
        limit_changes=limit_moves,
    )


def together(tallies: Sequence[Tally]) -> Tally:
    """The tallies of several traces or chunks as one; days that one has and another has not weigh nothing there."""
    days = max(each.weight.shape[1] for each in tallies)
    return Tally(
        *(np.concatenate([_padded(getattr(each, name), days) for each in tallies]) for name in Tally.__slots__)
    )


def _padded(values: FloatArray, days: int) -> FloatArray:
    if values.ndim == 1:
        return values
    return np.pad(values, ((0, 0), (0, days - values.shape[1])))


@compiled_as_written
def _days(usage: FloatArray, per_day: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weight, 95th percentile (interpolated between samples) and peak of every series and day."""
    series, columns = usage.shape
    days = -(-columns // per_day)
    weight = np.zeros((series, days))
    p95, peak = np.full((series, days), np.nan), np.full((series, days), np.nan)
    for row in range(series):
        for day in range(days):
            part = usage[row, day * per_day : (day + 1) * per_day]
            known = part[~np.isnan(part)]
            if known.size:
                weight[row, day] = known.size / per_day
                p95[row, day] = np.quantile(known, SLACK_QUANTILE)
                peak[row, day] = known.max()
    return weight, p95, peak


@compiled_as_written
def _count(
    usage: FloatArray, request: FloatArray, limit: FloatArray, node_bytes: float, spans: tuple[int, int]
) -> tuple[FloatArray, FloatArray, BoolArray, FloatArray]:
    """Mean request and limit and kills by day, and sums by series; a size moved when it did between measurements."""
    per_day, gap = spans
    series, columns = usage.shape
    days = -(-columns // per_day)
    mean_request, mean_limit = np.zeros((series, days)), np.zeros((series, days))
    killed = np.zeros((series, days), dtype=np.bool_)
    sums = np.zeros((series, 8))
    for row in range(series):
        last_kill, before = -gap - 1, -1
        for day in range(days):
            measured = 0
            for column in range(day * per_day, min(columns, (day + 1) * per_day)):
                used = usage[row, column]
                if np.isnan(used):
                    continue
                asked, bound = request[row, column], limit[row, column]
                measured += 1
                mean_request[row, day] += asked
                mean_limit[row, day] += min(bound, node_bytes)
                if used > bound:
                    killed[row, day] = True
                    sums[row, 1] += 1
                    sums[row, 2] += column - last_kill >= gap
                    last_kill = column
                sums[row, 3] += used > asked
                sums[row, 4] += max(asked - used, 0.0)
                sums[row, 5] += asked
                if before >= 0:
                    sums[row, 6] += asked != request[row, before]
                    sums[row, 7] += bound != limit[row, before]
                before = column
            sums[row, 0] += measured
            if measured:
                mean_request[row, day] /= measured
                mean_limit[row, day] /= measured
    return mean_request, mean_limit, killed, sums
