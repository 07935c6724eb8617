"""How the next run of a Job is sized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import mi
from foresize_forecast.runs.attempt import Basis, RunPlan, after_failure, steady
from foresize_forecast.runs.digest import Pace, digest
from foresize_forecast.runs.nextrun import RunHistory, judged, size
from foresize_forecast.series import FloatArray

PACE = Pace(10)
DECLARED = 4096


def history(*runs_mib: list[float] | FloatArray, declared_mib: float = DECLARED) -> RunHistory:
    """Runs one after another, an hour apart."""
    digests = tuple(digest(3600.0 * n, np.array(run) * mi(1), PACE) for n, run in enumerate(runs_mib))
    return RunHistory(PACE, declared_mib * mi(1), digests)


def flat(mib: float, rows: int = 30) -> FloatArray:
    """A run of one size."""
    return np.full(rows, mib)


def wanted_mib(plan: RunPlan, usage_mib: FloatArray) -> list[float]:
    """What the plan asks for, row by row."""
    sizes: list[float] = (plan.wanted(usage_mib * mi(1)) / mi(1)).tolist()
    return sizes


def test_the_first_run_has_its_declared_size_to_the_end() -> None:
    """Nothing is known: whatever it uses, its owner's word stands."""
    plan = size(history())

    assert Basis.DECLARED is plan.basis
    assert [DECLARED] * 400 == wanted_mib(plan, flat(10, 400))


@pytest.mark.parametrize("runs", [1, 2])
def test_few_runs_before_it_start_as_declared_and_end_at_twice_what_was_seen(runs: int) -> None:
    """After the lag of 7 rows: twice the highest that is known, 2 x 100 + 4 MiB, whatever less this run uses."""
    sizes = wanted_mib(size(history(*[flat(100)] * runs)), flat(40, 20))

    assert [DECLARED] * 7 + [204.0] * 13 == sizes


def test_a_run_above_those_before_it_is_lowered_to_twice_itself() -> None:
    """One run of 100 MiB before it, but this one is at 300: 2 x 300 + 4."""
    assert 604.0 == wanted_mib(size(history(flat(100))), flat(300, 20))[-1]


def test_three_alike_runs_give_a_narrow_size() -> None:
    """No spread: s = 1e-4 x 100, d = 0.01 x ln(10 x 100 / (3 x 0.01)) = 0.104; 4 MiB more, which no sample shows."""
    sizes = wanted_mib(size(history(flat(100), flat(100), flat(100))), flat(100))

    assert [104.104] * 30 == pytest.approx(sizes, abs=0.001)


def test_a_size_is_raised_ahead_of_the_rise_and_lowered_after_it() -> None:
    """20 minutes at 100 MiB, 10 at 400, 20 at 50: ready for 400 while that may come, and small once it is past.

    From 100 MiB the runs before rose 4.0 times, from 50 they never rose.
    """
    shape = np.concatenate([flat(100, 120), flat(400, 60), flat(50, 120)])
    plan = size(history(shape, shape, shape))
    sizes = wanted_mib(plan, shape)

    assert 400 < sizes[60] < 420
    assert 400 < sizes[150] < 420
    assert sizes[299] < 60


def test_a_run_is_never_below_its_own_like() -> None:
    """A run like those before it is not killed, however it goes up and down."""
    rng = np.random.default_rng(7)
    shape = np.repeat(rng.uniform(50, 900, 25), rng.integers(1, 30, 25))
    sizes = wanted_mib(size(history(shape, shape, shape)), shape)

    assert (np.array(sizes) >= shape).all()


@given(st.integers(0, 2**32 - 1), st.integers(9, 80))
def test_a_size_rests_on_what_was_known_and_on_nothing_later(seed: int, cut: int) -> None:
    """Whatever comes within 7 rows and after, the size of a row is the same, with gaps and without."""
    rng = np.random.default_rng(seed)
    runs = [rng.uniform(50, 900, rng.integers(2, 90)) for _ in range(rng.integers(0, 5))]
    plan = size(history(*runs))
    usage = np.where(rng.random(90) < rng.choice([0.0, 0.3, 0.9]), np.nan, rng.uniform(50, 900, 90))
    other = np.concatenate([usage[: cut - 7], rng.uniform(1, 4000, 97 - cut)])

    assert wanted_mib(plan, usage)[:cut] == wanted_mib(plan, other)[:cut]


