"""What is known of namespaces without asking: their sizes, and who opted out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from foresize.webhook.apiserver import ApiServer
from foresize.webhook.birth import IGNORE
from foresize.webhook.following import Follow

Json = dict[str, Any]
NAME = "foresize"
"""The only name that MemorySizes can have."""
SIZES_PATH = "/apis/foresize.dev/v1alpha1/memorysizes"
NAMESPACES_PATH = "/api/v1/namespaces"
TRUSTED_S = 180.0
"""What was heard longer ago may have been taken back since: a watch brings word each minute, or is begun anew."""


class Known:
    """Answers from memory what the two watches brought; implements `review.Namespaces`."""

    def __init__(self, api: ApiServer, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read before the watches run.

        Args:
            api: the way to the API server.
            clock_s: as `time.monotonic`.
        """
        self._clock_s = clock_s
        self.memorysizes: Follow[Json] = Follow(api, SIZES_PATH, _sizes)
        self.namespaces: Follow[bool] = Follow(api, NAMESPACES_PATH, _ignored, metadata_only=True)

    def synced(self) -> bool:
        """Everything was read, and the API server was heard of lately."""
        oldest_s = min(self.memorysizes.heard_s, self.namespaces.heard_s)
        return self.memorysizes.synced and self.namespaces.synced and self._clock_s() - oldest_s <= TRUSTED_S

    def sizes(self, namespace: str) -> Mapping[str, Any]:
        """`spec.sizes` of a namespace's MemorySizes; empty where it has none."""
        return self.memorysizes.objects.get((namespace, NAME), {})

    def ignored(self, namespace: str) -> bool | None:
        """Whether a namespace opted out by annotation; None: nothing is known of it, or not lately."""
        return self.namespaces.objects.get(("", namespace)) if self.synced() else None


def _sizes(memorysizes: Json) -> Json:
    found: Json = (memorysizes.get("spec") or {}).get("sizes") or {}
    return found


def _ignored(namespace: Json) -> bool:
    return (namespace["metadata"].get("annotations") or {}).get(IGNORE) == "true"
