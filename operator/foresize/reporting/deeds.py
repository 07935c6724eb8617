"""What in a status a reader waits for, and what are figures that drift. Pure."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
DEEDS = (
    "state",
    "of",
    "pods",
    "request",
    "limit",
    "wantedRequest",
    "wantedLimit",
    "model",
    "shape",
    "kills",
    "lastChange",
)


def deeds(status: Json) -> list[Json]:
    """What a reader waits for: sizes, kills, evictions, obstacles. The rest are figures that drift."""
    rows = [status.get("summary", {}), *status.get("containers", []), *status.get("parts", [])]
    told = {"lastEviction": status.get("lastEviction"), "idle": _idle(status.get("idle", {}))}
    return [told] + [
        {**{name: row[name] for name in DEEDS if name in row}, "blocked": _in_the_way(row)} for row in rows
    ]


def _in_the_way(row: Json) -> tuple[str | None, str | None]:
    blocked = row.get("blocked", {})
    return blocked.get("reason"), blocked.get("eviction")


def _idle(told: Json) -> tuple[bool | None, Json | None]:
    return told.get("idle"), told.get("asleep")
