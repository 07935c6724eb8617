"""What is served: answers to the API server over TLS, and probes and metrics beside it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from prometheus_client import generate_latest

from foresize.webhook import metrics
from foresize.webhook.review import Namespaces, NotAReviewError, answer
from foresize.webhook.serving import Shown

logger = logging.getLogger(__name__)

PATH = "/size"
LARGEST_BYTES = 8 << 20
"""A request to the API server has 3 MiB at most, and a review holds the object with its defaults."""
KEEP_ALIVE_S = 300.0
DOUBTS_PER_MINUTE = 6


class Trusts(Protocol):
    """What knows of namespaces, and whether that can be trusted."""

    def synced(self) -> bool:
        """Whether it can."""


class Certificate(Protocol):
    """What keeps the certificate."""

    def ready(self) -> bool:
        """Whether the API server will believe it."""


class Reviews:
    """Answers reviews from what is known."""

    def __init__(self, known: Namespaces, clock_s: Callable[[], float] = time.monotonic) -> None:
        """It can answer at once.

        Args:
            known: what is known of namespaces.
            clock_s: as `time.monotonic`.
        """
        self._known, self._clock_s = known, clock_s
        self._doubts: list[float] = []
        self.ending = False
        """Connections are closed after their answer, so that the API server goes to another replica."""

    def application(self) -> web.Application:
        """What is served over TLS."""
        application = web.Application(client_max_size=LARGEST_BYTES)
        application.router.add_post(PATH, self.review)
        return application

    async def review(self, request: web.Request) -> web.Response:
        """One review, one answer; nothing is asked of anybody meanwhile."""
        body = await request.read()
        began_s = self._clock_s()
        try:
            found = answer(body, self._known)
        except NotAReviewError as error:
            metrics.REVIEWS.labels("no review").inc()
            return web.Response(status=400, text=str(error))
        metrics.REVIEW_SECONDS.observe(self._clock_s() - began_s)
        metrics.REVIEWS.labels(found.outcome).inc()
        if found.doubt:
            self._tell(found.doubt, began_s)
        response = web.Response(body=found.body, content_type="application/json")
        if self.ending:
            response.force_close()
        return response

    def _tell(self, doubt: str, now_s: float) -> None:
        """A few lines a minute: a workload that cannot be read may be created again and again."""
        self._doubts = [each for each in self._doubts if each > now_s - 60]
        if len(self._doubts) < DOUBTS_PER_MINUTE:
            self._doubts.append(now_s)
            logger.warning("left as it is: %s", doubt)


class Probes:
    """Whether it lives, whether it is of use, and its metrics."""

    def __init__(self, known: Trusts, certificate: Certificate, shown: Shown, reviews: Reviews) -> None:
        """It is not ready before both are.

        Args:
            known: what is known of namespaces.
            certificate: what keeps it.
            shown: what is in use.
            reviews: what answers.
        """
        self._known, self._certificate, self._shown, self._reviews = known, certificate, shown, reviews

    def application(self) -> web.Application:
        """What is served beside it, without TLS."""
        application = web.Application()
        application.router.add_get("/healthz", self.alive)
        application.router.add_get("/readyz", self.ready)
        application.router.add_get("/metrics", self.metrics)
        return application

    def lacking(self) -> list[str]:
        """What is not there yet."""
        lacks = {
            "sizes and namespaces": not self._known.synced(),
            "a certificate that the API server believes": not self._certificate.ready(),
            "time: it is ending": self._reviews.ending,
        }
        return [what for what, missing in lacks.items() if missing]

    async def alive(self, _: web.Request) -> web.Response:
        """That this is answered says it."""
        return web.Response(text="ok")

    async def ready(self, _: web.Request) -> web.Response:
        """200, or 503 with what is missing."""
        lacking = self.lacking()
        return web.Response(
            status=503 if lacking else 200, text="not there: " + ", ".join(lacking) if lacking else "ok"
        )

    async def metrics(self, _: web.Request) -> web.Response:
        """The metrics page."""
        metrics.READY.set(not self.lacking())
        metrics.CERTIFICATE_STARTS.set(self._shown.starts_s() or 0)
        metrics.CERTIFICATE_EXPIRES.set(self._shown.expires_s() or 0)
        return web.Response(
            body=generate_latest(metrics.REGISTRY), headers={"Content-Type": "text/plain; version=0.0.4"}
        )


async def listen(application: web.Application, port: int, shown: Shown | None = None) -> web.AppRunner:
    """Serve an application on all addresses, over TLS where a certificate is given.

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=KEEP_ALIVE_S)
    await runner.setup()
    await web.TCPSite(runner, port=port, ssl_context=shown.context if shown else None).start()
    return runner
