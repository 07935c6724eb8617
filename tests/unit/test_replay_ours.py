"""Foresize itself in a replay: the operator's own decisions on a trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.replay import ours
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.trace import Sizes, Trace, Track
from foresize_forecast.series import FloatArray, History
from foresize_forecast.sizes import GIB, ContainerPolicy, LimitStrategy, WorkloadPolicy
from foresize_forecast.sizing.plan import Forecasted
from replays import MIB, NAN, PER_DAY, STEP_S, trace

HALF_A_DAY_S = 43_200
COARSE_S = 1200
"""Three intervals an hour: traces of days are short to play."""


def played(of: Trace, track: Track = Track.BURSTABLE, **settings_: Any) -> Sizes:
    """What Foresize makes of a trace."""
    return Foresize(refit_s=settings_.pop("refit_s", HALF_A_DAY_S), **settings_).sizes(of, track, lambda _: None)


def test_a_kill_doubles_the_limit_at_once() -> None:
    """A container killed at its limit has at least twice that limit in the next interval, and for a day."""
    values = np.full(3 * PER_DAY, 100.0 * MIB)
    values[400] = 700.0 * MIB
    limit = played(trace([values])).limit[0]

    assert limit[400] < 700 * MIB
    assert (limit[401 : 401 + PER_DAY] >= 2 * limit[400]).all()


def test_a_flat_container_is_sized_near_its_use() -> None:
    """What never moves has a request at its use (1 % above where it was set anew), a limit near it, and no changes."""
    made = played(trace([np.full(3 * PER_DAY, 300.0 * MIB)]))
    request, limit = made.request[0, PER_DAY:], made.limit[0, PER_DAY:]

    assert ((request >= 300 * MIB) & (request <= 303 * MIB)).all()
    assert ((limit > 300 * MIB) & (limit <= 400 * MIB)).all()
    assert 0 == np.count_nonzero(np.diff(request))


def test_a_gap_lowers_nothing() -> None:
    """While nothing is measured, no size goes down."""
    values = np.full(2 * PER_DAY, 500.0 * MIB)
    values[300:400] = 100.0 * MIB
    values[400:] = NAN
    made = played(trace([values]))

    # The first missing sample is that of interval 400: it is known to be missing from interval 401 on.
    for sizes in (made.request[0, 401:], made.limit[0, 401:]):
        assert (np.diff(sizes) >= 0).all()


def test_guaranteed_pods_have_one_size() -> None:
    """On their track request and limit are the same in every interval, and nothing is used above them unseen."""
    values = 200 * MIB * (1 + 0.2 * np.sin(np.arange(3 * PER_DAY) / 30))
    made = played(trace([values]), Track.GUARANTEED)

    assert np.array_equal(made.request, made.limit)
    assert (made.limit[0, 2 * PER_DAY :] >= values[2 * PER_DAY :]).all()


def test_a_container_never_measured_has_no_size() -> None:
    """Nothing is known of it, and its neighbours have theirs."""
    made = played(trace([np.full(100, NAN), np.full(100, 100.0 * MIB)]))

    assert np.isnan(made.request[0]).all()
    assert not np.isnan(made.request[1]).any()


def test_before_it_is_forecast_a_container_has_what_its_owner_wrote() -> None:
    """Declared 256 MiB, it has them until there is an hour of history."""
    made = played(trace([np.full(40, 100.0 * MIB)], declared=np.array([256 * MIB])), refit_s=3600)

    assert (made.request[0, :12] == 256 * MIB).all()
    assert made.request[0, -1] < 256 * MIB


def test_progress_is_told_to_the_end() -> None:
    """Rising shares of the work, the last one all of it."""
    told: list[float] = []
    Foresize(refit_s=HALF_A_DAY_S).sizes(trace([np.full(PER_DAY, MIB)]), Track.BURSTABLE, told.append)

    assert told == sorted(told)
    assert 1.0 == told[-1]


@st.composite
def usages(draw: st.DrawFn) -> FloatArray:
    """Three days with jumps, noise, a season, growth and gaps."""
    count = 3 * 86_400 // COARSE_S
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    usage = draw(st.floats(5, 2000)) * np.ones(count)
    usage *= 1 + draw(st.sampled_from([0.0, 0.01, 0.3])) * np.abs(rng.normal(size=count))
    usage += draw(st.sampled_from([0.0, 200.0])) * (np.arange(count) % 72 > 60)
    usage += draw(st.sampled_from([0.0, 1.0])) * np.arange(count)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, count - 1))
        usage[at : at + draw(st.integers(1, 40))] *= draw(st.sampled_from([0.1, 1.1, 1.5, 3.0, 10.0]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, count - 1))
        usage[at : at + draw(st.integers(1, 60))] = NAN
    return np.asarray(usage * MIB)


TRACKS = st.sampled_from(list(Track))
POLICIES = st.builds(
    ContainerPolicy,
    limit=st.sampled_from([LimitStrategy.FORECAST, LimitStrategy.RATIO, LimitStrategy.KEEP]),
    max_bytes=st.sampled_from([None, 1 << 30]),
    kill_cost_bytes=st.sampled_from([1 << 20, 2 * GIB]),
)
PACES = st.builds(WorkloadPolicy, cooldown_s=st.sampled_from([0, 1000, 7200, 30_000]), hold_leaks=st.booleans())
PLAYED = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PLAYED
@given(
    st.lists(usages(), min_size=1, max_size=2),
    TRACKS,
    POLICIES,
    PACES,
    st.sampled_from([(30, 1800), (COARSE_S, 3600), (COARSE_S, 6 * 3600)]),
)
def test_passing_over_quiet_intervals_changes_nothing(
    usage: list[FloatArray], track: Track, policy: ContainerPolicy, pace: WorkloadPolicy, clock: tuple[int, int]
) -> None:
    """What is decided only where something moved is, in every interval, what deciding each of them gives."""
    step_s, refit_s = clock
    of = trace(usage, step_s=step_s)
    passed_over = played(of, track, policy=policy, pace=pace, refit_s=refit_s)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours._Signs, "wakes", lambda _self, at, *_: at + 1)  # noqa: SLF001 - the switch is the test's
        each = played(of, track, policy=policy, pace=pace, refit_s=refit_s)

    assert np.array_equal(passed_over.request, each.request, equal_nan=True)
    assert np.array_equal(passed_over.limit, each.limit, equal_nan=True)


@PLAYED
@given(usages(), TRACKS, st.integers(1, 3 * 86_400 // COARSE_S - 1))
def test_cutting_a_trace_never_changes_the_sizes_before_the_cut(usage: FloatArray, track: Track, cut: int) -> None:
    """A replay knows nothing that the operator would not have known."""
    assume(cut >= np.argmax(~np.isnan(usage)) + 3600 // COARSE_S)  # its first size is its first hour's maximum
    whole, part = (played(trace([each], step_s=COARSE_S), track) for each in (usage, usage[:cut]))

    assert np.array_equal(whole.request[:, :cut], part.request, equal_nan=True)
    assert np.array_equal(whole.limit[:, :cut], part.limit, equal_nan=True)


@PLAYED
@given(usages(), TRACKS, st.sampled_from([6 * 3600, HALF_A_DAY_S]))
def test_a_limit_that_killed_does_not_come_back_before_the_need_is_known(
    usage: FloatArray, track: Track, refit_s: int
) -> None:
    """After usage above it at least twice that limit, for a day or until a forecast is made an hour later."""
    limit = played(trace([usage], step_s=COARSE_S), track, refit_s=refit_s).limit[0]
    every = refit_s // COARSE_S
    for at in np.flatnonzero(usage[:-1] > limit[:-1]):
        hour_later = at + 1 + 3600 // COARSE_S
        known = -(-hour_later // every) * every
        assert (limit[at + 1 : min(known, at + 1 + 86_400 // COARSE_S)] >= 2 * limit[at]).all()


def test_after_a_kill_the_limit_is_what_the_need_asks_for() -> None:
    """Killed at 129 MiB by four hours of 135: twice that for as long as nobody knows, then room for 135 for a day."""
    values = np.full(4 * PER_DAY, 100.0 * MIB)
    values[400:448] = 135 * MIB
    limit = played(trace([values]), refit_s=3600).limit[0] / MIB

    # The kill is known from interval 401 on, a forecast of an hour later from the refit at 420 on, and the cooldown of
    # two hours ends at 425. The record has an hour with a jump of (135 + 64) / (100 + 64), 21.3 %.
    assert [400] == np.flatnonzero(values / MIB > limit).tolist()
    assert (129, 258, 258) == (limit[400], limit[401], limit[424])
    assert ((limit[425 : 401 + PER_DAY] > 135) & (limit[425 : 401 + PER_DAY] < 258)).all()


def test_a_request_rides_out_what_does_not_last() -> None:
    """306 MiB of 300 for a sample of 30 s leave the request; for three of them, a reaction of 60 s, it is raised."""
    values = np.full(4000, 300.0 * MIB)
    values[3000] = values[3500:3503] = 306 * MIB
    request = played(trace([values], step_s=30)).request[0]

    # 306 x 1.01 = 309.06, in units of a MiB 310. The third sample is known one interval later.
    assert (request[2000:3503] == 300 * MIB).all()
    assert (request[3503:] == 310 * MIB).all()


@pytest.mark.parametrize(("values_mib", "request_mib"), [([306, 306, NAN, NAN], 300), ([306, NAN, 306, 300], 310)])
def test_a_sample_that_is_missing_is_left_out_of_what_lasts(values_mib: list[float], request_mib: int) -> None:
    """Without a newest one nothing is known to last; without one in between the others say what did."""
    values = np.full(3600, 300.0 * MIB)
    values[3500:3504] = np.array(values_mib) * MIB
    request = played(trace([values], step_s=30)).request[0]

    assert (request[2000:3502] == 300 * MIB).all()
    assert (request[3504:] == request_mib * MIB).all()


def test_a_replica_that_jumps_leaves_room_in_its_siblings_limits() -> None:
    """Once a day it does what nothing led up to; over 300 MiB a quiet replica has more room than a quiet neighbour."""
    quiet = np.full(4 * PER_DAY, 300.0 * MIB)
    jumpy = quiet.copy()
    for day, growth in ((1, 1.4), (2, 1.8), (3, 2.2)):
        jumpy[day * PER_DAY + 100 :][:4] *= growth
    families = {"namespaces": ("shop",) * 3, "siblings": ("web/main", "web/main", "db/main")}
    of = trace([jumpy, quiet, quiet], **families)
    _, replica, other = Foresize().foresee(of, of.grid.count - 1, ContainerPolicy())

    assert isinstance(replica, Forecasted)
    assert isinstance(other, Forecasted)
    assert replica.held(300.0 * MIB, 4.0 * GIB) > 1.2 * other.held(300.0 * MIB, 4.0 * GIB)


@pytest.mark.parametrize(("track", "gib"), [(Track.BURSTABLE, 10), (Track.GUARANTEED, 5)])
def test_a_replay_forecasts_at_what_a_kill_costs_the_limit(track: Track, gib: int) -> None:
    """As the operator does: 5 GiB reserved are 10 of a limit that is not."""
    asked: list[Wish] = []

    def noted(history: History, wishes: list[Wish]) -> list[Forecasted | NoOutlook]:
        asked.extend(wishes)
        return foresee(history, wishes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "foresee", noted)
        played(trace([np.full(PER_DAY, MIB)]), track, policy=ContainerPolicy(kill_cost_bytes=5 * GIB))

    assert {float(gib * GIB)} == {wish.question.kill_cost_bytes for wish in asked}


def test_a_start_has_room_for_what_was_seen_before() -> None:
    """A container back from a gap may use for an hour what it once did, 180 MiB, though it uses 100."""
    values = np.full(2 * PER_DAY, 100.0 * MIB)
    values[PER_DAY : PER_DAY + 20] = 180 * MIB
    values[PER_DAY + 100 : PER_DAY + 110] = NAN
    made = played(trace([values], step_s=STEP_S), refit_s=3600)

    assert (made.limit[0, PER_DAY + 110 : PER_DAY + 120] >= 180 * MIB).all()
