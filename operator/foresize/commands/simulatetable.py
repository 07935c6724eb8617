"""What a simulation found, for people: a table of workloads, or the values that would change as a diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foresize.commands.simulating import Change, Simulated
from foresize.config.quantities import memory_bytes, people
from foresize.config.words import plain

Json = dict[str, Any]
HEADINGS = ("workload", "container", "pods", "request", "limit", "new pods", "peak", "state")
AS_IT_SHOULD = {"Ready": "True", "HistoryAvailable": "True", "Conflict": "False", "DecreasesAllowed": "True"}


def table(found: Simulated) -> RenderableType:
    """A row for each container, then what it comes to."""
    rows = Table(box=SIMPLE_HEAD, padding=0, collapse_padding=True)
    for heading in HEADINGS:
        rows.add_column(heading, overflow="fold", justify="right" if heading in {"pods", "peak"} else "left")
    for workload in found.workloads:
        for row in workload["containers"]:
            rows.add_row(*(Text(plain(cell)) for cell in _cells(workload, row, found.changes)))
    return Group(rows, *(Text(plain(line)) for line in _sums(found)), *map(_note, _notes(found)))


def diff(found: Simulated) -> RenderableType:
    """What would be written at once, as `-` and `+` lines under what they are about."""
    lines: list[Text] = []
    for (kind, name), changes in groupby(found.changes, key=lambda each: (each.kind, each.name)):
        lines.append(Text(plain(f"{kind} {name}"), "bold"))
        for each in changes:
            if each.part:
                what = plain(f"{each.container} {each.part}")
                lines.append(Text(f"-  {what}: {each.before or 'none'}", "red"))
                lines.append(Text(f"+  {what}: {each.after}", "green"))
            else:
                lines.append(Text("-  runs here", "red"))
                lines.append(Text("+  is evicted, and made anew where it fits", "green"))
    if not lines:
        lines.append(Text("No workload and no size of new pods would change at once."))
    return Group(*lines, Text(), *(Text(plain(line)) for line in _sums(found)), *map(_note, _notes(found)))


def _cells(workload: Json, row: Json, changes: Sequence[Change]) -> Iterator[str]:
    name = f"{workload['namespace']}/{workload['workload']}"
    yield name
    yield row["name"]
    yield str(workload["pods"])
    for part in ("request", "limit"):
        now, wish = row.get(part), row.get(f"wanted{part.capitalize()}")
        yield _arrow(now, wish)
    born = {
        each.part: each.after
        for each in changes
        if (each.kind, each.name, each.container) == ("new pods", name, row["name"])
    }
    yield "/".join(_short(born.get(part)) for part in ("request", "limit")) if born else ""
    yield _short(row.get("peak"))
    yield workload["summary"]["state"]


def _arrow(now: str | None, wish: str | None) -> str:
    return _short(now) if now == wish else f"{_short(now)} -> {_short(wish)}"


def _short(quantity: str | None) -> str:
    return "none" if quantity is None else people(memory_bytes(quantity)).replace(" ", "").removesuffix("B")


def _sums(found: Simulated) -> Iterator[str]:
    kinds = {"pod": "pods resized", "eviction": "pods evicted", "template": "templates written"}
    counted = [
        (len({each.name for each in found.changes if each.kind == kind}), words) for kind, words in kinds.items()
    ]
    done = ", ".join(f"{count} {words}" for count, words in counted if count)
    yield f"At once: {done or 'nothing written to workloads'}."
    told = found.sum
    if told.containers:
        saved = told.saved_bytes
        verb = f"{people(saved)} less" if saved >= 0 else f"{people(-saved)} more"
        yield (
            f"Requests: {people(told.requested_bytes)} now, {people(told.planned_bytes)} on average over the horizon "
            f"({verb}), in {told.containers} container(s) of workloads."
        )
    if told.left_out:
        yield f"Not counted: {told.left_out} container(s) without a request or a forecast."
    if told.at_risk:
        yield f"At risk now: {told.at_risk} container(s) whose forecast peak is above their limit."


def _notes(found: Simulated) -> Iterator[str]:
    if not found.workloads:
        yield "No workload would be under this policy."
    for name, conditions in found.conditions.items():
        for each in conditions:
            if each["status"] != AS_IT_SHOULD.get(each["type"], "True"):
                yield f"{name}: {each['reason']}: {each['message']}"
    for workload in found.workloads:
        for row in workload["containers"]:
            if "blocked" in row:
                where = f"{workload['namespace']}/{workload['workload']} {row['name']}"
                yield f"{where}: {row['blocked']['reason']}: {row['blocked'].get('message', '')}"


def _note(words: str) -> Text:
    return Text(plain(words), "yellow")
