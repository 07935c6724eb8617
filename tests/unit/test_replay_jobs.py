"""The Jobs track: what runs cost under each way to size them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import mi
from foresize_forecast.replay.jobfigures import GIB_H, JobFigures, Outcome, against, figures
from foresize_forecast.replay.jobours import OURS, Foresize
from foresize_forecast.replay.jobpeers import PIECES, Attempt, Segments, constant
from foresize_forecast.replay.jobruns import Job, Run
from foresize_forecast.replay.jobs import LEARNT, outcome, outcomes, play
from foresize_forecast.series import FloatArray


def run(usage_mib: list[float] | FloatArray, started_s: float = 0.0) -> Run:
    """A run whose mean is its peak in every row."""
    usage = np.array(usage_mib, dtype=np.float64) * mi(1)
    return Run(started_s, usage, usage)


def job(*runs: Run, declared_mib: float = 1024, name: str = "app/job") -> Job:
    """A workload with rows of 10 s."""
    return Job(name, 10, declared_mib * mi(1), runs)


def nothing(_: float) -> None:
    """Told how far it is."""


def test_a_failed_attempt_is_lost_with_all_that_it_had() -> None:
    """Usage 1, 1, 3 MiB for 10 s each under 2, then 4: killed in the first 2 s of row 2.

    Lost: 22 s x 2 = 44. The second attempt wastes (4 - 1) x 20 + (4 - 3) x 10 = 70, in sum 114. The first used 1 x 20 +
    3 x 2 = 26, so 88 were idle. Allocated: 44 + 120.
    """
    found = outcome(constant(2.0 * mi(1)), job(run([1, 1, 3])), 0)

    assert Outcome(114.0 * mi(1), 88.0 * mi(1), 164.0 * mi(1), 1, 0) == found


def test_a_size_that_is_just_enough_kills_nothing() -> None:
    """Usage equal to the limit is allowed, as the kernel allows it."""
    assert Outcome(0.0, 0.0, 30.0 * mi(1), 0, 0) == outcome(constant(1.0 * mi(1)), job(run([1, 1, 1])), 0)


def test_changes_of_size_are_counted() -> None:
    """Two steps up in a run are two resizes."""
    stepped = Segments(np.array([5.0, 10.0, 15.0]), np.array([1.0, 2.0, 3.0]) * mi(1), "partial")

    assert 2 == outcome(stepped, job(run([1, 1, 1])), 0).changes


class Stubborn:
    """An attempt that learns nothing from a kill."""

    def sizes(self, usage: FloatArray) -> FloatArray:
        """Too little."""
        return np.ones(usage.size * PIECES)

    def after_kill(self, piece: int, size: float) -> Attempt:
        """The same again."""
        del piece, size
        return self


def test_a_sizer_that_never_raises_is_an_error() -> None:
    """A replay ends, and names the run."""
    with pytest.raises(ValueError, match=r"app/job: run 0 was killed 60 times"):
        outcome(Stubborn(), job(run([1])), 0)


def test_a_run_knows_the_runs_that_had_ended_when_it_started() -> None:
    """Runs that overlap know nothing of each other: ends at 30, 60 and 40; the one at 35 knows the first only."""
    runs = job(run([1, 1, 1], 0.0), run([1] * 5, 10.0), run([1, 1], 20.0), run([1], 35.0))

    assert [0] == runs.ended_before(runs.runs[3].started_s)
    assert [0, 2, 3, 1] == runs.ended_before(np.inf)


def history_of(count: int, mib: float = 100.0) -> list[Run]:
    """Runs of five minutes, one after another."""
    return [run(np.full(30, mib), 600.0 * n) for n in range(count)]


def test_our_first_runs_have_what_was_declared() -> None:
    """No run before: 1024 MiB throughout. Three before: 100 + 4 and a little, in every row."""
    runs = job(*history_of(4))
    sizer = Foresize()

    assert [1024.0 * mi(1)] * 150 == sizer.attempt(runs, 0).sizes(runs.runs[0].usage).tolist()
    assert 105 * mi(1) > sizer.attempt(runs, 3).sizes(runs.runs[3].usage).max()


def test_a_run_learns_from_those_that_end_while_it_runs() -> None:
    """A long run starts first, as declared; three short ones of the same usage end at 300, 900 and 1500 s.

    From 300 s on one is known, so it may be lowered to 2 x 100 + 4 MiB; from 1500 s on three are.
    """
    runs = job(run(np.full(300, 100.0), 0.0), *history_of(3))
    sizes = Foresize().attempt(runs, 0).sizes(runs.runs[0].usage)[::PIECES] / mi(1)

    assert [1024.0, 1024.0] == [sizes[0], sizes[29]]
    assert 204 <= sizes[30] <= 204 * 1.025
    assert 105 < sizes[149]
    assert 104 < sizes[150] < 104.2 * 1.025


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(9, 60))
def test_our_sizes_rest_on_nothing_later(seed: int, cut: int) -> None:
    """Whatever a run does from 7 rows before a row on, and whatever runs follow it, that row's size is the same."""
    rng = np.random.default_rng(seed)
    runs = [run(rng.uniform(50, 900, rng.integers(2, 90)), 300.0 * n) for n in range(6)]
    usage = rng.uniform(50, 900, 60) * mi(1)
    other = np.concatenate([usage[: cut - 7], rng.uniform(1, 4000, 67 - cut) * mi(1)])
    ends_s = 5 * 300.0 + cut * 10
    whole = job(*runs[:5], run(usage / mi(1), 1500.0), run([5000.0], 1510.0))
    part = job(*[each for n, each in enumerate(runs[:5]) if whole.ended_s(n) <= ends_s], run(other / mi(1), 1500.0))

    mine = Foresize().attempt(whole, 5).sizes(usage)[: cut * PIECES]
    again = Foresize().attempt(part, len(part.runs) - 1).sizes(other)[: cut * PIECES]
    if whole.ended_s(6) > ends_s:
        assert mine.tolist() == again.tolist()


