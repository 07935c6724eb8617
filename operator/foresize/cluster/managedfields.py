"""Who wrote which memory field of a pod or a pod template, as `metadata.managedFields` tells. Pure.

Source: the fieldsV1 format of structured-merge-diff: `f:NAME` for a field, `k:{...}` for a list's item by its key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
POD = ("spec",)
TEMPLATE = ("spec", "template", "spec")
JOB_TEMPLATE = ("spec", "jobTemplate", "spec", "template", "spec")
"""Where a pod, a workload and a CronJob have the spec of pods."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who has written a container's memory, and how.

    Attributes:
        container: its name.
        manager: as it calls itself.
        applied: by server-side apply.
        at: when it last wrote anything, as the API server writes times; they sort as text.
    """

    container: str
    manager: str
    applied: bool
    at: str


def memory_writers(metadata: Json, path: Sequence[str]) -> Iterator[Writer]:
    """One for each memory field of the containers under a path that somebody wrote."""
    for entry in metadata.get("managedFields") or []:
        fields: Any = entry.get("fieldsV1") or {}
        for part in path:
            fields = fields.get(f"f:{part}") or {}
        for kind in ("f:containers", "f:initContainers"):
            for key, container in (fields.get(kind) or {}).items():
                resources = container.get("f:resources") or {}
                if name := _name(key):
                    for part in ("f:requests", "f:limits"):
                        if "f:memory" in (resources.get(part) or {}):
                            applied = entry.get("operation") == "Apply"
                            yield Writer(name, entry.get("manager", ""), applied, entry.get("time", ""))


def replicas_writer(metadata: Json) -> str:
    """Who last wrote how many replicas there are; empty where nobody is on record."""
    entries = metadata.get("managedFields") or []
    writers = [
        (entry.get("time", ""), entry.get("manager", ""))
        for entry in entries
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
    return max(writers, default=("", ""))[1]


def _name(key: str) -> str:
    """The container in `k:{"name":"app"}`; empty for what is no key."""
    if not key.startswith("k:"):
        return ""
    try:
        return str(json.loads(key[2:]).get("name", ""))
    except (ValueError, AttributeError):
        return ""
