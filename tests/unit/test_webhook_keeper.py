"""Replicas that keep one certificate together, without a leader."""

from __future__ import annotations

import asyncio
import base64
import logging
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresize.webhook.apiserver import ApiError
from foresize.webhook.certificates import authorities_of, expires_s, trusted
from foresize.webhook.keeper import Keeper, Names, Told
from foresize.webhook.serving import Shown

Json = dict[str, Any]
NAMES = Names("foresize", "foresize-webhook", "foresize-webhook", "foresize-webhook")
LIFE_S = 1000.0
START_S = 1_700_000_000.0


@dataclass
class Cluster:
    """A Secret and a configuration, each with a resourceVersion; what replicas write is refused where it is old."""

    secret: Json = field(default_factory=lambda: {"metadata": {"name": "foresize-webhook", "resourceVersion": "1"}})
    told: bytes = b""
    told_version: int = 1
    writes: int = 0
    broken: bool = False

    async def replace(self, path: str, body: Json) -> Json:
        """The Secret."""
        assert path == "/api/v1/namespaces/foresize/secrets/foresize-webhook"
        if self.broken:
            raise ApiError(0, "API server not reached")
        if body["metadata"]["resourceVersion"] != self.secret["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified")
        self.writes += 1
        self.secret = deepcopy(body)
        self.secret["metadata"]["resourceVersion"] = str(self.writes + 1)
        return self.secret

    async def patch(self, path: str, body: Json) -> Json:
        """The authorities of the configuration's only webhook."""
        assert path.endswith("/mutatingwebhookconfigurations/foresize-webhook")
        if self.broken:
            raise ApiError(0, "API server not reached")
        [webhook] = body["webhooks"]
        assert webhook["name"] == "pods.foresize.dev"
        if body["metadata"]["resourceVersion"] != str(self.told_version):
            raise ApiError(409, "the object has been modified")
        self.writes += 1
        self.told_version += 1
        self.told = base64.b64decode(webhook["clientConfig"]["caBundle"])
        return {}


class Replica:
    """A keeper whose watches bring what the test lets them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.shown, self.now_s = cluster, Shown(), START_S
        self.keeper = Keeper(cluster, NAMES, self.shown, LIFE_S, lambda: self.now_s)  # type: ignore[arg-type]
        self.see()

    def see(self) -> None:
        """The watches bring what is there now."""
        self.see_secret()
        self.see_told()

    def see_secret(self) -> None:
        """One of them does."""
        self.keeper.secrets.objects = {("foresize", "foresize-webhook"): deepcopy(self.cluster.secret)}
        self.keeper.secrets.synced = True

    def see_told(self) -> None:
        """The other does."""
        told = Told(str(self.cluster.told_version), "pods.foresize.dev", self.cluster.told)
        self.keeper.configurations.objects = {("", "foresize-webhook"): told}
        self.keeper.configurations.synced = True

    def look(self, now_s: float) -> None:
        """One look at what was brought last."""
        self.now_s = now_s
        asyncio.run(self.keeper.keep())

    def believed(self, now_s: float) -> bool:
        """Whether the API server would connect."""
        pair = self.shown.pair
        assert pair is not None
        return expires_s(pair) > now_s and trusted(pair, authorities_of(self.cluster.told))


def settle(cluster: Cluster, *replicas: Replica) -> None:
    """Look until nothing is due."""
    before = -1
    while before != cluster.writes:
        before = cluster.writes
        for each in replicas:
            each.see()
            each.look(START_S)


def test_two_replicas_have_one_certificate() -> None:
    """Of two that start at the same moment one is refused, and both show what the other wrote."""
    cluster = Cluster()
    one, other = Replica(cluster), Replica(cluster)
    one.look(START_S)
    other.look(START_S)  # it has not seen that the first one wrote
    assert (cluster.writes, one.keeper.ready(), other.keeper.ready()) == (1, False, False)

    settle(cluster, one, other)

    assert one.shown.pair == other.shown.pair
    assert one.keeper.ready()
    assert other.keeper.ready()
    writes = cluster.writes
    one.look(START_S)
    assert cluster.writes == writes, "nothing is due"


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1 << 32))
def test_no_moment_is_without_a_certificate_that_is_believed(seed: int) -> None:
    """Watches lag, the API server fails, replicas pause: through three lives each shows what is believed."""
    random = Random(seed)  # noqa: S311 - draws delays, guards nothing
    cluster = Cluster()
    replicas = [Replica(cluster), Replica(cluster)]
    settle(cluster, *replicas)
    seen = set()
    now_s = START_S
    while now_s < START_S + 3 * LIFE_S:
        now_s += random.uniform(3, 12)
        cluster.broken = random.random() < 0.1
        for each in [one for one in replicas if random.random() < 0.7]:
            for see in (each.see_secret, each.see_told):
                if random.random() < 0.7:
                    see()
            try:
                each.look(now_s)
            except ApiError:
                assert cluster.broken
        assert all(each.believed(now_s) for each in replicas), now_s
        seen.add(cluster.secret["data"]["tls.crt"])

    # Each is followed after 0.62 of a life at the earliest, for 0.05 of it had passed when it was made.
    assert 4 <= len(seen) <= 5


def test_an_authority_that_somebody_took_away_is_told_again() -> None:
    """An upgrade that resets the configuration is mended at the next word of it."""
    cluster = Cluster()
    replica = Replica(cluster)
    settle(cluster, replica)
    cluster.told, cluster.told_version = b"", 9
    replica.see()
    assert not replica.keeper.ready()

    settle(cluster, replica)
    assert replica.keeper.ready()


def test_a_replica_that_is_behind_takes_no_authority_away() -> None:
    """It may see what is told before it sees the certificate that this is for; what has expired is told no more."""
    cluster = Cluster()
    ahead, behind = Replica(cluster), Replica(cluster)
    settle(cluster, ahead, behind)
    due_s = START_S + 0.7 * LIFE_S
    ahead.look(due_s)  # makes the next certificate
    ahead.see()
    ahead.look(due_s)  # tells its authority
    both = authorities_of(cluster.told)
    behind.see_told()
    behind.look(START_S + 0.6 * LIFE_S)

    assert set(authorities_of(cluster.told)) == set(both)
    assert len(both) == 2

    ended_s = START_S + 1.1 * LIFE_S
    for each in (ahead, ahead, ahead):
        each.see()
        each.look(ended_s)
    ahead.see()
    assert both[1] not in authorities_of(cluster.told)
    assert ahead.keeper.ready()


def test_without_its_secret_it_says_so_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A Secret that somebody deleted is missed in words; what was shown before still is."""
    cluster = Cluster()
    replica = Replica(cluster)
    settle(cluster, replica)
    replica.keeper.secrets.objects = {}

    with pytest.raises(ApiError, match="Secret foresize-webhook is missing; `helm upgrade` makes it"):
        replica.look(START_S)
    assert replica.keeper.ready()

    async def run_for_a_moment() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(replica.keeper.run(), 0.05)

    with caplog.at_level(logging.WARNING):
        asyncio.run(run_for_a_moment())
    assert "is missing" in caplog.text


def test_nothing_is_done_before_all_is_read() -> None:
    """A replica that does not know of the Secret yet makes no certificate of its own."""
    cluster = Cluster()
    replica = Replica(cluster)
    replica.keeper.configurations.synced = False
    replica.look(START_S)

    assert cluster.writes == 0
    assert not replica.keeper.ready()
