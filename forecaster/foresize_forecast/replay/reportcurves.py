"""Curves of the report, as SVG: usage, sizes, the forecast's band and kills of one series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from foresize_forecast.series import FloatArray, peaks
from foresize_forecast.sizes import MIB

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 190, 66, 22, 8
EDGE = 26
"""A date nearer to the right edge than half its width has its line only: it would be cut off, or meet another."""
MOST_POINTS = 420
"""More would not be seen at this width."""
GIB = 1024.0
TICKS = 4
ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Curve:
    """What is drawn of one series; arrays of shape (time,), bytes.

    Attributes:
        title: the series.
        remark: why it is shown.
        start_s: start of the first interval.
        step_s: seconds of an interval.
        usage: NaN in gaps.
        request: ours.
        limit: ours; infinite where there is none.
        other: the baseline's request; None without one.
        band: demand and level of the forecast, NaN where there was none; None where nothing forecasts.
        kills: intervals in which there was one, beside those in which usage is above the limit.
    """

    title: str
    remark: str
    start_s: int
    step_s: int
    usage: FloatArray
    request: FloatArray
    limit: FloatArray
    other: FloatArray | None
    band: tuple[FloatArray, FloatArray] | None
    kills: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """From intervals and MiB to places in the picture."""

    count: int
    top_mib: float

    def x(self, at: float) -> float:
        return LEFT + (WIDTH - LEFT - 4) * at / self.count

    def y(self, mib: float) -> float:
        share = min(mib / self.top_mib, 1.0)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def svg(curve: Curve) -> str:
    """The picture, with the series' name as its title for readers of screens."""
    factor = max(1, -(-curve.usage.size // MOST_POINTS))
    usage, request = _blocks(curve.usage, factor) / MIB, _blocks(curve.request, factor) / MIB
    limit = _blocks(np.where(np.isinf(curve.limit), np.nan, curve.limit), factor) / MIB
    other = None if curve.other is None else _blocks(curve.other, factor) / MIB
    band = None if curve.band is None else (_blocks(curve.band[0], factor) / MIB, _blocks(curve.band[1], factor) / MIB)
    frame = _Frame(usage.size, _top([usage, request, limit, *([] if other is None else [other]), *(band or ())]))
    above = np.flatnonzero(_blocks((curve.usage > curve.limit).astype(np.float64), factor) > 0)
    killed = sorted({*map(int, above), *(each // factor for each in curve.kills)})
    parts = [
        *_axes(frame, curve, factor),
        *([] if band is None else [_band(frame, *band)]),
        _area(frame, usage),
        *([] if other is None else [_steps(frame, other, "other")]),
        _steps(frame, limit, "limit"),
        _steps(frame, request, "request"),
        *(_cross(frame.x(at + 0.5), frame.y(float(np.nan_to_num(usage[at])))) for at in killed),
    ]
    label = escape(curve.title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _blocks(values: FloatArray, factor: int) -> FloatArray:
    """The highest of every block; the last one may be shorter."""
    padded = np.pad(values, (0, -values.size % factor), constant_values=np.nan)
    return peaks(padded.reshape(-1, factor))


def _top(curves: Sequence[FloatArray]) -> float:
    """The end of the axis: four round steps that hold all that is drawn.

    Worked: 700 MiB need steps of 175 MiB or more; of `ROUND` times a power of ten 200 is the next: 800 MiB.
    """
    highest = max([float(np.nanmax(curve)) for curve in curves if not np.isnan(curve).all()], default=1.0)
    unit = GIB if highest >= GIB else 1.0
    least = max(highest, 1e-3) / TICKS / unit
    power = 10.0 ** np.floor(np.log10(least))
    return float(min(step * power for step in ROUND if step * power >= least) * TICKS * unit)


def _axes(frame: _Frame, curve: Curve, factor: int) -> list[str]:
    parts = []
    for tick in range(TICKS + 1):
        mib = frame.top_mib * tick / TICKS
        y = frame.y(mib)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 4}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{size_text(mib)}</text>')
    end_s = curve.start_s + curve.usage.size * curve.step_s
    days = range(-(-curve.start_s // DAY_S) * DAY_S, end_s, DAY_S * max(1, round((end_s - curve.start_s) / DAY_S / 8)))
    for day_s in days:
        x = frame.x((day_s - curve.start_s) / curve.step_s / factor)
        name = datetime.fromtimestamp(day_s, UTC).strftime("%d %b")
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        if x <= WIDTH - EDGE:
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{name}</text>')
    return parts


def _area(frame: _Frame, usage: FloatArray) -> str:
    """Usage as columns down to zero, a path for each stretch without a gap."""
    base = frame.y(0.0)
    paths = []
    for first, last in _stretches(usage):
        points = [f"{frame.x(at):.1f},{frame.y(float(usage[at])):.1f}" for at in range(first, last)]
        paths.append(f"M{frame.x(first):.1f},{base:.1f}L{'L'.join(points)}L{frame.x(last - 0.01):.1f},{base:.1f}Z")
    return f'<path class="usage" d="{"".join(paths)}"/>'


def _steps(frame: _Frame, values: FloatArray, kind: str) -> str:
    """A line that moves only where the value does."""
    paths = []
    for first, last in _stretches(values):
        moves = [at for at in range(first + 1, last) if values[at] != values[at - 1]]
        line = [f"H{frame.x(at):.1f}V{frame.y(float(values[at])):.1f}" for at in moves]
        begin = f"M{frame.x(first):.1f},{frame.y(float(values[first])):.1f}"
        paths.append(f"{begin}{''.join(line)}H{frame.x(last):.1f}")
    return f'<path class="{kind}" d="{"".join(paths)}"/>'


def _band(frame: _Frame, low: FloatArray, high: FloatArray) -> str:
    paths = []
    for first, last in _stretches(low + high):
        there = [f"{frame.x(at):.1f},{frame.y(float(high[at])):.1f}" for at in range(first, last)]
        back = [f"{frame.x(at):.1f},{frame.y(float(low[at])):.1f}" for at in reversed(range(first, last))]
        paths.append(f"M{'L'.join(there + back)}Z")
    return f'<path class="band" d="{"".join(paths)}"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="kill" d="M{x - 4:.1f},{y - 4:.1f}l8,8m0,-8l-8,8"/>'


def _stretches(values: FloatArray) -> list[tuple[int, int]]:
    """First and one after last of every run of known values."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    edges = np.flatnonzero(known[1:] != known[:-1])
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def size_text(mib: float) -> str:
    """MiB as people say it."""
    if mib >= GIB:
        return f"{mib / GIB:.3g} GiB"
    return f"{mib:.0f} MiB" if mib >= 10 or mib == 0 else f"{mib:.1f} MiB"  # noqa: PLR2004 - two digits are enough
