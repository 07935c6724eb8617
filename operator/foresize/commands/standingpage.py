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
from foresize_forecast.replay.reportpage import Ready, card, heading, page
from foresize_forecast.replay.reportpage import table as html_table
from foresize_forecast.workloads.savings import Total

WIDTH, HEIGHT = 860, 18
MOST_BARS = 40
"""Containers that are drawn; the table has all."""
Linked = Callable[[str], str]
"""Where a workload has a page of its own."""
HEADINGS = ("container", "pods", "owner's request", "request", "wanted", "limit", "peak", "model", "shape", "state")


def html(found: Standing, linked: Linked | None = None, above: str = "") -> str:
    """The whole file; `linked` tells where a workload has a page of its own, `above` is HTML before all else."""
    severe = sum(risk.severity == SEVERE for risk in found.risks)
    cards = [
        card(
            people(abs(found.saved.saved_bytes)),
            f"{_than(found.saved)} requested now than owners wrote",
            _mood(found.saved),
        ),
        card(
            people(abs(found.possible.saved_bytes)),
            f"{_than(found.possible)} if what is wanted now were in force",
            _mood(found.possible),
        ),
        card(str(severe), "severe risks: kills, leaks, limits below the forecast peak", "bad" if severe else "good"),
        card(str(len(found.rows)), "containers with a forecast"),
    ]
    body = [
        above,
        "<h1>Foresize: savings and risks</h1>",
        f"<p>Made {timestamp(found.at_s)} from MemoryForecasts. Requests count once for each pod there is.</p>",
        f'<div class="cards">{"".join(cards)}</div>',
        heading("Risks", "Severe: a kill is likely, or was. Watch: something is in the way."),
        _risks(found, linked),
        heading(
            "Requests",
            f"The {MOST_BARS} containers that ask for most, over all of their pods: what their owners wrote "
            "(pale), what is in force (dark, and its figure), what is wanted now (line).",
        ),
        _bars(found.rows[:MOST_BARS]),
        heading("Every container"),
        html_table(HEADINGS, [_listed(row, linked) for row in found.rows], words=("model", "shape", "state")),
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


def _than(found: Total) -> str:
    return "more" if found.saved_bytes < 0 else "less"


def _risks(found: Standing, linked: Linked | None) -> str:
    if not found.risks:
        return "<p>None.</p>"
    headings = ("workload", "risk", "what")
    rows = []
    for each in found.risks:
        kind = f'<span class="{each.severity}">{escape(plain(each.kind))}</span><br>{each.severity}'
        about = f"{each.container}: {each.message}" if each.container else each.message
        told = Ready(f'<div class="told">{escape(plain(about))}</div>')
        rows.append([_link(each.workload, linked), Ready(kind), told])
    return html_table(headings, rows, words=headings)


def _listed(row: Row, linked: Linked | None) -> list[str]:
    """A line of the table of all containers."""
    _, *cells = _cells(row)
    name = f"{_link(row.workload, linked)} {escape(plain(row.told['name']))}"
    return [Ready(name), *(plain(cell) for cell in cells)]


def _link(workload: str, linked: Linked | None) -> Ready:
    words = escape(plain(workload))
    return Ready(words if linked is None else f'<a href="{escape(linked(workload), quote=True)}">{words}</a>')


def _cells(row: Row) -> Iterator[str]:
    yield f"{row.workload} {row.told['name']}"
    yield str(row.pods)
    for name in ("templateRequest", "request", "wantedRequest", "limit", "peak"):
        yield people(row.bytes(name)) if name in row.told else ""
    yield str(row.told.get("model", ""))
    yield str(row.told.get("shape", ""))
    yield row.state


def _bars(rows: Sequence[Row]) -> str:
    """Two bars and a mark for each container, beside its name: names wrap where there is no room."""
    sizes = [[(row.bytes(name) or 0) * row.pods for name in _BARS] for row in rows]
    most = max((size for each in sizes for size in each), default=0)
    if not most:
        return "<p>No requests.</p>"
    lines = []
    for row, (owners, now, wish) in zip(rows, sizes, strict=True):
        if not row.pods:
            continue
        shares = [each / most * (WIDTH - 2) for each in (owners, now, wish)]
        drawn = (
            f'<rect class="usage" y="0" width="{shares[0]:.1f}" height="{HEIGHT}"/>'
            f'<rect y="4" width="{shares[1]:.1f}" height="{HEIGHT - 8}" fill="var(--request)"/>'
            f'<rect x="{shares[2]:.1f}" width="3" height="{HEIGHT}" fill="var(--limit)"/>'
        )
        lines += [
            f"<span>{escape(plain(' '.join((row.workload, row.told['name']))))}</span>",
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>',
            f"<i>{people(now)}</i>",
        ]
    return f'<figure><div class="bars">{"".join(lines)}</div></figure>'


_BARS = ("templateRequest", "request", "wantedRequest")
