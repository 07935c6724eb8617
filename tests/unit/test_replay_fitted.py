"""Settings that are chosen by figures: the objectives, and that no series is scored by a choice it had a part in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize_forecast.replay.figures import NAMES, Figures
from foresize_forecast.replay.fitted import Choice, cheapest_apart, cheapest_tied, choices, composed, picks
from foresize_forecast.replay.playing import Play
from foresize_forecast.replay.runs import runs
from foresize_forecast.replay.tally import Tally, need, tally
from foresize_forecast.replay.trace import Trace
from foresize_forecast.series import FloatArray
from replays import MIB, PER_DAY, sizes, trace

NOTHING = Figures(**dict.fromkeys(NAMES, 0.0))


def tied(slack: float, episodes: float) -> Figures:
    return replace(NOTHING, slack_bytes=slack, kill_episodes_per_day=episodes)


def apart(ratio: float, minutes: float, overrun: float = 0.001) -> Figures:
    return replace(NOTHING, limit_ratio=ratio, kill_minutes_per_day=minutes, overrun=overrun)


def made(played: Trace, size: float | FloatArray) -> Play:
    """One size for request and limit."""
    given_sizes = sizes(played.usage.shape, size, size)
    return Play(tally(need(played), given_sizes), runs(given_sizes.request), runs(given_sizes.limit))


def least_slack(found: Sequence[Figures], _: Figures) -> Choice:
    return Choice(min(range(len(found)), key=lambda at: found[at].slack_bytes), keeps=True)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        # The baseline has 0.04: 0.02 is half of it and kept, 0.021 is not, however little it wastes.
        ([tied(0.3, 0.01), tied(0.2, 0.02), tied(0.1, 0.021)], Choice(1, keeps=True)),
        ([tied(0.3, 0.05), tied(0.2, 0.03), tied(0.1, 0.04)], Choice(1, keeps=False)),
        # As few episodes: the one that wastes less.
        ([tied(0.3, 0.03), tied(0.2, 0.03)], Choice(1, keeps=False)),
        ([tied(0.2, 0.01), tied(0.2, 0.0)], Choice(0, keeps=True)),
    ],
)
def test_a_tied_size_is_the_cheapest_that_kills_half_as_often_as_vpa(found: list[Figures], chosen: Choice) -> None:
    """Least slack where that is kept, else the fewest episodes, and it is said which."""
    assert chosen == cheapest_tied(found, tied(0.6, 0.04))


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        # 0.0065 minutes a day and 0.2 % of the time are allowed, anything more is not.
        ([apart(1.6, 0.0), apart(1.5, 0.0065, 0.002), apart(1.4, 0.0066)], Choice(1, keeps=True)),
        ([apart(1.6, 0.0), apart(1.4, 0.0, 0.0021)], Choice(0, keeps=True)),
        ([apart(1.6, 0.007), apart(1.4, 0.008)], Choice(0, keeps=False)),
    ],
)
def test_a_limit_apart_is_the_lowest_that_kills_seldom(found: list[Figures], chosen: Choice) -> None:
    """Lowest limit ratio within the kill minutes and the overrun, else the fewest kill minutes, whatever VPA does."""
    assert chosen == cheapest_apart(found, apart(9.0, 9.0))


def test_a_fold_is_scored_by_what_the_others_choose() -> None:
    """A setting that is best for one fold alone is not what that fold is scored by."""
    used = trace(np.full((3, 2 * PER_DAY), 100 * MIB))
    # Slack, the usage being 100: of 200 it is 1/2, of 125 1/5, of 400 3/4.
    first = made(used, np.array([[400.0], [200], [200]]) * MIB).tally  # best for folds 1 and 2
    second = made(used, np.array([[125.0], [400], [400]]) * MIB).tally  # best for fold 0
    fold = np.array([0, 1, 2])

    found = choices([first, second], first, fold, least_slack)

    # Without fold 0: 200 + 200 beside 400 + 400. Without fold 1 (or 2): 400 + 200, slack 400/600, beside 125 + 400,
    # slack 325/525 = 0.62 < 0.67.
    assert {0: Choice(0, keeps=True), 1: Choice(1, keeps=True), 2: Choice(1, keeps=True)} == found
    assert [0, 1, 1] == picks(fold, found).tolist()


def test_a_fold_that_has_all_that_was_measured_cannot_be_scored() -> None:
    """With a single namespace nothing speaks for a setting, and no figure is claimed."""
    used = trace(np.full((2, 2 * PER_DAY), 100 * MIB))
    counted = made(used, 200 * MIB).tally

    with pytest.raises(ValueError, match="two namespaces are the least"):
        choices([counted], counted, np.array([3, 3]), least_slack)


def test_each_series_is_scored_once_by_its_own_setting() -> None:
    """Counts and sizes of a composed play are those of the play that each series was taken from, in its own place."""
    used = trace(np.full((4, 2 * PER_DAY), 100 * MIB))
    plays = [made(used, size * MIB) for size in (200.0, 50.0, 400.0)]

    found = composed(plays, np.array([2, 0, 2, 1]))

    assert [400, 200, 400, 50] == (found.request.dense()[:, -1] / MIB).tolist()
    assert [400, 200, 400, 50] == (found.limit.dense()[:, 0] / MIB).tolist()
    # Only the series with 50 MiB is killed, in each of its 1,440 scored minutes.
    assert [0, 0, 0, 1440] == found.tally.kill_minutes.tolist()
    assert [400, 200, 400, 50] == (found.tally.request[:, 0] / MIB).tolist()


@settings(deadline=None, max_examples=30)  # numba compiles on first use, and machines may be busy
@given(st.data(), st.integers(2, 6), st.integers(1, 4))
def test_a_folds_own_series_never_bear_on_its_setting(data: st.DataObject, series: int, count: int) -> None:
    """Whatever happened to the series of a fold under any setting, its own choice stays; the others' may not."""
    used = trace(np.full((series, 2 * PER_DAY), 100 * MIB))
    level = st.floats(1.0, 1000.0)

    def drawn() -> list[list[float]]:
        column = st.lists(level, min_size=series, max_size=series)
        return data.draw(st.lists(column, min_size=count, max_size=count))

    def tallies(levels: list[list[float]]) -> list[Tally]:
        return [made(used, np.array(each)[:, np.newaxis] * MIB).tally for each in levels]

    fold = np.array(data.draw(st.lists(st.integers(0, 2), min_size=series, max_size=series)))
    fold[:2] = [0, 1]  # a single fold is refused
    before, other = drawn(), drawn()
    changed = int(fold[0])
    after = [
        [b if f == changed else a for a, b, f in zip(x, y, fold, strict=True)]
        for x, y in zip(before, other, strict=True)
    ]
    baseline = made(used, 150 * MIB).tally

    was = choices(tallies(before), baseline, fold, cheapest_tied)
    now = choices(tallies(after), baseline, fold, cheapest_tied)

    assert was[changed] == now[changed]
