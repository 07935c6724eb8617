"""The tables that a replay shows in a terminal: a policy in each row, ours and the real VPA first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from foresize_forecast.replay.reporttables import NOTHING, Row, number, percent

Cell = Callable[[Row], str]
MOODS = {"better": "green", "worse": "red"}


def table(heading: str, found: Mapping[str, Row]) -> Table:
    """Waste and risk of every policy; kills are green or red where they are better or worse than the real VPA's."""
    told: dict[str, Cell] = {
        "slack bytes": lambda row: percent(row["slack_bytes"]),
        "64Mi+": lambda row: percent(row["slack_mean_large"]),
        "<64Mi": lambda row: number(row["small_waste_mib"], 0, "Mi"),
        "kills": lambda row: str(row["counts"]["kill_episodes"]),
        "kill- free": lambda row: percent(row["kill_free_days"], 2),
        "above R": lambda row: percent(row["overrun"], 2),
        "L / peak": lambda row: number(row["limit_ratio"], 2),
        "moves a day": lambda row: number(row["request_changes_per_day"] + row["limit_changes_per_day"], 1),
        "nodes": lambda row: number(row["nodes_over_oracle"], 2),
    }
    if any("leak" in row for row in found.values()):
        told["leak takes"] = _leak
    made = _begun(heading, tuple(told))
    for policy, row in found.items():
        verdict = row.get("against_vpa", {}).get("kill_episodes_per_day", {}).get("verdict", "")
        made.add_row(
            policy, *(Text(cell(row), MOODS.get(verdict, "") if name == "kills" else "") for name, cell in told.items())
        )
    return made


def _leak(row: Row) -> str:
    mib = row.get("leak", {}).get("leak_mib")
    return NOTHING if mib is None else number(mib / 1024, 1, "Gi")


def node_table(heading: str, found: Mapping[str, Row]) -> Table:
    """Nodes that requests need, and the pressure on them."""
    told: dict[str, Cell] = {
        "nodes": lambda row: number(row["nodes"], 1),
        "/ oracle": lambda row: number(row["nodes_over_oracle"], 3),
        "/ bound": lambda row: number(row["nodes_over_bound"], 3),
        "pressure": lambda row: percent(row["pressure"], 4),
        "hours with": lambda row: percent(row["pressure_hours"], 3),
        "mostly because of": lambda row: next(iter(row["causes"]), NOTHING),
    }
    return _table(heading, found, told)


def job_table(heading: str, found: Mapping[str, Row]) -> Table:
    """What runs of Jobs waste, failed attempts included."""
    told: dict[str, Cell] = {
        "runs": lambda row: f"{row['runs']}",
        "waste": lambda row: number(row["waste_gib_h"], 1, " GiB h"),
        "of allocated": lambda row: percent(row["waste_ratio"]),
        "failed runs": lambda row: f"{row['failed_runs']}",
        "failed attempts": lambda row: f"{row['failed_attempts']}",
    }
    return _table(heading, found, told)


def _table(heading: str, found: Mapping[str, Row], told: Mapping[str, Cell]) -> Table:
    made = _begun(heading, tuple(told))
    for policy, row in found.items():
        made.add_row(policy, *(Text(cell(row)) for cell in told.values()))
    return made


def _begun(heading: str, names: Sequence[str]) -> Table:
    made = Table(title=Text(heading), title_justify="left", box=SIMPLE_HEAD, padding=0, collapse_padding=True)
    made.add_column("policy", no_wrap=True)
    for name in names:
        made.add_column(name, justify="right", overflow="fold", min_width=len(max(name.split(), key=len)))
    return made
