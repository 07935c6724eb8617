"""A server that lies, over real HTTP: what proxies, a busy Prometheus and wrong addresses answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from foresize_forecast.series import Grid

GRID = Grid(0, 300, 4)
Lie = Callable[[BaseHTTPRequestHandler, str], None]


@dataclass
class Liar:
    """A server that answers history queries by a list of lies, then truthfully.

    Questions about owners are answered with nothing, truthfully: the lies are kept for the data.
    """

    lies: list[Lie] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)
    sent: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one query."""
        form = parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        query = form["query"][0]
        self.sent.append(dict(handler.headers.items()))
        self.headers.append(handler.headers["Authorization"])
        if "owner" in query:
            send_json(handler, {"status": "success", "data": {"resultType": "vector", "result": []}})
            return
        self.queries.append(query)
        lie = self.lies.pop(0) if self.lies else truth
        lie(handler, query)


@contextmanager
def serving() -> Iterator[Liar]:
    """The server, for as long as it is needed."""
    told = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler: BaseHTTPRequestHandler, content: object, status: int = 200, **headers: str) -> None:
    send(handler, status, json.dumps(content).encode(), Content_Type="application/json", **headers)


def matrix(values: list[str], **more: object) -> dict[str, object]:
    """An answer with one container's values, at the ends of the grid's intervals."""
    labels = {"namespace": "shop", "pod": "web", "container": "main"}
    pairs = [[int(end), value] for end, value in zip(GRID.ends_s, values, strict=True)]
    data = {"resultType": "matrix", "result": [{"metric": labels, "values": pairs}]}
    return {"status": "success", "data": data, **more}


def truth(handler: BaseHTTPRequestHandler, _: str) -> None:
    send_json(handler, matrix(["1", "2", "3", "4"]))


def error(status: int, kind: str, words: str, **headers: str) -> Lie:
    return lambda handler, _: send_json(
        handler, {"status": "error", "errorType": kind, "error": words}, status, **headers
    )


def values(*read: str) -> Lie:
    return lambda handler, _: send_json(handler, matrix(list(read)))


def page(handler: BaseHTTPRequestHandler, _: str) -> None:
    send(handler, 200, b"<html>Sign in</html>", Content_Type="text/html")


def truncated(handler: BaseHTTPRequestHandler, _: str) -> None:
    body = json.dumps(matrix(["1", "2", "3", "4"])).encode()
    send(handler, 200, body[: len(body) // 2], Content_Length=str(len(body)))
    handler.close_connection = True


def half_json(handler: BaseHTTPRequestHandler, _: str) -> None:
    body = json.dumps(matrix(["1", "2", "3", "4"])).encode()
    send(handler, 200, body[: len(body) // 2])


def redirect(handler: BaseHTTPRequestHandler, _: str) -> None:
    send(handler, 302, b"", Location="https://me:secret@sso.example/login")


def hang_up(handler: BaseHTTPRequestHandler, _: str) -> None:
    handler.close_connection = True


def silent(handler: BaseHTTPRequestHandler, _: str) -> None:
    time.sleep(1.0)
    hang_up(handler, _)


def dripping(handler: BaseHTTPRequestHandler, _: str) -> None:
    """A byte every 50 ms: never silent for long, and never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    ends_at = time.monotonic() + 5
    try:
        while time.monotonic() < ends_at:
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        pass


def falls_silent(handler: BaseHTTPRequestHandler, _: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"{")
    time.sleep(1.0)
