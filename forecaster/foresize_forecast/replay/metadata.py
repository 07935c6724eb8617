"""`series.csv` beside traces: what is known of each series apart from its curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from foresize_forecast.replay.errors import TraceError

FILE_NAME = "series.csv"
NEEDED = ("source", "series", "group", "workload", "container", "unit")
UNITS = ("bytes", "fraction")
MACHINE_KINDS = ("vm", "machine")
"""Kinds whose metric is not what the kernel kills containers by."""
CAPACITY_KINDS = ("machine",)
"""Kinds whose limit is what they are, not what somebody declared."""
PARTS_OF_COLUMN, PARTS_OF_POD = 4, 3


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What is known of one series."""

    namespace: str
    sibling: str
    """Workload and container: replicas share it."""
    declared: float = float("nan")
    """In the unit of the source; NaN where nobody declared a size, or it is not known."""
    unit: str = "bytes"
    kind: str = ""
    days: float = float("nan")
    """From the first to the last sample, also those at 0; NaN where it is not told."""


def read(path: Path, source: str) -> Mapping[str, SeriesFacts]:
    """The facts of each series of a source.

    Raises:
        TraceError: the file is of another form, or has a unit that is none of `UNITS`.
    """
    try:
        table = pd.read_csv(path, dtype={"series": str, "group": str, "workload": str, "container": str})
    except (OSError, ValueError) as error:
        raise TraceError(f"{path}: cannot be read as CSV: {error}") from error
    missing = [column for column in NEEDED if column not in table]
    if missing:
        raise TraceError(f"{path}: column {', '.join(missing)} is missing; it has {', '.join(map(str, table))}")
    rows = table[table["source"] == source]
    wrong = sorted(set(rows["unit"].astype(str)) - set(UNITS))
    if wrong:
        raise TraceError(f"{path}: unit {wrong[0]!r} of source {source}; {' or '.join(UNITS)} is expected")
    return {str(row["series"]): _facts(row) for row in rows.to_dict("records")}


def from_name(name: str) -> SeriesFacts:
    """What a series' name tells: `namespace/pod/container`, or `namespace/Kind/workload/container`, or itself."""
    parts = name.split("/")
    if len(parts) == PARTS_OF_COLUMN:
        return SeriesFacts(parts[0], f"{parts[1]}/{parts[2]}/{parts[3]}")
    if len(parts) == PARTS_OF_POD:
        return SeriesFacts(parts[0], f"{parts[1]}/{parts[2]}")
    return SeriesFacts(name, name)


def _facts(row: Mapping[object, object]) -> SeriesFacts:
    kind = _text(row, "kind")
    declared = float("nan") if kind in CAPACITY_KINDS else _number(row, "limit")
    unit, days = _text(row, "unit"), _number(row, "days")
    if kind in MACHINE_KINDS:
        own = f"{_text(row, 'group')}/{_text(row, 'series')}"
        return SeriesFacts(own, own, declared, unit, kind, days)
    sibling = f"{_text(row, 'workload')}/{_text(row, 'container')}"
    return SeriesFacts(_text(row, "group"), sibling, declared, unit, kind, days)


def _text(row: Mapping[object, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _number(row: Mapping[object, object], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, float | int) else float("nan")
