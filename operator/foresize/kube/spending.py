"""What was granted since the room around pods was last read, so that no two resizes are given the same free memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from threading import Lock

from foresize_forecast.pods import PodView, Room
from foresize_forecast.resizing.podroom import PodChange

MOST_RESIZES = 100
"""Pods of one workload that one look resizes. At ten writes a second nothing else in the cluster waits for them, a kill
of one of their own included, for longer than ten seconds; the others have their turn in the next pass."""


@dataclass(slots=True)
class Spending:
    """Bytes granted to growing pods, by node and by namespace. What shrinks gives nothing back until it is read."""

    _node: Counter[str] = field(default_factory=Counter)
    _request: Counter[str] = field(default_factory=Counter)
    _limit: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def nodes_were_read(self) -> None:
        """What nodes have free is known again."""
        with self._lock:
            self._node.clear()

    def quotas_were_read(self) -> None:
        """What quotas leave is known again."""
        with self._lock:
            self._request.clear()
            self._limit.clear()

    def left(self, pod: PodView, room: Room) -> Room:
        """A pod's room less what was granted from it."""
        with self._lock:
            return replace(
                room,
                node_free_bytes=_less(room.node_free_bytes, self._node[pod.node]),
                quota_request_free_bytes=_less(room.quota_request_free_bytes, self._request[pod.namespace]),
                quota_limit_free_bytes=_less(room.quota_limit_free_bytes, self._limit[pod.namespace]),
            )

    def grant(self, pod: PodView, change: PodChange) -> None:
        """Note what a pod is about to grow by."""
        pairs = [(view.size, change.sizes[view.name]) for view in pod.containers if view.name in change.sizes]
        request = sum((after.request_bytes or 0) - (before.request_bytes or 0) for before, after in pairs)
        limit = sum((after.limit_bytes or 0) - (before.limit_bytes or 0) for before, after in pairs)
        with self._lock:
            self._node[pod.node] += max(0, request)
            self._request[pod.namespace] += max(0, request)
            self._limit[pod.namespace] += max(0, limit)


def _less(free_bytes: int | None, granted_bytes: int) -> int | None:
    return None if free_bytes is None else free_bytes - granted_bytes
