"""Watches objects through kubectl, in one queue: works alike on the demo's own cluster and on a user's."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from foresize_dev.api import Json

CHUNK_BYTES = 1 << 16
STOP_DEADLINE_S = 5.0


@dataclass(frozen=True)
class Watched:
    """One event of a watch."""

    at_s: float  # Unix seconds, when it came here
    kind: str  # ADDED, MODIFIED, DELETED
    thing: Json


@dataclass
class Watches:
    """Watches of some resources in one namespace; a context manager that ends them.

    A watch that kubectl loses is started again: what is known already then comes once more as ADDED.
    """

    kubectl: Sequence[str]
    namespace: str
    resources: Sequence[str]
    _events: "queue.SimpleQueue[Watched]" = field(default_factory=queue.SimpleQueue)
    _running: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        for resource in self.resources:
            threading.Thread(target=self._follow, args=(resource,), name=f"watch-{resource}", daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ended.set()
        for process in list(self._running.values()):
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def until(self, end_s: float) -> Iterator[Watched]:
        """Events as they come, until a Unix time."""
        while (left_s := end_s - time.time()) > 0:
            try:
                yield self._events.get(timeout=left_s)
            except queue.Empty:
                return

    def _follow(self, resource: str) -> None:
        arguments = ["get", resource, "--namespace", self.namespace, "--watch", "--output-watch-events", "-o", "json"]
        while not self._ended.is_set():
            with subprocess.Popen(
                [*self.kubectl, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                self._running[resource] = process
                for event in documents(iter(process.stdout.readline, "")) if process.stdout else ():
                    self._events.put(Watched(time.time(), event["type"], event["object"]))
            self._ended.wait(1.0)


def documents(lines: Iterator[str]) -> Iterator[Json]:
    """The JSON objects of a stream in which they follow each other, over one line or many."""
    text = ""
    for line in lines:
        text += line
        # An object's last line is its closing brace; to try at every line would be quadratic.
        if line.rstrip("\n").endswith("}") and not line.startswith(" "):
            try:
                yield json.loads(text)
            except ValueError:
                continue
            text = ""
