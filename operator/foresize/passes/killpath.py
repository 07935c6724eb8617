"""From a container that runs again to its resize in a tenth of a second: the ladder cannot wait for a pass.

The watch's thread only hands over; looks and writes happen in a few threads of their own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from foresize import metrics
from foresize.cluster.workloads import scheduled
from foresize.config.quantities import memory_bytes
from foresize.doors.admission import Admission
from foresize.passes.actpass import ActPass, Scene
from foresize.passes.attend import Attendant
from foresize.passes.managed import Managed
from foresize.reporting import events
from foresize.reporting.events import Events
from foresize_forecast.pods import ContainerView, PodView
from foresize_forecast.sizes import Size

logger = logging.getLogger(__name__)

THREADS = 4
JUST_BORN_S = 30.0
"""A pod that starts to run this soon after its creation was sized, or not, when it was created."""


class KillPath:
    """Reacts to what the pod watch tells."""

    def __init__(
        self,
        attendant: Attendant,
        admission: Admission,
        said: Events,
        *,
        acts: ActPass,
        wake: Callable[[], None],
    ) -> None:
        self._attendant, self._admission, self._events = attendant, admission, said
        self._acts, self._wake = acts, wake
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="kill")

    def on_kill(self, pod: PodView, container: ContainerView) -> None:
        """A kill was seen: counted now, cured once the container runs again, or before where another one runs."""
        managed = _manager(self._acts.scene, pod)
        if managed is not None:
            metrics.KILLS.labels(*managed.key, container.name).inc()
            limit = container.last_kill.limit_bytes if container.last_kill else None
            logger.info(
                "%s/%s: %s was OOM-killed at its limit of %s bytes", pod.namespace, pod.name, container.name, limit
            )
            if managed.workload.runs:  # the next attempt is born in ten seconds
                self._wake()
            elif (
                len(pod.containers) > 1 and not self._closed.is_set()
            ):  # another one may carry its raise before it starts
                self._threads.submit(self._attend, managed, pod, time.monotonic())

    def on_running(self, pod: PodView, container: ContainerView) -> None:
        """A container runs: if it was killed before, its pod is looked at now."""
        managed = _manager(self._acts.scene, pod)
        if managed is None:
            if self._acts.is_surprised_by(pod):
                self._wake()
            return
        self._note_birth(managed, pod, container)
        if container.last_kill is not None and not self._closed.is_set():
            self._threads.submit(self._attend, managed, pod, time.monotonic())

    def close(self) -> None:
        """Take no more work."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _attend(self, managed: Managed, pod: PodView, seen_at_s: float) -> None:
        senses = self._acts.scene.senses.get(managed.key)
        if senses is None:
            return
        try:
            look = self._attendant.attend(managed, lambda: self._acts.pods(managed), senses, time.time(), only=pod.uid)
            metrics.KILL_TO_RESIZE.observe(time.monotonic() - seen_at_s)
            self._acts.announce(managed, look)
        except Exception:  # the next pass does what could not be done here
            logger.exception("%s/%s was not attended to after a kill", pod.namespace, pod.name)

    def _note_birth(self, managed: Managed, pod: PodView, container: ContainerView) -> None:
        """A managed pod born with its template's size although MemorySizes had another: CEL errors are silent."""
        if container.restarts or time.time() - pod.created_s > JUST_BORN_S:
            return
        entry = self._admission.entry(managed.key).get(container.name)
        if entry is not None and _is_unsized(container.size, managed.workload.template.get(container.name), entry):
            metrics.UNSIZED.labels(*managed.key).inc()
            words = (
                "created with its template's memory, not with the forecast's: is the MutatingAdmissionPolicy in place?"
            )
            self._events.warning(events.pod(pod), "BornUnsized", words)


def _manager(scene: Scene, pod: PodView) -> Managed | None:
    """The workload that a pod belongs to, if one is managed."""
    direct = scene.managed.get((pod.namespace, pod.owner)) or scene.managed.get((pod.namespace, scheduled(pod.owner)))
    if direct is not None:
        return direct
    return next((managed for managed in scene.managed.values() if managed.owns(pod)), None)


def _is_unsized(size: Size, template: Size | None, entry: dict[str, str]) -> bool:
    wanted = memory_bytes(entry["request"]) if "request" in entry else None
    return wanted is not None and size == template and size.request_bytes is not None and size.request_bytes < wanted
