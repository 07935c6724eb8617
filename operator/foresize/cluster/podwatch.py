"""The pod watch: every managed pod as it is now, and word of kills and starts within a millisecond of the event.

Not the client library's informer: it makes a model of every pod, keeps them all, and does not notice a connection
that has gone silent.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from foresize.cluster.inforce import carried
from foresize.cluster.podstore import Known, Pods
from foresize.cluster.podviews import finished, requested_bytes, view
from foresize.kube.kubeapi import Api, ApiError, Gone, Stream
from foresize_forecast.pods import ContainerView, PodView

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Told = Callable[[PodView, ContainerView], None]
WATCH_S = 300
"""How long the API server keeps one watch open."""
SILENCE_S = 90.0
"""A live watch brings a bookmark about once a minute."""
BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 5.0
STOP_S = 2.0
GONE = 410


@dataclass(frozen=True, slots=True)
class _Wiring:
    """What all threads of a watch share; the fields are those of `PodWatch`."""

    api: Api
    keep: Callable[[PodView], bool]
    pods: Pods
    on_kill: Told
    on_running: Told
    silence_s: float


class PodWatch:
    """Follows the pods of some namespaces (empty: of all), one thread each."""

    def __init__(  # noqa: PLR0913 - named, and set in one place
        self,
        api: Api,
        keep: Callable[[PodView], bool],
        *,
        on_kill: Told,
        on_running: Told,
        namespaces: Sequence[str] = (),
        silence_s: float = SILENCE_S,
    ) -> None:
        """Nothing is read before `start`.

        Args:
            api: the way to the API server.
            keep: says which pods are managed; call `refresh` where its answers change.
            on_kill: told of a container's newest kill, once; after a restart of the operator, of old ones too.
            on_running: told of a container that went to running: restarted, or of a new pod.
            namespaces: whose pods; empty: all.
            silence_s: a watch that brings nothing for so long is started anew.

        Both are called in the watch's thread: what takes long belongs elsewhere.
        """
        self._pods = Pods()
        wiring = _Wiring(api, keep, self._pods, on_kill, on_running, silence_s)
        self._follow = [_Follow(wiring, each) for each in namespaces or ("",)]

    def start(self) -> None:
        """Begin to list and to watch."""
        for each in self._follow:
            each.thread.start()

    def stop(self) -> None:
        """End; no event is told of after it, but one that is being told of may still be under way."""
        for each in self._follow:
            each.stop()
        deadline = time.monotonic() + STOP_S
        for each in self._follow:
            if each.thread.is_alive() and each.thread is not threading.current_thread():
                each.thread.join(max(0.0, deadline - time.monotonic()))

    def refresh(self) -> None:
        """Read all pods again, soon: other pods are managed now."""
        for each in self._follow:
            each.refresh()

    def synced(self) -> bool:
        """Whether every pod was read at least once."""
        return all(each.listed.is_set() for each in self._follow)

    def snapshot(self) -> dict[str, PodView]:
        """Managed pods that have not finished, by uid."""
        return self._pods.snapshot()

    def pods_within(self, namespace: str) -> tuple[PodView, ...]:
        """Managed pods of a namespace that have not finished."""
        return self._pods.within(namespace)

    def pods_of(self, namespace: str, owner: str) -> tuple[PodView, ...]:
        """Managed pods of a controller (`Kind/name`) that have not finished."""
        return self._pods.owned(namespace, owner)

    def killed(self) -> tuple[PodView, ...]:
        """Managed pods that ended for good by a kill and are still there."""
        return self._pods.killed()

    def requested_by_node(self) -> dict[str, int]:
        """Memory that the scheduler counts on each node, of managed pods and of all others."""
        return self._pods.requested()

    def requested_by_daemons(self) -> dict[str, int]:
        """What of it DaemonSets' pods take."""
        return self._pods.requested_by_daemons()


