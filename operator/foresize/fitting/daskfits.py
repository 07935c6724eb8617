"""Fits on a Dask cluster: `fits.py` without one machine's bounds. What fails there is refused; the operator goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING

from foresize.fitting.daskcluster import Cluster, FitFailedError, LostError, WorkerEndedError
from foresize.fitting.fits import FAILED, JOB_DEADLINE_S, LATE, WORKER_ENDED, Answers, Job, Work, jobs_of, refused
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.series import History

if TYPE_CHECKING:
    from distributed import Future

logger = logging.getLogger(__name__)

JOBS_PER_THREAD = 2
"""One that is computed and one that waits beside it, so that no thread waits for a job to be sent."""
MOST_BYTES = 256 << 20
"""Histories that are with the cluster at a time: the scheduler and this process hold them until they are answered."""
LOOK_S = 0.5
"""How often it is seen whether a job is late or all of it was ended."""
FETCH_S = 2.0
"""For an answer that is there to be fetched, be it at the last moment; after it, it is seen whether all was ended."""
NOT_STARTED = "its fit was not started in time"
OVER = "the operator ends"


class DaskFits:
    """Shares histories out to Dask workers and puts their answers together: a `Fitter`."""

    def __init__(
        self, address: str = "", workers: int = 2, deadline_s: float = JOB_DEADLINE_S, work: Work = foresee
    ) -> None:
        """Nothing is connected or started before the first question.

        Args:
            address: of the scheduler; empty: a cluster of this process's own.
            workers: how many processes that one has.
            deadline_s: for the answer of one job, from when it was sent.
            work: what a worker does; a function of a module that the workers have too.
        """
        self._address, self._workers = address, workers
        self._deadline_s, self._work = deadline_s, work
        self._cluster: Cluster | None = None
        self._closed = False
        self._lock = Lock()

    def foresee(self, history: History, wishes: Sequence[Wish]) -> Answers:
        """As `foresize_forecast.foresee.foresee`; a job that fails or hangs refuses its containers, not the others."""
        made = dict(self.each(jobs_of(history, wishes)))
        return [answer for number in sorted(made) for answer in made[number]]

    def each(self, jobs: Iterable[Job]) -> Iterator[tuple[int, Answers]]:
        """Answers as they come, each with its job's number. Jobs are taken when there is room: memory is bounded."""
        asked = _Question(jobs, self._work, self._deadline_s)
        try:
            yield from asked.answers(self._connected(), lambda: self._closed)
        except LostError as lost:
            why = OVER if self._closed else str(lost)
            logger.warning("%s", why)
            self._end()
            yield from asked.refusals(why)

    def close(self) -> None:
        """End for good, without waiting for what is computed."""
        self._closed = True
        self._end()

    def _connected(self) -> Cluster:
        made = self._cluster or Cluster(self._address, self._workers)
        with self._lock:
            if not self._closed:
                self._cluster = made
                return made
        made.close()
        raise LostError(OVER)

    def _end(self) -> None:
        with self._lock:
            cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()


@dataclass(frozen=True, slots=True)
class _Flight:
    number: int
    job: Job
    future: Future[Answers]
    due_s: float


class _Question:
    """The jobs of one question: those to come, those with the cluster, those to be tried again."""

    def __init__(self, jobs: Iterable[Job], work: Work, deadline_s: float) -> None:
        self._jobs, self._work, self._deadline_s = enumerate(jobs), work, deadline_s
        self._tickets, self._landed = count(), SimpleQueue[int]()
        self._flying: dict[int, _Flight] = {}
        """By ticket, the oldest first."""
        self._again: dict[int, Job] = {}

    def answers(self, cluster: Cluster, is_over: Callable[[], bool]) -> Iterator[tuple[int, Answers]]:
        """First all together; then, one at a time, those that have no answer for what may be another's fault.

        Raises:
            LostError: nothing more will come; what is left is in `refusals`.
        """
        room = JOBS_PER_THREAD * max(1, cluster.threads())
        while self._filled(cluster, room):
            number, job, answers = self._landing(cluster, is_over)
            if isinstance(answers, str):
                self._again[number] = job
            else:
                yield number, answers
        while self._again:
            number, job = next(iter(self._again.items()))
            self._send(cluster, number, job)
            _, _, answers = self._landing(cluster, is_over)
            if answers == NOT_STARTED:
                raise LostError(f"{cluster.name} had no time for a fit in {self._deadline_s:.0f} s")
            del self._again[number]
            yield number, refused(job, answers) if isinstance(answers, str) else answers

    def refusals(self, why: str) -> Iterator[tuple[int, Answers]]:
        """What has no answer."""
        left = {flight.number: flight.job for flight in self._flying.values()} | self._again
        for number, job in chain(left.items(), self._jobs):
            yield number, refused(job, why)

    def _filled(self, cluster: Cluster, room: int) -> bool:
        """Send what there is room for. Whether the cluster has any job."""
        while len(self._flying) < room and self._bytes() < MOST_BYTES:
            following = next(self._jobs, None)
            if following is None:
                break
            self._send(cluster, *following)
        return bool(self._flying)

    def _bytes(self) -> int:
        return sum(flight.job.history.usage.nbytes for flight in self._flying.values())

    def _send(self, cluster: Cluster, number: int, job: Job) -> None:
        ticket = next(self._tickets)
        future = cluster.submit(self._work, job.history, job.wishes, then=partial(self._landed.put, ticket))
        self._flying[ticket] = _Flight(number, job, future, time.monotonic() + self._deadline_s)

    def _landing(self, cluster: Cluster, is_over: Callable[[], bool]) -> tuple[int, Job, Answers | str]:
        """The next job that is done or late, with its answers, or with why it has none and may be tried again."""
        ticket = self._next(is_over)
        flight = self._flying[ticket]
        answers = self._outcome(cluster, flight, is_over)
        del self._flying[ticket]
        return flight.number, flight.job, answers

    def _next(self, is_over: Callable[[], bool]) -> int:
        while not is_over():
            oldest, flight = next(iter(self._flying.items()))
            if flight.due_s < time.monotonic():
                return oldest
            with suppress(Empty):
                ticket = self._landed.get(timeout=LOOK_S)
                if ticket in self._flying:  # and was not found late before
                    return ticket
        raise LostError(OVER)

    def _outcome(self, cluster: Cluster, flight: _Flight, is_over: Callable[[], bool]) -> Answers | str:
        while not is_over():
            try:
                answers: Answers = cluster.result(flight.future, FETCH_S)
            except WorkerEndedError:
                return WORKER_ENDED
            except FitFailedError as error:
                logger.exception("a fit failed")
                return refused(flight.job, FAILED.format(error))
            except TimeoutError:  # it hangs, or the worker that had its answer died and another one makes it again
                if flight.due_s < time.monotonic():
                    hung = cluster.end(flight.future)
                    return refused(flight.job, LATE.format(self._deadline_s)) if hung else NOT_STARTED
            else:
                return answers
        raise LostError(OVER)
