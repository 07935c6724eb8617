"""Draws the README's picture: `python -m foresize_dev.picture > docs/two-days.svg`.

One container with a peak every morning, played by the operator's own decisions and by the VPA's rules; the last two
of sixteen days are shown. Usage is made up and seeded, sizes are what a replay makes of it.
"""

from __future__ import annotations

import re
import sys

import numpy as np

from foresize_forecast.replay.playing import play
from foresize_forecast.replay.reportcurves import Curve, svg
from foresize_forecast.replay.reportpage import STYLE
from foresize_forecast.replay.trace import Trace, Track
from foresize_forecast.series import FloatArray, Grid

OURS, PEER = "foresize", "vpa"
STEP_S, DAYS, SHOWN_DAYS = 300, 16, 2
A_DAY = 86_400 // STEP_S
START_S = 1_798_761_600
"""2027-01-01, midnight UTC."""
MIB = 1 << 20
SEED = 7
LEGEND = (
    ("usage", "memory used"),
    ("request", "request, Foresize"),
    ("limit", "limit, Foresize"),
    ("other", "request, VPA"),
)


def usage() -> FloatArray:
    """A service that needs 300 MiB by night and 900 MiB from nine to noon, with a little noise, bytes."""
    rng = np.random.default_rng(SEED)
    hours = np.arange(DAYS * A_DAY) % A_DAY / 12
    rise = np.clip((hours - 8.75) * 4, 0, 1) * np.clip((12.25 - hours) * 4, 0, 1)
    evening = 80 * np.exp(-((hours - 19) ** 2) / 4)
    made: FloatArray = (300 + 600 * rise + evening + rng.normal(0, 6, hours.size)) * MIB
    return made


def curve() -> Curve:
    """What was used and what each would have had."""
    used = usage()
    grid = Grid(START_S, STEP_S, used.size)
    trace = Trace(
        "made up",
        grid,
        ("shop/web app",),
        ("shop",),
        ("shop/web/app",),
        used[np.newaxis],
        np.array([1024.0 * MIB]),
        np.array([False]),
    )
    plays = play([(trace, [Track.BURSTABLE])], (OURS, PEER), 1, lambda _: None)
    ours, peer = (plays[0, Track.BURSTABLE, name] for name in (OURS, PEER))
    first = used.size - SHOWN_DAYS * A_DAY
    return Curve(
        title="Two days of a container: its request follows what is expected",
        remark="",
        start_s=START_S + first * STEP_S,
        step_s=STEP_S,
        usage=used[first:],
        request=ours.request.dense()[0][first:],
        limit=ours.limit.dense()[0][first:],
        other=peer.request.dense()[0][first:],
        band=None,
    )


def picture() -> str:
    """The SVG with its own style and legend: it is shown where no page has one."""
    drawn = svg(curve())
    inner = drawn.partition(">")[2].rpartition("</svg>")[0]
    words = []
    for number, (kind, text) in enumerate(LEGEND):
        x = 60 + number * 128
        mark = f'<rect class="usage" x="{x}" y="204" width="18" height="9"/>'
        line = f'<path class="{kind}" d="M{x},208.5h18"/>'
        words.append(f'{mark if kind == "usage" else line}<text x="{x + 23}" y="212">{text}</text>')
    style = re.sub(r"\n", "", STYLE)
    style += "text{font:10px system-ui,sans-serif;fill:var(--soft)}.request{fill:none}.paper{fill:var(--page)}"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 222" role="img" '
        f'aria-label="Memory of a container over two days, and its sizes"><style>{style}</style>'
        f'<rect class="paper" width="560" height="222"/>{inner}{"".join(words)}</svg>\n'
    )


if __name__ == "__main__":
    sys.stdout.write(picture())
