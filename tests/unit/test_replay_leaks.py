"""Leaks: what they take before a limit stops them."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.replay.leaks import Leaks, leak_figures, leaks, taken
from foresize_forecast.replay.nodes import cluster
from foresize_forecast.replay.playing import Play, play
from foresize_forecast.replay.runs import runs
from foresize_forecast.replay.tally import need, tally
from foresize_forecast.replay.trace import Sizes, Track
from foresize_forecast.series import FloatArray
from replays import PER_DAY, sizes, trace

MIB = float(1 << 20)
DAYS = 3
BEGIN = 2 * PER_DAY


def leaking(levels_mib: list[float]) -> Leaks:
    """Constant series, of which those drawn leak from the second scored day on."""
    played = trace(np.repeat(np.array(levels_mib)[:, np.newaxis] * MIB, DAYS * PER_DAY, axis=1))
    held = cluster(played)
    assert held is not None
    found = leaks(played, held)
    assert found is not None
    return found


def played(found: Leaks, request: float | FloatArray, limit: float | FloatArray) -> Play:
    made: Sizes = sizes(found.trace.usage.shape, request, limit)
    return Play(tally(need(found.trace), made), runs(made.request), runs(made.limit))


def test_a_leak_takes_as_much_as_the_container_had_in_six_hours() -> None:
    """It begins after a scored day, and grows steadily until the trace ends."""
    found = leaking([144.0])
    usage = found.trace.usage[0] / MIB

    # 144 MiB in 6 hours are 2 MiB in 5 minutes.
    assert BEGIN == found.begin
    assert 144 == usage[BEGIN - 1]
    assert pytest.approx(146) == usage[BEGIN]
    assert pytest.approx(288) == usage[BEGIN + 71]


def test_a_limit_stops_a_leak() -> None:
    """What was held above the request, up to the last interval before the kill, was the neighbours'."""
    found = leaking([144.0])
    took, stopped = taken(found, played(found, 150 * MIB, 201 * MIB))

    # 200 MiB is the highest below the limit of 201: 200 - 150.
    assert [True] == stopped.tolist()
    assert pytest.approx([50 * MIB]) == took


def test_a_limit_that_follows_stops_nothing() -> None:
    """Where the limit grows with the leak it goes on to the end; the request of before is what counts."""
    found = leaking([144.0])
    followed = found.trace.usage * 2
    took, stopped = taken(found, played(found, followed, followed))

    # 288 intervals of 2 MiB above 144, less the request that was in force when it began: 2 x 146.
    assert [False] == stopped.tolist()
    assert pytest.approx([(144 + 288 * 2 - 292) * MIB]) == took


def test_no_leak_takes_more_than_the_node() -> None:
    """Without a limit it takes all of 16 GiB that is not its own."""
    found = leaking([8 * 1024.0])
    took, _ = taken(found, played(found, 9 * 1024 * MIB, np.inf))

    # 8 GiB and four times 8 GiB in a day are 40; 16 - 9.
    assert pytest.approx([7 * 1024 * MIB]) == took


def test_every_node_has_leaks_and_is_compared_with_the_baseline() -> None:
    """Up to eight containers of each node leak, and what a policy lets them take is told beside the baseline."""
    found = leaking([1500.0] * 20)
    strict, loose = played(found, 1600 * MIB, 1600 * MIB), played(found, 1600 * MIB, 3200 * MIB)
    told = leak_figures(found, strict, loose)

    # 20 of 1,500 MiB need three nodes of 15.04 GiB, 10 on each at most: 8 + 8 of two full nodes.
    assert 16 == told.leaks
    assert 1 == told.leak_stopped
    assert told.over_baseline < 0.1
    assert told.low <= told.over_baseline <= told.high


def test_a_short_trace_has_no_leaks() -> None:
    """A leak needs a day before it."""
    short = trace(np.full((1, PER_DAY + 24), 100 * MIB))
    held = cluster(short)
    assert held is not None

    assert leaks(short, held) is None


def test_policies_are_played_on_leaks() -> None:
    """A static size is killed at once and takes nothing."""
    found = leaking([144.0, 300.0])
    plays = play([(found.trace, [Track.BURSTABLE])], ["static"], 1, lambda _: None)

    assert 0 == leak_figures(found, plays[0, Track.BURSTABLE, "static"], None).leak_mib
