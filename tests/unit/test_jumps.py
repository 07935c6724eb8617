"""How far memory jumps above what was held, and what room that is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import STEADY, mi, tail
from foresize_forecast.forecasting.jumps import (
    GROWTHS,
    HALF_LIFE_HOURS,
    NO_JUMPS,
    NO_KIN,
    OFFSET_BYTES,
    PRIOR,
    PRIOR_SHARES,
    STEPS,
    Jumps,
    Kin,
    Tail,
    expected_cost,
    held_for,
    jumps_above,
    pooled,
    together,
)
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import GIB

HOUR = 60
"""Minutes, for traces of a value a minute."""
AN_HOUR_LESS = 0.5 ** (1 / HALF_LIFE_HOURS)
"""What an hour counts an hour later."""

shares = st.builds(
    lambda seed, most: Tail(np.sort(np.random.default_rng(seed).random(STEPS.size) ** 4)[::-1] * most),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
)
sparse = st.lists(st.tuples(st.floats(1e-6, 0.5), st.floats(0.001, 19)), max_size=4).map(
    lambda drawn: Tail(np.maximum.reduce([tail(*each).shares for each in drawn], initial=0) + np.zeros_like(STEPS))
)
tails = st.one_of(shares, sparse, st.just(PRIOR), st.just(STEADY))
levels = st.floats(mi(0.01), 1e12)
kill_costs = st.floats(1, 1e13)


def record(share: float, below: float, hours: float) -> Jumps:
    """Hours of which a share had a jump, all less than a growth."""
    return Jumps(tail(share, below).shares * hours, hours)


def test_room_is_held_where_it_costs_less_than_the_kills() -> None:
    """64 MiB with jumps of up to 50 % in 1 % of hours, at 3 GiB days a kill: room for all of them, 128 MiB."""
    # No room costs 0.01 x 24 x 3 GiB = 737 MiB a day, room for all (64 + 64) x 0.5 = 64 MiB. Growths are told apart in
    # steps of 3 %, so the room is that of the first step where nothing jumps: exp(0.42) - 1 = 52.2 %, 131 MiB.
    assert held_for(mi(64), tail(0.01, 0.5), 3 * GIB) == pytest.approx(mi(128) * math.exp(0.42) - mi(64))


def test_no_room_is_held_where_a_kill_is_cheap() -> None:
    """The same jumps at 200 MiB days a kill: 0.01 x 24 x 200 = 48 MiB a day is less than 64 MiB of room."""
    assert held_for(mi(64), tail(0.01, 0.5), mi(200)) == pytest.approx(mi(64))


def test_the_same_jump_in_bytes_is_worth_more_room_in_a_small_container() -> None:
    """Twice the size is a few MiB for a small one and gibibytes for a large one, a kill costs both the same."""
    doubling = tail(0.001, 1.0)  # 0.001 x 24 x 3 GiB = 74 MiB a day

    assert held_for(mi(4), doubling, 3 * GIB) > 2 * mi(4)
    assert held_for(mi(8192), doubling, 3 * GIB) == pytest.approx(mi(8192))


@given(levels, tails, kill_costs)
def test_what_is_held_is_cheapest_and_no_more_than_jumps_were_ever_seen(
    level: float, of: Tail, kill_cost: float
) -> None:
    """At least the level, at most the first step that nothing passed, and no other step costs less."""
    held = held_for(level, of, kill_cost)
    base = level + OFFSET_BYTES
    growth = (held + OFFSET_BYTES) / base - 1
    seen = np.flatnonzero(of.shares > 0)
    enough = GROWTHS[min(seen[-1] + 1, STEPS.size - 1)] if seen.size else 0.0
    cost = base * GROWTHS + kill_cost * 24 * of.shares
    step = int(np.abs(GROWTHS - growth).argmin())

    assert level * (1 - 1e-12) <= held
    assert growth <= enough + 1e-9
    assert cost[step] <= cost.min() * (1 + 1e-9)


@given(levels, tails, kill_costs, kill_costs)
def test_a_dearer_kill_never_gets_less_room(level: float, of: Tail, one: float, other: float) -> None:
    """Whoever says that a kill is worth more gets at least as much room."""
    assert held_for(level, of, min(one, other)) <= held_for(level, of, max(one, other))


@given(levels, levels, tails, kill_costs)
def test_a_larger_container_gets_no_greater_growth(one: float, other: float, of: Tail, kill_cost: float) -> None:
    """Room in shares falls with size: bytes are what it costs."""

    def growth(level: float) -> float:
        return (held_for(level, of, kill_cost) + OFFSET_BYTES) / (level + OFFSET_BYTES)

    assert growth(max(one, other)) <= growth(min(one, other)) * (1 + 1e-9)


def test_a_container_without_a_record_is_thought_usual() -> None:
    """One day in 200 has a jump above 10 %: 2e-5 / (log(1.1) + 0.001) of hours."""
    assert pooled(NO_JUMPS, NO_KIN).shares == pytest.approx(PRIOR_SHARES)
    assert PRIOR.growth_at(1 / 200 / 24) == pytest.approx(0.1, abs=0.01)


def always(share: float) -> Jumps:
    """So long on record that nothing else counts."""
    return Jumps(np.full_like(STEPS, share * 1e12), 1e12)


def test_a_record_is_filled_up_by_its_siblings() -> None:
    """96 own hours, 3 with a jump that its siblings have in 1 % of theirs: (3 + 96 x 0.01) / 192 = 2.06 %."""
    # The siblings have 52 hours on record and count about half with 48 of their namespace's, here 2 %:
    # 1 % = (their hours with a jump + 48 x 2 %) / 100.
    siblings = Jumps(np.full_like(STEPS, 1 - 0.96), 52.0)
    own = Jumps(np.full_like(STEPS, 3.0), 96.0)

    assert pooled(own, Kin(siblings, always(0.02))).shares == pytest.approx(np.full_like(STEPS, 3.96 / 192))


def test_each_record_fills_up_the_one_below_it() -> None:
    """Without its own a container is thought like its siblings, these like the namespace, that like the cluster."""
    known = pooled(NO_JUMPS, Kin(Jumps(NO_JUMPS.counts, 48.0), Jumps(NO_JUMPS.counts, 480.0), always(0.4)))

    # Siblings that were calm for as long as their prior halve the namespace's share, which halves the cluster's.
    assert known.shares == pytest.approx(np.full_like(STEPS, 0.1))
    assert pooled(NO_JUMPS, Kin(cluster=always(0.4))).shares == pytest.approx(np.full_like(STEPS, 0.4))
    # The cluster's own prior is what is usual, 2000 hours of it.
    calm = Kin(cluster=Jumps(NO_JUMPS.counts, 2000.0))
    assert pooled(NO_JUMPS, calm).shares == pytest.approx(PRIOR_SHARES / 2)


def test_siblings_say_more_than_the_rest_of_the_namespace() -> None:
    """Replicas are alike: a day of theirs with jumps leaves more of a tail than a day of other containers'."""
    wild = record(0.2, 1.0, 24)

    assert pooled(NO_JUMPS, Kin(wild, wild, wild)).shares[0] > pooled(NO_JUMPS, Kin(NO_JUMPS, wild, wild)).shares[0]


