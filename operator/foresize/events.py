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

from foresize.kubeapi import Api, ApiError
from foresize_forecast.pods import PodView

logger = logging.getLogger(__name__)

REPEAT_AFTER_S = 300.0
"""The same words about the same object are said again no sooner."""
MAX_NOTE = 1000
"""The API server refuses longer notes (1 kB)."""
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
        self._queue: queue.Queue[_Event | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._post_all, name="events", daemon=True)
        self._thread.start()

    def normal(self, about: Regarding, reason: str, note: str) -> None:
        """Something was done."""
        self._say("Normal", about, reason, note)

    def warning(self, about: Regarding, reason: str, note: str) -> None:
        """Something could not be done, or should be looked at."""
        self._say("Warning", about, reason, note)

    def close(self) -> None:
        """Post what is waiting, for a few seconds at most."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)

    def _say(self, kind: str, about: Regarding, reason: str, note: str) -> None:
        now_s = time.monotonic()
        self._said_s = {key: at_s for key, at_s in self._said_s.items() if now_s - at_s < REPEAT_AFTER_S}
        if self._said_s.get((about.uid, reason, note)):
            return
        self._said_s[about.uid, reason, note] = now_s
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{about.name[:200]}.{time.time_ns():x}", "namespace": about.namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "foresize.dev/operator",
            "reportingInstance": self._identity[:128],
            "action": "Resize",
            "reason": reason,
            "type": kind,
            "note": note if len(note) <= MAX_NOTE else f"{note[: MAX_NOTE - 3]}...",
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

    def _post_all(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._api.create(event.path, event.body)
            except ApiError as error:
                logger.warning("an Event was not posted: %s", error)
