"""Fits on Dask workers: a worker that dies loses nothing, and what fails costs its own containers alone."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

import fitjobs
from builders import mi
from foresize.commands import serving
from foresize.config.settings import Settings
from foresize.fitting import daskcluster, daskfits
from foresize.fitting.daskfits import DaskFits
from foresize.fitting.fits import FIT_FAILED, JOB_DEADLINE_S, ROWS_PER_JOB, Job, jobs_of
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.series import ContainerKey, Grid, History
from foresize_forecast.sizing.plan import Forecasted

WISH = Wish(Question(overrun=0.01, horizon_s=3600), lead_s=0, cooldown_s=1800)
WISHES = [WISH] * ROWS_PER_JOB


def history(*jobs: str) -> History:
    """Two days of 100 MiB of so many jobs' containers, each job's named as given."""
    keys = tuple(ContainerKey("shop", f"Deployment/{row}", name) for name in jobs for row in range(ROWS_PER_JOB))
    grid = Grid(0, 3600, 48)
    return History(grid, keys, np.full((len(keys), 48), float(mi(100))), np.full(len(keys), math.nan))


def refusals(answers: list[Forecasted | NoOutlook]) -> list[NoOutlook]:
    """One for each job: all of its containers have the same."""
    each = [answer for answer in answers if isinstance(answer, NoOutlook)]
    assert len(each) == len(answers)
    firsts = each[::ROWS_PER_JOB]
    assert [one for one in firsts for _ in range(ROWS_PER_JOB)] == each
    return firsts


def asked(fits: DaskFits, *jobs: str) -> list[NoOutlook]:
    """The answers for so many jobs' containers, one for each job."""
    return refusals(fits.foresee(history(*jobs), WISHES * len(jobs)))


def told_of(jobs: Iterator[Job], taken: list[int]) -> Iterator[Job]:
    """The same jobs, each noted when it is taken."""
    for number, job in enumerate(jobs):
        taken.append(number)
        yield job


@pytest.fixture(scope="module")
def fits() -> Iterator[DaskFits]:
    """Two workers of a cluster of the tests' own."""
    made = DaskFits(workers=2, deadline_s=60, work=fitjobs.told)
    yield made
    made.close()


def test_answers_come_in_the_order_of_the_questions(fits: DaskFits) -> None:
    """Jobs are shared out to several processes, none of which is the operator's own."""
    names = [f"job-{number}" for number in range(20)]

    answers = asked(fits, *names)

    assert names == [answer.reason for answer in answers]
    assert str(os.getpid()) not in {answer.message for answer in answers}


def test_forecasts_are_those_of_one_process(fits: DaskFits) -> None:
    """Which engine computes a forecast changes nothing of it."""
    known = history("app")

    np.testing.assert_equal(
        [asdict(each) for each in foresee(known, WISHES)], [asdict(each) for each in fits.foresee(known, WISHES)]
    )


def test_a_worker_killed_midway_loses_nothing(fits: DaskFits) -> None:
    """With the first answer its worker is killed: those that it had done or begun are made again elsewhere."""
    jobs = jobs_of(history(*["slow"] * 12), WISHES * 12)
    made: dict[int, NoOutlook] = {}
    for number, answers in fits.each(jobs):
        [made[number]] = refusals(answers)
        if len(made) == 1:
            os.kill(int(made[number].message), signal.SIGKILL)

    assert dict.fromkeys(range(12), "slow") == {number: answer.reason for number, answer in made.items()}


def test_few_jobs_are_under_way_at_a_time(fits: DaskFits) -> None:
    """However many containers there are, the operator and the scheduler hold few: two jobs for each of two workers."""
    # One that was killed by the test before may be on its way back.
    began_s = time.monotonic()
    while fits._connected().threads() < 2:  # noqa: SLF001 - nobody else asks
        assert time.monotonic() < began_s + 90, "no second worker in 90 s"
        time.sleep(0.1)
    taken: list[int] = []
    answers = fits.each(told_of(jobs_of(history(*["slow"] * 12), WISHES * 12), taken))

    next(answers)
    assert 4 == len(taken)
    assert 11 == len(list(answers))


