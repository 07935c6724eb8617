"""The way to the API server: raw JSON over the official client, with time limits, error kinds and a budget for writes.

Plain dicts both ways: the client's models cost more than the call and refuse fields that they do not know.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from foresize import metrics

Json = dict[str, Any]
Operations = list[Json]
"""A JSON patch."""
PAGE = 500
TIMEOUT_S = 20.0
WRITES_PER_S = 10.0
WRITE_BURST = 20
JSON_TYPE = "application/json"
MANAGER = "foresize"
"""Whose fields those are that we write, in an object's managedFields."""
SUBRESOURCES = ("/resize", "/status", "/eviction", "/scale")
TOO_MANY = 429
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class ApiError(Exception):
    """The API server refused, or could not be reached (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message} ({status})" if status else message)
        self.status = status
        self.message = message


class NotFound(ApiError):  # noqa: N818 - named as Kubernetes names the reason
    """There is no such object."""


class Conflict(ApiError):  # noqa: N818 - as above
    """Somebody else wrote in between, or it exists already."""


class Forbidden(ApiError):  # noqa: N818 - as above
    """Our rights, or an admission rule, do not allow it."""


class Gone(ApiError):  # noqa: N818 - as above
    """The watch's resourceVersion is too old."""


KINDS: dict[int, type[ApiError]] = {403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone}


class Budget:
    """A token bucket: a burst, then so many a second; who comes too early waits."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._tokens, self._at = float(burst), clock()
        self._lock = threading.Lock()

    def wait_s(self) -> float:
        """Take a token and say how long to wait before using it."""
        with self._lock:
            now = self._clock()
            self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._per_s) - 1
            self._at = now
            return max(0.0, -self._tokens / self._per_s)


class Stream:
    """The events of a watch, each as soon as its line is there, until the server ends it."""

    def __init__(self, path: str, response: urllib3.HTTPResponse) -> None:
        self._path, self._response = path, response

    def __iter__(self) -> Iterator[Json]:
        """Read on.

        Raises:
            ApiError: the connection broke, was silent for too long, or carried what is no JSON.
        """
        buffered = b""
        try:
            for chunk in self._response.stream(amt=None):
                *lines, buffered = (buffered + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except (urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
            raise ApiError(0, f"watch of {self._path} ended: {error}") from error
        finally:
            self._response.close()
            self._response.release_conn()

    def end(self) -> None:
        """End it from another thread; whoever reads it then gets no more events."""
        with contextlib.suppress(ValueError, RuntimeError, OSError):  # it has ended already
            self._response.shutdown()


class Api:
    """A connection pool to one API server."""

    def __init__(self, api_client: client.ApiClient, budget: Budget | None = None) -> None:
        self.client = api_client
        self._budget = budget or Budget(WRITES_PER_S, WRITE_BURST)
        self._urgent = Budget(WRITES_PER_S, WRITE_BURST)

    def get(self, path: str, **query: str) -> Json:
        """One object."""
        return self._call("GET", path, query=query)

    def list(self, path: str, **query: str) -> list[Json]:
        """All objects of a collection."""
        return [item for page in self.pages(path, **query) for item in page.get("items") or []]

    def pages(self, path: str, **query: str) -> Iterator[Json]:
        """A collection in pages as the API server sends them, all of one resourceVersion."""
        more = ""
        while True:
            page = self._call("GET", path, query={**query, "limit": str(PAGE), **({"continue": more} if more else {})})
            yield page
            more = page.get("metadata", {}).get("continue", "")
            if not more:
                return

    def create(self, path: str, body: Json) -> Json:
        """Make an object."""
        return self._write("POST", path, body)

    def replace(self, path: str, body: Json, *, urgent: bool = False) -> Json:
        """Put an object, bound to the resourceVersion that it carries."""
        return self._write("PUT", path, body, urgent=urgent)

    def patch(
        self, path: str, body: Json | Operations, content_type: str, *, urgent: bool = False, force: bool = False
    ) -> Json:
        """Patch an object; `content_type` names the kind of patch, `force` lets an apply take others' fields over."""
        return self._write("PATCH", path, body, content_type, urgent=urgent, force=force)

    def delete(self, path: str) -> Json:
        """Delete an object."""
        return self._write("DELETE", path, None)

    def stream(self, path: str, read_timeout_s: float, **query: str) -> Stream:
        """Start a watch; it fails where the server is silent for `read_timeout_s`."""
        return Stream(path, self._request("GET", path, query=query, timeout_s=read_timeout_s))

    def _write(  # noqa: PLR0913 - one HTTP request
        self,
        method: str,
        path: str,
        body: Json | Operations | None,
        content_type: str = JSON_TYPE,
        *,
        urgent: bool = False,
        force: bool = False,
    ) -> Json:
        """What saves from a kill has a budget of its own: it must not wait behind what is only told."""
        time.sleep((self._urgent if urgent else self._budget).wait_s())
        named = {} if body is None else {"fieldManager": MANAGER}
        query = {**named, "force": "true"} if force else named
        resource = path.rsplit("/", 1)[-1] if path.endswith(SUBRESOURCES) else _resource(path)
        try:
            answer = self._call(method, path, body, content_type, query)
        except ApiError as error:
            metrics.API_WRITES.labels(resource, str(error.status)).inc()
            raise
        metrics.API_WRITES.labels(resource, "2xx").inc()
        return answer

    def _call(
        self,
        method: str,
        path: str,
        body: Json | Operations | None = None,
        content_type: str = JSON_TYPE,
        query: Json | None = None,
    ) -> Json:
        response = self._request(method, path, body, content_type, query)
        try:
            answer: Json = json.loads(response.data) if response.data else {}
        except ValueError as error:
            raise ApiError(0, f"what answers for the API server sends no JSON: {error}") from error
        return answer

    def _request(  # noqa: PLR0913, PLR0917 - one HTTP request
        self,
        method: str,
        path: str,
        body: Json | Operations | None = None,
        content_type: str = JSON_TYPE,
        query: Json | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> urllib3.HTTPResponse:
        headers = {"Accept": JSON_TYPE, "Content-Type": content_type}
        request = self.client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            with metrics.API_SECONDS.labels(method).time():
                answer = self.client.call_api(*request, _request_timeout=(5.0, timeout_s))
            response: urllib3.HTTPResponse = answer.response
        except client.ApiException as error:
            raise _error(error.status or 0, error.body or str(error.reason)) from error
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, f"API server not reached: {error}") from error
        if response.status >= 400:  # noqa: PLR2004 - HTTP's errors
            raise _error(response.status, response.data)
        return response