def test_a_level_that_no_run_had_is_sized_by_the_peak_or_the_own_rise() -> None:
    """Runs of 100 MiB; this one goes from 100 through 200: what it rose in 7 rows is added twice, in front of it.

    Row 19 knows row 12, at 200; seven rows before that it was at 100: 200 + 2 x 100 + 4.
    """
    usage = np.concatenate([flat(100, 10), flat(200, 10)])
    sizes = wanted_mib(size(history(flat(100), flat(100), flat(100))), usage)

    assert 404.0 == sizes[19]


def test_without_samples_a_run_has_what_the_highest_needed() -> None:
    """Nothing measured: by elapsed time for 13 rows, then the peak, 400 and room; not what the start needed."""
    shape = np.concatenate([flat(100, 60), flat(400, 60)])
    sizes = wanted_mib(size(history(shape, shape, shape)), np.full(40, np.nan))

    assert 105 > max(sizes[:13])
    assert 404 < min(sizes[13:]) <= max(sizes[13:]) < 405


def test_a_first_run_without_samples_keeps_what_was_declared() -> None:
    """There is nothing to lower it by, whatever runs before it needed."""
    assert [DECLARED] * 40 == wanted_mib(size(history(flat(100))), np.full(40, np.nan))


def test_a_gap_of_a_minute_ends_what_a_level_says() -> None:
    """Measured at 50 MiB until row 19, from which nothing rose; in force to row 31, then the peak, until it is back."""
    shape = np.concatenate([flat(400, 60), flat(50, 60)])
    usage = np.concatenate([flat(50, 20), np.full(20, np.nan), flat(50, 20)])
    sizes = wanted_mib(size(history(shape, shape, shape)), usage)

    assert 55 > max(sizes[7:32])  # the sample of row 19 is known to hold for rows 20 to 24, which bear on 27 to 31
    assert 404 < min(sizes[32:47])
    assert 55 > max(sizes[47:])


def test_runs_that_used_nothing_are_sized() -> None:
    """Zeros give the smallest size there is: what the kernel has charged and no sample shows."""
    assert [4.0] * 30 == wanted_mib(size(history(flat(0), flat(0), flat(0))), flat(0))


def test_nothing_is_sized_above_what_was_declared_before_a_kill() -> None:
    """The owner says 120 MiB are enough: 110 + 32.5 of room are capped at that."""
    plan = size(history(flat(100), flat(100), flat(110), declared_mib=120))

    assert 120.0 == max(wanted_mib(plan, flat(110)))


def test_a_retry_has_twice_the_size_from_before_the_kill_on() -> None:
    """Killed at 100 MiB after 600 s: 540 s less 7 rows is row 47; from there on 200 MiB, before it as planned."""
    plan = after_failure(size(history(flat(96), flat(96), flat(96))), 600.0, 100.0 * mi(1))
    sizes = wanted_mib(plan, flat(96, 80))

    assert Basis.RETRY is plan.basis
    assert (True, 200.0) == (sizes[46] < 101, sizes[47])
    assert 200.0 == min(sizes[47:])


def test_a_retry_tries_what_was_declared_before_more() -> None:
    """Killed at 3 GiB of declared 4: the next attempt has 4, and the one after that 8."""
    first = after_failure(size(history(flat(96), flat(96), flat(96))), 600.0, 3072.0 * mi(1))
    second = after_failure(first, 600.0, 4096.0 * mi(1))

    assert (4096.0, 8192.0) == (first.floor_bytes / mi(1), second.floor_bytes / mi(1))


@given(st.lists(st.tuples(st.floats(0, 5000), st.floats(1, 1e12)), min_size=1, max_size=6))
def test_attempts_never_get_less(kills: list[tuple[float, float]]) -> None:
    """Each attempt's floor is above the size that killed the one before, no lower than that one's and no later."""
    plan = size(history(flat(100), flat(100), flat(100)))
    for at_s, allocated in kills:
        later = after_failure(plan, at_s, allocated)
        assert later.floor_bytes > allocated
        assert later.floor_bytes >= plan.floor_bytes
        assert not plan.floor_bytes or later.floor_row <= plan.floor_row
        plan = later


