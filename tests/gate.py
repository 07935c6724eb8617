"""A gate in front of a server: open it passes all on, closed it answers with an error of its own, as a proxy does."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_S = 20


@dataclass
class Gate:
    """What a client sees under `url` of the server behind it."""

    url: str
    closed: int = 0
    """The HTTP status that is answered; 0: open."""
    words: str = "the gate is closed"


@contextmanager
def before(server_url: str) -> Iterator[Gate]:
    """A gate before a server, for as long as it is needed."""
    gate = Gate("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on(None)

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

        def _pass_on(self, body: bytes | None) -> None:
            if gate.closed:
                self._answer(gate.closed, gate.words.encode(), "text/plain")
                return
            kind = {"Content-Type": self.headers.get("Content-Type", "")}
            request = urllib.request.Request(server_url + self.path, body, kind)  # noqa: S310 - the test's own server
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the same
                    self._answer(answer.status, answer.read(), answer.headers["Content-Type"])
            except urllib.error.HTTPError as error:
                with error:
                    self._answer(error.code, error.read(), error.headers["Content-Type"])

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    gate.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
