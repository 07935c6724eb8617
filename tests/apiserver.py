"""A real HTTP server on loopback that answers as a test's function says: for what speaks to an API server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kubernetes import client

from foresize.kube.kubeapi import Api


@dataclass(frozen=True)
class Request:
    """What was asked of the server."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    content_type: str


Answer = tuple[int, Any]
"""Status, and the body: JSON, or bytes that are sent as they are."""


def status(code: int, message: str) -> Answer:
    """An error as the API server words it."""
    return code, {"kind": "Status", "code": code, "message": message}


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[Api]:
    """An `Api` that is connected to a server of this answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # headers and body in one packet: two would wait 40 ms for each other

        def _reply(self) -> None:
            url = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type", "")
            request = Request(
                self.command, url.path, dict(parse_qsl(url.query)), json.loads(sent) if sent else None, kind
            )
            code, body = answer(request)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply  # noqa: N815 - the standard library's names

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
        api.client.rest_client.pool_manager.clear()
        server.shutdown()
        server.server_close()
        thread.join(5)
