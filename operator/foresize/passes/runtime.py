"""The operator's parts put together, and the loops that drive them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from foresize import metrics
from foresize.cluster.guard import Assignment
from foresize.cluster.podwatch import PodWatch
from foresize.config.settings import Settings
from foresize.doors.admission import Admission
from foresize.fitting.daskfits import DaskFits
from foresize.fitting.fits import FitPool, Fitter
from foresize.kube.kubeapi import Api, ApiError
from foresize.kube.lease import Fence, Lease
from foresize.passes.actpass import ActPass
from foresize.passes.attend import Attendant
from foresize.passes.killpath import KillPath
from foresize.passes.moving import Mover
from foresize.passes.refit import Forecasts
from foresize.passes.sleeping import Sleeper
from foresize.passes.templating import Templater
from foresize.passes.tierrefit import Standing, standing_of
from foresize.reporting.announce import Announcer
from foresize.reporting.events import Events
from foresize.reporting.records import Records
from foresize.sources.choosing import reader
from foresize.sources.metricsserver import MetricsServer
from foresize.sources.reader import Reader
from foresize_forecast.pods import ContainerView, PodView

logger = logging.getLogger(__name__)

REFIT_LOOKS_S = 1.0
"""How often the slow loop looks for workloads that are due."""
STUCK_AFTER_S = 600.0
"""A loop that has not come round for this long hangs: the probe fails and the kubelet restarts the operator."""
SYNC_DEADLINE_S = 60.0


class Runtime:
    """Everything that runs beside kopf, from start to stop."""

    def __init__(self, settings: Settings, api: Api) -> None:
        self._settings, self._api = settings, api
        self._source = reader(settings, api)
        self._lease = Lease(api, settings.operator_namespace, settings.lease_duration_s, self._took_over)
        self._fence = Fence(self._lease.held)
        self._records, self._admission = Records(api, self._lease.held), Admission(api, self._fence)
        self._events = Events(api, self._lease.identity)
        self._forecasts = Forecasts(
            remembered=lambda key: self._records.state(key).runs,
            slept=lambda key: self._records.state(key).sleep,
            standing=self._standing,
        )
        self._pool = _fitter(settings)
        attendant = Attendant(api, self._fence, self._records, self._events)
        mover = Mover(
            settings,
            api,
            self._fence,
            attendant=attendant,
            records=self._records,
            admission=self._admission,
            events=self._events,
        )
        self._watch = PodWatch(
            api,
            keep=lambda _: True,
            namespaces=settings.namespaces,
            on_kill=self._on_kill,
            on_running=self._on_running,
        )
        self._acts = ActPass(
            settings,
            api,
            source=self._source,
            watch=self._watch,
            attendant=attendant,
            admission=self._admission,
            records=self._records,
            forecasts=self._forecasts,
            announcer=Announcer(self._events),
            templater=Templater(api, self._fence, attendant, self._records, self._events),
            mover=mover,
            sleeper=Sleeper(api, self._fence, attendant, self._records, self._events),
        )
        self._kills = KillPath(attendant, self._admission, self._events, acts=self._acts, wake=self.wake)
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._good_pass_s, self._came_round_s = 0.0, time.monotonic()
        self._term, self._loaded_in = 0, -1
        """How often the lease was taken, and in which of these times the last holder's memory was read."""

    def start(self) -> None:
        """Compete for the lease, watch pods, run the loops. Returns at once."""
        if self._settings.metrics_port:
            metrics.serve(self._settings.metrics_port)
        self._watch.start()
        if isinstance(self._source, MetricsServer):
            self._source.start()
        self._lease.start()
        for name, loop in (("act", self._act_loop), ("refit", self._refit_loop)):
            threading.Thread(target=loop, name=name, daemon=True).start()

    def stop(self) -> None:
        """Give the lease back and end. Every workload stays at its last size."""
        self._stopped.set()
        self._woken.set()
        self._lease.stop()
        self._watch.stop()
        if isinstance(self._source, MetricsServer):
            self._source.stop()
        self._kills.close()
        self._pool.close()
        self._events.close()

    def wake(self) -> None:
        """Have the next pass come now: a policy has changed."""
        self._woken.set()

    def age_s(self) -> float | None:
        """Seconds since the last good pass; None before the first."""
        return time.monotonic() - self._good_pass_s if self._good_pass_s else None

    def is_stuck(self) -> bool:
        """Whether the act loop hangs. While an API server or a Prometheus is away it comes round still."""
        return time.monotonic() - max(self._came_round_s, self._acts.moved_at_s) > STUCK_AFTER_S + self._settings.tick_s

    def _took_over(self) -> None:
        """The lease was taken: what this process remembers is older than what the last holder wrote."""
        self._term += 1
        self._acts.rest()
        self.wake()

    def _on_kill(self, pod: PodView, container: ContainerView) -> None:
        self._kills.on_kill(pod, container)

    def _on_running(self, pod: PodView, container: ContainerView) -> None:
        self._kills.on_running(pod, container)

    def _act_loop(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            if self._may_act():
                self._guarded("act", self._act)
            self._came_round_s = time.monotonic()
            self._woken.wait(self._settings.tick_s)

    def _act(self) -> None:
        self._fence.read_kill_switch(self._api, self._settings.operator_namespace)
        self._acts.run(self._fence.stopped)
        self._good_pass_s = time.monotonic()
        metrics.PASS_AT.labels("act").set_to_current_time()

    def _may_act(self) -> bool:
        """Whether this process is the writer, knows what the last one remembered, and sees the pods."""
        if not self._lease.held():
            self._acts.rest()
            return False
        term = self._term
        if self._loaded_in != term and self._guarded("load", self._load):
            self._loaded_in = term
        return self._loaded_in == term and self._watch.synced()

    def _load(self) -> None:
        self._records.load(self._settings.namespaces)
        self._admission.load(self._settings.namespaces)
        deadline_s = time.monotonic() + SYNC_DEADLINE_S
        while not self._watch.synced() and time.monotonic() < deadline_s and not self._stopped.is_set():
            time.sleep(0.05)

    def _refit_loop(self) -> None:
        while not self._stopped.wait(REFIT_LOOKS_S):
            if self._source is None or not self._lease.held():
                continue
            scene = self._acts.scene
            # Without a scene nothing is known of workloads, not even that they are gone.
            due = self._forecasts.due(scene.assignments, time.time()) if scene.assignments else []
            if due and self._guarded("refit", partial(self._refit, self._source, due)):
                self.wake()

    def _refit(self, source: Reader, due: Sequence[Assignment]) -> None:
        with metrics.PASS_SECONDS.labels("refit").time():
            self._forecasts.refit(source, self._pool, due, time.time(), self._settings.refit_interval_s)
        metrics.PASS_AT.labels("refit").set_to_current_time()

    def _standing(self, key: tuple[str, str]) -> Standing:
        """The living pods of a workload by their lasting names, and how they were sized apart until now."""
        managed = self._acts.scene.managed.get(key)
        if managed is None:
            return Standing()
        return standing_of(managed, self._acts.pods(managed), self._records.state(key))

    def _guarded(self, loop: str, run: Callable[[], None]) -> bool:
        """Run one round of a loop; what goes wrong is logged and counted, and the next round comes."""
        try:
            run()
        except ApiError as error:
            logger.warning("%s: %s", loop, error)
        except Exception:  # a loop must not end
            logger.exception("%s failed", loop)
        else:
            return True
        metrics.PASS_ERRORS.labels(loop).inc()
        return False


def _fitter(settings: Settings) -> Fitter:
    if settings.engine == "dask":
        return DaskFits(settings.dask_address, settings.fit_workers)
    return FitPool(settings.fit_workers)
