from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from foresize.kube.lease import Fence, Lease

DURATION_S = 4
"""The shortest that the settings allow: the tests wait for parts of it."""


class Leases:
    """The API server's part: one Lease object with optimistic locking. `away` makes it answer 503."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.away = False
        self.user = "system:serviceaccount:foresize:operator"

    def __call__(self, request: Request) -> Answer:
        """As the API server does."""
        if self.away:
            return status(503, "away")
        if request.path.endswith("/selfsubjectreviews"):
            return 201, {"status": {"userInfo": {"username": self.user, "uid": "u-1"}}}
        if request.method == "GET":
            return (200, self.lease) if self.lease else status(404, "not found")
        if request.method == "PATCH" and self.lease:
            return self._stored({**self.lease, "spec": {**self.lease["spec"], **request.body["spec"]}})
        if request.method == "PUT" and request.body["metadata"]["resourceVersion"] != str(self.version):
            return status(409, "the object has been modified")
        return self._stored(request.body)

    @property
    def holder(self) -> str | None:
        """Who has it."""
        return self.lease["spec"].get("holderIdentity") if self.lease else None

    def _stored(self, lease: dict[str, Any]) -> Answer:
        self.version += 1
        self.lease = {**lease, "metadata": {**lease["metadata"], "resourceVersion": str(self.version)}}
        return 200, self.lease


def until(what: str, holds: Callable[[], object], deadline_s: float = 15.0) -> None:
    end_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end_s, f"waited {deadline_s} s for {what}"
        time.sleep(0.02)


def test_one_of_two_holds() -> None:
    """Of two operators one may write; when it stops, the other may at once, and the first never takes it back."""
    leases, started = Leases(), []
    with serving(leases) as api:
        first = Lease(api, "foresize", DURATION_S, lambda: started.append("first"))
        second = Lease(api, "foresize", DURATION_S, lambda: started.append("second"))
        first.start()
        until("the first to hold the lease", first.held)
        second.start()
        until("the first to renew it twice", lambda: leases.version > 3)

        assert (True, False) == (first.held(), second.held())

        first.stop()
        until("the second to hold the lease", second.held)

        assert not first.held()
        assert second.identity == leases.holder
        until("the second's start", lambda: started == ["first", "second"])
        second.stop()


@pytest.mark.parametrize(
    ("user", "owners"),
    [
        ("system:serviceaccount:foresize:operator", [("ServiceAccount", "operator", "u-1")]),
        ("system:serviceaccount:elsewhere:operator", []),  # no owner may be of another namespace
        ("kubernetes-admin", []),
    ],
)
def test_the_lease_goes_with_the_operators_account(user: str, owners: list[tuple[str, str, str]]) -> None:
    """Uninstalling leaves no Lease behind: it is owned by the ServiceAccount, where there is one beside it."""
    leases = Leases()
    leases.user = user
    with serving(leases) as api:
        lease = Lease(api, "foresize", DURATION_S, lambda: None)
        lease.start()
        until("the lease to be held", lease.held)
        lease.stop()

    assert leases.lease is not None
    written = leases.lease["metadata"].get("ownerReferences", [])
    assert owners == [(each["kind"], each["name"], each["uid"]) for each in written]


def test_held_ends_without_renewal() -> None:
    """An operator that cannot reach the API server knows that it lost the lease before another may take it."""
    leases = Leases()
    with serving(leases) as api:
        lease = Lease(api, "foresize", DURATION_S, lambda: None)
        lease.start()
        until("the lease to be held", lease.held)
        leases.away = True
        away_s = time.monotonic()
        # Held for 2/3 of 4 s after the last renewal began, so not longer than that after the server went away.
        time.sleep(away_s + DURATION_S * 2 / 3 - time.monotonic())
        assert not lease.held()

        leases.away = False
        until("the lease to be held again", lease.held)
        lease.stop()


def test_no_server_at_start() -> None:
    """An operator that starts while nothing listens waits for the API server instead of giving up."""
    leases = Leases()
    with serving(leases) as api:
        port = api.client.configuration.host
        api.client.configuration.host = "http://127.0.0.1:9"
        lease = Lease(api, "foresize", DURATION_S, lambda: None)
        lease.start()
        time.sleep(1.2)
        assert not lease.held()
        api.client.configuration.host = port
        until("the lease to be held", lease.held)
        lease.stop()


def test_fence_refuses_without_lease() -> None:
    """Without the lease no door opens."""
    assert "another operator holds the lease" == Fence(lambda: False).refusal()


def test_fence_opens_with_lease() -> None:
    """With the lease, and nothing said against it, doors open."""
    assert Fence(lambda: True).refusal() is None


def test_kill_switch() -> None:
    """`stop: "true"` closes all doors; no ConfigMap, or another value, opens them; an error changes nothing."""
    answers: list[Answer] = [
        (200, {"data": {"stop": "true"}}),
        status(500, "etcd is away"),
        (200, {"data": {"stop": "false"}}),
        (200, {"data": {"stop": "TRUE"}}),
        status(404, "not found"),
    ]
    told = []
    with serving(lambda _: answers.pop(0)) as api:
        fence = Fence(lambda: True)
        while answers:
            fence.read_kill_switch(api, "foresize")
            told.append(fence.refusal())

    why = "stopped by ConfigMap foresize/foresize-kill-switch"
    assert [why, why, None, why, None] == told
