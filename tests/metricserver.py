"""A Prometheus of a few steady containers on a real HTTP server, for what only needs some history."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from foresize_forecast.prometheus import Source

Container = tuple[str, str, str]
"""Namespace, pod, container."""


class Metrics:
    """Containers that use the same at every moment that is asked for, by bytes. `down` makes every query fail.

    `since_s` tells of those that have not always been there from when on they were, Unix seconds, and `until_s` of
    those that have ended when that was.
    """

    def __init__(
        self,
        steady: dict[Container, float],
        since_s: dict[Container, float] | None = None,
        until_s: dict[Container, float] | None = None,
    ) -> None:
        self.steady = steady
        self.since_s = since_s or {}
        self.until_s = until_s or {}
        self.queries: list[str] = []
        self.down = False

    def answer(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """As Prometheus, whatever the query selects beyond the namespace."""
        query = form["query"][0]
        self.queries.append(query)
        if self.down:
            return 503, {"status": "error", "errorType": "unavailable", "error": "starting up"}
        if "start" not in form:
            return 200, {"status": "success", "data": {"resultType": "vector", "result": []}}
        start, end, step = (int(float(form[name][0])) for name in ("start", "end", "step"))
        series = [
            {
                "metric": {"namespace": namespace, "pod": pod, "container": container},
                "values": [
                    [at, str(value)]
                    for at in range(start, end + 1, step)
                    if self.since_s.get(of, at) <= at <= self.until_s.get(of, at)
                ],
            }
            for of, value in self.steady.items()
            for namespace, pod, container in [of]
            if f'namespace="{namespace}"' in query
        ]
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": series}}


@contextmanager
def serving(metrics: Metrics) -> Iterator[Source]:
    """Where history is read from, for as long as it is needed."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            code, body = metrics.answer(form)
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Source(f"http://127.0.0.1:{server.server_port}", retries=0)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
