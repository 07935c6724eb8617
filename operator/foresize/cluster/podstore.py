"""The pods that the watch has seen, indexed for those who ask."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass

from foresize.cluster.workloads import scheduled
from foresize_forecast.pods import PodView


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a pod: of one that nobody manages only what it takes of its node."""

    namespace: str
    node: str
    requested_bytes: int
    view: PodView | None = None
    finished: bool = False
    is_daemon: bool = False
    """A DaemonSet's: its place is on its node, whatever else would like to be there."""


class Pods:
    """All pods by uid, and what is asked of them often: written by the watch, read by everyone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._owned: defaultdict[tuple[str, str], dict[str, PodView]] = defaultdict(dict)
        self._within: defaultdict[str, dict[str, PodView]] = defaultdict(dict)
        self._killed: dict[str, PodView] = {}
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
            if now.view is None:
                return before
            if not now.finished:
                self._within[now.namespace][uid] = now.view
                for owner in _owners(now.view):
                    self._owned[now.namespace, owner][uid] = now.view
            elif any(each.last_kill for each in now.view.containers):
                self._killed[uid] = now.view
            return before

    def view(self, uid: str) -> PodView | None:
        """A managed pod, as it was last put."""
        with self._lock:
            known = self._known.get(uid)
            return known.view if known else None

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
            return {uid: each for pods in self._within.values() for uid, each in pods.items()}

    def within(self, namespace: str) -> tuple[PodView, ...]:
        """Those of a namespace that have not finished."""
        with self._lock:
            return tuple(self._within.get(namespace, {}).values())

    def owned(self, namespace: str, owner: str) -> tuple[PodView, ...]:
        """Those of a controller."""
        with self._lock:
            return tuple(self._owned.get((namespace, owner), {}).values())

    def killed(self) -> tuple[PodView, ...]:
        """Those that ended for good by a kill and are still there."""
        with self._lock:
            return tuple(self._killed.values())

    def requested(self) -> dict[str, int]:
        """Bytes by node, of all pods."""
        with self._lock:
            return {node: total for node, total in self._requested.items() if node and total}

    def requested_by_daemons(self) -> dict[str, int]:
        """Bytes by node, of DaemonSets' pods."""
        found: Counter[str] = Counter()
        with self._lock:
            for known in self._known.values():
                if known.is_daemon and known.node:
                    found[known.node] += known.requested_bytes
        return dict(found)

    def _forget(self, uid: str) -> Known | None:
        known = self._known.pop(uid, None)
        if known is None:
            return None
        self._requested[known.node] -= known.requested_bytes
        if not self._requested[known.node]:
            del self._requested[known.node]
        self._killed.pop(uid, None)
        if known.view is not None and not known.finished:
            del self._within[known.namespace][uid]
            if not self._within[known.namespace]:
                del self._within[known.namespace]
            for key in [(known.namespace, owner) for owner in _owners(known.view)]:
                del self._owned[key][uid]
                if not self._owned[key]:
                    del self._owned[key]
        return known


def _owners(view: PodView) -> tuple[str, ...]:
    """Under which owners a pod is found: a CronJob's under its Job and under the CronJob."""
    above = scheduled(view.owner)
    return (view.owner, above) if above else (view.owner,)
