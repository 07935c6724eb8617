"""Servers of a test's own for the webhook's tests: TLS on loopback, and reviews that nothing is known about."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from foresize.webhook.server import PATH, listen
from foresize.webhook.serving import Shown

NAMES = ("localhost",)
LIFE_S = 3600.0
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "u",
        "operation": "CREATE",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "object": {"metadata": {"name": "bare"}, "spec": {"containers": []}},
    },
}


@dataclass
class Known:
    """Nothing is known, but that is known."""

    all_read: bool = True

    def sizes(self, namespace: str) -> Mapping[str, Any]:
        """None."""
        del namespace
        return {}

    def ignored(self, namespace: str) -> bool | None:
        """No."""
        del namespace
        return False

    def synced(self) -> bool:
        """As given."""
        return self.all_read


@dataclass
class Certificate:
    """As good as it is told to be."""

    good: bool = True

    def ready(self) -> bool:
        """As given."""
        return self.good


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def trusting(*authorities: bytes) -> ssl.SSLContext:
    """A client that is told these authorities."""
    return ssl.create_default_context(cadata=b"".join(authorities).decode())


@asynccontextmanager
async def serving(application: web.Application, shown: Shown | None = None) -> AsyncIterator[int]:
    """The port of a server."""
    port = free_port()
    runner = await listen(application, port, shown)
    try:
        yield port
    finally:
        await runner.cleanup()


async def asked(port: int, context: ssl.SSLContext, body: bytes) -> tuple[int, bytes]:
    """The answer to one request over a connection of its own."""
    async with aiohttp.ClientSession() as session:
        url = f"https://localhost:{port}{PATH}"
        async with session.post(url, data=io.BytesIO(body), ssl=context) as answer:
            return answer.status, await answer.read()
