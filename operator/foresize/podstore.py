"""The pods that the watch has seen, indexed for those who ask."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from foresize.workloads import scheduled
from foresize_forecast.pods import PodView


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a pod: of one that nobody manages only what it takes of its node."""

    namespace: str
    node: str
    requested_bytes: int
    view: PodView | None = None
    finished: bool = False


class Pods:
    """All pods by uid, and what is asked of them often: written by the watch, read by everyone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._owned: defaultdict[tuple[str, str], dict[str, PodView]] = defaultdict(dict)
        self._killed: defaultdict[tuple[str, str], dict[str, PodView]] = defaultdict(dict)
        """Pods that ended for good by a kill and are still there."""
        self._requested: Counter[str] = Counter()

    def put(self, uid: str, now: Known) -> Known | None:
        """Keep what a pod is now.

        Returns:
            What it was before; None where it is new.
        """
        with self._lock:
            before = self._forget(uid)
            self._known[uid] = now
            self._requested[now.node] += now.requested_bytes
            for index, owner in self._places(now):
                if now.view is not None:
                    index[now.namespace, owner][uid] = now.view
            return before

    def drop(self, uid: str) -> None:
        """A pod is gone."""
        with self._lock:
            self._forget(uid)

    def drop_others(self, namespace: str, uids: set[str]) -> None:
        """All of a namespace (empty: of all) but these are gone."""
        with self._lock:
            scope = [uid for uid, known in self._known.items() if namespace in {"", known.namespace}]
            for uid in scope:
                if uid not in uids:
                    self._forget(uid)

    def snapshot(self) -> dict[str, PodView]:
        """Managed pods that have not finished, by uid."""
        with self._lock:
            return {uid: each for pods in self._owned.values() for uid, each in pods.items()}

    def owned(self, namespace: str, owner: str) -> tuple[PodView, ...]:
        """Those of a controller."""
        with self._lock:
            return tuple(self._owned.get((namespace, owner), {}).values())

    def killed(self, namespace: str, owner: str) -> tuple[PodView, ...]:
        """Those of a controller that ended for good by a kill and are still there."""
        with self._lock:
            return tuple(self._killed.get((namespace, owner), {}).values())

    def requested(self) -> dict[str, int]:
        """Bytes by node, of all pods."""
        with self._lock:
            return {node: total for node, total in self._requested.items() if node and total}

    def _forget(self, uid: str) -> Known | None:
        known = self._known.pop(uid, None)
        if known is None:
            return None
        self._requested[known.node] -= known.requested_bytes
        if not self._requested[known.node]:
            del self._requested[known.node]
        for index, owner in self._places(known):
            del index[known.namespace, owner][uid]
            if not index[known.namespace, owner]:
                del index[known.namespace, owner]
        return known

    def _places(self, known: Known) -> Iterator[tuple[defaultdict[tuple[str, str], dict[str, PodView]], str]]:
        """Under which owners a pod is found, and in which index: a CronJob's under its Job and under the CronJob."""
        if known.view is None:
            return
        killed = any(each.last_kill for each in known.view.containers)
        if not known.finished or killed:
            index = self._killed if known.finished else self._owned
            owner = known.view.owner
            yield from ((index, each) for each in ([owner, scheduled(owner)] if scheduled(owner) else [owner]))
