"""Who reads a shared page, and what they may see: the API server says, asked about the token that they show.

Nothing is kept of the questions there. Here answers are, for a minute, so that a page asks once; of tokens, a digest.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

from foresize.kube.kubeapi import Api

AUDIENCE = "foresize-ui"
"""A token made for it is of no use to the API server itself: `kubectl create token NAME --audience foresize-ui`."""
KEPT_S = 60.0
MOST_KEPT = 10_000
LONGEST_TOKEN = 8192
TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody whom the API server knows.

    Attributes:
        key: tells readers apart.
        name: as the API server names them.
        subject: the same with groups, as its questions about rights take it.
    """

    key: str
    name: str
    subject: Json = field(compare=False)


@dataclass(slots=True)
class Readers:
    """Asks the API server, and remembers for a minute what it said."""

    api: Api
    _known: dict[str, tuple[float, Reader | None]] = field(default_factory=dict)
    _allowed: dict[tuple[str, str, str], tuple[float, bool]] = field(default_factory=dict)

    def remembered(self, token: str) -> Reader | None:
        """Who showed this token within the last minute; None where nobody did, or it was none."""
        until_s, reader = self._known.get(_digest(token), (0.0, None))
        return reader if time.monotonic() < until_s else None

    def of(self, token: str) -> Reader | None:
        """Whose token this is; None where it is nobody's.

        Raises:
            ApiError: the API server could not be asked.
        """
        if not token or len(token) > LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            return None
        reader = self.remembered(token)
        if reader is None:
            reader = self._reviewed(token, [AUDIENCE]) or self._reviewed(token, [])
            _keep(self._known, _digest(token), reader)
        return reader

    def may(self, reader: Reader, verb: str, namespace: str) -> bool:
        """Whether somebody may do this with the MemoryForecasts of a namespace.

        Raises:
            ApiError: the API server could not be asked.
        """
        return self._may(reader, verb, "") or self._may(reader, verb, namespace)

    def _may(self, reader: Reader, verb: str, namespace: str) -> bool:
        key = (reader.key, verb, namespace)
        until_s, allowed = self._allowed.get(key, (0.0, False))
        if time.monotonic() >= until_s:
            what = {"group": "foresize.dev", "resource": "memoryforecasts", "verb": verb, "namespace": namespace}
            found = self.api.create(ACCESS, _review("authorization", "SubjectAccessReview", reader.subject, what))
            allowed = found.get("status", {}).get("allowed") is True
            _keep(self._allowed, key, allowed)
        return allowed

    def _reviewed(self, token: str, audiences: list[str]) -> Reader | None:
        asked = {"token": token, **({"audiences": audiences} if audiences else {})}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": asked}
        status = self.api.create(TOKENS, body).get("status", {})
        user = status.get("user", {})
        if status.get("authenticated") is not True or not user.get("username"):
            return None
        if audiences and not set(audiences) & set(status.get("audiences") or []):
            return None  # an authenticator that knows no audiences: what it says is of tokens for the API server
        subject = {
            "user": user["username"],
            **{name: user[name] for name in ("groups", "uid", "extra") if user.get(name)},
        }
        return Reader(_digest(repr(subject)), user["username"], subject)


def _review(group: str, kind: str, subject: Json, what: Json) -> Json:
    spec = {**subject, "resourceAttributes": what}
    return {"apiVersion": f"{group}.k8s.io/v1", "kind": kind, "spec": spec}


def _keep(of: dict[Any, tuple[float, Any]], key: object, value: object) -> None:
    if len(of) >= MOST_KEPT:
        of.clear()
    of[key] = (time.monotonic() + KEPT_S, value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