def test_a_long_record_speaks_for_itself() -> None:
    """After a month a container that never jumped is held to an eighth of what is usual, whatever its neighbours do."""
    calm = record(0.0, 0.0, 720)
    wild = record(0.5, 1.0, 10_000)

    # 96 / (720 + 96) = 0.118
    assert (pooled(calm, NO_KIN).shares <= PRIOR_SHARES / 8).all()
    assert pooled(calm, Kin(wild, wild, wild)).shares.max() < 0.5 / 8


@given(st.floats(0, 1), st.floats(0, 19), st.tuples(*[st.floats(0, 1e5)] * 4))
def test_a_pooled_tail_is_a_tail(share: float, below: float, on_record: tuple[float, float, float, float]) -> None:
    """Shares between 0 and 1 that do not rise, whatever the records."""
    own, *others = (record(share / nth, below, of) for nth, of in enumerate(on_record, 1))
    made = pooled(own, Kin(*others)).shares

    assert (made >= 0).all()
    assert (made <= 1).all()
    assert (np.diff(made) <= 1e-15).all()


def test_records_add_up() -> None:
    """Of two namespaces, one with 2 jumps in 10 hours, one with 1 in 30: 3 in 40."""
    both = together([record(0.2, 1.0, 10), record(1 / 30, 1.0, 30)])

    assert (pytest.approx(3), 40) == (both.counts[0], both.hours)
    assert (0, 0) == (together([]).counts.sum(), together([]).hours)


@given(tails, st.floats(0, 1), st.floats(0, 1))
def test_the_growth_at_a_miss_is_passed_no_oftener(of: Tail, one: float, other: float) -> None:
    """A smaller miss asks for no less growth, and what is left above it happens no oftener than stated."""
    rare, often = sorted([one, other])
    growth = of.growth_at(rare)
    at = int(np.flatnonzero(growth == GROWTHS)[0])

    assert growth >= of.growth_at(often)
    assert of.shares[at] <= rare or at == STEPS.size - 1
    assert at == 0 or of.shares[at - 1] > rare


UNCHANGED = np.zeros(1, dtype=np.int64)


def hours(*peaks_mib: float) -> FloatArray:
    """A minute's peak in each hour, 100 MiB otherwise."""
    usage = np.full((len(peaks_mib), HOUR), 100.0)
    usage[:, 30] = peaks_mib
    return usage.reshape(1, -1) * mi(1)


def test_a_jump_is_measured_against_what_was_held() -> None:
    """Two hours, in the first a peak of 300 MiB where 100 were held: a growth of (300 + 64) / (100 + 64) = 2.22."""
    usage = hours(300, 100)
    (found,) = jumps_above(usage, np.full_like(usage, mi(100)), 60, UNCHANGED)
    passed = np.log(364 / 164) > STEPS

    # The first hour counts a little less than the second.
    assert found.hours == pytest.approx(1 + AN_HOUR_LESS)
    assert found.counts[passed] == pytest.approx(np.full(passed.sum(), AN_HOUR_LESS))
    assert 0 == found.counts[~passed].max()


