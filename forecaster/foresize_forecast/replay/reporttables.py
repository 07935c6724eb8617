"""Cells of figures, as people read them; the terminal's table and the report show the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
NOTHING = "-"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return NOTHING if value is None else f"{value:.{digits}%}"


def number(value: float | None, digits: int, unit: str = "") -> str:
    """A number with its unit."""
    return NOTHING if value is None else f"{value:.{digits}f}{unit}"


def _against(row: Row) -> str:
    found = row.get("against_vpa", {}).get("kill_episodes_per_day", {})
    return str(found.get("verdict", NOTHING))


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "slack, mean": lambda row: percent(row["slack_mean"]),
    "64 MiB and more": lambda row: percent(row["slack_mean_large"]),
    "bytes": lambda row: percent(row["slack_bytes"]),
    "waste below": lambda row: number(row["small_waste_mib"], 0, " MiB"),
    "kill episodes": lambda row: str(row["counts"]["kill_episodes"]),
    "minutes a day": lambda row: number(row["kill_minutes_per_day"], 4),
    "kill-free days": lambda row: percent(row["kill_free_days"], 2),
    "over request": lambda row: percent(row["overrun"], 2),
    "limit / peak": lambda row: number(row["limit_ratio"], 2),
    "changes a day, R + L": lambda row: (
        f"{number(row['request_changes_per_day'], 1)} + {number(row['limit_changes_per_day'], 1)}"
    ),
    "nodes / oracle": lambda row: number(row["nodes_over_oracle"], 2),
    "kills beside vpa": _against,
}
LEAK = "leak takes"


def columns(*, leaks: bool) -> tuple[str, ...]:
    """The headings of a track's table."""
    return (*COLUMNS, *((LEAK,) if leaks else ()))


def cells(row: Row, names: Sequence[str]) -> list[str]:
    """One policy's cells under these headings."""
    leak = number(row.get("leak", {}).get("leak_mib"), 0, " MiB")
    return [leak if name == LEAK else COLUMNS[name](row) for name in names]