def test_without_resizes_an_attempt_has_one_size() -> None:
    """What is left of it in a cluster that resizes no running pod."""
    runs = job(*history_of(3), run(np.concatenate([np.full(30, 100.0), np.full(30, 20.0)]), 2400.0))

    assert 1 == len(set(Foresize(in_place=False).attempt(runs, 3).sizes(runs.runs[3].usage).tolist()))


def test_a_kill_in_a_retry_is_remembered_with_the_one_before() -> None:
    """100 MiB are not enough, 208 are not either: the third attempt has twice that, and then it fits."""
    runs = job(*history_of(3), run(np.full(30, 350.0), 2400.0), declared_mib=120)
    found = outcomes([runs], Foresize(), nothing)["app/job"][3]

    assert 3 == found.kills  # ~104, then the declared 120, then 240, then 480


def test_figures_are_sums_of_the_runs() -> None:
    """Two runs waste 1 and 3 GiB x h of 2 and 6 that were allocated, one of them after two kills: half is waste."""
    runs = [Outcome(GIB_H, GIB_H, 2 * GIB_H, 0, 4), Outcome(3 * GIB_H, 2 * GIB_H, 6 * GIB_H, 2, 0)]
    found = figures({"a": runs, "b": []})

    assert (2, 4.0, 0.5, 3.0, 1, 2, 2.0) == tuple(
        getattr(found.total, name)
        for name in (
            "runs",
            "waste_gib_h",
            "waste_ratio",
            "idle_gib_h",
            "failed_runs",
            "failed_attempts",
            "changes_per_run",
        )
    )
    assert ["a"] == list(found.by_workload)


def of(*wastes: tuple[float, int]) -> JobFigures:
    """Workloads of one run each: (GiB h wasted, kills)."""
    return figures({str(n): [Outcome(w * GIB_H, w * GIB_H, 0.0, kills, 0)] for n, (w, kills) in enumerate(wastes)})


def test_a_ratio_is_of_sums_and_typical_is_by_workload() -> None:
    """(10 + 1) / (20 + 1) = 0.524 in sum; by workload sqrt(0.5 x 1) = 0.707; one failed run fewer."""
    found = against(of((10, 0), (1, 1)), of((20, 1), (1, 1)), "peer")

    assert pytest.approx((11 / 21, 0.5**0.5)) == (found.waste, found.typical_waste)
    assert (-1, 2, "peer") == (found.failed_runs, found.workloads, found.peer)


def test_an_interval_holds_what_workloads_could_have_given() -> None:
    """Drawn with replacement from ratios of 0.5 and 1: never outside, and the same in every run of the program."""
    ours, peer = of(*[(10.0, 0), (1.0, 1)] * 5), of(*[(20.0, 1), (1.0, 1)] * 5)
    found = against(ours, peer, "peer")

    assert 0.5 <= found.waste_interval[0] < found.waste < found.waste_interval[1] <= 1.0
    assert found == against(ours, peer, "peer")
    assert replace(found, failed_runs_interval=(0.0, 0.0)).waste_interval == found.waste_interval


def test_the_track_plays_all_policies_and_parts_and_is_json() -> None:
    """What `--track jobs` writes: every policy over all runs, and over those that had something to learn from."""
    shares: list[float] = []
    rng = np.random.default_rng(3)
    runs = [run(np.full(30, level), 600.0 * n) for n, level in enumerate(rng.uniform(90, 110, 12))]
    played = play([job(*runs), job(*runs[:6], name="app/other")], shares.append)
    found = json.loads(json.dumps(played.as_dict()))

    assert {OURS, "KS+", "k-Segments selective", "declared"} <= set(found["policies"])
    assert {"k-Segments selective", "k-Segments partial", "KS+"} == set(found["against"])
    assert 18 == found["policies"][OURS]["runs"]
    assert 12 == found["parts"][LEARNT]["policies"][OURS]["runs"]  # the first three of each job are left out
    assert {"app/job", "app/other"} == set(found["policies"]["KS+"]["by_workload"])
    assert 1.0 == shares[-1]
    assert sorted(shares) == shares
    assert 0 == found["policies"]["declared"]["failed_runs"] == found["policies"]["own peak (oracle)"]["waste_gib_h"]
