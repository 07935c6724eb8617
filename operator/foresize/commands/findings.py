"""What a check found: values, and how they are shown to people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Group
from rich.table import Table
from rich.text import Text

from foresize.config.words import plain


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could, or not for everything that is asked."""
    FAILED = "failed"
    """It does not work until this is cured."""
    UNKNOWN = "unknown"
    """Could not be looked at, mostly for want of rights."""


COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "bold red", Level.UNKNOWN: "cyan"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: what was looked at, in a word or two.
        level: how bad it is.
        message: what is so.
        cure: what to do about it; empty where nothing is to be done.
    """

    check: str
    level: Level
    message: str
    cure: str = ""

    def as_dict(self) -> dict[str, str]:
        """For programs."""
        told = {"check": self.check, "level": str(self.level), "message": self.message}
        return {**told, "cure": self.cure} if self.cure else told


def worst(found: Iterable[Finding]) -> Level:
    """The worst of what was found; what is unknown is less bad than what is known to be wrong."""
    order = (Level.OK, Level.UNKNOWN, Level.WARNING, Level.FAILED)
    return max((each.level for each in found), key=order.index, default=Level.OK)


def table(found: Sequence[Finding]) -> Group:
    """A line for each check, its cure under it, and the sum."""
    rows = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for each in found:
        rows.add_row(Text(str(each.level), COLOURS[each.level]), Text(plain(each.check)), Text(plain(each.message)))
        if each.cure:
            rows.add_row("", "", Text(f"-> {plain(each.cure)}", "dim"))
    return Group(rows, Text(), Text(told(found), COLOURS[worst(found)]))


def told(found: Sequence[Finding]) -> str:
    """The sum in a sentence."""
    counts = {level: sum(each.level is level for each in found) for level in Level}
    if not any(counts[level] for level in Level if level is not Level.OK):
        return f"All {len(found)} checks are ok."
    parts = (f"{count} {level}" for level, count in counts.items() if count)
    return f"{len(found)} checks: {', '.join(parts)}."
