"""A real HTTP server on loopback that lists and watches pods as the API server does, faults included."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kubernetes import client

from foresize.kube.kubeapi import Api

Json = dict[str, Any]
PAGE = 2
"""Pods a page, however many are asked for."""


class PodServer:
    """Pods, their history, and the watches that are open.

    `away` makes it answer 503; `expired` makes every watch begin with the error that it is too old.
    """

    def __init__(self) -> None:
        self.away = self.expired = False
        self.lists: list[str] = []
        """Paths listed, first pages only."""
        self.watches: list[Json] = []
        """Queries of the watches, as they came."""
        self._lock = threading.Lock()
        self._version = 100
        self._oldest = 0
        self._pods: dict[str, Json] = {}
        self._log: list[tuple[int, str, bytes]] = []
        self._open: list[tuple[str, SimpleQueue[bytes | None]]] = []

    def put(self, pod: Json) -> None:
        """Make or change a pod, and tell every watch."""
        with self._lock:
            kind = "MODIFIED" if pod["metadata"]["uid"] in self._pods else "ADDED"
            self._pods[pod["metadata"]["uid"]] = self._event(kind, pod)

    def delete(self, uid: str) -> None:
        """Remove a pod, and tell every watch."""
        with self._lock:
            self._event("DELETED", self._pods.pop(uid))

    def bookmark(self, past: int = 0) -> str:
        """Tell every watch how far the history is, `past` versions on; the version told."""
        with self._lock:
            self._version += past
            version = str(self._version)
            self._send(_line("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": version}}))
            return version

    def error(self, code: int) -> None:
        """Tell every watch that it failed."""
        with self._lock:
            self._send(_failure(code))

    def raw(self, data: bytes) -> None:
        """Send one chunk to every watch, whatever it holds."""
        with self._lock:
            self._send(data)

    def end(self) -> None:
        """End every watch as at its time limit."""
        with self._lock:
            self._send(b"")

    def drop(self) -> None:
        """Break the connection of every watch."""
        with self._lock:
            self._send(None)

    def compact(self) -> None:
        """Forget the history: who asks for anything older is told so."""
        with self._lock:
            self._version += 1
            self._oldest, self._log = self._version, []

    @property
    def open_watches(self) -> int:
        """How many are watching."""
        return len(self._open)

    def list(self, path: str, query: Json) -> tuple[int, Json]:
        """A page of the pods of a path."""
        with self._lock:
            start = int(query.get("continue", 0))
            if not start:
                self.lists.append(path)
            every = [pod for pod in self._pods.values() if _within(path, pod["metadata"]["namespace"])]
            rest = {"continue": str(start + PAGE)} if len(every) > start + PAGE else {}
            return 200, {
                "metadata": {"resourceVersion": str(self._version), **rest},
                "items": every[start : start + PAGE],
            }

    def watch(self, path: str, query: Json) -> SimpleQueue[bytes | None] | None:
        """What one watch is to be sent; None where it begins too long ago."""
        with self._lock:
            self.watches.append(query)
            since = int(query["resourceVersion"])
            if since < self._oldest:
                return None
            sent: SimpleQueue[bytes | None] = SimpleQueue()
            for version, namespace, line in self._log:
                if version > since and _within(path, namespace):
                    sent.put(line)
            if self.expired:
                sent.put(_failure(410))
            self._open.append((path, sent))
            return sent

    def closed(self, sent: SimpleQueue[bytes | None]) -> None:
        """A watch is no more."""
        with self._lock:
            self._open = [each for each in self._open if each[1] is not sent]

    def _event(self, kind: str, pod: Json) -> Json:
        self._version += 1
        now = {**pod, "metadata": {**pod["metadata"], "resourceVersion": str(self._version)}}
        namespace, line = pod["metadata"]["namespace"], _line(kind, now)
        self._log.append((self._version, namespace, line))
        self._send(line, namespace)
        return now

    def _send(self, data: bytes | None, namespace: str = "") -> None:
        for path, sent in self._open:
            if not namespace or _within(path, namespace):
                sent.put(data)


def _line(kind: str, thing: Json) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


def _failure(code: int) -> bytes:
    return _line("ERROR", {"kind": "Status", "code": code, "message": "as the test wants"})


def _within(path: str, namespace: str) -> bool:
    return path in {"/api/v1/pods", f"/api/v1/namespaces/{namespace}/pods"}


@contextmanager
def serving(pods: PodServer) -> Iterator[Api]:
    """An `Api` that is connected to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """List or watch."""
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            if pods.away:
                return self._whole(503, {"message": "away"})
            if "watch" not in query:
                return self._whole(*pods.list(url.path, query))
            sent = pods.watch(url.path, query)
            return self._whole(410, {"message": "too old"}) if sent is None else self._chunks(sent)

        def _whole(self, code: int, body: Json) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _chunks(self, sent: SimpleQueue[bytes | None]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while (data := sent.get(timeout=60)) is not None:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                    if not data:
                        return
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client went first
                pass
            finally:
                self.close_connection = True
                pods.closed(sent)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
    settings.retries = False
    api = Api(client.ApiClient(settings))
    try:
        yield api
    finally:
        pods.end()
        api.client.rest_client.pool_manager.clear()
        server.shutdown()
        server.server_close()
        thread.join(5)
