"""AdmissionReviews of admission.k8s.io/v1, in and out. Every answer allows the pod: at worst without a patch."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from foresize.webhook.birth import Sized, birth

Json = dict[str, Any]
API_VERSION = "admission.k8s.io/v1"
UNKNOWN = "namespace not known"
DOUBTFUL = "doubtful"
SIZED = "sized"


class NotAReviewError(ValueError):
    """What was sent is no AdmissionReview, so there is nobody to answer."""


class Namespaces(Protocol):
    """What is known of namespaces, without asking anybody."""

    def sizes(self, namespace: str) -> Mapping[str, Any]:
        """`spec.sizes` of its MemorySizes; empty where it has none."""

    def ignored(self, namespace: str) -> bool | None:
        """Whether it opted out by annotation; None: nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back, and what was made of the pod."""

    body: bytes
    outcome: str
    """`sized`, or why not: for metrics."""
    doubt: str = ""
    """What could not be understood, for the log."""


def answer(body: bytes, known: Namespaces) -> Answer:
    """The answer to one review.

    Raises:
        NotAReviewError: it is none of the version that is understood.
    """
    request = _request(body)
    uid = request["uid"]
    try:
        patch, outcome = _patch(request, known)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        return Answer(_allowed(uid), DOUBTFUL, f"{_name(request)}: {type(error).__name__}: {error}")
    return Answer(_allowed(uid, patch), outcome)


def _patch(request: Json, known: Namespaces) -> tuple[tuple[Json, ...], str]:
    pods = {"group": "", "version": "v1", "resource": "pods"}
    if request["operation"] != "CREATE" or request["resource"] != pods or request.get("subResource"):
        return (), "not a new pod"
    namespace = request["namespace"]
    ignored = known.ignored(namespace)
    if ignored is None:
        return (), UNKNOWN
    found = birth(request["object"], known.sizes(namespace), namespace_ignored=ignored)
    return (found.patch, SIZED) if isinstance(found, Sized) else ((), found.why)


def _request(body: bytes) -> Json:
    try:
        review = json.loads(body)
        version, kind, request = review["apiVersion"], review["kind"], review["request"]
        understood = (version, kind) == (API_VERSION, "AdmissionReview") and isinstance(request["uid"], str)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise NotAReviewError(f"no AdmissionReview: {type(error).__name__}") from error
    if not understood:
        raise NotAReviewError(f"{version} {kind} is no AdmissionReview of {API_VERSION}")
    found: Json = request
    return found


def _allowed(uid: str, patch: tuple[Json, ...] = ()) -> bytes:
    response: Json = {"uid": uid, "allowed": True}
    if patch:
        encoded = base64.b64encode(json.dumps(patch).encode()).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    return json.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}).encode()


def _name(request: Json) -> str:
    """For the log: where the pod is, and what it will be called."""
    thing = request.get("object")
    metadata = thing.get("metadata") if isinstance(thing, dict) else None
    name = (metadata.get("name") or metadata.get("generateName")) if isinstance(metadata, dict) else None
    return f"pod {request.get('namespace')}/{name}"
