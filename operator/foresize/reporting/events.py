"""Kubernetes Events in plain words, on pods and MemoryForecasts. Never a reason for anything else to fail."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from foresize.config.words import cut, plain
from foresize.kube.kubeapi import Api, ApiError
from foresize_forecast.pods import PodView

logger = logging.getLogger(__name__)

REPEAT_AFTER_S = 300.0
"""The same words about the same object are said again no sooner."""
MAX_NOTE_BYTES = 1000
"""The API server refuses notes of more than 1024 bytes."""
RESIZE, EVICT = "Resize", "Evict"
"""What was done, or was to be, in an Event's field `action`."""
WAITING = 500
CLOSE_S = 3.0


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def pod(view: PodView) -> Regarding:
    """A pod, as an Event names it."""
    return Regarding("v1", "Pod", view.namespace, view.name, view.uid)


@dataclass(frozen=True, slots=True)
class _Event:
    path: str
    body: dict[str, Any]


class Events:
    """Posts Events from a thread of its own, so that a resize never waits for its announcement."""

    def __init__(self, api: Api, identity: str) -> None:
        self._api, self._identity = api, identity
        self._said_s: dict[tuple[str, str, str], float] = {}
        self._lock = threading.Lock()
        self._queue: queue.Queue[_Event | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._post_all, name="events", daemon=True)
        self._thread.start()

    def normal(self, about: Regarding, reason: str, note: str, action: str = RESIZE) -> None:
        """Something was done."""
        self._say("Normal", about, reason, note, action)

    def warning(self, about: Regarding, reason: str, note: str, action: str = RESIZE) -> None:
        """Something could not be done, or should be looked at."""
        self._say("Warning", about, reason, note, action)

    def close(self) -> None:
        """Post what is waiting, for a few seconds at most."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)

    def _say(self, kind: str, about: Regarding, reason: str, note: str, action: str) -> None:
        if not self._is_new((about.uid, reason, note)):
            return
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{about.name[:200].rstrip('-.')}.{time.time_ns():x}", "namespace": about.namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "foresize.dev/operator",
            "reportingInstance": self._identity[:128],
            "action": action,
            "reason": reason,
            "type": kind,
            "note": cut(plain(note), MAX_NOTE_BYTES),
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
        }
        try:
            self._queue.put_nowait(_Event(f"/apis/events.k8s.io/v1/namespaces/{about.namespace}/events", body))
        except queue.Full:
            logger.warning("too many Events are waiting; one is dropped: %s %s", about.name, note)

    def _is_new(self, said: tuple[str, str, str]) -> bool:
        """Whether these words were not said lately; the act loop and the threads of the kill path ask at once."""
        now_s = time.monotonic()
        with self._lock:
            self._said_s = {key: at_s for key, at_s in self._said_s.items() if now_s - at_s < REPEAT_AFTER_S}
            if said in self._said_s:
                return False
            self._said_s[said] = now_s
            return True

    def _post_all(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._api.create(event.path, event.body)
            except ApiError as error:
                logger.warning("an Event was not posted: %s", error)
            except Exception:  # the thread must not end: nobody would see the Events after it
                logger.exception("an Event was not posted")
