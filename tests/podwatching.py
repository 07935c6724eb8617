"""A pod watch at work against `podserver`, for tests: short pods, and what the watch told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from foresize.cluster.podwatch import PodWatch
from foresize.kube.kubeapi import Api
from foresize_forecast.pods import ContainerView, PodView
from podserver import PodServer, serving

Json = dict[str, Any]


def clock(second: int) -> str:
    """A time of one day, in seconds since 12:00."""
    return f"2027-01-15T12:{second // 60:02d}:{second % 60:02d}Z"


def pod(
    uid: str,
    *,
    ran: int | None = None,
    killed: int | None = None,
    restarts: int = 0,
    namespace: str = "shop",
    **top: Any,
) -> Json:
    """A pod of StatefulSet/db on node n1 that asks for 64Mi: running since a second, killed in a second."""
    state = {"waiting": {}} if ran is None else {"running": {"startedAt": clock(ran)}}
    last = {} if killed is None else {"terminated": {"reason": "OOMKilled", "finishedAt": clock(killed)}}
    sizes = {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    told = {"name": "app", "restartCount": restarts, "resources": sizes, "state": state, "lastState": last}
    metadata = {
        "namespace": namespace,
        "name": uid,
        "uid": uid,
        "creationTimestamp": clock(0),
        "ownerReferences": [{"kind": "StatefulSet", "name": "db", "uid": "o1", "controller": True}],
        "labels": {"managed": "yes"},
    }
    return {
        "metadata": {**metadata, **top},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "resources": sizes}]},
        "status": {"phase": "Running", "containerStatuses": [told]},
    }


def until(what: str, holds: Callable[[], object], deadline_s: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end_s, f"waited {deadline_s} s for {what}"
        time.sleep(0.005)


class Heard:
    """What a watch told, in order: (what, pod, restarts)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.fails = False

    def kill(self, seen: PodView, container: ContainerView) -> None:
        """Note a kill."""
        self.told.append(("kill", seen.uid, container.restarts))
        if self.fails:
            raise ValueError("the receiver failed")

    def running(self, seen: PodView, container: ContainerView) -> None:
        """Note a start."""
        self.told.append(("running", seen.uid, container.restarts))


def managed(seen: PodView) -> bool:
    """Whether a pod bears the label of the managed."""
    return seen.labels.get("managed") == "yes"


@contextmanager
def watching(api: Api, heard: Heard, keep: Callable[[PodView], bool] = managed, **options: Any) -> Iterator[PodWatch]:
    """A started watch."""
    watch = PodWatch(api, keep, on_kill=heard.kill, on_running=heard.running, **options)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


@contextmanager
def followed(pods: PodServer, **options: Any) -> Iterator[tuple[PodWatch, Heard]]:
    """A watch that has read all pods and waits for news."""
    heard = Heard()
    with serving(pods) as api, watching(api, heard, **options) as watch:
        until("the pods to be read", watch.synced)
        until("the watch to be open", lambda: pods.open_watches)
        yield watch, heard


def served(*each: Json) -> PodServer:
    """A server that has pods from the start."""
    server = PodServer()
    for one in each:
        server.put(one)
    return server
