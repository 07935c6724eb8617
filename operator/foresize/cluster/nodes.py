"""What a Node's JSON says of its memory, and of whether its pods can be resized. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foresize.config.quantities import memory_bytes

Json = Mapping[str, Any]
KUBELET = re.compile(r"v?([0-9]+)\.([0-9]+)")
FIRST_TO_RESIZE = (1, 33)
"""The first kubelet that resizes pods unless told otherwise (KEP-1287, beta)."""
INSTEAD = "a new pod has its size; InPlaceOrEvict would make one"


def allocatable_bytes(node: Json) -> int:
    """Memory that it has for pods."""
    return memory_bytes(node.get("status", {}).get("allocatable", {}).get("memory", "0"))


def instance_type(node: Json) -> str:
    """The kind of machine that it is, as its cloud labels it; empty where nobody does."""
    return str((node.get("metadata", {}).get("labels") or {}).get("node.kubernetes.io/instance-type", ""))


def cannot_resize(node: Json) -> str:
    """Why a node's pods cannot be resized in place; empty where they can, or where it does not say what it runs."""
    info = node.get("status", {}).get("nodeInfo") or {}
    if info.get("operatingSystem") == "windows":
        return f"its node runs Windows, where pods cannot be resized: {INSTEAD}"
    version = KUBELET.match(info.get("kubeletVersion", ""))
    if version and (int(version[1]), int(version[2])) < FIRST_TO_RESIZE:
        return f"its node's kubelet is {info['kubeletVersion']}: resizing pods needs 1.33; {INSTEAD}"
    return ""
