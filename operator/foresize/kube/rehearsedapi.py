"""An API server to read from and never to write to: every write is noted and answered as if it had been made."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from foresize.kube.kubeapi import JSON_TYPE, Api, Json, Operations

POLICIES = ("memorypolicies", "clustermemorypolicies")


@dataclass(frozen=True, slots=True)
class Unsent:
    """A write that was not sent."""

    method: str
    path: str
    body: Json | Operations | None


class RehearsedApi(Api):
    """Reads what is there, with some policies as if they had been applied.

    All writes of `Api` go through its `_write`, and here none of them reaches the server.
    """

    def __init__(self, api: Api, policies: Sequence[Json] = ()) -> None:
        super().__init__(api.client)
        self._policies = policies
        self._unsent: list[Unsent] = []
        self._noting = threading.Lock()

    @property
    def unsent(self) -> list[Unsent]:
        """What would have been written, in order."""
        with self._noting:
            return list(self._unsent)

    def list(self, path: str, **query: str) -> list[Json]:
        """All objects of a collection; of policies, those that are given instead of those of the same name."""
        found = super().list(path, **query)
        scope, _, plural = path.rpartition("/")
        if plural not in POLICIES:
            return found
        of_namespace = scope.rpartition("/namespaces/")[2] if "/namespaces/" in scope else ""
        mine = [each for each in self._policies if _belongs(each, plural, of_namespace)]
        names = {_name(each) for each in mine}
        return [*(each for each in found if _name(each) not in names), *mine]

    def _write(  # noqa: PLR0913 - as the client's
        self,
        method: str,
        path: str,
        body: Json | Operations | None,
        content_type: str = JSON_TYPE,
        *,
        urgent: bool = False,
        force: bool = False,
    ) -> Json:
        del content_type, urgent, force
        with self._noting:
            self._unsent.append(Unsent(method, path, body))
        answer = body if isinstance(body, dict) else {}
        metadata = {"uid": "", **(answer.get("metadata") or {}), "resourceVersion": "0"}
        return {**answer, "metadata": metadata}


def _belongs(policy: Json, plural: str, namespace: str) -> bool:
    if f"{policy['kind'].lower().removesuffix('y')}ies" != plural:
        return False
    return namespace in {"", policy["metadata"].get("namespace", "")}


def _name(policy: Json) -> tuple[str, str]:
    return policy["metadata"].get("namespace", ""), policy["metadata"]["name"]
