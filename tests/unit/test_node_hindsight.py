"""What was foretold of nodes and what came: the next forecasts of the same kind are corrected by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast.node import Demand, Hindsight, Seen, watched
from foresize_forecast.node.demand import DAY_S, HOUR_S, MISSES, STEP_S
from foresize_forecast.node.hindsight import FACTORS, NOTHING_SEEN, Sums, corrected

GIB = float(1 << 30)
TENTH = MISSES.index(0.1)


def told(mean_gib: float = 10.0, rise_gib: float = 2.0) -> Demand:
    """Expected is so much, and any quantile is so far above it."""
    stated = np.full(len(MISSES), rise_gib * GIB)
    return Demand(mean_gib * GIB, mean_gib * GIB + stated, stated, np.zeros(HOUR_S // STEP_S))


def record(looks: int, highest_gib: float) -> Sums:
    """So many looks that all came to the same."""
    found = NOTHING_SEEN
    for _ in range(looks):
        found = found.after(told(), highest_gib * GIB)
    return found


def test_without_a_record_it_stands_as_stated() -> None:
    """Nothing is over yet: every factor is 1."""
    assert [1.0] * len(MISSES) == pytest.approx(NOTHING_SEEN.factors().tolist())
    assert told().uppers.tolist() == pytest.approx(corrected(told(), NOTHING_SEEN).uppers.tolist())


def test_what_is_never_reached_is_stated_lower() -> None:
    """48 looks that stayed at the mean weigh as much as what was stated: 0.1^f / 2 <= 0.1, so 0.70 of the rise."""
    found = corrected(told(), record(48, 10.0))

    assert 0.70 == pytest.approx(record(48, 10.0).factors()[TENTH])
    assert 11.4 * GIB == pytest.approx(found.upper_bytes(0.1))


def test_what_is_passed_too_often_is_stated_higher() -> None:
    """48 of 48 looks came to twice the stated rise, 4 GiB: a tenth is told at that."""
    found = corrected(told(), record(48, 14.0))

    assert 14 * GIB == pytest.approx(found.upper_bytes(0.1))
    assert 10 * GIB == found.mean_bytes


def test_a_few_great_misses_move_the_rare_quantile_and_not_the_usual_one() -> None:
    """2 looks of 100 came to three times the stated rise: 1 in 100 is told at that, 1 in 10 below it."""
    sums = record(98, 10.0)
    for _ in range(2):
        sums = sums.after(told(), 16 * GIB)
    found = corrected(told(), sums)

    assert 16 * GIB == pytest.approx(found.upper_bytes(0.01))
    assert found.upper_bytes(0.1) < 12 * GIB


@given(st.lists(st.floats(0, 40), max_size=60))
def test_rarer_is_never_less(highest: list[float]) -> None:
    """Whatever came, the quantiles rise from the mean on, and what is corrected is what was stated, once."""
    sums = NOTHING_SEEN
    for each in highest:
        sums = sums.after(told(), each * GIB)
    found = corrected(told(), sums)

    assert (np.diff(found.uppers) >= 0).all()
    assert found.uppers[0] >= found.mean_bytes
    assert found.uppers.tolist() == corrected(found, sums).uppers.tolist()
    assert (sums.factors() <= FACTORS[-1]).all()


def seen(used_gib: dict[str, float], horizons: tuple[int, ...] = (HOUR_S,)) -> dict[str, Seen]:
    """One node in one pass."""
    return {"node-1": Seen(dict.fromkeys(horizons, told()), {name: used * GIB for name, used in used_gib.items()})}


def passes(used_gib: list[dict[str, float]], every_s: int = 300) -> Hindsight:
    """One pass after the other."""
    known = Hindsight()
    for at, used in enumerate(used_gib):
        known = watched(known, seen(used), 1e6 + at * every_s)
    return known


def test_an_hour_later_its_highest_moment_is_on_record() -> None:
    """11 GiB once within the hour: half of the stated rise, so no factor from 0.5 on was passed; a quarter look."""
    known = passes([{"a": 10.0}] * 6 + [{"a": 11.0}] + [{"a": 10.0}] * 6)

    assert 0.25 == known.of(HOUR_S).looks
    row = known.of(HOUR_S).counts[TENTH]
    assert {0.25} == set(row[FACTORS < 0.49])
    assert {0.0} == set(row[FACTORS > 0.51])
    assert NOTHING_SEEN == known.of(DAY_S)


def test_before_its_end_nothing_is_on_record_and_looks_begin_every_quarter() -> None:
    """55 minutes: looks that began at 0, 15, 30 and 45 minutes are open."""
    known = passes([{"a": 10.0}] * 12)

    assert [0, 900, 1800, 2700] == [round(each.begun_s - 1e6) for each in known.looks]
    assert {} == known.sums


def test_who_leaves_counts_with_what_it_used_last_and_who_comes_does_not() -> None:
    """6 and 4 GiB; the second leaves, another of 20 comes, the first rises to 8: 12 of those that it was about."""
    known = passes([{"a": 6.0, "b": 4.0}] + [{"a": 8.0, "c": 20.0}] * 12)

    row = known.of(HOUR_S).counts[TENTH]
    assert {0.25} == set(row[FACTORS < 0.99])
    assert {0.0} == set(row[FACTORS > 1.01])


def test_of_a_node_that_is_not_seen_nothing_is_counted() -> None:
    """Its samples are missing, or it has gone: its looks are forgotten, those of others go on."""
    both = {"node-1": seen({"a": 10.0})["node-1"], "node-2": seen({"b": 10.0})["node-1"]}
    known = watched(watched(Hindsight(), both, 1e6), {"node-2": both["node-2"]}, 1e6 + 300)

    assert ["node-2"] == [each.node for each in known.looks]
    assert {"b"} == set(known.used)


def test_a_pod_without_a_sample_stays_with_what_it_used() -> None:
    """For half an hour one of two is not measured: 6 and 4 GiB are 10 all the time."""
    known = passes([{"a": 6.0, "b": 4.0}, *[{"a": 6.0}] * 6, *[{"a": 6.0, "b": 4.0}] * 6])

    assert 0.25 == known.of(HOUR_S).looks
    assert 0 == known.of(HOUR_S).counts.sum()


def test_after_a_pause_what_was_open_is_forgotten() -> None:
    """Nobody looked for an hour, or the clock went back: no look of before is ever counted; the record stays."""
    known = replace(passes([{"a": 10.0}] * 3), sums={HOUR_S: record(3, 11.0)})
    for later_s in (3600.0, -60.0):
        after = watched(known, seen({"a": 30.0}), known.seen_s + later_s)

        assert [known.seen_s + later_s] == [each.begun_s for each in after.looks]
        assert 3 == after.of(HOUR_S).looks


def test_what_is_remembered_is_bounded() -> None:
    """Two days of passes: four open looks for each horizon, and only the pods that they are about."""
    known = Hindsight()
    for at in range(2 * 288):
        known = watched(known, seen({f"pod-{at // 288}": 10.0}, (HOUR_S, DAY_S)), 1e6 + at * 300)

    assert 8 >= len(known.looks)
    assert {"pod-0", "pod-1"} >= set(known.used)
    assert known.of(HOUR_S).looks > 40
    assert 0 < known.of(DAY_S).looks < 2
