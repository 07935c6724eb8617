"""Whose the memory fields of a pod template are, and what stood there before ours. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from foresize.cluster.managedfields import JOB_TEMPLATE, TEMPLATE, memory_writers
from foresize.config.quantities import memory_bytes
from foresize.kube.kubeapi import MANAGER
from foresize_forecast.resizing.templateplan import NOTHING, Held
from foresize_forecast.sizes import Size

BEFORE = "foresize.dev/template-before"
"""Annotation with what another had written where a policy forced its way: the way back, also without the policy."""
Json = Mapping[str, Any]


def held(item: Json, sizes: Mapping[str, Size]) -> dict[str, Held]:
    """By container, what the template says and who else wrote any of it.

    Args:
        item: the workload.
        sizes: of its template's containers.
    """
    writers = list(memory_writers(item.get("metadata", {}), _path(item)))
    found = {}
    for name, size in sizes.items():
        mine = any(each.manager == MANAGER and each.applied for each in writers if each.container == name)
        others = [each.manager for each in writers if each.container == name and each.manager != MANAGER]
        unknown = size != NOTHING and not mine and not others
        found[name] = Held(size, "somebody unknown" if unknown else ", ".join(sorted(set(others))))
    return found


def is_ours(item: Json) -> bool:
    """Whether any memory of its template was written by us."""
    writers = memory_writers(item.get("metadata", {}), _path(item))
    return any(each.manager == MANAGER and each.applied for each in writers)


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


def _path(item: Json) -> tuple[str, ...]:
    """Where it has its pods' spec."""
    return JOB_TEMPLATE if "jobTemplate" in (item.get("spec") or {}) else TEMPLATE