def test_what_stays_below_what_is_held_is_no_jump() -> None:
    """The hours are on record, without a count."""
    usage = hours(300, 200, 100)
    (found,) = jumps_above(usage, np.full_like(usage, mi(300)), 60, UNCHANGED)

    assert 0 == found.counts.max()
    assert 2.9 < found.hours <= 3


def test_hours_in_which_nothing_was_held_or_measured_are_not_on_record() -> None:
    """Before the first forecast, and while the container is away."""
    usage, held = hours(300, 300, 300), np.full((1, 3 * HOUR), float(mi(100)))
    held[0, :HOUR] = np.nan
    usage[0, HOUR : 2 * HOUR] = np.nan
    (found,) = jumps_above(usage, held, 60, UNCHANGED)

    assert (1, 1) == (found.hours, found.counts[0])


def test_a_part_of_an_hour_at_the_start_is_left_out() -> None:
    """An hour is one to the end: hours begin where the history ends, less whole hours."""
    usage = np.concatenate([np.full((1, 20), float(mi(900))), hours(100)], axis=1)
    (found,) = jumps_above(usage, np.full_like(usage, mi(100)), 60, UNCHANGED)

    assert (1, 0) == (found.hours, found.counts[0])


def test_an_interval_of_two_hours_counts_as_two() -> None:
    """So that a coarse history weighs as much as a fine one of the same length."""
    usage = np.array([[100.0, 300.0]]) * mi(1)
    (found,) = jumps_above(usage, np.full_like(usage, mi(100)), 7200, UNCHANGED)

    assert found.hours == pytest.approx(2 + 2 * AN_HOUR_LESS**2)
    assert found.counts[0] == pytest.approx(2)


def test_a_level_costs_its_bytes_and_what_its_jumps_cost() -> None:
    """Half of its 1000 hours jump by less than 50 %: room for them is bought, 164 x 0.522 = 86 MiB, and little else."""
    calm, wild = expected_cost(
        np.full(2, float(mi(100))), [record(0, 0, 1000), record(0.5, 0.5, 1000)], np.full(2, 3.0 * GIB)
    )

    # 1000 hours against 96 of what is usual leave 0.0876 of it. In MiB kills cost 3072 x 24 x 0.0876 x 2e-5 / g, which
    # is 0.129 / g, and room 164 g: least together 2 x sqrt(164 x 0.129) = 9.2. Beyond 52.2 % kills are 0.3.
    assert calm == pytest.approx(mi(109.2), rel=0.002)
    assert wild == pytest.approx(mi(185.9), rel=0.002)


@given(st.floats(0, 1e11), st.floats(0, 1), st.floats(0.01, 10), st.floats(1, 1e4), kill_costs)
def test_no_level_costs_less_than_its_bytes(
    level: float, share: float, below: float, on_record: float, kill_cost: float
) -> None:
    """And more jumps, or dearer kills, never make it cheaper."""

    def cost(often: float, price: float) -> float:
        records = [record(often, below, on_record)]
        return float(expected_cost(np.array([level]), records, np.array([price]))[0])

    assert level * (1 - 1e-12) <= cost(share, kill_cost)
    assert cost(share / 2, kill_cost) <= cost(share, kill_cost) * (1 + 1e-12)
    assert cost(share, kill_cost / 2) <= cost(share, kill_cost) * (1 + 1e-12)


def test_hours_before_the_newest_revision_count_half() -> None:
    """Four hours, a jump in the first and in the last; the image changed when the third began.

    The two hours before it weigh a half each, and decay has hardly begun.
    """
    usage = hours(300, 100, 100, 300)
    (found,) = jumps_above(usage, np.full_like(usage, mi(100)), 60, np.array([2 * HOUR]))

    assert found.hours == pytest.approx(0.5 + 0.5 + 1 + 1, rel=0.01)
    assert found.counts[0] == pytest.approx(0.5 + 1, rel=0.01)


def test_a_revision_that_began_within_an_hour_begins_with_that_hour() -> None:
    """What its own pods did in the rest of the hour counts whole."""
    usage = hours(100, 300)
    (found,) = jumps_above(usage, np.full_like(usage, mi(100)), 60, np.array([HOUR + 20]))

    assert found.hours == pytest.approx(0.5 + 1, rel=0.01)
    assert found.counts[0] == pytest.approx(1, rel=0.01)


def test_a_change_that_is_still_to_come_has_no_weight() -> None:
    """A backtest that ends before the newest revision knows nothing of it."""
    usage = hours(300, 100)
    whole, before = (
        jumps_above(usage, np.full_like(usage, mi(100)), 60, np.array([at]))[0] for at in (0, usage.shape[1])
    )

    assert whole.hours == before.hours
    assert (whole.counts == before.counts).all()
