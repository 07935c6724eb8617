"""Who wrote which memory field of a pod template, as `metadata.managedFields` tells. Pure.

Source: the fieldsV1 format of structured-merge-diff: `f:NAME` for a field, `k:{...}` for a list's item by its key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from foresize.kubeapi import MANAGER
from foresize.quantities import memory_bytes
from foresize_forecast.sizes import Size
from foresize_forecast.templateplan import NOTHING, Held

BEFORE = "foresize.dev/template-before"
"""Annotation with what another had written where a policy forced its way: the way back, also without the policy."""
TEMPLATE = ("spec", "template", "spec")
"""Where a workload has its pods' spec."""
JOB_TEMPLATE = ("spec", "jobTemplate", "spec", "template", "spec")
"""Where a CronJob has it."""
Json = Mapping[str, Any]


def held(item: Json, sizes: Mapping[str, Size]) -> dict[str, Held]:
    """By container, what the template says and who else wrote any of it.

    Args:
        item: the workload.
        sizes: of its template's containers.
    """
    writers = list(_writers(item))
    found = {}
    for name, size in sizes.items():
        mine = any(manager == MANAGER and applied for container, manager, applied in writers if container == name)
        others = [manager for container, manager, _ in writers if container == name and manager != MANAGER]
        unknown = size != NOTHING and not mine and not others
        found[name] = Held(size, "somebody unknown" if unknown else ", ".join(sorted(set(others))))
    return found


def is_ours(item: Json) -> bool:
    """Whether any memory of its template was written by us."""
    return any(manager == MANAGER and applied for _, manager, applied in _writers(item))


def before(item: Json) -> dict[str, Size]:
    """By container, what stood there before a forced write; empty where nothing was forced."""
    text = (item.get("metadata", {}).get("annotations") or {}).get(BEFORE, "{}")
    try:
        return {
            str(name): Size(*(memory_bytes(parts[part]) if part in parts else None for part in ("request", "limit")))
            for name, parts in json.loads(text).items()
        }
    except (ValueError, AttributeError, TypeError):  # somebody else's text
        return {}


def _writers(item: Json) -> Iterator[tuple[str, str, bool]]:
    """(container, manager, whether by server-side apply) for each memory field of the template that somebody wrote."""
    place = JOB_TEMPLATE if "jobTemplate" in (item.get("spec") or {}) else TEMPLATE
    for entry in item.get("metadata", {}).get("managedFields") or []:
        fields: Any = entry.get("fieldsV1") or {}
        for part in place:
            fields = fields.get(f"f:{part}") or {}
        for kind in ("f:containers", "f:initContainers"):
            for key, container in (fields.get(kind) or {}).items():
                name = _name(key)
                resources = container.get("f:resources") or {} if name else {}
                for part in ("f:requests", "f:limits"):
                    if "f:memory" in (resources.get(part) or {}):
                        yield name, entry.get("manager", ""), entry.get("operation") == "Apply"


def _name(key: str) -> str:
    """The container in `k:{"name":"app"}`; empty for what is no key."""
    if not key.startswith("k:"):
        return ""
    try:
        return str(json.loads(key[2:]).get("name", ""))
    except (ValueError, AttributeError):
        return ""
