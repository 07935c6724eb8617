"""Keeps the certificate: stored in a Secret, told to the API server, shown to it. Every replica does, none leads.

Only what the Secret holds is ever shown, and it is written with the resourceVersion that was read: of two replicas that
renew at the same time one is refused, and takes what the other wrote.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from foresize.webhook.apiserver import ApiError, ApiServer
from foresize.webhook.certificates import Kept, authorities_of, read, renewed, trusted, unexpired, written
from foresize.webhook.following import Follow
from foresize.webhook.serving import Shown

logger = logging.getLogger(__name__)

Json = dict[str, Any]
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
LOOKS_IN_A_LIFE = 200
"""How often it is asked whether something is due."""
LONGEST_PAUSE_S = 60.0
RETRY_S = 1.0
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Names:
    """What the chart calls its parts."""

    namespace: str
    secret: str
    service: str
    configuration: str
    """Of the MutatingWebhookConfiguration."""

    @property
    def dns(self) -> tuple[str, ...]:
        """What the API server expects the certificate to be for."""
        return (f"{self.service}.{self.namespace}.svc",)


@dataclass(frozen=True, slots=True)
class Told:
    """What the MutatingWebhookConfiguration says."""

    resource_version: str = ""
    webhook: str = ""
    """The name of its only webhook."""
    bundle: bytes = b""

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """Those that the API server trusts, in PEM."""
        return authorities_of(self.bundle)


class Keeper:
    """One replica's share of it."""

    def __init__(
        self, api: ApiServer, names: Names, shown: Shown, life_s: float, clock_s: Callable[[], float] = time.time
    ) -> None:
        """Nothing is read before the two watches run.

        Args:
            api: the way to the API server.
            names: what the chart calls its parts.
            shown: where the certificate is used.
            life_s: of a certificate, in seconds.
            clock_s: Unix seconds, as `time.time`.
        """
        self._api, self._names, self._shown, self._life_s, self._clock_s = api, names, shown, life_s, clock_s
        self._woken = asyncio.Event()
        self._secret_path = f"/api/v1/namespaces/{names.namespace}/secrets"
        self.secrets: Follow[Json] = Follow(api, self._secret_path, dict, name=names.secret, changed=self._woken.set)
        self.configurations: Follow[Told] = Follow(
            api, CONFIGURATIONS, _told, name=names.configuration, changed=self._woken.set
        )

    def ready(self) -> bool:
        """Whether a certificate is shown that the API server believes."""
        pair, expires_s = self._shown.pair, self._shown.expires_s()
        if pair is None or expires_s is None or expires_s <= self._clock_s():
            return False
        return trusted(pair, self._told().authorities)

    async def run(self) -> None:
        """Keep it until cancelled."""
        while True:
            self._woken.clear()
            pause_s = min(LONGEST_PAUSE_S, self._life_s / LOOKS_IN_A_LIFE)
            try:
                await self.keep()
            except (ApiError, OSError) as error:
                logger.warning("certificate: %s", error)
                pause_s = RETRY_S
            try:
                await asyncio.wait_for(self._woken.wait(), pause_s)
            except TimeoutError:
                continue

    async def keep(self) -> None:
        """One look: write, tell or show what is due.

        Raises:
            ApiError, OSError: something could not be done; it is tried again.
        """
        if not (self.secrets.synced and self.configurations.synced):
            return
        secret = self.secrets.objects.get((self._names.namespace, self._names.secret))
        if secret is None:
            raise ApiError(0, f"Secret {self._names.secret} is missing; `helm upgrade` makes it")
        told = self._told()
        kept = read(_decoded(secret))
        now = renewed(kept, told.authorities, self._names.dns, self._life_s, self._clock_s())
        if now != kept:
            await self._store(secret, now)
        else:
            await self._tell(kept, told)
            self._show(kept)

    async def _store(self, secret: Json, kept: Kept) -> None:
        """What is written comes back by the watch, and is told and shown then."""
        body = {**secret, "apiVersion": "v1", "kind": "Secret", "data": _encoded(written(kept))}
        with _unless_another_was_first():
            await self._api.replace(f"{self._secret_path}/{self._names.secret}", body)

    async def _tell(self, kept: Kept, told: Told) -> None:
        """Have the API server trust the authorities: those of what is shown, and of what will be.

        What it trusts already it goes on trusting until that expires: another replica may be ahead of this one.
        """
        others = [each for each in unexpired(told.authorities, self._clock_s()) if each not in kept.authorities]
        bundle = b"".join([*kept.authorities, *others])
        if not told.webhook or set(authorities_of(bundle)) == set(told.authorities):
            return
        body = {
            "metadata": {"resourceVersion": told.resource_version},
            "webhooks": [{"name": told.webhook, "clientConfig": {"caBundle": base64.b64encode(bundle).decode()}}],
        }
        with _unless_another_was_first():
            await self._api.patch(f"{CONFIGURATIONS}/{self._names.configuration}", body)
            logger.info("certificate: told the API server %d authorities", len(authorities_of(bundle)))

    def _show(self, kept: Kept) -> None:
        if kept.serving is not None and self._shown.show(kept.serving):
            logger.info("certificate: shown is one until %s", time.ctime(self._shown.expires_s()))

    def _told(self) -> Told:
        """What the API server trusts now."""
        return self.configurations.objects.get(("", self._names.configuration), Told())


@contextlib.contextmanager
def _unless_another_was_first() -> Iterator[None]:
    """What another replica wrote in between is brought by the watch, and looked at then."""
    try:
        yield
    except ApiError as error:
        if error.status != CONFLICT:
            raise
        logger.info("certificate: another replica was first")


def _told(configuration: Json) -> Told:
    [webhook] = configuration["webhooks"]
    bundle = base64.b64decode(webhook["clientConfig"].get("caBundle") or "")
    return Told(configuration["metadata"]["resourceVersion"], webhook["name"], bundle)


def _decoded(secret: Json) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(value, validate=True) for key, value in (secret.get("data") or {}).items()}
    except ValueError:
        return {}


def _encoded(data: dict[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}