def test_any_need_is_reached_in_its_logarithm_of_attempts() -> None:
    """From 100 MiB to 3000 under a declared size of 120: 120, 240, 480, 960, 1920, 3840: six kills."""
    plan = size(history(flat(96), flat(96), flat(96), declared_mib=120))
    kills = 0
    while (sizes := np.array(wanted_mib(plan, flat(3000, 8)))).max() < 3000:
        plan = after_failure(plan, 0.0, sizes[0] * mi(1))
        kills += 1

    assert 6 == kills


def test_an_owner_who_declared_too_little_is_not_the_ceiling_any_more() -> None:
    """Declared 50 MiB, but runs needed 100: 100 and room; with one such run before it, twice that from the start."""
    assert 104 < size(history(*[flat(100)] * 3, declared_mib=50)).one_size_bytes / mi(1) < 105
    assert 200.0 == size(history(flat(100), declared_mib=50)).one_size_bytes / mi(1)


def test_a_run_is_judged_by_the_plan_it_had() -> None:
    """Five rows at 100 MiB, one at 250: under a plan of 104.1 a kill, 10 x 104.1 x 6, lowered or not.

    Under a plan that knows such a run neither kills: lowered costs less.
    """
    surprise = np.array([100.0] * 5 + [250.0])
    shape = np.concatenate([flat(100, 30), flat(250, 30), flat(50, 60)])
    digests = [digest(0.0, usage * mi(1), PACE) for usage in (surprise, shape)]
    killed = judged(digests[0], size(history(*[flat(100)] * 3)), surprise * mi(1))
    calm = judged(digests[1], size(history(shape, shape, shape)), shape * mi(1))

    assert [6246.2] * 2 == pytest.approx([cost / mi(1) for cost in killed.costs], abs=0.1)
    assert 0 < calm.costs[0] < calm.costs[1]


def test_where_lowering_cost_more_runs_are_only_raised() -> None:
    """The same runs, once with judgements against lowering: at 50 MiB after the peak, the peak's size is kept."""
    shape = np.concatenate([flat(100, 30), flat(250, 30), flat(50, 60)])
    calm = history(shape, shape, shape)
    burnt = replace(calm, runs=tuple(replace(run, costs=(2.0, 1.0)) for run in calm.runs))

    assert 60 > wanted_mib(size(calm), shape)[-1]
    assert [size(burnt).one_size_bytes / mi(1)] * 120 == wanted_mib(size(burnt), shape)


def test_a_run_with_too_few_before_it_judges_nothing() -> None:
    """Its size was its owner's, not the plan's."""
    known = digest(0.0, flat(100) * mi(1), PACE)

    assert (0.0, 0.0) == judged(known, size(history()), flat(100) * mi(1)).costs


def test_small_changes_are_not_made() -> None:
    """Raised at once and a little further; lowered for more than 5 %, a minute after the last change.

    101 raises 100 to 101 x 1.025 = 103.525; 99 is within 5 % of that; 50 is not, but 6 rows must have passed: row 7.
    """
    found = steady(np.array([100.0, 101, 99, 50, 50, 50, 50, 50, 50]), PACE)

    assert [100.0] + [103.525] * 6 + [51.25] * 2 == pytest.approx(found.tolist())


@given(st.lists(st.floats(1, 1e12), min_size=1, max_size=60))
def test_what_is_in_force_is_never_below_what_is_wanted(wanted: list[float]) -> None:
    """A change that is not made is always one downwards."""
    values = np.array(wanted)

    assert (steady(values, PACE) >= values).all()


def test_without_resizes_a_run_has_the_peak_and_room() -> None:
    """100, 100 and 110 MiB: 110 + 32.55 + 4; for a first run what was declared."""
    assert 146.55 == pytest.approx(size(history(flat(100), flat(100), flat(110))).one_size_bytes / mi(1), abs=0.01)
    assert DECLARED == size(history(flat(100))).one_size_bytes / mi(1)


def test_a_plan_says_what_it_rests_on() -> None:
    """People read why: how many runs, or how many are missing, or the kill."""
    plan = size(history(flat(100), flat(100), flat(100)))

    assert "from 3 runs" == plan.message
    assert "runs before it: 1, needed: 3; starts as declared" == size(history(flat(100))).message
    assert "killed at 1 MiB after 30 s" == after_failure(plan, 30.0, float(mi(1))).message
