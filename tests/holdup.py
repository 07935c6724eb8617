"""Requests that wait at the API server, so that a test can kill the one who sent them at just that moment."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from foresize_dev import pki
from foresize_dev.cluster import Cluster

Json = dict[str, Any]
KIND = "ValidatingWebhookConfiguration"
API = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
HELD_S = 25
"""A request is refused after so long at the latest; the API server waits for 30 s at most."""


def rule(group: str, resource: str, *operations: str) -> Json:
    """Of a webhook's configuration: these operations on a resource."""
    where = {"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "scope": "Namespaced"}
    return {**where, "operations": [*operations]}


MOVES = (rule("", "pods/eviction", "CREATE"), rule("foresize.dev", "memoryforecasts/status", "UPDATE"))
"""An eviction with its intent and its report."""
PASS = (
    rule("", "pods/resize", "UPDATE"),
    rule("foresize.dev", "memorysizes", "CREATE", "UPDATE"),
    rule("foresize.dev", "memoryforecasts/status", "UPDATE"),
    rule("foresize.dev", "memorypolicies/status", "UPDATE"),
)
"""All that a pass writes about a workload whose pods are resized in place."""


class Holdup:
    """What passes, and what is held.

    `allowed` has the resources of what passed, such as `pods/eviction`, and `held` the objects that did not.
    """

    def __init__(self) -> None:
        self.allowed: list[str] = []
        self.held: list[Json] = []
        self.caught = threading.Event()
        self._let_go = threading.Event()
        self._catches: Callable[[str], bool] = lambda _: False

    def catch(self, catches: Callable[[str], bool]) -> None:
        """Hold the next request of a resource that is meant, until `refuse`."""
        self.caught.clear()
        self._let_go.clear()
        self._catches = catches

    def refuse(self) -> None:
        """Refuse what is held, and let all else pass."""
        self._catches = lambda _: False
        self._let_go.set()

    def passes(self, resource: str, wanted: Json) -> bool:
        """Whether a request that makes this of an object is allowed; waits where it is to be held."""
        if not self._catches(resource):
            self.allowed.append(resource)
            return True
        self.held.append(wanted)
        self.caught.set()
        self._let_go.wait(HELD_S)
        return False


@contextmanager
def holding(cluster: Cluster, namespace: str, rules: Sequence[Json] = ()) -> Iterator[Holdup]:
    """What the rules name in a namespace goes through a `Holdup`; unless given, evictions and what is told of them."""
    keys = cluster.state / "pki"
    pki.issue(keys, "holdup", "/CN=holdup", ["IP:127.0.0.1"])
    holdup = Holdup()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer an AdmissionReview."""
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            parts = (request["resource"]["resource"], request.get("subResource", ""))
            passes = holdup.passes("/".join(filter(None, parts)), request.get("object") or {})
            answer = {"uid": request["uid"], "allowed": passes}
            body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            """As the library's; whoever asked may have gone."""
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys / "holdup.crt", keys / "holdup.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    authority = base64.b64encode((keys / "ca.crt").read_bytes()).decode()
    url = f"https://127.0.0.1:{server.server_port}/"
    name = f"holdup-{namespace}"
    cluster.api.request(
        "POST", API, _configuration(name, namespace, {"url": url, "caBundle": authority}, rules or MOVES)
    )
    try:
        yield holdup
    finally:
        cluster.api.request("DELETE", f"{API}/{name}")
        holdup.refuse()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _configuration(name: str, namespace: str, client: Json, rules: Sequence[Json]) -> Json:
    webhook = {
        "name": "holdup.foresize.dev",
        "clientConfig": client,
        "rules": [*rules],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 30,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": KIND,
        "metadata": {"name": name},
        "webhooks": [webhook],
    }
