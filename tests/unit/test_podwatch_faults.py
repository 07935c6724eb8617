from __future__ import annotations

import logging
import time

import pytest

from builders import mi
from podserver import PodServer, serving
from podwatching import Heard, followed, pod, served, until, watching


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


def test_a_watch_that_always_fails_does_not_storm_the_api_server() -> None:
    """Where every watch fails at once, lists come ever more rarely, although each of them succeeds."""
    pods = served(pod("db-0", ran=1))
    pods.expired = True
    with serving(pods) as api, watching(api, Heard()):
        began_s = time.monotonic()
        until("a list", lambda: pods.lists)
        time.sleep(1.5)
        listed, passed_s = len(pods.lists), time.monotonic() - began_s
        # Pauses of at least half of 0.1, 0.2, 0.4, 0.8, 1.6 s: lists at 0, 0.05, 0.15, 0.35, 0.75, 1.55 s; without, 15.
        assert listed <= 1 + sum(0.05 * (2**pauses - 1) <= passed_s for pauses in range(1, 20))


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
