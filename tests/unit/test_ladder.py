"""What kills teach."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, mi
from foresize_forecast.ladder import after_kill, cgroup_may_be_stale, forget_old_kills
from foresize_forecast.pods import Kill
from foresize_forecast.state import Attempt, ContainerState


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


def test_a_kill_without_a_limit_raises_nothing() -> None:
    """The node ran out of memory: no limit of the container's caused that."""
    state = after_kill(ContainerState(), Kill(NOW_S, None))

    assert (1, 0) == (len(state.kills), state.kill_floor_bytes)


def test_the_lesson_ends_a_window_after_the_last_kill() -> None:
    """By then the forecast has seen what is needed."""
    state = after_kill(ContainerState(), Kill(NOW_S, mi(20)))

    assert state == forget_old_kills(state, NOW_S + 100, window_s=100)
    assert ContainerState() == forget_old_kills(state, NOW_S + 101, window_s=100)


def test_a_day_after_the_last_kill_the_floor_comes_down() -> None:
    """To a fifth above the highest limit that killed, 40 x 1.2 = 48 MiB: by then the forecast has seen the need."""
    state = after_kill(after_kill(ContainerState(), Kill(NOW_S - 60.0, mi(20))), Kill(NOW_S, mi(40)))
    after = forget_old_kills(state, NOW_S + 86_401, window_s=14 * 86_400)

    assert state == forget_old_kills(state, NOW_S + 86_400, window_s=14 * 86_400)
    assert (mi(48), state.kills) == (after.kill_floor_bytes, after.kills)
    assert after == forget_old_kills(after, NOW_S + 90_000, window_s=14 * 86_400)


def test_a_floor_that_no_kill_explains_any_more_goes_with_its_day() -> None:
    """Kills of a node that ran out leave no limit to be above of: the floor ends."""
    state = ContainerState(kills=(Kill(NOW_S, None),), kill_floor_bytes=mi(100))

    assert 0 == forget_old_kills(state, NOW_S + 86_401, window_s=14 * 86_400).kill_floor_bytes


@given(
    st.lists(st.tuples(st.integers(0, 400_000), st.one_of(st.none(), st.integers(1, 4096))), min_size=1, max_size=12),
    st.integers(0, 2_000_000),
)
def test_forgetting_never_raises_and_never_falls_below_the_limit_that_killed(
    kills: list[tuple[int, int | None]], later_s: int
) -> None:
    """Within the window the floor stays above every limit that killed and is remembered."""
    state, now_s = ContainerState(), float(NOW_S)
    for wait_s, limit in kills:
        now_s += wait_s
        state = after_kill(state, Kill(now_s, None if limit is None else mi(limit)))
    after = forget_old_kills(state, now_s + later_s, window_s=14 * 86_400)

    assert after.kill_floor_bytes <= state.kill_floor_bytes
    assert all(after.kill_floor_bytes > (kill.limit_bytes or -1) for kill in after.kills)
    assert after == forget_old_kills(after, now_s + later_s, window_s=14 * 86_400)


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
