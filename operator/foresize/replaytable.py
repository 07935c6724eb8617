"""The tables that a replay shows in a terminal: a policy in each row, ours and the real VPA first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
Cell = Callable[[Row], str]
NOTHING = "-"


def table(heading: str, found: Mapping[str, Row]) -> Table:
    """Waste and risk of every policy."""
    columns: dict[str, Cell] = {
        "slack\nmean": lambda row: _share(row["slack_mean"]),
        "64Mi+": lambda row: _share(row["slack_mean_large"]),
        "bytes": lambda row: _share(row["slack_bytes"]),
        "waste\n<64Mi": lambda row: _number(row["small_waste_mib"], 0, " MiB"),
        "kill\nepisodes": lambda row: f"{row['counts']['kill_episodes']}",
        "minutes\na day": lambda row: _number(row["kill_minutes_per_day"], 4),
        "kill-free\ndays": lambda row: _share(row["kill_free_days"], 2),
        "over\nrequest": lambda row: _share(row["overrun"], 2),
        "limit\n/peak": lambda row: _number(row["limit_ratio"], 2),
        "changes a day\nR + L": lambda row: (
            f"{_number(row['request_changes_per_day'], 1)} + {_number(row['limit_changes_per_day'], 1)}"
        ),
        "nodes\n/oracle": lambda row: _number(row["nodes_over_oracle"], 2),
        "kills beside\nvpa": _verdict,
    }
    if any("leak" in row for row in found.values()):
        columns["leak\ntakes"] = lambda row: _number(row.get("leak", {}).get("leak_mib"), 0, " MiB")
    return _table(heading, found, columns)


def node_table(heading: str, found: Mapping[str, Row]) -> Table:
    """Nodes that requests need, and the pressure on them."""
    columns: dict[str, Cell] = {
        "nodes": lambda row: _number(row["nodes"], 1),
        "over hourly\noracle": lambda row: _number(row["nodes_over_oracle"], 3),
        "over\nbound": lambda row: _number(row["nodes_over_bound"], 3),
        "minutes under\npressure": lambda row: _share(row["pressure"], 4),
        "hours with\npressure": lambda row: _share(row["pressure_hours"], 3),
        "16 GiB nodes\nover oracle": lambda row: _number(row["by_node_gib"]["16"]["nodes_over_oracle"], 3),
        "mostly because of": lambda row: next(iter(row["causes"]), NOTHING),
    }
    return _table(heading, found, columns)


def job_table(heading: str, found: Mapping[str, Row]) -> Table:
    """What runs of Jobs waste, failed attempts included."""
    columns: dict[str, Cell] = {
        "runs": lambda row: f"{row['runs']}",
        "waste": lambda row: _number(row["waste_gib_h"], 1, " GiB h"),
        "of allocated": lambda row: _share(row["waste_ratio"]),
        "failed runs": lambda row: f"{row['failed_runs']}",
        "failed attempts": lambda row: f"{row['failed_attempts']}",
    }
    return _table(heading, found, columns)


def _table(heading: str, found: Mapping[str, Row], columns: Mapping[str, Cell]) -> Table:
    made = Table(title=Text(heading), title_justify="left")
    made.add_column("policy", no_wrap=True)
    for name in columns:
        made.add_column(name, justify="right", overflow="fold")
    for policy, row in found.items():
        made.add_row(policy, *(Text(cell(row)) for cell in columns.values()))
    return made


def _verdict(row: Row) -> str:
    return str(row.get("against_vpa", {}).get("kill_episodes_per_day", {}).get("verdict", NOTHING))


def _share(value: float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f"{value:.{digits}%}"


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return NOTHING if value is None else f"{value:.{digits}f}{unit}"
