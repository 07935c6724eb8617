"""What kills teach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, mi
from foresize_forecast.deciding.ladder import after_kill, after_use, cgroup_may_be_stale, forget_old_kills
from foresize_forecast.deciding.state import Attempt, ContainerState
from foresize_forecast.pods import Kill

DAY_S = 86_400
WINDOW_S = 14 * DAY_S


def test_a_need_of_160_mib_is_reached_from_20_in_three_kills() -> None:
    """One kill for each doubling: 20, 40, 80, then it lives at 160."""
    state, limit, kills = ContainerState(), mi(20), 0
    while limit < mi(160):
        kills += 1
        state = after_kill(state, Kill(NOW_S + 60.0 * kills, limit))
        limit = state.kill_floor_bytes

    assert (3, mi(160)) == (kills, limit)


def test_the_same_kill_told_twice_counts_once() -> None:
    """Status is sent again and again; only new kills climb the ladder."""
    once = after_kill(ContainerState(), Kill(NOW_S, mi(20)))

    assert once == after_kill(once, Kill(NOW_S + 1, mi(40)))


def test_kills_two_seconds_apart_may_be_one_and_three_are_two() -> None:
    """The kubelet's clock has whole seconds; a container cannot start, fill its memory and die in two of them."""
    once = after_kill(ContainerState(), Kill(NOW_S, mi(20)))

    assert once == after_kill(once, Kill(NOW_S + 2, mi(20))) == after_kill(once, Kill(NOW_S - 2, mi(20)))
    assert 2 == len(after_kill(once, Kill(NOW_S + 3, mi(40))).kills)


def test_a_kill_after_a_decrease_returns_at_least_to_the_limit_before_it() -> None:
    """A decrease that killed is undone, even where doubling would fall short of it."""
    lowered = ContainerState(limit_before_lowering=mi(1000))

    after = after_kill(lowered, Kill(NOW_S, mi(300)))

    assert mi(1000) == after.kill_floor_bytes
    assert after.limit_before_lowering is None  # undone once: the next kill is another story


@pytest.mark.parametrize("after_s", [-1.0, 0.0, 0.5])
def test_a_kill_in_the_second_of_a_resize_is_one(after_s: float) -> None:
    """The kubelet's clock has whole seconds: a kill by a lower limit may be told as of before it was lowered."""
    lowered = ContainerState(limit_before_lowering=mi(1000), limit_changed_at_s=NOW_S)

    assert mi(1000) == after_kill(lowered, Kill(NOW_S + after_s, mi(300))).kill_floor_bytes


def test_a_kill_without_a_limit_raises_nothing() -> None:
    """The node ran out of memory: no limit of the container's caused that."""
    state = after_kill(ContainerState(), Kill(NOW_S, None))

    assert (1, 0) == (len(state.kills), state.kill_floor_bytes)


def forgotten(state: ContainerState, later_s: float, *, made_s: float | None = None) -> ContainerState:
    """What is remembered so long after `NOW_S` with a window of 14 days, the forecast made so long after it."""
    return forget_old_kills(state, NOW_S + later_s, WINDOW_S, None if made_s is None else NOW_S + made_s)


def test_the_lesson_ends_a_window_after_the_last_kill() -> None:
    """By then the forecast has seen what is needed."""
    state = after_kill(ContainerState(), Kill(NOW_S, mi(20)))
    seen = after_use(state, mi(30), NOW_S + 60)

    assert state == forget_old_kills(state, NOW_S + 100, 100, None)
    assert ContainerState() == forget_old_kills(state, NOW_S + 101, 100, None)
    assert ContainerState() == forget_old_kills(seen, NOW_S + 101, 100, NOW_S)


@pytest.mark.parametrize("made_s", [None, -60.0, 7200.0])
def test_a_day_after_the_last_kill_the_floor_comes_down(made_s: float | None) -> None:
    """To a fifth above the highest limit that killed, 40 x 1.2 = 48 MiB: the need was not seen, and it did not come."""
    state = after_kill(after_kill(ContainerState(), Kill(NOW_S - 60.0, mi(20))), Kill(NOW_S, mi(40)))
    after = forgotten(state, DAY_S + 1, made_s=made_s)

    assert state == forgotten(state, DAY_S, made_s=made_s)
    assert (mi(48), state.kills) == (after.kill_floor_bytes, after.kills)
    assert after == forgotten(after, DAY_S + 3600, made_s=made_s)


def test_a_floor_that_no_kill_explains_any_more_goes_with_its_day() -> None:
    """Kills of a node that ran out leave no limit to be above of: the floor ends."""
    state = ContainerState(kills=(Kill(NOW_S, None),), kill_floor_bytes=mi(100))

    assert 0 == forgotten(state, DAY_S + 1).kill_floor_bytes


def test_the_need_is_seen_once_more_is_used_than_what_killed() -> None:
    """Killed at 40 and then at 30 MiB: a sample of 40 may be all that a limit let it have, one above it is more."""
    state = after_kill(after_kill(ContainerState(), Kill(NOW_S - 60.0, mi(40))), Kill(NOW_S, mi(30)))
    seen = after_use(state, mi(40) + 1.0, NOW_S + 600)

    assert state == after_use(state, mi(40), NOW_S + 60) == after_use(state, None, NOW_S + 60)
    assert NOW_S + 600 == seen.need_seen_at_s
    assert seen == after_use(seen, mi(90), NOW_S + 900)  # known from the first time on
    assert ContainerState() == after_use(ContainerState(), mi(90), NOW_S)


