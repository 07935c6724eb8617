"""The way to the API server: JSON over aiohttp with the ServiceAccount that every pod has.

Not the official client: its import alone costs as much memory as all of this, and four verbs are all that is needed.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

Json = dict[str, Any]
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a ServiceAccount's token, which it renews, and the API server's authority."""
TIMEOUT_S = 20.0
CONNECT_S = 5.0
METADATA_ONLY = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"
STRATEGIC = "application/strategic-merge-patch+json"
FAILURES = 400


class ApiError(Exception):
    """The API server refused, or could not be reached (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message} ({status})" if status else message)
        self.status = status


class ApiServer:
    """Connections to one API server; use it as an async context."""

    def __init__(self, url: str, account: Path = ACCOUNT) -> None:
        """Nothing is connected yet.

        Args:
            url: such as https://10.96.0.1:443.
            account: a folder with `token` and `ca.crt`; the token is read for each request, because it is renewed.
        """
        self._url, self._account = url, account
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Make ready to connect.

        Raises:
            OSError: the folder does not hold what it should.
        """
        tls = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
        # On from Python 3.13; authorities of clusters are often older than its rules.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        self._session = aiohttp.ClientSession(self._url, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def page(self, path: str, *, metadata_only: bool = False, **query: str) -> Json:
        """One page of a collection."""
        accept = METADATA_ONLY.format(list="List") if metadata_only else ""
        return await self._json("GET", path, query, accept=accept)

    async def watch(
        self, path: str, opened: Callable[[], None], *, silence_s: float, metadata_only: bool = False, **query: str
    ) -> AsyncIterator[Json]:
        """The events of a watch, each as soon as its line is there, until the server ends it.

        Args:
            path: of the collection.
            opened: called when the server has agreed, which may be long before the first event.
            silence_s: a watch that brings nothing for so long is given up.
            metadata_only: ask for names, labels and annotations alone.
            query: further parameters.

        Raises:
            ApiError: it was refused, broke off, was silent for longer than a live one is, or sent what is no JSON.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        accept = METADATA_ONLY.format(list="") if metadata_only else ""
        buffered = b""
        try:
            async with self._open("GET", path, {"watch": "true", **query}, timeout=timeout, accept=accept) as response:
                await _check(response)
                opened()
                async for chunk in response.content.iter_any():
                    *lines, buffered = (buffered + chunk).split(b"\n")
                    for line in lines:
                        if line.strip():
                            yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(0, f"watch of {path} ended: {type(error).__name__} {error}") from error

    async def replace(self, path: str, body: Json) -> Json:
        """Put an object, bound to the resourceVersion that it carries."""
        return await self._json("PUT", path, {}, body)

    async def patch(self, path: str, body: Json) -> Json:
        """Merge into an object, lists by their keys."""
        return await self._json("PATCH", path, {}, body, STRATEGIC)

    async def _json(  # noqa: PLR0913, PLR0917 - one HTTP request
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None = None,
        content_type: str = "application/json",
        accept: str = "",
    ) -> Json:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=CONNECT_S)
        data = None if body is None else json.dumps(body).encode()
        try:
            opened = self._open(method, path, query, timeout, data, content_type, accept)
            async with opened as response:
                await _check(response)
                found: Json = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(0, f"API server not reached: {type(error).__name__} {error}") from error
        return found

    def _open(  # noqa: PLR0913, PLR0917 - the same
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        data: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "",
    ) -> Any:  # noqa: ANN401 - a context of aiohttp's own
        if self._session is None:
            raise RuntimeError("not connected: use it as an async context")
        headers = {
            "Authorization": f"Bearer {(self._account / 'token').read_text().strip()}",
            "Accept": accept or "application/json",
            "Content-Type": content_type,
        }
        return self._session.request(method, path, params=query, data=data, headers=headers, timeout=timeout)


def in_cluster(environ: Mapping[str, str] = os.environ) -> str:
    """The address of the API server as the kubelet tells every pod.

    Raises:
        ApiError: this is no pod.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ApiError(0, "KUBERNETES_SERVICE_HOST is not set: this runs in a pod, with a ServiceAccount")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < FAILURES:
        return
    text = await response.text()
    try:
        message = str(json.loads(text).get("message") or text)
    except (ValueError, AttributeError):
        message = text
    raise ApiError(response.status, message.strip()[:1000])
