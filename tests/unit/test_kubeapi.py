from __future__ import annotations

from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from foresize.kube.kubeapi import ApiError, Budget, Conflict, Gone, NotFound


def test_list_reads_all_pages() -> None:
    """A long list is read page by page, to its end."""
    pages = {"": (["a", "b"], "next"), "next": (["c"], "")}
    limits = []

    def answer(request: Request) -> Answer:
        limits.append(request.query["limit"])
        names, more = pages[request.query.get("continue", "")]
        return 200, {"metadata": {"continue": more}, "items": [{"metadata": {"name": name}} for name in names]}

    with serving(answer) as api:
        found = [item["metadata"]["name"] for item in api.list("/api/v1/pods")]

    assert ["a", "b", "c"] == found
    assert ["500", "500"] == limits


@pytest.mark.parametrize(
    ("code", "kind"), [(404, NotFound), (409, Conflict), (410, Gone), (403, ApiError), (422, ApiError), (500, ApiError)]
)
def test_refusals_keep_the_servers_words(code: int, kind: type[ApiError]) -> None:
    """A refusal has the API server's own message, for a person to read."""
    with serving(lambda _: status(code, "pods is forbidden: exceeded quota")) as api, pytest.raises(kind) as caught:
        api.get("/api/v1/namespaces/shop/pods/web")

    assert (code, "pods is forbidden: exceeded quota") == (caught.value.status, caught.value.message)


def test_an_answer_that_is_no_status() -> None:
    """A proxy's error page is a refusal like any other."""
    with serving(lambda _: (502, "bad gateway")) as api, pytest.raises(ApiError, match="bad gateway"):
        api.get("/api/v1/pods")


def test_a_page_where_json_is_due() -> None:
    """What a proxy answers with 200 but is no JSON is an error like any other, and ends no loop."""
    with serving(lambda _: (200, b"<html>sign in</html>")) as api, pytest.raises(ApiError, match="no JSON"):
        api.get("/api/v1/pods")


def test_no_server() -> None:
    """An API server that is not there is an error with status 0."""
    with serving(lambda _: (200, {})) as api:
        api.client.configuration.host = "http://127.0.0.1:9"
        with pytest.raises(ApiError) as caught:
            api.get("/api/v1/pods")

    assert 0 == caught.value.status


@pytest.mark.parametrize(
    "content_type", ["application/strategic-merge-patch+json", "application/merge-patch+json", "application/json"]
)
def test_a_patch_is_sent_as_written(content_type: str) -> None:
    """A patch reaches the API server with its own content type and body."""
    sent: list[Request] = []

    def answer(request: Request) -> Answer:
        sent.append(request)
        return 200, {"done": True}

    patch: dict[str, Any] = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}}}]}}
    path = "/api/v1/namespaces/shop/pods/web/resize"
    with serving(answer) as api:
        assert {"done": True} == api.patch(path, patch, content_type)

    assert [("PATCH", path, patch, content_type)] == [(r.method, r.path, r.body, r.content_type) for r in sent]


def test_budget() -> None:
    """After its burst a writer gets so many writes a second, and what it did not use is its burst again.

    Burst 2 at 10/s: two at once, the third 0.1 s later, the fourth 0.2 s later. After 10 s of rest two at once again.
    """
    now = [0.0]
    budget = Budget(10.0, 2, lambda: now[0])

    waits = [budget.wait_s() for _ in range(4)]
    now[0] += 10.0
    waits += [budget.wait_s() for _ in range(3)]

    assert [0.0, 0.0, 0.1, 0.2, 0.0, 0.0, 0.1] == pytest.approx(waits)
