from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import builders
from apiserver import Answer, Request, serving, status
from foresize.kube.kubeapi import Api, Budget
from foresize.reporting.events import Events, Regarding
from foresize.reporting.events import pod as regarding


def pod(**changes: Any) -> Regarding:
    """A pod, as an Event names it."""
    return regarding(builders.pod(**changes))


class Posted:
    """What reached the API server."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer:
        """Accepts, unless told otherwise."""
        self.bodies.append(request.body)
        return self.answers.pop(0) if self.answers else (201, request.body)


def test_an_event_on_the_pod() -> None:
    """What was done to a pod is an Event in the pod's namespace that `kubectl describe pod` shows."""
    posted = Posted()
    with serving(posted) as api:
        events = Events(api, "operator-1")
        events.normal(pod(), "MemoryResized", "request of app 64 MiB -> 96 MiB")
        events.close()

    body = posted.bodies[0]
    assert {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-abc-1", "uid": "uid-1"} == body[
        "regarding"
    ]
    assert ("Normal", "MemoryResized", "request of app 64 MiB -> 96 MiB") == (
        body["type"],
        body["reason"],
        body["note"],
    )
    assert "operator-1" == body["reportingInstance"]


def test_the_same_words_once() -> None:
    """The same about the same pod is said once in a while; about another pod, or in other words, at once."""
    posted = Posted()
    with serving(posted) as api:
        events = Events(api, "operator-1")
        for _ in range(3):
            events.warning(pod(), "ResizeRefused", "no room")
        events.warning(pod(uid="uid-2", name="web-abc-2"), "ResizeRefused", "no room")
        events.warning(pod(), "ResizeRefused", "no quota")
        events.close()

    told = [(body["regarding"]["name"], body["note"]) for body in posted.bodies]
    assert [("web-abc-1", "no room"), ("web-abc-2", "no room"), ("web-abc-1", "no quota")] == told


def test_long_words_are_cut() -> None:
    """A note that the API server would refuse for its length is cut to the 1000 characters it takes."""
    posted = Posted()
    with serving(posted) as api:
        events = Events(api, "operator-1")
        events.normal(pod(), "MemoryResized", "x" * 3000)
        events.close()

    assert "x" * 997 + "..." == posted.bodies[0]["note"]


def test_words_are_cut_by_bytes() -> None:
    """The API server counts bytes: 600 signs of 2 bytes are cut to 498, for 997 bytes hold 498 whole ones."""
    posted = Posted()
    with serving(posted) as api:
        events = Events(api, "operator-1")
        events.normal(pod(), "MemoryResized", "\u00e4" * 600)
        events.close()

    assert "\u00e4" * 498 + "..." == posted.bodies[0]["note"]


def test_words_from_elsewhere_cannot_act_on_a_terminal() -> None:
    """A webhook's refusal with escape sequences and line ends is shown as one harmless line."""
    posted = Posted()
    with serving(posted) as api:
        events = Events(api, "operator-1")
        events.warning(pod(), "ResizeRefused", "denied\x1b[2J\nby\u202e us")
        events.close()

    assert "denied [2J by  us" == posted.bodies[0]["note"]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can, so that a race is run many times."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual_s)


@pytest.mark.usefixtures("restless")
def test_many_threads_speak_at_once() -> None:
    """Kills are told of while a pass tells of its own: no word is lost, and nobody fails over it."""
    posted = Posted()
    with serving(posted) as api, ThreadPoolExecutor(8) as threads:
        events = Events(Api(api.client, Budget(1e6, 1000)), "operator-1")
        said = [threads.submit(events.normal, pod(), "MemoryResized", f"change {number}") for number in range(400)]
        for each in said:
            each.result(30)
        events.close()

    assert {f"change {number}" for number in range(400)} == {body["note"] for body in posted.bodies}


def test_a_refused_event_stops_nothing() -> None:
    """An Event that is refused is lost; the next is posted."""
    posted = Posted(status(403, "events is forbidden"))
    with serving(posted) as api:
        events = Events(api, "operator-1")
        events.normal(pod(), "MemoryResized", "first")
        events.normal(pod(), "MemoryResized", "second")
        events.close()

    assert ["first", "second"] == [body["note"] for body in posted.bodies]
