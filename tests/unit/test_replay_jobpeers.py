"""Peers of the Jobs track, against cases worked by hand from their published rules."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.replay.jobpeers import (
    PIECES,
    Highest,
    JobSizer,
    KSegments,
    KSPlus,
    Segments,
    Tovar,
    Witt,
    peers,
    rising_segments,
)
from foresize_forecast.replay.jobruns import Job, Run


def job(*usages: list[float]) -> Job:
    """Runs one after another, rows of 10 s; 99 bytes are declared."""
    runs = [Run(1000.0 * n, np.array(usage), np.array(usage)) for n, usage in enumerate(usages)]
    return Job("app/job", 10, 99.0, tuple(runs))


def rows(sizer: JobSizer, runs: Job, run: int, length: int) -> list[float]:
    """Sizes at the start of each row."""
    return sizer.attempt(runs, run).sizes(np.zeros(length))[::PIECES].tolist()


@pytest.mark.parametrize("sizer", peers()[:6], ids=lambda sizer: sizer.name)
def test_without_a_run_before_peers_have_what_was_declared(sizer: JobSizer) -> None:
    """The first run is the workflow's own guess."""
    assert [99.0] * 3 == rows(sizer, job([1, 2, 3]), 0, 3)


def test_k_segments_takes_the_shortest_run_and_the_highest_of_each_quarter() -> None:
    """Runs of 8 and 4 rows: quarters are one row of the shorter one.

    Peaks by quarter: (1, 2, 9, 4) of the longer one, two rows each, and (3, 1, 1, 5). Highest (3, 2, 9, 5), never
    falling: 3, 3, 9, 9.
    """
    runs = job([1, 1, 2, 2, 9, 8, 4, 4], [3, 1, 1, 5], [0] * 6)

    assert [3, 3, 9, 9, 9, 9] == rows(KSegments("selective"), runs, 2, 6)


def test_k_segments_selective_doubles_the_segment_that_was_too_small() -> None:
    """Killed in the second row: equal neighbours are one segment (both 3s double), later ones stay."""
    runs = job([1, 1, 2, 2, 9, 8, 4, 4], [3, 1, 1, 5], [0] * 6)
    after = KSegments("selective").attempt(runs, 2).after_kill(PIECES, 3.0)

    assert [6, 6, 9, 9, 9, 9] == after.sizes(np.zeros(6))[::PIECES].tolist()


def test_k_segments_partial_doubles_all_from_there_on() -> None:
    """Killed in the third row: the 9s double, the 3s stay; killed in the second: everything doubles."""
    runs = job([1, 1, 2, 2, 9, 8, 4, 4], [3, 1, 1, 5], [0] * 6)
    first = KSegments("partial").attempt(runs, 2)

    assert [3, 3, 18, 18] == first.after_kill(2 * PIECES, 9.0).sizes(np.zeros(4))[::PIECES].tolist()
    assert [6, 6, 18, 18] == first.after_kill(PIECES, 3.0).sizes(np.zeros(4))[::PIECES].tolist()


def test_segments_are_cut_where_usage_rises_and_merging_costs_least() -> None:
    """1 3 2 6 in two segments: merging 1 and 3 costs 2, merging 3 (two long) and 6 costs 6. So 3 to 3, 6 to 4."""
    ends, peaks = rising_segments(np.array([1.0, 3, 2, 6]), 2)

    assert ([3, 4], [3, 6]) == (ends.tolist(), peaks.tolist())


def test_a_run_that_never_rises_repeats_its_last_segment() -> None:
    """5 4 3 has one segment of three; two more follow it, one sample each."""
    ends, peaks = rising_segments(np.array([5.0, 4, 3]), 3)

    assert ([3, 4, 5], [5, 5, 5]) == (ends.tolist(), peaks.tolist())


def test_ks_plus_takes_means_fifteen_percent_earlier_and_ten_percent_higher() -> None:
    """Two runs that step up four times, 2 rows and 4 rows a step: ends at 10, 20, ... and 20, 40, ... samples.

    Means 15, 30, 45, 60, less 15 %: 12.75, 25.5, 38.25, 51. Peaks 10, 20, 30, 40 and 30, 40, 50, 60: means 20, 30, 40,
    50, and 10 % more: 22, 33, 44, 55.
    """
    short, long = np.repeat([10.0, 20, 30, 40], 2).tolist(), np.repeat([30.0, 40, 50, 60], 4).tolist()
    found = KSPlus().attempt(job(short, long, [0.0]), 2)

    assert isinstance(found, Segments)
    assert [12.75, 25.5, 38.25, 51.0] == pytest.approx(found.ends.tolist())
    assert [22, 33, 44, 55] == pytest.approx(found.peaks.tolist())


def test_ks_plus_moves_the_next_segment_to_the_kill() -> None:
    """Killed at sample 8 of a segment that ends at 10: all ends from there on are scaled by 0.8."""
    found = Segments(np.array([4.0, 10, 20]), np.array([1.0, 2, 3]), "ks+").after_kill(8, 2.0)

    assert [4, 8, 16] == found.ends.tolist()
    assert [1, 2, 3] == found.peaks.tolist()


def test_ks_plus_raises_the_last_segment_by_a_fifth() -> None:
    """There is no later one to move."""
    found = Segments(np.array([4.0, 10, 20]), np.array([1.0, 2, 3]), "ks+").after_kill(30, 3.0)

    assert [1, 2, 3.6] == pytest.approx(found.peaks.tolist())


def test_the_highest_peak_is_one_size() -> None:
    """Peaks 2 and 5: 5."""
    assert [5, 5] == rows(Highest(), job([1, 2], [5, 1], [0, 0]), 2, 2)


def test_witt_adds_a_standard_deviation() -> None:
    """Peaks 2 and 6: mean 4, deviation sqrt((4 + 4) / 1) = 2.83."""
    assert [6.828] == pytest.approx(rows(Witt(), job([2], [6], [0]), 2, 1), abs=0.001)


def test_tovar_weighs_a_second_attempt_against_room() -> None:
    """Peaks 1, 1, 1, 8 of equal length: 1 x 4 + 8 x 1 = 12 against 8 x 4 = 32: the first attempt gets 1."""
    assert [1] == rows(Tovar(), job([1], [1], [1], [8], [0]), 4, 1)


def test_peers_learn_only_from_runs_that_have_ended() -> None:
    """A run that is still running when the next one starts says nothing yet."""
    early = Run(0.0, np.full(200, 7.0), np.full(200, 7.0))
    late = Run(100.0, np.array([1.0]), np.array([1.0]))

    assert [99.0] == rows(Highest(), Job("app/job", 10, 99.0, (early, late)), 1, 1)
