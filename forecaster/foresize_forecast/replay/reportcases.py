"""Which series the report shows as curves: where most was saved, what went worst, and one of each shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresize_forecast.replay.bands import Bands, bands
from foresize_forecast.replay.playing import Play
from foresize_forecast.replay.reportcurves import Curve, size_text
from foresize_forecast.replay.results import Played
from foresize_forecast.replay.tally import warmup_columns
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

BEST, WORST, MORE = 4, 4, 2
"""Series with the most saved, with the most kills, and with more requested than the baseline would have."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Ours and the baseline on one trace; the baseline may be absent."""

    played: Played
    ours: Play
    other: Play | None

    def requested(self, play: Play) -> FloatArray:
        """Mean bytes requested while measured, shape (series,)."""
        minutes = play.tally.minutes
        return np.divide(play.tally.requested, minutes, out=np.zeros_like(minutes), where=minutes > 0)

    def saved(self) -> FloatArray:
        """Mean bytes less than the baseline's, shape (series,)."""
        if self.other is None:
            return np.zeros(len(self.played.trace.series))
        return self.requested(self.other) - self.requested(self.ours)


def curves(pair: Pair, *, forecast: bool) -> Mapping[str, Sequence[Curve]]:
    """The curves of a trace, by the heading that they stand under.

    Args:
        pair: what was played.
        forecast: whether ours forecasts as the operator does, so that a band can be drawn.
    """
    chosen = _chosen(pair)
    rows = sorted({row for cases in chosen.values() for row, _ in cases})
    band = bands(pair.played.trace, np.array(rows, dtype=np.int64)) if forecast and rows else None
    place = {row: at for at, row in enumerate(rows)}
    return {
        heading: [_curve(pair, row, remark, band, place[row]) for row, remark in cases]
        for heading, cases in chosen.items()
        if cases
    }


def _chosen(pair: Pair) -> Mapping[str, list[tuple[int, str]]]:
    kills, saved = pair.ours.tally.kill_episodes, pair.saved()
    other = pair.other
    killed = [row for row in np.argsort(-kills, kind="stable").tolist() if kills[row] > 0][:WORST]
    most = [row for row in np.argsort(-saved, kind="stable").tolist() if saved[row] > 0][:BEST]
    least = [row for row in np.argsort(saved, kind="stable").tolist() if saved[row] < 0][:MORE]
    return {
        "Where most is saved": [(row, f"{_mib(saved[row])} less than the baseline, on average") for row in most],
        "What would have been killed": [
            (row, _killed(int(kills[row]), None if other is None else int(other.tally.kill_episodes[row])))
            for row in killed
        ],
        "Where more is requested": [(row, f"{_mib(-saved[row])} more than the baseline") for row in least],
        "One of each shape": _of_shapes(pair, {*most, *killed, *least}),
    }


def _of_shapes(pair: Pair, shown: set[int]) -> list[tuple[int, str]]:
    """The largest series of every shape that is not shown yet."""
    size = pair.ours.tally.peak.max(axis=1, initial=0.0, where=~np.isnan(pair.ours.tally.peak))
    found: dict[str, int] = {}
    for row in np.argsort(-size, kind="stable").tolist():
        if row not in shown:
            found.setdefault(pair.played.kinds.shapes[row], row)
    return [(row, f"shape: {shape}") for shape, row in sorted(found.items()) if shape != "Unknown"]


def _curve(pair: Pair, row: int, remark: str, band: Bands | None, place: int) -> Curve:
    trace = pair.played.trace
    first = warmup_columns(trace)
    other = None if pair.other is None else pair.other.request.dense(row, row + 1)[0, first:]
    return Curve(
        title=trace.series[row],
        remark=remark,
        start_s=trace.grid.start_s + first * trace.grid.step_s,
        step_s=trace.grid.step_s,
        usage=trace.usage[row, first:],
        request=pair.ours.request.dense(row, row + 1)[0, first:],
        limit=pair.ours.limit.dense(row, row + 1)[0, first:],
        other=other,
        band=None if band is None else (band.demand[place, first:], band.level[place, first:]),
    )


def _killed(ours: int, other: int | None) -> str:
    times = "once" if ours == 1 else f"{ours} times"
    return f"killed {times}" + ("" if other is None else f"; with the baseline {other}")


def _mib(size_bytes: float) -> str:
    return size_text(size_bytes / MIB)