def in_cluster() -> bool:
    """Whether this runs in a pod that has an account of its own."""
    return TOKEN.exists()


def connect(kubeconfig: str | None = None) -> Api:
    """A connection as the environment says: in the cluster by its ServiceAccount, else by a kubeconfig.

    Raises:
        ApiError: there is neither.
    """
    settings = client.Configuration()
    try:
        if kubeconfig is None and in_cluster():
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(config_file=kubeconfig, client_configuration=settings)
    except ConfigException as error:
        raise ApiError(0, f"no cluster to talk to: {_lacking(kubeconfig) or error}") from error
    except Exception as error:  # the library lets through whatever a file that is no kubeconfig makes of it
        raise ApiError(0, f"no cluster to talk to: the kubeconfig cannot be read: {error}") from error
    settings.retries = False
    return Api(client.ApiClient(settings))


def _lacking(kubeconfig: str | None) -> str:
    """Which file is not there; empty where one is."""
    if kubeconfig is not None:
        return "" if Path(kubeconfig).exists() else f"--kubeconfig: {kubeconfig}: no such file"
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    there = any(Path(each).expanduser().exists() for each in named.split(os.pathsep) if each)
    return "" if there else f"{named}: no such file; KUBECONFIG or --kubeconfig names another"


def current_namespace(kubeconfig: str | None = None) -> str:
    """The namespace that kubectl would take: of this pod, or of the kubeconfig's context; else `default`."""
    if kubeconfig is None and in_cluster():
        return TOKEN.with_name("namespace").read_text(encoding="utf-8").strip() or "default"
    try:
        _, current = config.list_kube_config_contexts(config_file=kubeconfig)
        return str(current["context"].get("namespace") or "default")
    except Exception:  # noqa: BLE001 - whatever is wrong with the file, `connect` says it
        return "default"


def _error(status: int, body: str | bytes) -> ApiError:
    try:
        answer = json.loads(body)
        message = answer.get("message") or str(body)
        if status == TOO_MANY:  # a PodDisruptionBudget names itself and its numbers there only
            causes = (answer.get("details") or {}).get("causes") or []
            message = " ".join([message, *(each["message"] for each in causes if each.get("message"))])
    except (ValueError, AttributeError):
        message = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
        if message.lstrip()[:1] == "<":  # a page for people: that of a proxy, or of no Kubernetes at all
            message = "what answers for the API server sends a web page"
    return KINDS.get(status, ApiError)(status, message.strip()[:1000])


def _resource(path: str) -> str:
    """The plural in a path: `/apis/g/v/namespaces/n/memoryforecasts/x` -> `memoryforecasts`."""
    parts = path.strip("/").split("/")
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 - namespaces/NAME/PLURAL
        rest = rest[2:]
    return rest[0] if rest else path
