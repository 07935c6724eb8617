"""Fits in worker processes: nothing that acts waits for one, and Prophet's memory stays out of the operator's own."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.outlook import NoOutlook
from foresize_forecast.plan import Forecasted
from foresize_forecast.series import History

logger = logging.getLogger(__name__)

ROWS_PER_JOB = 32
"""Containers of one job: small enough to share out, large enough that starting it costs nothing."""
JOB_DEADLINE_S = 600.0
FITS_PER_PROCESS = 200
"""Jobs after which a worker is replaced: what a library leaks ends with it."""


class FitPool:
    """Shares histories out to worker processes and puts their answers together."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def foresee(self, history: History, wishes: Sequence[Wish]) -> list[Forecasted | NoOutlook]:
        """As `foresize_forecast.foresee.foresee`; a job that fails or hangs refuses its containers, not the others."""
        starts = range(0, len(wishes), ROWS_PER_JOB)
        jobs = [
            self._submit(
                history.rows(np.arange(at, min(at + ROWS_PER_JOB, len(wishes)))), wishes[at : at + ROWS_PER_JOB]
            )
            for at in starts
        ]
        answers: list[Forecasted | NoOutlook] = []
        for at, job in zip(starts, jobs, strict=True):
            answers += self._answer(job, len(wishes[at : at + ROWS_PER_JOB]))
        return answers

    def close(self) -> None:
        """End the workers without waiting for what they compute."""
        if self._pool is not None:
            for process in list(getattr(self._pool, "_processes", {}).values()):
                process.terminate()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _submit(self, history: History, wishes: Sequence[Wish]) -> Future[list[Forecasted | NoOutlook]]:
        if self._pool is None:
            # Spawned, not forked: the operator has threads, and a fork would copy their locks as they are.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, context, max_tasks_per_child=FITS_PER_PROCESS)
        return self._pool.submit(foresee, history, wishes)

    def _answer(self, job: Future[list[Forecasted | NoOutlook]], rows: int) -> list[Forecasted | NoOutlook]:
        try:
            return job.result(JOB_DEADLINE_S)
        except (TimeoutError, BrokenProcessPool) as error:
            self.close()
            message = f"its fit did not end: {type(error).__name__}; it is tried again at the next refit"
        except Exception as error:  # a fit of one batch must not stop the others
            logger.exception("a fit failed")
            message = f"its fit failed: {error}"
        return [NoOutlook("FitFailed", message)] * rows
