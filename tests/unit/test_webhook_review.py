"""AdmissionReviews in and out: every answer allows the pod."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize.webhook.review import NotAReviewError, answer

Json = dict[str, Any]
SIZES = {"StatefulSet/store": {"app": {"request": "100Mi", "limit": "200Mi"}}}


@dataclass
class Known:
    """What is known of namespace shop."""

    in_shop: Json = field(default_factory=lambda: SIZES)
    opted_out: bool | None = False

    def sizes(self, namespace: str) -> Mapping[str, Any]:
        """Of shop, those given."""
        return self.in_shop if namespace == "shop" else {}

    def ignored(self, namespace: str) -> bool | None:
        """Of shop, as given."""
        return self.opted_out if namespace == "shop" else None


def pod() -> Json:
    """Of StatefulSet store."""
    owner = {"kind": "StatefulSet", "name": "store", "controller": True}
    app = {"name": "app", "resources": {"requests": {"memory": "10Mi"}}}
    return {"metadata": {"name": "store-0", "ownerReferences": [owner]}, "spec": {"containers": [app]}}


def review(**changes: object) -> bytes:
    """Of that pod, in namespace shop."""
    request = {
        "uid": "u-1",
        "operation": "CREATE",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "object": pod(),
        **changes,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def response(body: bytes) -> Json:
    """What the API server reads."""
    found = json.loads(body)
    assert (found["apiVersion"], found["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    answered: Json = found["response"]
    return answered


def test_a_pod_with_a_size_gets_a_patch() -> None:
    """The answer is allowed, for this request, with a JSON patch that sets the sizes."""
    found = answer(review(), Known())
    said = response(found.body)

    assert (said["uid"], said["allowed"], said["patchType"], found.outcome) == ("u-1", True, "JSONPatch", "sized")
    assert json.loads(base64.b64decode(said["patch"])) == [
        {
            "op": "add",
            "path": "/spec/containers/0/resources",
            "value": {"requests": {"memory": "100Mi"}, "limits": {"memory": "200Mi"}},
        },
        {"op": "add", "path": "/metadata/annotations", "value": {"foresize.dev/sized-at-creation": "app"}},
    ]


@pytest.mark.parametrize(
    ("changes", "known", "outcome"),
    [
        pytest.param({"namespace": "other"}, Known(), "namespace not known", id="a namespace never heard of"),
        pytest.param({}, Known(opted_out=None), "namespace not known", id="nothing heard lately"),
        pytest.param({}, Known(opted_out=True), "ignored", id="opted out"),
        pytest.param({}, Known({}), "no sizes", id="no MemorySizes"),
        pytest.param({"operation": "UPDATE"}, Known(), "not a new pod", id="an update"),
        pytest.param({"subResource": "ephemeralcontainers"}, Known(), "not a new pod", id="a subresource"),
        pytest.param(
            {"resource": {"group": "apps", "version": "v1", "resource": "deployments"}}, Known(), "not a new pod"
        ),
        pytest.param({"object": None}, Known(), "doubtful", id="no object"),
        pytest.param({"object": {"metadata": [], "spec": 3}}, Known(), "doubtful", id="no pod"),
        pytest.param(
            {}, Known({"StatefulSet/store": {"app": ["10Mi"]}}), "doubtful", id="no sizes where they should be"
        ),
    ],
)
def test_anything_else_is_allowed_as_it_is(changes: Json, known: Known, outcome: str) -> None:
    """Not known, not ours, or not understood: the pod is created as its template says."""
    found = answer(review(**changes), known)

    assert response(found.body) == {"uid": "u-1", "allowed": True}
    assert found.outcome == outcome
    assert bool(found.doubt) is (outcome == "doubtful")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_no_pod_can_break_the_answer(data: st.DataObject) -> None:
    """Whatever stands where something else should, the answer allows."""
    body = pod()
    places: list[tuple[Any, Any]] = [
        (body, "metadata"),
        (body, "spec"),
        (body["metadata"], "ownerReferences"),
        (body["metadata"]["ownerReferences"], 0),
        (body["metadata"]["ownerReferences"][0], "name"),
        (body["spec"], "containers"),
        (body["spec"]["containers"], 0),
        (body["spec"]["containers"][0], "resources"),
        (body["spec"]["containers"][0]["resources"], "requests"),
        (body["spec"]["containers"][0]["resources"]["requests"], "memory"),
    ]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)

    assert response(answer(review(object=body), Known()).body)["allowed"] is True


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "u"}}',
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}',
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": 1}}',
    ],
    ids=lambda body: body[:20].decode(errors="replace"),
)
def test_what_is_no_review_is_refused(body: bytes) -> None:
    """Where nobody can be answered, nothing is made up."""
    with pytest.raises(NotAReviewError):
        answer(body, Known())
