"""The fast clock."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, mi, recent
from foresize_forecast.deciding.fast import MAX_RAISES_A_DAY, REACTION_S, Recent, after_rise, ahead, level, sustained
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.levels import HOLD_S


def test_memory_goes_on_as_in_the_last_reaction() -> None:
    """10 MiB each 15 s make 40 in the minute seen: from 100 MiB it is on its way to 140 a minute later."""
    assert ahead(recent([60, 70, 80, 90, 100])) == mi(140)


def test_only_the_last_reaction_counts() -> None:
    """What climbed before and then stood still is not on its way anywhere."""
    assert ahead(recent([10, 60, 100, 100, 100, 100, 100])) == mi(100)


def test_what_falls_is_not_thought_to_fall_further() -> None:
    """The fast clock only raises: from 200 down to 100 MiB it expects 100."""
    assert ahead(recent([200, 180, 160, 140, 100])) == mi(100)


def test_samples_that_are_further_apart_are_taken_by_their_rate() -> None:
    """From 60 to 100 MiB in two minutes: 20 a minute, so 120 MiB a minute on."""
    assert ahead(recent([60, 100], step_s=2 * REACTION_S)) == mi(120)


def test_a_start_is_no_trend() -> None:
    """Without a sample of a reaction ago, nothing is known of what is added in one."""
    assert ahead(recent([10, 80, 150, 200])) is None
    assert ahead(recent([10])) is None


def test_page_cache_is_no_evidence() -> None:
    """A cache that fills is what caches do: working set rises, anonymous memory does not."""
    steady = recent([50] * 5)
    cached = Recent(steady.times_s, np.linspace(mi(60), mi(199), 5), steady.rss)

    assert ahead(cached) == mi(50)
    assert cached.usage_bytes == mi(199)


def test_samples_that_are_missing_are_left_out() -> None:
    """A source that misses anonymous memory here and there, or has none, is answered or not, never with NaN."""
    whole = recent([60, 70, 80, 90, 100])
    holed = Recent(whole.times_s, whole.working_set, np.where(np.arange(5) == 4, np.nan, whole.rss))
    none = Recent(whole.times_s, whole.working_set, np.full(5, np.nan))

    assert ahead(holed) is None  # 45 s are left, less than a reaction
    assert ahead(none) is None
    assert ahead(Recent(np.empty(0), np.empty(0), np.empty(0))) is None


def test_what_lasts_is_what_was_used_throughout_the_last_reaction() -> None:
    """Samples of 15 s: five of them reach a minute back. One low among them, and it did not last."""
    assert [mi(100), mi(100), mi(200)] == [
        sustained(recent(values)) for values in ([100] + [200] * 4, [200, 200, 100, 200, 200], [100] + [200] * 5)
    ]


def test_what_lasts_is_the_working_set() -> None:
    """A request is for all that the node has to keep, page cache in use with it."""
    assert mi(150) == sustained(recent([100] * 5, cache_mib=50))


def test_samples_further_apart_than_a_reaction_each_count() -> None:
    """Nobody knows that what was used two minutes ago was less in between."""
    assert mi(200) == sustained(recent([100, 200], step_s=2 * REACTION_S)) == sustained(recent([200]))


def test_a_rise_is_held_until_the_forecasts_have_seen_it() -> None:
    """For an hour after it was last seen; what goes on rising is held from then on."""
    once = after_rise(ContainerState(), mi(150), mi(100), NOW_S)
    again = after_rise(once, mi(160), mi(100), NOW_S + 600.0)

    assert mi(150) == level(once, NOW_S + HOLD_S - 1)
    assert level(once, NOW_S + HOLD_S) == 0
    assert mi(160) == level(again, NOW_S + 600 + HOLD_S - 1)
    assert once.fast_raises_s == again.fast_raises_s == (NOW_S,)


def test_what_is_held_already_is_no_rise() -> None:
    """Neither the forecast's level nor what the fast clock holds is raised to what it is, nor held for longer."""
    held = after_rise(ContainerState(), mi(150), mi(100), NOW_S)

    assert ContainerState() == after_rise(ContainerState(), mi(100), mi(100), NOW_S)
    assert held == after_rise(held, mi(150), mi(100), NOW_S + 60)
    assert held == after_rise(held, mi(120), mi(100), NOW_S + 60)


def test_a_look_at_most_doubles_what_is_held() -> None:
    """A jump that one look mistook costs no more than that; memory that is really there is followed look by look."""
    state, reached = ContainerState(), []
    for nth in range(5):
        state = after_rise(state, mi(1000), mi(100), NOW_S + 15.0 * nth)
        reached.append(level(state, NOW_S))

    assert [mi(200), mi(400), mi(800), mi(1000), mi(1000)] == reached
    assert (NOW_S,) == state.fast_raises_s  # one rise that went on


def test_what_is_held_is_the_higher_of_forecast_and_rise() -> None:
    """A rise that goes on doubles from itself, one that ended from the forecast's level alone."""
    state = after_rise(ContainerState(), mi(190), mi(100), NOW_S)

    assert mi(380) == after_rise(state, mi(1000), mi(100), NOW_S + HOLD_S - 1).fast_level_bytes
    assert mi(200) == after_rise(state, mi(1000), mi(100), NOW_S + HOLD_S).fast_level_bytes
    assert mi(600) == after_rise(state, mi(1000), mi(300), NOW_S + 60).fast_level_bytes


def test_a_dozen_rises_may_begin_in_a_day() -> None:
    """A heap that fills what it gets is not fed without end; a day later the first rise is forgotten."""
    state = ContainerState()
    for nth in range(15):
        state = after_rise(state, mi(150), mi(100), NOW_S + nth * HOLD_S)

    assert MAX_RAISES_A_DAY == 12
    assert [NOW_S + nth * HOLD_S for nth in range(12)] == list(state.fast_raises_s)
    assert NOW_S + 12 * HOLD_S == state.fast_until_s  # the thirteenth to fifteenth were refused
    assert 0 == level(state, NOW_S + 14 * HOLD_S)
    later = after_rise(state, mi(150), mi(100), NOW_S + 86_400)
    assert (*state.fast_raises_s[1:], NOW_S + 86_400) == later.fast_raises_s


def test_the_twelfth_rise_may_go_on() -> None:
    """Only a new rise is refused: one that is held is followed to where memory goes."""
    state = ContainerState()
    for nth in range(12):
        state = after_rise(state, mi(150), mi(100), NOW_S + nth * HOLD_S)
    on = after_rise(state, mi(160), mi(100), NOW_S + 11 * HOLD_S + 60)

    assert (mi(160), state.fast_raises_s) == (on.fast_level_bytes, on.fast_raises_s)


@given(
    st.lists(st.tuples(st.floats(0, 40_000), st.floats(1, 1e12), st.floats(1, 1e9)), min_size=1, max_size=30),
)
def test_no_rise_is_more_than_twice_what_is_held_or_lowers_anything(ticks: list[tuple[float, float, float]]) -> None:
    """While it is held the level never falls nor passes what was seen, and a day has a dozen rises at most."""
    state, now_s = ContainerState(), float(NOW_S)
    for wait_s, rising_bytes, held_bytes in ticks:
        now_s += wait_s
        before = level(state, now_s)
        after = after_rise(state, rising_bytes, held_bytes, now_s)
        assert level(after, now_s) >= before
        assert after == state or after.fast_level_bytes <= min(rising_bytes, 2 * max(before, held_bytes))
        assert after == state or after.fast_level_bytes > held_bytes
        assert len([at for at in after.fast_raises_s if now_s - at < 86_400]) <= 12
        state = after
