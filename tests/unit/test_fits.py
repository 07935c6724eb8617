"""Fits in worker processes: one that fails, hangs or dies costs its own containers their forecast, and no others."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

import fitjobs
from builders import mi
from foresize.fitting.fits import FIT_FAILED, ROWS_PER_JOB, FitPool
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish
from foresize_forecast.series import ContainerKey, Grid, History
from foresize_forecast.sizing.plan import Forecasted

WISH = Wish(Question(overrun=0.01, horizon_s=3600), lead_s=0, cooldown_s=1800)


def history(*jobs: str) -> History:
    """Two days of 100 MiB of so many jobs' containers, each job's named as given."""
    keys = tuple(ContainerKey("shop", f"Deployment/{row}", name) for name in jobs for row in range(ROWS_PER_JOB))
    grid = Grid(0, 3600, 48)
    return History(grid, keys, np.full((len(keys), 48), float(mi(100))), np.full(len(keys), math.nan))


@contextmanager
def pool(deadline_s: float = 60, workers: int = 2) -> Iterator[FitPool]:
    """Workers of the tests' own."""
    made = FitPool(workers, deadline_s, fitjobs.told)
    yield made
    made.close()


def reasons(answers: list[Forecasted | NoOutlook]) -> list[str]:
    """One for each job: all of its containers have the same."""
    each = [answer.reason for answer in answers if isinstance(answer, NoOutlook)]
    assert len(each) == len(answers)
    return [each[at] for at in range(0, len(each), ROWS_PER_JOB) if len(set(each[at : at + ROWS_PER_JOB])) == 1]


def asked(pool: FitPool, *jobs: str) -> list[Forecasted | NoOutlook]:
    """The answers for so many jobs' containers."""
    return pool.foresee(history(*jobs), [WISH] * (ROWS_PER_JOB * len(jobs)))


def test_a_worker_forecasts() -> None:
    """A steady container of 100 MiB is forecast at 100 MiB, in a process that is not the operator's."""
    made = FitPool(1)
    try:
        (answer,) = made.foresee(history("app").rows(np.array([0])), [WISH])
    finally:
        made.close()

    assert isinstance(answer, Forecasted)
    assert mi(100) == answer.outlook.highest_level


def test_answers_come_in_the_order_of_the_questions() -> None:
    """Jobs are shared out to several processes, none of which is the operator's own."""
    with pool() as fits:
        answers = asked(fits, "one", "two", "three")

    assert ["one", "two", "three"] == reasons(answers)
    assert str(os.getpid()) not in {answer.message for answer in answers if isinstance(answer, NoOutlook)}


def test_a_fit_that_fails_refuses_its_own_containers() -> None:
    """The reason is said, and the next refit tries again."""
    with pool() as fits:
        answers = asked(fits, "one", "bad", "three")

    assert ["one", FIT_FAILED, "three"] == reasons(answers)
    failed = answers[ROWS_PER_JOB]
    assert isinstance(failed, NoOutlook)
    assert "its fit failed: bad history; it is tried again at the next refit" == failed.message


def test_a_fit_that_kills_its_worker_harms_no_other() -> None:
    """A fit whose process is killed (by its memory, say) breaks the pool; the others are made all the same."""
    with pool() as fits:
        assert ["one", FIT_FAILED, "three"] == reasons(asked(fits, "one", "deadly", "three"))
        assert ["four"] == reasons(asked(fits, "four"))


def test_a_fit_that_hangs_harms_no_other() -> None:
    """After its deadline a fit is given up and its process ended; those beside it are made again."""
    with pool(deadline_s=8) as fits:
        answers = asked(fits, "endless", "two", "three")

    assert [FIT_FAILED, "two", "three"] == reasons(answers)
    hung = answers[0]
    assert isinstance(hung, NoOutlook)
    assert "its fit did not end in 8 s; it is tried again at the next refit" == hung.message


def test_stopping_waits_for_no_fit() -> None:
    """The operator ends while a fit is under way: no process is left behind, and none is started anew."""
    with pool() as fits:
        answers: list[list[str]] = []
        asking = threading.Thread(target=lambda: answers.append(reasons(asked(fits, "endless"))))
        asking.start()
        began_s = time.monotonic()
        while not multiprocessing.active_children():
            assert time.monotonic() < began_s + 20, "no worker was started in 20 s"
            time.sleep(0.01)
        fits.close()
        asking.join(20)

    assert not asking.is_alive(), "the question was not answered in 20 s"
    assert [[FIT_FAILED]] == answers
