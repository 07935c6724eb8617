from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from builders import mi
from foresize.kubeapi import Api
from foresize.podwatch import PodWatch
from foresize_forecast.pods import ContainerView, PodView
from podserver import PodServer, serving

Json = dict[str, Any]


def clock(second: int) -> str:
    """A time of one day, in seconds since 12:00."""
    return f"2027-01-15T12:{second // 60:02d}:{second % 60:02d}Z"


def pod(
    uid: str,
    *,
    ran: int | None = None,
    killed: int | None = None,
    restarts: int = 0,
    namespace: str = "shop",
    **top: Any,
) -> Json:
    """A pod of StatefulSet/db on node n1 that asks for 64Mi: running since a second, killed in a second."""
    state = {"waiting": {}} if ran is None else {"running": {"startedAt": clock(ran)}}
    last = {} if killed is None else {"terminated": {"reason": "OOMKilled", "finishedAt": clock(killed)}}
    sizes = {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}
    told = {"name": "app", "restartCount": restarts, "resources": sizes, "state": state, "lastState": last}
    metadata = {
        "namespace": namespace,
        "name": uid,
        "uid": uid,
        "creationTimestamp": clock(0),
        "ownerReferences": [{"kind": "StatefulSet", "name": "db", "uid": "o1", "controller": True}],
        "labels": {"managed": "yes"},
    }
    return {
        "metadata": {**metadata, **top},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "resources": sizes}]},
        "status": {"phase": "Running", "containerStatuses": [told]},
    }


