"""Playing traces through sizers: the same whatever the number of processes, and told as it goes."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.playing import play
from foresize_forecast.replay.static import Static
from foresize_forecast.replay.trace import Track
from replays import MIB, PER_DAY, trace

POLICIES = ("krr", "day-max", "static")
NAMES = tuple(f"ns{row % 7}" for row in range(400))


def wanted() -> list[tuple]:
    draws = np.random.default_rng(5)
    usage = np.exp(np.cumsum(draws.normal(0, 0.02, (400, 2 * PER_DAY)), axis=1)) * 100 * MIB
    return [(trace(usage, namespaces=NAMES), list(Track)), (trace(usage[:3]), [Track.GUARANTEED])]


def test_processes_change_nothing() -> None:
    """Two worker processes give the sizes and counts that one gives, in the order of the trace."""
    shares: list[float] = []
    alone, shared = play(wanted(), POLICIES, 1, shares.append), play(wanted(), POLICIES, 2, shares.append)

    assert list(alone) == list(shared)
    for key, each in alone.items():
        np.testing.assert_array_equal(each.request.dense(), shared[key].request.dense())
        np.testing.assert_array_equal(each.limit.dense(), shared[key].limit.dense())
        np.testing.assert_array_equal(each.tally.killed, shared[key].tally.killed)
    assert (0 <= np.array(shares)).all()
    assert 1 == max(shares)


def test_every_trace_is_played_on_its_tracks() -> None:
    """A trace that is asked for on one track is played on that one alone; its rows stay where they were."""
    made = play(wanted(), ["static"], 1, lambda _: None)

    assert {(0, Track.GUARANTEED), (0, Track.BURSTABLE), (1, Track.GUARANTEED)} == {key[:2] for key in made}
    whole = Static().sizes(wanted()[0][0], Track.GUARANTEED, lambda _: None)
    np.testing.assert_array_equal(whole.request, made[0, Track.GUARANTEED, "static"].request.dense())


def test_a_trace_that_is_all_warm_up_is_refused() -> None:
    """One line says both lengths."""
    with pytest.raises(TraceError, match="test has 288 intervals, the warm-up alone takes 288"):
        play([(trace(np.ones((1, PER_DAY))), list(Track))], ["static"], 1, lambda _: None)
