"""One writer: a Lease that every door checks, and the kill switch beside it.

The election is the client library's; what is added is a truthful answer to "may I write now?": it ends by our own
monotonic clock, before anybody else could have taken the lease, also while a renewal hangs.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import urllib3
from kubernetes import client
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from foresize import metrics
from foresize.kube.kubeapi import Api, ApiError, NotFound

logger = logging.getLogger(__name__)
logging.getLogger("leaderelection").setLevel(logging.WARNING)  # it tells every try

LEASE = "foresize"
KILL_SWITCH = "foresize-kill-switch"
RENEW_SHARE = 2 / 3
"""Of the lease's duration: how long renewals are tried before it is given up (Kubernetes' own: 10 of 15 s)."""
RETRY_SHARE = 2 / 15
CALL_TIMEOUT_SHARE = 1 / 5
"""Of the lease's duration: an answer that takes longer is asked for again while the lease still holds."""


class Lease:
    """Takes the lease when it is free, renews it, and knows whether it is held."""

    def __init__(self, api: Api, namespace: str, duration_s: int, on_acquired: Callable[[], None]) -> None:
        self.identity = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
        self._api = api
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
        self._duration_s = duration_s
        self._on_acquired = on_acquired
        self._lock = _Lock(api, namespace, self.identity, duration_s * CALL_TIMEOUT_SHARE)
        self._stopped = threading.Event()

    def held(self) -> bool:
        """Whether nobody else can hold it, nor will before a write that begins now has ended.

        Others may take it a full duration after the last renewal; the share that is left belongs to writes under way.
        """
        return (
            not self._stopped.is_set() and time.monotonic() < self._lock.renewed_at_s + self._duration_s * RENEW_SHARE
        )

    def start(self) -> None:
        """Compete for it in a thread of its own, until `stop`."""
        threading.Thread(target=self._compete, name="lease", daemon=True).start()

    def stop(self) -> None:
        """Stop writing, and let the next one have it at once."""
        was_held = self.held()
        self._stopped.set()
        self._lock.close()
        if was_held:
            try:
                self._api.patch(self._path, {"spec": {"holderIdentity": None}}, "application/merge-patch+json")
            except ApiError as error:
                logger.warning("the lease was not given back: %s", error)

    def _compete(self) -> None:
        settings = electionconfig.Config(
            self._lock,
            lease_duration=self._duration_s,
            renew_deadline=self._duration_s * RENEW_SHARE,
            retry_period=max(1.0, self._duration_s * RETRY_SHARE),
            onstarted_leading=self._started,
            onstopped_leading=lambda: metrics.LEADER.set(0),
        )
        while not self._stopped.is_set():
            leaderelection.LeaderElection(settings).run()

    def _started(self) -> None:
        metrics.LEADER.set(1)
        self._on_acquired()


class Fence:
    """What every door asks before it writes."""

    def __init__(self, held: Callable[[], bool]) -> None:
        self._held = held
        self._stopped = ""

    def refusal(self, *, withdraws: bool = False) -> str | None:
        """Why nothing may be written now; None if it may.

        Args:
            withdraws: the write only takes back what is in force, which the kill switch wants.
        """
        if not self._held():
            return "another operator holds the lease"
        return (not withdraws and self._stopped) or None

    @property
    def stopped(self) -> str:
        """By what the kill switch stops all writes to workloads; empty where it does not."""
        return self._stopped

    def read_kill_switch(self, api: Api, namespace: str) -> None:
        """Look at the ConfigMap that stops all writes; what cannot be read leaves things as they are."""
        try:
            data = api.get(f"/api/v1/namespaces/{namespace}/configmaps/{KILL_SWITCH}").get("data") or {}
        except NotFound:
            data = {}
        except ApiError as error:
            logger.warning("the kill switch was not read: %s", error)
            return
        stopped = str(data.get("stop", "")).lower() == "true"
        self._stopped = f"stopped by ConfigMap {namespace}/{KILL_SWITCH}" if stopped else ""


class _Lock(LeaseLock):
    """The library's lock, which outlives an API server that is away and notes when a renewal that succeeded began."""

    def __init__(self, api: Api, namespace: str, identity: str, timeout_s: float) -> None:
        super().__init__(LEASE, namespace, identity)  # type: ignore[no-untyped-call]
        leases = client.CoordinationV1Api(api.client)
        names = ("read_namespaced_lease", "replace_namespaced_lease")
        calls = {name: partial(getattr(leases, name), _request_timeout=timeout_s) for name in names}
        self.api_instance: Any = SimpleNamespace(**{**calls, "create_namespaced_lease": self._create_owned})
        self._api, self._create_lease = api, partial(leases.create_namespaced_lease, _request_timeout=timeout_s)
        self.renewed_at_s = float("-inf")
        self._closed = threading.Event()
        self._calls = threading.Lock()

    def close(self) -> None:
        """Write no more; what is being written ends first."""
        self._closed.set()
        with self._calls:
            pass

    def get(self, name: str, namespace: str) -> tuple[bool, Any]:
        """As the library's, which lets only HTTP errors fail the try and any other end the thread."""
        if self._closed.is_set():
            return False, client.ApiException(reason="closed")
        try:
            found: tuple[bool, Any] = super().get(name, namespace)  # type: ignore[no-untyped-call]
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            return False, client.ApiException(reason=str(error))
        return found

    def create(self, name: str, namespace: str, election_record: Any) -> bool:  # noqa: ANN401 - the library's
        """As the library's, noted."""
        return self._noted(super().create, name, namespace, election_record)

    def update(self, name: str, namespace: str, updated_record: Any) -> bool:  # noqa: ANN401 - the library's
        """As the library's, noted."""
        return self._noted(super().update, name, namespace, updated_record)

    def _create_owned(self, namespace: str, body: Any) -> Any:  # noqa: ANN401 - the library's
        """Create it so that it goes when the operator's ServiceAccount does: uninstalling leaves no Lease behind."""
        body.metadata.owner_references = _account(self._api, namespace)
        return self._create_lease(namespace, body)

    def _noted(self, write: Callable[[str, str, Any], bool], name: str, namespace: str, record: Any) -> bool:  # noqa: ANN401
        with self._calls:
            if self._closed.is_set():
                return False
            began_s = time.monotonic()
            try:
                written = write(name, namespace, record)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                logger.warning("the lease was not written: %s", error)
                return False
            if written:
                self.renewed_at_s = began_s
            return written


def _account(api: Api, namespace: str) -> list[client.V1OwnerReference]:
    """The ServiceAccount that we are, where it is of this namespace: an owner must be."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        user = api.create(f"/apis/{review['apiVersion']}/selfsubjectreviews", review)["status"]["userInfo"]
    except (ApiError, KeyError):
        return []
    _, _, name = user["username"].partition(f"system:serviceaccount:{namespace}:")
    return (
        [client.V1OwnerReference(api_version="v1", kind="ServiceAccount", name=name, uid=user["uid"])] if name else []
    )
