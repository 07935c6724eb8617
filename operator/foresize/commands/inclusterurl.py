"""A Service of the cluster, reached from outside: through the API server, with the rights of whoever asks.

`kubectl proxy` does the same. Queries are only read: each is sent on as a GET, whatever it came as.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from foresize.kube.kubeapi import Api, ApiError, NotFound

SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?")
PORTS = {"http": 80, "https": 443}
UNREACHED = 502


def service_path(url: str) -> str | None:
    """Where the API server serves the Service of an address such as http://prometheus.monitoring:9090/base.

    None where the address names no Service.
    """
    parts = urlsplit(url)
    named = SERVICE.fullmatch(parts.hostname or "")
    if named is None or parts.scheme not in PORTS:
        return None
    name, namespace = named.groups()
    scheme = "https:" if parts.scheme == "https" else ""
    port = parts.port or PORTS[parts.scheme]
    return f"/api/v1/namespaces/{namespace}/services/{scheme}{name}:{port}/proxy{parts.path.rstrip('/')}"


def proxy_path(api: Api, url: str) -> str | None:
    """The same, where such a Service is there: names on the internet may look like one."""
    path = service_path(url)
    if path is None:
        return None
    prefix, _, named = path.partition("/proxy")[0].rpartition("/")
    name = named.removeprefix("https:").rpartition(":")[0]
    try:
        api.get(f"{prefix}/{name}")
    except NotFound:
        return None
    except ApiError:  # it may be there, and asking it says what is wrong
        return path
    return path


@contextmanager
def reached(api: Api, path: str) -> Iterator[str]:
    """An address on loopback behind which that Service is, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _send_on(self) -> None:
            url = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            code, answer = _asked(api, f"{path}{url.path}", dict(parse_qsl(url.query) + parse_qsl(sent)))
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _send_on  # noqa: N815 - the standard library's names

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the standard library's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), name="service", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _asked(api: Api, path: str, query: dict[str, str]) -> tuple[int, Any]:
    try:
        return 200, api.get(path, **query)
    except ApiError as error:
        return error.status or UNREACHED, {"status": "error", "errorType": "proxy", "error": error.message}