def until(what: str, holds: Callable[[], object], deadline_s: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end_s, f"waited {deadline_s} s for {what}"
        time.sleep(0.005)


class Heard:
    """What a watch told, in order: (what, pod, restarts)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.fails = False

    def kill(self, seen: PodView, container: ContainerView) -> None:
        """Note a kill."""
        self.told.append(("kill", seen.uid, container.restarts))
        if self.fails:
            raise ValueError("the receiver failed")

    def running(self, seen: PodView, container: ContainerView) -> None:
        """Note a start."""
        self.told.append(("running", seen.uid, container.restarts))


def managed(seen: PodView) -> bool:
    """Whether a pod bears the label of the managed."""
    return seen.labels.get("managed") == "yes"


@contextmanager
def watching(api: Api, heard: Heard, keep: Callable[[PodView], bool] = managed, **options: Any) -> Iterator[PodWatch]:
    """A started watch."""
    watch = PodWatch(api, keep, on_kill=heard.kill, on_running=heard.running, **options)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


@contextmanager
def followed(pods: PodServer, **options: Any) -> Iterator[tuple[PodWatch, Heard]]:
    """A watch that has read all pods and waits for news."""
    heard = Heard()
    with serving(pods) as api, watching(api, heard, **options) as watch:
        until("the pods to be read", watch.synced)
        until("the watch to be open", lambda: pods.open_watches)
        yield watch, heard


def served(*each: Json) -> PodServer:
    """A server that has pods from the start."""
    server = PodServer()
    for one in each:
        server.put(one)
    return server


def test_all_pods_are_known_at_first() -> None:
    """Every managed pod is there once the watch is in step, over as many pages as it takes."""
    pods = served(*(pod(f"db-{number}", ran=1) for number in range(5)))  # pages of 2: 3 of them
    with followed(pods) as (watch, heard):
        assert {f"db-{number}" for number in range(5)} == set(watch.snapshot())
        assert 5 == len(watch.pods_of("shop", "StatefulSet/db"))
        assert () == watch.pods_of("shop", "StatefulSet/other")
        assert ["/api/v1/pods"] == pods.lists
        assert [] == heard.told  # they run since before


def test_a_kill_is_told_with_nothing_after_it() -> None:
    """A kill is told as soon as its line is there, not when more data comes, and before the start that follows it."""
    pods = served(pod("db-0", ran=1))
    with followed(pods) as (watch, heard):
        pods.put(pod("db-0", ran=9, killed=9, restarts=1))
        until("the kill and the start", lambda: len(heard.told) == 2)
        assert [("kill", "db-0", 1), ("running", "db-0", 1)] == heard.told
        assert 1 == watch.snapshot()["db-0"].containers[0].restarts


def test_events_are_lines_however_they_are_cut() -> None:
    """An event is told when its last byte is there, whether it came in pieces or with others."""
    pods = served(pod("db-0", ran=1), pod("db-1", ran=1))
    with followed(pods) as (_, heard):
        lines = b"".join(
            json.dumps({"type": "MODIFIED", "object": pod(uid, ran=9, restarts=1, resourceVersion="900")}).encode()
            + b"\n"
            for uid in ("db-0", "db-1")
        )
        for piece in (lines[:100], lines[100:-1]):
            pods.raw(piece)
        until("the first line", lambda: heard.told)
        assert [("running", "db-0", 1)] == heard.told
        pods.raw(lines[-1:])
        until("the second line", lambda: len(heard.told) == 2)


def test_a_kill_is_told_once() -> None:
    """The same kill in later events is not told again; the next kill is."""
    pods = served(pod("db-0", ran=1))
    with followed(pods) as (_, heard):
        pods.put(pod("db-0", killed=9))  # in back-off
        pods.put(pod("db-0", ran=20, killed=9, restarts=1))
        pods.put(pod("db-0", killed=30, restarts=1))
        until("both kills and the start", lambda: len(heard.told) == 3)
        assert [("kill", "db-0", 0), ("running", "db-0", 1), ("kill", "db-0", 1)] == heard.told


def test_a_kill_from_before_the_operator_is_told() -> None:
    """A pod killed while the operator was down teaches it all the same."""
    with followed(served(pod("db-0", ran=20, killed=9, restarts=1))) as (_, heard):
        assert [("kill", "db-0", 1)] == heard.told


def test_a_new_pods_start_is_told() -> None:
    """A pod made under the operator's eyes is told of when its container runs."""
    pods = PodServer()
    with followed(pods) as (_, heard):
        pods.put(pod("db-0"))
        pods.put(pod("db-0", ran=9))
        pods.put(pod("db-1", ran=9))  # it ran before its first event came
        until("both starts", lambda: len(heard.told) == 2)
        assert [("running", "db-0", 0), ("running", "db-1", 0)] == heard.told


def test_unmanaged_pods_only_count_on_their_node() -> None:
    """A pod that nobody manages is neither kept nor told of, but its request is room taken."""
    pods = served(pod("db-0", ran=1), pod("other", ran=1, labels={}))
    with followed(pods) as (watch, heard):
        pods.put(pod("other", ran=9, killed=9, restarts=1, labels={}))
        pods.put(pod("db-0", ran=9, restarts=1))  # a sign that the event before was taken
        until("the managed pod's start", lambda: heard.told)
        assert [("running", "db-0", 1)] == heard.told
        assert {"db-0"} == set(watch.snapshot())
        assert {"n1": mi(128)} == watch.requested_by_node()  # 64 + 64


def test_pods_that_end_are_forgotten() -> None:
    """A deleted pod is gone at once; a finished one too, after its kill was told."""
    pods = served(pod("db-0", ran=1), pod("db-1", ran=1), pod("db-2", ran=1))
    with followed(pods) as (watch, heard):
        ended = pod("db-0", killed=9)
        ended["status"]["phase"] = "Failed"
        pods.delete("db-1")
        pods.put(ended)
        until("the kill", lambda: heard.told)
        assert [("kill", "db-0", 0)] == heard.told
        assert {"db-2"} == set(watch.snapshot())
        assert {"n1": mi(64)} == watch.requested_by_node()


def missed(pods: PodServer) -> None:
    """What happens unseen: one pod goes, one is killed, one comes."""
    pods.delete("db-0")
    pods.put(pod("db-1", ran=9, killed=9, restarts=1))
    pods.put(pod("db-2", ran=10))
    pods.compact()


AFTER_MISSED = [("kill", "db-1", 1), ("running", "db-1", 1), ("running", "db-2", 0)]


def test_nothing_is_lost_where_the_history_is_too_short() -> None:
    """After a break too long for the API server's history, what vanished is dropped and what happened is told once."""
    pods = served(pod("db-0", ran=1), pod("db-1", ran=1))
    with followed(pods) as (watch, heard):
        pods.away = True
        pods.drop()
        until("the watch to be gone", lambda: not pods.open_watches)
        missed(pods)
        pods.away = False
        until("all that was missed", lambda: len(heard.told) == 3)
        assert AFTER_MISSED == heard.told
        until("the watch to go on", lambda: pods.open_watches)
        assert {"db-1", "db-2"} == set(watch.snapshot())
        assert {"n1": mi(128)} == watch.requested_by_node()
        assert 2 == len(pods.lists)


@pytest.mark.parametrize("code", [410, 500])
def test_a_watch_that_fails_lists_again(code: int) -> None:
    """An error in a watch's stream, expiry or another, ends with all pods read anew and the watch going on."""
    pods = served(pod("db-0", ran=1))
    with followed(pods) as (_, heard):
        pods.error(code)
        until("a second list", lambda: len(pods.lists) == 2)
        pods.put(pod("db-0", ran=9, restarts=1))
        until("the start", lambda: heard.told)
        assert [("running", "db-0", 1)] == heard.told


def test_a_broken_connection_goes_on_where_it_was() -> None:
    """A connection that breaks in the middle of a line loses nothing and lists nothing."""
    pods = served(pod("db-0", ran=1))
    with followed(pods) as (_, heard):
        pods.raw(b'{"type": "MODIFIED", "obj')
        pods.drop()
        until("the watch to be gone", lambda: not pods.open_watches or len(pods.watches) > 1)
        pods.put(pod("db-0", ran=9, restarts=1))
        until("the start", lambda: heard.told)
        assert [("running", "db-0", 1)] == heard.told
        assert 1 == len(pods.lists)


def test_a_bookmark_moves_the_place_to_go_on_from() -> None:
    """After a quiet hour the watch goes on from the last bookmark, so that it is not told it is too old."""
    pods = served(pod("db-0", ran=1))
    with followed(pods):
        version = pods.bookmark(past=1000)
        pods.end()
        until("the next watch", lambda: len(pods.watches) == 2)
        assert version == pods.watches[1]["resourceVersion"]
        assert 1 == len(pods.lists)


def test_bookmarks_and_a_time_limit_are_asked_for() -> None:
    """A watch asks for what keeps it alive and young: bookmarks, and an end by the server's own clock."""
    pods = PodServer()
    with followed(pods):
        asked = pods.watches[0]
        assert ("true", "true", "300") == (asked["watch"], asked["allowWatchBookmarks"], asked["timeoutSeconds"])


def test_a_silent_connection_is_given_up() -> None:
    """A connection that brings not even bookmarks is taken for dead, and what it did not bring is fetched."""
    pods = served(pod("db-0", ran=1))
    with followed(pods, silence_s=0.2) as (_, heard):
        until("another watch", lambda: len(pods.watches) > 1)
        pods.put(pod("db-0", ran=9, restarts=1))
        until("the start", lambda: heard.told)
        assert 1 == len(pods.lists)


def test_an_absent_api_server_is_waited_for() -> None:
    """Started before its API server, the watch is not in step until it is there, and then is."""
    pods, heard = served(pod("db-0", ran=1)), Heard()
    pods.away = True
    with serving(pods) as api, watching(api, heard) as watch:
        assert not watch.synced()
        pods.away = False
        until("the pods to be read", watch.synced)
        assert {"db-0"} == set(watch.snapshot())


def test_a_receiver_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver's error is logged with the pod's name, and the next event is told."""
    pods = served(pod("db-0", ran=1))
    with caplog.at_level(logging.ERROR), followed(pods) as (_, heard):
        heard.fails = True
        pods.put(pod("db-0", ran=9, killed=9, restarts=1))
        until("the kill and the start", lambda: len(heard.told) == 2)
        assert [("kill", "db-0", 1), ("running", "db-0", 1)] == heard.told
    assert ["pod watch: app of shop/db-0 was not taken"] == [record.message for record in caplog.records]


def test_a_pod_that_cannot_be_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """A pod with a size that is none is named in the log; all others are seen."""
    broken = pod("db-0", ran=1)
    broken["spec"]["containers"][0]["resources"] = {"requests": {"memory": "much"}}
    with caplog.at_level(logging.ERROR), followed(served(broken, pod("db-1", ran=1))) as (watch, _):
        assert {"db-1"} == set(watch.snapshot())
    assert ["pod watch: cannot read pod db-0"] == [record.message for record in caplog.records]


def test_a_stop_does_not_wait_for_an_event() -> None:
    """A watch that waits in silence ends at once when it is stopped, and tells nothing more."""
    pods = served(pod("db-0", ran=1))
    with followed(pods) as (watch, heard):
        began_s = time.monotonic()
        watch.stop()
        assert time.monotonic() - began_s < 2.0  # it would have waited 90 s
        pods.put(pod("db-0", ran=9, restarts=1))
        pods.end()
        until("the server's side to end", lambda: not pods.open_watches)
        assert [] == heard.told


def test_each_namespace_is_watched_for_itself() -> None:
    """An operator confined to namespaces asks for their pods only, and tells of all of them."""
    pods = served(pod("db-0", ran=1), pod("db-1", ran=1, namespace="bank"), pod("db-2", ran=1, namespace="zoo"))
    with followed(pods, namespaces=("shop", "bank")) as (watch, heard):
        until("both watches", lambda: pods.open_watches == 2)
        assert {"/api/v1/namespaces/shop/pods", "/api/v1/namespaces/bank/pods"} == set(pods.lists)
        assert {"db-0", "db-1"} == set(watch.snapshot())
        pods.put(pod("db-1", ran=9, restarts=1, namespace="bank"))
        until("the start", lambda: heard.told)
        assert [("running", "db-1", 1)] == heard.told


def test_newly_managed_pods_are_there_after_a_refresh() -> None:
    """A pod that a new policy selects is known without waiting for its next event; its old kill is told."""
    pods, wanted = served(pod("db-0", ran=1), pod("db-1", ran=20, killed=9, restarts=1)), {"db-0"}
    with followed(pods, keep=lambda seen: seen.uid in wanted) as (watch, heard):
        assert {"db-0"} == set(watch.snapshot())
        wanted.symmetric_difference_update({"db-0", "db-1"})
        watch.refresh()
        until("the other pod alone", lambda: {"db-1"} == set(watch.snapshot()))
        assert [("kill", "db-1", 1)] == heard.told  # it has run all the time
        until("the watch to go on", lambda: len(pods.watches) == 2 and pods.open_watches)