class _Follow:
    """One list and watch, again and again, in a thread of its own."""

    def __init__(self, wiring: _Wiring, namespace: str) -> None:
        self._wiring, self._namespace = wiring, namespace
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self._version = ""
        self._failures = 0
        self._stream: Stream | None = None
        self._guard = threading.Lock()
        self._stopping, self._relist = threading.Event(), threading.Event()
        self.listed = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"pod-watch-{namespace or 'all'}", daemon=True)

    def stop(self) -> None:
        self._stopping.set()
        self._interrupt()

    def refresh(self) -> None:
        self._relist.set()
        self._interrupt()

    def _interrupt(self) -> None:
        with self._guard:
            if self._stream is not None:
                self._stream.end()

    def _interrupted(self) -> bool:
        return self._stopping.is_set() or self._relist.is_set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._once()
            except Gone:
                self._version = ""
                self._failed("what was seen last is too old, listing pods again")
            except ApiError as error:
                self._failed(str(error))
            except Exception:
                logger.exception("pod watch: unexpected; listing pods again")
                self._version = ""
                self._failed("unexpected error")
            self._stopping.wait(self._pause_s())

    def _once(self) -> None:
        """List if needed, then watch until it ends."""
        if self._relist.is_set():
            self._relist.clear()
            self._version = ""
        if not self._version:
            self._list()
        if not self._interrupted():
            self._watch()

    def _failed(self, why: str) -> None:
        if self._interrupted():
            return
        self._failures += 1
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(level, "pod watch (%s): %s", self._path, why)

    def _pause_s(self) -> float:
        """Nothing after a watch that brought something; else longer each time, never all replicas at once."""
        if not self._failures:
            return 0.0
        longest = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** min(self._failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    def _list(self) -> None:
        seen: set[str] = set()
        version = ""
        for page in self._wiring.api.pages(self._path):
            version = page["metadata"]["resourceVersion"]
            for pod in page.get("items") or []:
                seen.add(pod["metadata"]["uid"])
                self._saw(pod)
            if self._stopping.is_set():
                return
        self._wiring.pods.drop_others(self._namespace, seen)
        self._version = version
        self.listed.set()

    def _watch(self) -> None:
        stream = self._wiring.api.stream(
            self._path,
            self._wiring.silence_s,
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=self._version,
            timeoutSeconds=str(WATCH_S),
        )
        with self._guard:
            self._stream = stream
        heard = False
        try:
            if self._interrupted():
                stream.end()
            for event in stream:
                if self._interrupted():
                    return
                self._take(event["type"], event["object"])
                heard, self._failures = True, 0
        finally:
            with self._guard:
                self._stream = None
        if not heard:
            self._failed("the watch ended without a word")

    def _take(self, kind: str, thing: Json) -> None:
        if kind == "ERROR":
            refused = Gone if thing.get("code") == GONE else ApiError
            self._version = ""
            raise refused(thing.get("code", 0), thing.get("message", "the watch failed"))
        if kind == "DELETED":
            self._wiring.pods.drop(thing["metadata"]["uid"])
        elif kind != "BOOKMARK":
            self._saw(thing)
        self._version = thing["metadata"]["resourceVersion"]

    def _saw(self, pod: Json) -> None:
        """Keep what a pod is now and tell what is new of it."""
        try:
            uid = pod["metadata"]["uid"]
            now = self._known(pod, self._wiring.pods.view(uid))
        except Exception:
            logger.exception("pod watch: cannot read pod %s", pod["metadata"].get("name"))
            return
        before = self._wiring.pods.put(uid, now)
        if now.view is None:
            return
        past = before.view if before else None
        fresh = before is None and self.listed.is_set()
        for container in now.view.containers:
            was = past.container(container.name) if past else None
            if _newly_killed(was, container):
                self._tell(self._wiring.on_kill, now.view, container)
            if _newly_running(was, container, fresh=fresh):
                self._tell(self._wiring.on_running, now.view, container)

    def _known(self, pod: Json, before: PodView | None) -> Known:
        seen = carried(before, view(pod))
        kept = seen if self._wiring.keep(seen) else None
        is_daemon = seen.owner.startswith("DaemonSet/")
        return Known(seen.namespace, seen.node, requested_bytes(pod), kept, finished(pod), is_daemon)

    @staticmethod
    def _tell(told: Told, pod: PodView, container: ContainerView) -> None:
        try:
            told(pod, container)
        except Exception:
            logger.exception("pod watch: %s of %s/%s was not taken", container.name, pod.namespace, pod.name)


def _newly_killed(was: ContainerView | None, now: ContainerView) -> bool:
    known = was.last_kill.at_s if was and was.last_kill else None
    return now.last_kill is not None and now.last_kill.at_s != known


def _newly_running(was: ContainerView | None, now: ContainerView, *, fresh: bool) -> bool:
    """A pod that was there before the operator has not started anew, whatever its containers did."""
    if now.running_since_s is None or (was is None and not fresh):
        return False
    return was is None or (was.running_since_s, was.restarts) != (now.running_since_s, now.restarts)
