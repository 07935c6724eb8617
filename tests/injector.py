"""A webhook of somebody else that puts a container into each new pod of a namespace, as service meshes do."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from foresize.webhook.certificates import made
from foresize.webhook.serving import Shown
from foresize_dev.cluster import Cluster

Json = dict[str, Any]
LIFE_S = 3600


@contextmanager
def injecting(cluster: Cluster, namespace: str, container: Json) -> Iterator[None]:
    """Add a container to the pods of a namespace, after all webhooks whose names come before `zz`."""
    pair, authority = made(("localhost",), LIFE_S, time.time())
    shown = Shown()
    shown.show(pair)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(container))
    server.socket = shown.context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    name = f"zz-inject-{namespace}"
    cluster.apply(_configuration(name, namespace, server.server_address[1], authority))
    try:
        yield
    finally:
        cluster.kubectl("delete", "mutatingwebhookconfiguration", name)
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(container: Json) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            there = any(each["name"] == container["name"] for each in request["object"]["spec"]["containers"])
            patch = [] if there else [{"op": "add", "path": "/spec/containers/-", "value": container}]
            encoded = base64.b64encode(json.dumps(patch).encode()).decode()
            response = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": encoded}
            body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def _configuration(name: str, namespace: str, port: int, authority: bytes) -> Json:
    url = f"https://localhost:{port}/"
    webhook = {
        "name": "inject.example.com",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "sideEffects": "None",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    }
