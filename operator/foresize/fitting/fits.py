"""Fits in worker processes: nothing that acts waits for one, and Prophet's memory stays out of the operator's own.

Here in processes of this machine; `daskfits.py` has the same on a Dask cluster.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np

from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.series import History
from foresize_forecast.sizing.plan import Forecasted

logger = logging.getLogger(__name__)

FIT_FAILED = "FitFailed"
ROWS_PER_JOB = 32
"""Containers of one job: small enough to share out, large enough that starting it costs nothing."""
JOB_DEADLINE_S = 600.0
JOBS_PER_POOL = 400
"""Jobs after which the workers are replaced: what a library leaks ends with them."""
WORKER_ENDED = "its fit ended its worker process, by its memory perhaps"
LATE = "its fit did not end in {:.0f} s"
FAILED = "its fit failed: {}"
Answers = list[Forecasted | NoOutlook]
Work = Callable[[History, Sequence[Wish]], Answers]


class Fitter(Protocol):
    """What histories are handed to. One thread asks; any may close it."""

    def foresee(self, history: History, wishes: Sequence[Wish]) -> Answers:
        """As `foresize_forecast.foresee.foresee`; a job that fails or hangs refuses its containers, not the others."""

    def close(self) -> None:
        """End for good, without waiting for what is computed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker is given at a time: some rows of a history with their wishes."""

    history: History
    wishes: Sequence[Wish]


def jobs_of(history: History, wishes: Sequence[Wish]) -> Iterator[Job]:
    """The history in jobs of `ROWS_PER_JOB` containers, in its order, each cut when it is asked for."""
    for at in range(0, len(wishes), ROWS_PER_JOB):
        rows = np.arange(at, min(at + ROWS_PER_JOB, len(wishes)))
        yield Job(history.rows(rows), wishes[at : at + ROWS_PER_JOB])


def refused(job: Job, why: str) -> Answers:
    """The answers of a job that has none."""
    return [NoOutlook(FIT_FAILED, f"{why}; it is tried again at the next refit")] * len(job.wishes)


class FitPool:
    """Shares histories out to worker processes and puts their answers together: a `Fitter`."""

    def __init__(self, workers: int, deadline_s: float = JOB_DEADLINE_S, work: Work = foresee) -> None:
        """No process is started before the first question.

        Args:
            workers: how many processes.
            deadline_s: for the answer of one job, once those before it have theirs.
            work: what a worker does; a function of a module, so that a process of its own can import it.
        """
        self._workers, self._deadline_s, self._work = workers, deadline_s, work
        self._pool: ProcessPoolExecutor | None = None
        self._jobs = 0
        self._closed = False
        self._lock = Lock()

    def foresee(self, history: History, wishes: Sequence[Wish]) -> Answers:
        """As `foresize_forecast.foresee.foresee`; a job that fails or hangs refuses its containers, not the others."""
        jobs = list(jobs_of(history, wishes))
        answers = self._first_round(jobs)
        for number, job in enumerate(jobs):
            if answers[number] is None:  # it broke, or another one broke the pool: alone it harms nobody else
                answers[number] = self._alone(job)
        if self._jobs >= JOBS_PER_POOL:
            self._end()
        return [answer for each in answers if each is not None for answer in each]

    def close(self) -> None:
        """End the workers for good, without waiting for what they compute."""
        with self._lock:
            self._closed = True
        self._end()

    def _first_round(self, jobs: Sequence[Job]) -> list[Answers | None]:
        """All at once; None for a job that has no answer because the pool broke."""
        futures = [self._submit(job) for job in jobs]
        return [self._answer(job, future) for job, future in zip(jobs, futures, strict=True)]

    def _alone(self, job: Job) -> Answers:
        answer = self._answer(job, self._submit(job))
        return refused(job, WORKER_ENDED) if answer is None else answer

    def _submit(self, job: Job) -> Future[Answers] | None:
        with self._lock:
            if self._closed:
                return None
            if self._pool is None:
                # Spawned, not forked: the operator has threads, and a fork would copy their locks as they are.
                self._pool = ProcessPoolExecutor(self._workers, multiprocessing.get_context("spawn"))
                self._jobs = 0
            self._jobs += 1
            try:
                return self._pool.submit(self._work, job.history, job.wishes)
            except BrokenProcessPool:
                return None

    def _answer(self, job: Job, future: Future[Answers] | None) -> Answers | None:
        if future is None:
            self._end()
            return None
        try:
            return future.result(self._deadline_s)
        except TimeoutError:
            self._end()
            return refused(job, LATE.format(self._deadline_s))
        except (BrokenProcessPool, CancelledError):
            self._end()
            return None
        except Exception as error:  # a fit of one batch must not stop the others
            logger.exception("a fit failed")
            return refused(job, FAILED.format(error))

    def _end(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
