from __future__ import annotations

import json
import time

from builders import mi
from podserver import PodServer
from podwatching import followed, pod, served, until


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
