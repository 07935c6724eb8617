"""Custom resources on a real HTTP server: stored, versioned and refused as the API server does."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

from apiserver import Answer, Request, status

Json = dict[str, Any]
SUBRESOURCES = ("status", "resize", "eviction", "scale")


class Objects:
    """Objects by path. Lists, creates, replaces, merges and deletes them; `requests` is what was asked.

    Paths are `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME`, or `/apis/GROUP/VERSION/PLURAL/NAME`.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Json] = {}
        self.requests: list[Request] = []
        self.refuse: Callable[[Request], Answer | None] = lambda _: None
        """Answers before the store does, where it answers at all."""
        self._version = 100
        self._lock = threading.RLock()

    def answer(self, request: Request) -> Answer:
        """As the API server."""
        with self._lock:
            self.requests.append(request)
            refused = self.refuse(request)
            if refused is None and request.path.endswith("/selfsubjectreviews"):
                return 201, {"status": {"userInfo": {"username": "somebody", "uid": "u-1"}}}
            return refused if refused is not None else self._served(request)

    def put(self, path: str, item: Json) -> Json:
        """What somebody else writes."""
        with self._lock:
            self._version += 1
            before = self.stored.get(path, {}).get("metadata", {})
            uid = before.get("uid", item.get("metadata", {}).get("uid", f"uid-of-{self._version}"))
            kept = {"uid": uid, "resourceVersion": str(self._version)}
            collection, _, name = path.rpartition("/")
            place = {"name": name}
            if "/namespaces/" in collection:
                place["namespace"] = collection.split("/")[-2]
            stored = copy.deepcopy(item)
            stored["metadata"] = {**stored.get("metadata", {}), **place, **kept}
            self.stored[path] = stored
            return copy.deepcopy(stored)

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of what was asked, without reads."""
        with self._lock:
            return [(each.method, each.path) for each in self.requests if each.method != "GET"]

    def _served(self, request: Request) -> Answer:
        path, _, last = request.path.rpartition("/")
        sub = last if last in SUBRESOURCES else ""
        path = path if sub else request.path
        match request.method:
            case "GET":
                return self._read(path)
            case "POST" if last == "eviction":
                return self._evicted(path, request.body)
            case "POST":
                path = f"{path}/{request.body['metadata']['name']}"
                if path in self.stored:
                    return status(409, f"{path} already exists")
                return 201, self.put(path, {name: value for name, value in request.body.items() if name != "status"})
            case _ if path not in self.stored:
                return status(404, f"{path} not found")
            case "DELETE":
                return 200, self.stored.pop(path)
            case "PUT":
                return self._replaced(path, request.body, sub)
            case _:
                return 200, self.put(path, _merged(self.stored[path], request.body))

    def _evicted(self, path: str, body: Json) -> Answer:
        wanted = body["deleteOptions"]["preconditions"]["uid"]
        if path not in self.stored:
            return status(404, f"{path} not found")
        if self.stored[path]["metadata"]["uid"] != wanted:
            return status(409, f"the uid in the precondition ({wanted}) is another one")
        self.stored.pop(path)
        return 201, {"kind": "Status", "status": "Success"}

    def _read(self, path: str) -> Answer:
        if path in self.stored:
            return 200, copy.deepcopy(self.stored[path])
        plural = path.rpartition("/")[2]
        if plural.endswith("s"):  # a collection, of a namespace or of all
            return 200, {"items": [item for key, item in sorted(self.stored.items()) if _within(key, path)]}
        return status(404, f"{path} not found")

    def _replaced(self, path: str, body: Json, sub: str) -> Answer:
        before = self.stored[path]
        version = body["metadata"].get("resourceVersion")
        if version is not None and version != before["metadata"]["resourceVersion"]:
            return status(409, "the object has been modified; please apply your changes to the latest version")
        return 200, self.put(path, {**before, sub: body[sub]} if sub else body)


def _within(key: str, collection: str) -> bool:
    prefix, _, plural = collection.rpartition("/")
    kept, _, _ = key.rpartition("/")
    return kept == collection or (kept.startswith(f"{prefix}/namespaces/") and kept.endswith(f"/{plural}"))


def _merged(before: Json, patch: Json) -> Json:
    """RFC 7396."""
    merged = dict(before)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name) or {}, value) if isinstance(value, dict) else value
    return merged
