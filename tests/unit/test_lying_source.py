"""What a pass does on the word of a Prometheus that lies: it holds or raises, and lowers on the truth alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from builders import container, mi, pod, size
from foresize_forecast.prometheus import Source
from objectserver import Objects
from stage import deployment, policy, staged

Json = dict[str, Any]
Answer = Callable[[float], Json]
POD = "/api/v1/namespaces/shop/pods/web-abc-1"
LARGE = size(600, 1200)
METRICS = ("container_memory_working_set_bytes", "container_memory_rss")
AGES_S = (75, 60, 45, 30, 15, 0)


def told(value: str = str(mi(50)), *, late_s: float = 5, pod_name: str = "web-abc-1", **more: Any) -> Answer:
    """All samples of the last minutes have this value, the newest so many seconds ago."""

    def answer(now_s: float) -> Json:
        times = [now_s - late_s - age_s for age_s in AGES_S]
        labels = {"namespace": "shop", "pod": pod_name, "container": "app"}
        series = [
            {"metric": {**labels, "__name__": name}, "values": [[at_s, value] for at_s in times]} for name in METRICS
        ]
        return {"status": "success", "data": {"resultType": "matrix", "result": series}, **more}

    return answer


LIES = {
    "NaN": told("NaN"),
    "infinite": told("+Inf"),
    "negative": told("-1"),
    "reset to nothing": told("0"),
    "more than any machine has": told("1e300"),
    "a clock that is ahead": told(late_s=-600),
    "a clock that is behind, or a pause": told(late_s=250),
    "partial": told(warnings=["store at 10.0.0.7 did not answer"]),
    "another pod's": told(pod_name="web-abc-2"),
    "nothing": lambda _: {"status": "success", "data": {"resultType": "matrix", "result": []}},
    "an error": lambda _: {"status": "error", "errorType": "unavailable", "error": "starting up"},
    "no answer of Prometheus'": lambda _: {"hello": "world"},
    "slow": lambda _: time.sleep(1.5) or told()(time.time()),
}


@contextmanager
def serving(answer: Answer) -> Iterator[Source]:
    """A Prometheus that answers every query so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            data = json.dumps(answer(time.time())).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            """Whoever hung up first does no harm."""
            try:
                super().handle()
            except OSError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Source(f"http://127.0.0.1:{server.server_port}", retries=0, timeout_s=0.5)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def lowered(answer: Answer) -> bool:
    """Whether a pass lowers a pod of 600 MiB, at most 1200, that is forecast to need 100."""
    objects = Objects()
    policy(objects)
    deployment(objects)
    objects.put(POD, {})
    now_s = time.time()
    large = container(present=LARGE, running_since_s=now_s - 86_400)
    with serving(answer) as source, staged(objects, source=source) as stage:
        stage.foresee("web", 100)
        written = stage.run(pod(large, uid="uid-web", revision="", created_s=now_s - 30 * 86_400))
    return ("PATCH", f"{POD}/resize") in written


def test_on_the_truth_it_lowers() -> None:
    """A pod that uses 50 MiB of 600, and needs 100, is lowered: what the lies below are held against."""
    assert lowered(told())


@pytest.mark.parametrize("lie", LIES)
def test_on_a_lie_it_holds(lie: str) -> None:
    """Values that cannot be, a clock that jumped, what is missing, late, partial or no answer: nothing is lowered."""
    assert not lowered(LIES[lie])