def test_another_kill_hides_the_need_again() -> None:
    """More was needed than had been seen; a kill of the node's says nothing of that."""
    seen = after_use(after_kill(ContainerState(), Kill(NOW_S, mi(20))), mi(30), NOW_S + 60)

    assert 0 == after_kill(seen, Kill(NOW_S + 120.0, mi(40))).need_seen_at_s
    assert NOW_S + 60 == after_kill(seen, Kill(NOW_S + 120.0, None)).need_seen_at_s


@pytest.mark.parametrize(
    ("seen_s", "made_s", "floor_mib"),
    [
        (60, None, 40),  # nothing says what it needs
        (60, 3599, 40),
        (60, 3600, 0),  # an hour after the kill, and the need is in it
        (7200, 7199, 40),  # made before the need was seen
        (7200, 7200, 0),
    ],
)
def test_a_floor_goes_once_a_forecast_knows_the_need(seen_s: int, made_s: int | None, floor_mib: int) -> None:
    """The forecast and the record of jumps know better than twice a limit; kills are remembered all the same."""
    state = after_use(after_kill(ContainerState(), Kill(NOW_S, mi(20))), mi(30), NOW_S + seen_s)
    after = forgotten(state, 10_000, made_s=made_s)

    assert (mi(floor_mib), state.kills) == (after.kill_floor_bytes, after.kills)


def test_an_old_forecast_takes_nothing_away_from_a_need_that_was_seen() -> None:
    """While no newer forecast is made what a kill taught stays whole, without one it comes down after its day."""
    state = after_use(after_kill(ContainerState(), Kill(NOW_S, mi(20))), mi(30), NOW_S + 60)

    assert mi(40) == forgotten(state, 2 * DAY_S, made_s=-60).kill_floor_bytes
    assert mi(24) == forgotten(state, 2 * DAY_S).kill_floor_bytes  # 20 x 1.2


@given(
    st.lists(st.tuples(st.integers(0, 400_000), st.one_of(st.none(), st.integers(1, 4096))), min_size=1, max_size=12),
    st.integers(0, 2_000_000),
    st.one_of(st.none(), st.integers(-400_000, 2_000_000)),
    st.one_of(st.none(), st.integers(1, 5000)),
)
def test_forgetting_never_raises_and_never_falls_below_the_limit_that_killed(
    kills: list[tuple[int, int | None]], later_s: int, made_s: int | None, used_mib: int | None
) -> None:
    """Within the window the floor stays above every limit that killed, until more has been used and is forecast."""
    state, now_s = ContainerState(), float(NOW_S)
    for wait_s, limit in kills:
        now_s += wait_s
        state = after_kill(state, Kill(now_s, None if limit is None else mi(limit)))
    state = after_use(state, None if used_mib is None else mi(used_mib), now_s)
    made_at_s = None if made_s is None else now_s + made_s
    after = forget_old_kills(state, now_s + later_s, WINDOW_S, made_at_s)
    known = bool(state.need_seen_at_s) and made_s is not None and made_s >= 3600

    assert after.kill_floor_bytes <= state.kill_floor_bytes
    assert known or all(after.kill_floor_bytes > (kill.limit_bytes or -1) for kill in after.kills)
    assert not known or 0 == after.kill_floor_bytes
    assert after == forget_old_kills(after, now_s + later_s, WINDOW_S, made_at_s)


@given(st.lists(st.integers(1, 4096), min_size=1, max_size=20))
def test_a_kill_never_lowers_the_floor(limits_mib: list[int]) -> None:
    """Each kill leaves a floor of at least twice its own limit and never below the one before."""
    state = ContainerState()
    for n, limit in enumerate(limits_mib):
        after = after_kill(state, Kill(NOW_S + 60.0 * n, mi(limit)))
        assert after.kill_floor_bytes >= max(state.kill_floor_bytes, 2 * mi(limit))
        state = after


def test_a_resize_between_a_kill_and_the_restart_may_not_have_reached_the_kernel() -> None:
    """In back-off the kubelet leaves the cgroup at the old limit."""
    killed = container(last_kill=Kill(NOW_S, mi(20)), running_since_s=NOW_S + 10.0)

    assert cgroup_may_be_stale(killed, Attempt(NOW_S + 5.0))
    assert cgroup_may_be_stale(killed, Attempt(NOW_S - 2.0))  # clocks differ by as much
    assert not cgroup_may_be_stale(killed, Attempt(NOW_S + 10.0))
    assert not cgroup_may_be_stale(killed, Attempt(NOW_S + 10.2))
    assert not cgroup_may_be_stale(killed, Attempt(NOW_S - 60.0))
    assert not cgroup_may_be_stale(killed, None)
    assert not cgroup_may_be_stale(container(), Attempt(NOW_S + 5.0))
    assert not cgroup_may_be_stale(container(last_kill=Kill(NOW_S, mi(20)), running_since_s=None), Attempt(NOW_S + 5.0))


def test_kills_of_more_pods_than_are_remembered_teach_once() -> None:
    """Twelve replicas killed at 100 MiB, each telling of it at every look: the floor is 200 MiB and stays."""
    told = [Kill(NOW_S + 600.0 * pod, mi(100)) for pod in range(12)]
    state = ContainerState()
    for kill in told:
        state = after_kill(state, kill)
    for kill in told:
        state = after_kill(state, Kill(kill.at_s, state.kill_floor_bytes))

    assert mi(200) == state.kill_floor_bytes
