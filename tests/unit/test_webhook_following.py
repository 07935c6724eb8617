"""What the webhook knows comes from LIST and WATCH, through every way in which these end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from foresize.webhook import following
from foresize.webhook.apiserver import ApiError
from foresize.webhook.following import Follow
from foresize.webhook.known import TRUSTED_S, Known

Json = dict[str, Any]
DEADLINE_S = 10


def thing(name: str, version: int, value: object = None, namespace: str = "shop") -> Json:
    """An object of the collection."""
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": str(version)}, "value": value}


def event(kind: str, *what: Any) -> Json:
    """One of a watch."""
    return {"type": kind, "object": thing(*what)}


class Server:
    """An API server that answers as it is told: pages for LIST, then for each WATCH its events, an error at the end."""

    def __init__(self, pages: Sequence[Json | ApiError], watches: Sequence[Sequence[Json | ApiError]]) -> None:
        self.asked: list[dict[str, str]] = []
        self._pages, self._watches = list(pages), list(watches)

    async def page(self, path: str, *, metadata_only: bool, **query: str) -> Json:
        """The next page."""
        assert path == "/things"
        assert not metadata_only
        self.asked.append(query)
        found = self._pages.pop(0)
        if isinstance(found, ApiError):
            raise found
        return found

    async def watch(
        self, path: str, opened: Callable[[], None], *, silence_s: float, metadata_only: bool, **query: str
    ) -> AsyncIterator[Json]:
        """The next watch; after the last one nothing comes any more."""
        assert (path, metadata_only, silence_s) == ("/things", False, 90.0)
        self.asked.append(query)
        opened()
        if not self._watches:
            await asyncio.Event().wait()
        for each in self._watches.pop(0):
            if isinstance(each, ApiError):
                raise each
            yield each


def page(version: int, *items: Json, more: str = "") -> Json:
    """One of a LIST."""
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(items)}


def follow(server: Server, until: Callable[[Follow[Any]], bool], name: str = "") -> Follow[Any]:
    """Follow a server until something is so."""

    async def run() -> Follow[Any]:
        one = Follow(server, "/things", read, name=name)  # type: ignore[arg-type]
        task = asyncio.create_task(one.run())
        async with asyncio.timeout(DEADLINE_S):
            while not until(one):  # noqa: ASYNC110 - what is waited for is not told of
                await asyncio.sleep(0.005)
        task.cancel()
        return one

    return asyncio.run(run())


def read(found: Json) -> object:
    """What is kept of an object."""
    if found["value"] == "unreadable":
        raise ValueError("this is no value")
    return found["value"]


def names(one: Follow[Any]) -> dict[str, object]:
    """What is kept, by name."""
    return {name: value for (_, name), value in one.objects.items()}


def test_what_is_listed_and_what_changes_is_known() -> None:
    """All pages, then each change; the watch goes on from where the list ended."""
    changes = [
        event("ADDED", "c", 8, 3),
        event("MODIFIED", "a", 9, 4),
        event("DELETED", "b", 10),
        event("BOOKMARK", "", 11),
    ]
    server = Server([page(7, thing("a", 1, 1), more="x"), page(7, thing("b", 2, 2))], [changes])
    one = follow(server, lambda one: names(one) == {"a": 4, "c": 3} and len(server.asked) == 4)

    assert one.synced
    assert [each.get("continue") for each in server.asked[:2]] == [None, "x"]
    assert [each.get("resourceVersion") for each in server.asked[2:]] == ["7", "11"]


def test_only_what_has_the_name_is_asked_for() -> None:
    """A right to one object is enough to follow it."""
    server = Server([page(1)], [])
    follow(server, lambda _: len(server.asked) == 2, name="mine")

    assert [each["fieldSelector"] for each in server.asked] == ["metadata.name=mine"] * 2


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param([{"type": "ERROR", "object": {"code": 410, "message": "too old"}}], id="told in the watch"),
        pytest.param([ApiError(410, "too old")], id="refused"),
        pytest.param([{"type": "ERROR", "object": {"code": 500, "message": "?"}}], id="another error"),
    ],
)
def test_a_gap_is_listed_anew(ending: list[Json | ApiError]) -> None:
    """What was deleted meanwhile is gone, what was there stays known until the list is whole."""
    server = Server([page(1, thing("a", 1, 1), thing("b", 1, 2)), page(9, thing("b", 8, 3))], [ending])
    one = follow(server, lambda one: names(one) == {"b": 3})

    assert next(each["resourceVersion"] for each in server.asked if "timeoutSeconds" in each) == "1"
    assert one.synced


def test_a_broken_connection_goes_on_where_it_was() -> None:
    """Nothing is listed again, nothing that is known is forgotten meanwhile."""
    watches: list[list[Json | ApiError]] = [
        [event("ADDED", "b", 2, 2), ApiError(0, "silent")],
        [event("ADDED", "c", 3, 3)],
    ]
    server = Server([page(1, thing("a", 1, 1))], watches)
    follow(server, lambda one: names(one) == {"a": 1, "b": 2, "c": 3} and len(server.asked) == 4)

    assert [each.get("resourceVersion") for each in server.asked[1:]] == ["1", "2", "3"]


def test_an_api_server_that_is_not_there_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start before it is up, and lists that fail half way, end well."""
    monkeypatch.setattr(following, "BACKOFF_FIRST_S", 0.001)
    failure = ApiError(0, "API server not reached")
    server = Server([failure, page(1, thing("a", 1, 1), more="x"), failure, page(2, thing("b", 2, 2))], [[], []])
    one = follow(server, lambda one: names(one) == {"b": 2})

    assert one.synced


def test_a_watch_that_begins_is_word_of_the_api_server() -> None:
    """Nothing may change for hours, and then there are no bookmarks either: it is enough that the server agreed."""
    server = Server([page(1)], [[], []])
    heard: list[float] = []

    def again(one: Follow[Any]) -> bool:
        heard.append(one.heard_s)
        return len(server.asked) == 4

    follow(server, again)
    assert heard[-1] > min(each for each in heard if each)


def test_what_cannot_be_read_is_not_known() -> None:
    """Of an object that turns into nonsense the old value is not used on."""
    server = Server([page(1, thing("a", 1, 1), thing("b", 1, 2))], [[event("MODIFIED", "a", 2, "unreadable")]])

    follow(server, lambda one: names(one) == {"b": 2})


def test_what_was_heard_too_long_ago_is_not_used() -> None:
    """Cut off from the API server, a replica is not ready and sizes nothing: sizes may have been taken back since."""
    now_s = 1000.0
    known = Known(Server([], []), lambda: now_s)  # type: ignore[arg-type]
    assert not known.synced()
    known.memorysizes.objects = {("shop", "foresize"): {"Deployment/web": {}}}
    known.namespaces.objects = {("", "shop"): False}
    for each in (known.memorysizes, known.namespaces):
        each.synced, each.heard_s = True, now_s
    assert known.synced()
    assert (known.ignored("shop"), known.ignored("other")) == (False, None)
    assert known.sizes("shop") == {"Deployment/web": {}}
    assert known.sizes("other") == {}

    now_s += TRUSTED_S + 1
    assert not known.synced()
    assert known.ignored("shop") is None
