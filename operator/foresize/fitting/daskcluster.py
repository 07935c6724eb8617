"""The way to a Dask cluster, at an address or of this process's own: the one module that knows `distributed`.

That package is optional and slow to import, so it is imported where a cluster is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

MISSING = "the engine dask needs the package distributed, which is not installed: pip install 'foresize[dask]'"
CONNECT_S = 10.0
"""For the scheduler to answer, and for a first worker to be there."""
START_S = 60.0
"""For the first worker of a local cluster: a process that imports all that a fit needs, on a busy machine."""
END_S = 5.0
"""For a clean end; what has not ended then is left to the operating system."""
RESTART_S = 1.0
"""For a worker that hangs to be told to start anew; it does so after that, without being waited for."""
MOST_DEATHS = 2
"""Workers that one job may end in a local cluster, alone or not, before it is given back."""

WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1}
"""Of a local worker. Dask would also have freed memory returned at once, to be asked for again by the next array: that
is a quarter of a fit's processor time."""


class LostError(Exception):
    """Nothing more comes from the cluster; the text says why."""


class WorkerEndedError(Exception):
    """The workers that had a job ended one after the other, by it or by another job's doing."""


class FitFailedError(Exception):
    """The work itself raised an error, which the text holds."""


def is_missing() -> bool:
    """Whether the package is not installed."""
    return find_spec("distributed") is None


class Cluster:
    """A scheduler and its workers. Every method raises LostError when the scheduler cannot be reached."""

    def __init__(self, address: str, workers: int) -> None:
        """Connect, or start processes on this machine that listen on loopback alone.

        Args:
            address: the scheduler's, `tcp://` or `tls://`; empty: a cluster of its own.
            workers: how many processes it has then.

        Raises:
            LostError: the package is missing, nothing answers at the address, or there is no worker.
        """
        if is_missing():
            raise LostError(MISSING)
        self.name = f"the Dask cluster at {address}" if address else "the local Dask cluster"
        self._local: Any = None
        self._client: Client | None = None
        try:
            with self._reached():
                self._connect(address, workers)
        except LostError:
            self.close()
            raise

    def threads(self) -> int:
        """How many jobs it can compute at once."""
        with self._reached():
            return sum(self._alive().nthreads().values())

    def submit(self, work: Callable[..., Any], *arguments: object, then: Callable[[], None]) -> Future[Any]:
        """Send work with its arguments. A worker that dies loses nothing: the scheduler can have it repeated.

        Args:
            work: a function of a module that the workers have too.
            arguments: pickled.
            then: called from another thread once there is an answer, an error or no hope of either.
        """
        with self._reached():
            future = self._alive().submit(work, *arguments, pure=False)
            future.add_done_callback(lambda _: then())
        return future

    def result(self, future: Future[Any], wait_s: float) -> Any:  # noqa: ANN401 - what the work returns
        """What the work returned.

        Raises:
            TimeoutError: it is not there yet.
            WorkerEndedError: Dask gave it up after its workers died.
            FitFailedError: it raised an error.
            LostError: it will not come.
        """
        from distributed import KilledWorker  # noqa: PLC0415 - see the module's docstring

        try:
            return future.result(timeout=wait_s)
        except Exception as error:
            if future.status == "error":
                known = WorkerEndedError if isinstance(error, KilledWorker) else FitFailedError
                raise known(str(error) or type(error).__name__) from error
            if isinstance(error, TimeoutError):
                raise
            logger.warning("no answer from %s: %s", self.name, error)
            raise LostError(f"{self.name} was lost") from error

    def end(self, future: Future[Any]) -> bool:
        """Give work up. Whether a worker was computing it: that one is restarted, for a thread cannot be ended."""
        with self._reached():
            client = self._alive()
            computing = [worker for worker, stacks in client.call_stack([future]).items() if future.key in stacks]
            future.cancel()
        for worker in computing:
            try:
                client.restart_workers([worker], timeout=RESTART_S, raise_for_error=False)
            except Exception as error:  # noqa: BLE001 - a worker without a nanny cannot be restarted from here
                logger.warning("the Dask worker %s hangs in a fit and was not restarted: %s", worker, error)
        return bool(computing)

    def close(self) -> None:
        """End the connection, and the workers if they are this process's own."""
        client, self._client = self._client, None
        local, self._local = self._local, None
        for each in (client, local):
            if each is not None:
                with suppress(Exception):  # it may be gone already
                    each.close(timeout=END_S)

    def _connect(self, address: str, workers: int) -> None:
        import dask.config  # noqa: PLC0415 - see the module's docstring
        from distributed import Client, LocalCluster  # noqa: PLC0415

        _log_as_others_do()
        # Dask advises to load large arguments where they are used; histories are here and nowhere else.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"})
        if not address:
            with dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}):
                self._local = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                    # Its health page is served even without a dashboard, on a port that others may have.
                    scheduler_kwargs={"allowed_failures": MOST_DEATHS - 1, "dashboard_address": "127.0.0.1:0"},
                )
        self._client = Client(self._local or address, timeout=CONNECT_S, set_as_default=False)
        try:
            self._client.wait_for_workers(1, timeout=START_S if self._local else CONNECT_S)
        except TimeoutError:
            raise LostError(f"{self.name} has no workers") from None

    def _alive(self) -> Client:
        if self._client is None or self._client.status != "running":
            raise LostError(f"{self.name} was lost")
        return self._client

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except LostError:
            raise
        except Exception as error:
            raise LostError(f"{self.name} cannot be used: {str(error) or type(error).__name__}") from error


def _log_as_others_do() -> None:
    """The package's log lines go where this process's go, in their form; at its import it makes handlers of its own."""
    for name in ("distributed", "tornado", "bokeh"):
        own = logging.getLogger(name)
        own.handlers.clear()
        own.propagate = True
        own.setLevel(logging.WARNING)