def test_large_histories_are_under_way_one_at_a_time(fits: DaskFits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by bytes as well: with room for less than one history, each waits for the one before."""
    monkeypatch.setattr(daskfits, "MOST_BYTES", 1)
    taken: list[int] = []
    answers = fits.each(told_of(jobs_of(history("one", "two"), WISHES * 2), taken))

    next(answers)
    assert 1 == len(taken)
    assert 1 == len(list(answers))


def test_a_long_history_is_sent_without_complaint(fits: DaskFits) -> None:
    """What Dask advises against at 10 MiB is what is wanted here: 32 containers of 35 days of minutes are 12 MiB."""
    grid, keys = Grid(0, 60, 50_400), tuple(ContainerKey("shop", f"Deployment/{row}", "one") for row in range(32))
    long = History(grid, keys, np.full((32, grid.count), float(mi(100))), np.full(32, math.nan))

    assert ["one"] == [answer.reason for answer in refusals(fits.foresee(long, WISHES))]


def test_a_fit_that_fails_refuses_its_own_containers(fits: DaskFits) -> None:
    """The reason is said, and the next refit tries again."""
    answers = asked(fits, "one", "bad", "three")

    assert ["one", FIT_FAILED, "three"] == [answer.reason for answer in answers]
    assert "its fit failed: bad history; it is tried again at the next refit" == answers[1].message


def test_a_fit_that_kills_its_worker_harms_no_other(fits: DaskFits) -> None:
    """A fit whose process is killed (by its memory, say) is given up; those that died with it are made all the same."""
    answers = asked(fits, "one", "deadly", "three", "four")

    assert ["one", FIT_FAILED, "three", "four"] == [answer.reason for answer in answers]
    assert answers[1].message.startswith("its fit ended its worker process")


CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    page = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", scheduler_kwargs=page)
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A cluster in a process of its own, with its scheduler's address."""
    program = tmp_path / "cluster.py"
    program.write_text(CLUSTER)
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-P", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it is killed, and its workers have something to say of that
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_a_fit_that_hangs_harms_no_other(elsewhere: tuple[subprocess.Popen[str], str]) -> None:
    """After its deadline a fit is given up and its worker started anew; the others are made meanwhile."""
    fits = DaskFits(elsewhere[1], deadline_s=8, work=fitjobs.told)
    answers = asked(fits, "endless", "two", "three", "four")
    fits.close()

    assert [FIT_FAILED, "two", "three", "four"] == [answer.reason for answer in answers]
    assert "its fit did not end in 8 s; it is tried again at the next refit" == answers[0].message


def test_a_scheduler_that_is_lost_refuses_what_it_had(
    elsewhere: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Midway the scheduler is killed: what was answered stands, the rest is refused with the reason."""
    process, address = elsewhere
    fits = DaskFits(address, deadline_s=60, work=fitjobs.told)
    reasons: dict[int, NoOutlook] = {}
    for number, answers in fits.each(jobs_of(history(*["slow"] * 8), WISHES * 8)):
        [reasons[number]] = refusals(answers)
        process.kill()
    monkeypatch.setattr(daskcluster, "CONNECT_S", 0.5)
    [later] = asked(fits, "one")
    fits.close()

    assert list(range(8)) == sorted(reasons)
    assert {"slow", FIT_FAILED} == {answer.reason for answer in reasons.values()}
    lost = {answer.message for answer in reasons.values() if answer.reason == FIT_FAILED}
    assert {f"the Dask cluster at {address} was lost; it is tried again at the next refit"} == lost
    assert FIT_FAILED == later.reason
    assert later.message.startswith(f"the Dask cluster at {address} cannot be used: Timed out")


def test_a_cluster_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a fit that no worker will ever begin."""
    monkeypatch.setattr(daskcluster, "CONNECT_S", 0.5)
    page = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, host="127.0.0.1", scheduler_kwargs=page) as empty:
        fits = DaskFits(empty.scheduler_address, work=fitjobs.told)
        [answer] = asked(fits, "one")
        fits.close()

    assert answer.message.startswith(f"the Dask cluster at {empty.scheduler_address} has no workers;")


@pytest.mark.parametrize("after_s", [0.0, 0.5])
def test_stopping_waits_for_no_fit(elsewhere: tuple[subprocess.Popen[str], str], after_s: float) -> None:
    """The operator ends, be it connecting or waiting: what was asked is refused, and nothing is asked anew."""
    fits = DaskFits(elsewhere[1], work=fitjobs.told)
    answers: list[NoOutlook] = []
    asking = threading.Thread(target=lambda: answers.extend(asked(fits, "endless")))
    asking.start()
    time.sleep(after_s)
    fits.close()
    asking.join(20)

    assert not asking.is_alive(), "the question was not answered in 20 s"
    assert ["the operator ends; it is tried again at the next refit"] == [answer.message for answer in answers]
    assert [FIT_FAILED] == [answer.reason for answer in asked(fits, "one")]


def test_a_missing_package_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask is no part of what everybody installs: who asks for it without having it is told what to install."""
    monkeypatch.setattr(daskcluster, "is_missing", lambda: True)
    said = "the engine dask needs the package distributed, which is not installed: pip install 'foresize[dask]'"

    with pytest.raises(serving.NotServedError) as caught:
        serving.serve(Settings(engine="dask"))
    [answer] = asked(DaskFits(work=fitjobs.told), "one")

    assert said == str(caught.value)
    assert f"{said}; it is tried again at the next refit" == answer.message


def test_the_page_on_scale_names_what_bounds_memory() -> None:
    """Who plans a cluster reads how much of it is used at a time."""
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()

    assert f"{ROWS_PER_JOB} containers" in page
    assert f"{daskfits.JOBS_PER_THREAD} jobs for each thread" in page
    assert f"{daskfits.MOST_BYTES >> 20} MiB" in page
    assert f"{JOB_DEADLINE_S / 60:.0f} minutes" in page
