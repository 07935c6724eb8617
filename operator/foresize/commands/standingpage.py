"""The report for people: one HTML file that fetches nothing, or a table in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foresize.commands.standing import SEVERE, Row, Standing
from foresize.config.quantities import people, timestamp
from foresize.config.words import plain
from foresize_forecast.replay.reportpage import card, heading, page
from foresize_forecast.replay.reportpage import table as html_table
from foresize_forecast.savings import Total

WIDTH, HEIGHT, LINE = 860, 18, 24
MOST_BARS = 40
"""Containers that are drawn; the table has all."""
HEADINGS = ("container", "pods", "owner's request", "request", "wanted", "limit", "peak", "model", "shape", "state")


def html(found: Standing, linked: Callable[[str], str] | None = None, above: str = "") -> str:
    """The whole file; `linked` tells where a workload has a page of its own, `above` is HTML before all else."""
    severe = sum(risk.severity == SEVERE for risk in found.risks)
    cards = [
        card(_amount(found.saved), "of requests less than owners wrote, in force now", _mood(found.saved)),
        card(_amount(found.possible), "less again if what is wanted now were in force", _mood(found.possible)),
        card(str(severe), "severe risks: kills, leaks, limits below the forecast peak", "bad" if severe else "good"),
        card(str(len(found.rows)), "containers with a forecast"),
    ]
    body = [
        above,
        "<h1>Foresize: savings and risks</h1>",
        f"<p>Made {timestamp(found.at_s)} from MemoryForecasts. Requests count once for each pod there is.</p>",
        f'<div class="cards">{"".join(cards)}</div>',
        *([] if linked is None else [_links(found.rows, linked)]),
        heading("Risks", "Severe: a kill is likely, or was. Watch: something is in the way."),
        _risks(found),
        heading(
            "Requests",
            f"The {MOST_BARS} containers that ask for most, over all of their pods: what their owners wrote "
            "(pale), what is in force (dark), what is wanted now (line).",
        ),
        _bars(found.rows[:MOST_BARS]),
        heading("Every container"),
        html_table(HEADINGS, [[plain(cell) for cell in _cells(row)] for row in found.rows]),
    ]
    return page("Foresize: savings and risks", body)


def table(found: Standing) -> RenderableType:
    """What matters most, for a terminal."""
    rows = Table(box=SIMPLE_HEAD, padding=0, collapse_padding=True)
    for name in ("risk", "workload", "container", "what"):
        rows.add_column(name, overflow="fold")
    for risk in found.risks:
        colour = "red" if risk.severity == SEVERE else "yellow"
        cells = (risk.workload, risk.container, risk.message)
        rows.add_row(Text(plain(risk.kind), colour), *(Text(plain(each)) for each in cells))
    return Group(*map(Text, _sums(found)), *([rows] if found.risks else [Text("No risks.", "green")]))


def _sums(found: Standing) -> Iterator[str]:
    saved, possible = found.saved, found.possible
    owners = f"owners wrote {people(saved.requested_bytes)}, in force are {people(saved.planned_bytes)}"
    yield f"Saved: {_amount(saved)} of requests ({owners})."
    yield f"Possible: {_amount(possible)} more, with what is wanted now ({people(possible.planned_bytes)})."
    if saved.left_out:
        yield f"{saved.left_out} container(s) have no request of their owners' to compare with."


def _amount(found: Total) -> str:
    saved = found.saved_bytes
    return people(saved) if saved >= 0 else f"-{people(-saved)}"


def _mood(found: Total) -> str:
    return "good" if found.saved_bytes > 0 else ""


def _risks(found: Standing) -> str:
    if not found.risks:
        return "<p>None.</p>"
    rows = [[each.workload, each.severity, each.kind, each.container, each.message] for each in found.risks]
    headings = ("workload", "severity", "kind", "container", "what")
    return html_table(headings, [[plain(cell) for cell in row] for row in rows])


def _cells(row: Row) -> Iterator[str]:
    yield f"{row.workload} {row.told['name']}"
    yield str(row.pods)
    for name in ("templateRequest", "request", "wantedRequest", "limit", "peak"):
        yield people(row.bytes(name)) if name in row.told else ""
    yield str(row.told.get("model", ""))
    yield str(row.told.get("shape", ""))
    yield row.state


def _bars(rows: Sequence[Row]) -> str:
    """An SVG: two bars and a mark for each container."""
    sizes = [[(row.bytes(name) or 0) * row.pods for name in _BARS] for row in rows]
    most = max((size for each in sizes for size in each), default=0)
    if not most:
        return "<p>No requests.</p>"
    scale = (WIDTH - 330) / most
    lines = []
    for number, (row, (owners, now, wish)) in enumerate(zip(rows, sizes, strict=True)):
        y = number * LINE + 4
        label = escape(plain(f"{row.workload} {row.told['name']}")[-48:])
        lines += [
            f'<text x="0" y="{y + 12}">{label}</text>',
            f'<rect class="usage" x="300" y="{y}" width="{owners * scale:.1f}" height="{HEIGHT - 2}"/>',
            f'<rect x="300" y="{y + 4}" width="{now * scale:.1f}" height="{HEIGHT - 10}" fill="var(--request)"/>',
            f'<path class="limit" d="M{300 + wish * scale:.1f},{y - 1}v{HEIGHT}"/>',
        ]
    drawn = "".join(lines)
    return f'<figure><svg viewBox="0 0 {WIDTH} {len(rows) * LINE + 8}" role="img">{drawn}</svg></figure>'


def _links(rows: Sequence[Row], linked: Callable[[str], str]) -> str:
    workloads = dict.fromkeys(row.workload for row in rows)
    made = (f'<a href="{escape(linked(each), quote=True)}">{escape(plain(each))}</a>' for each in workloads)
    return heading("Each workload") + f"<p>{' &middot; '.join(made)}</p>"


_BARS = ("templateRequest", "request", "wantedRequest")
