"""The webhook over real sockets: TLS, a certificate that changes, probes."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest

from foresize.webhook.certificates import made
from foresize.webhook.mounted import Mounted
from foresize.webhook.server import PATH, Probes, Reviews
from foresize.webhook.serving import Shown
from webhooking import LIFE_S, NAMES, REVIEW, Certificate, Known, asked, serving, trusting


def test_a_new_certificate_needs_no_new_socket() -> None:
    """The next connection sees it; one that is open goes on; and who trusts only the old one is not served the new."""
    old, old_authority = made(NAMES, LIFE_S, time.time())
    new, new_authority = made(NAMES, LIFE_S, time.time())
    body = json.dumps(REVIEW).encode()

    async def run() -> None:
        shown = Shown()
        assert shown.show(old)
        async with serving(Reviews(Known()).application(), shown) as port:
            connector = aiohttp.TCPConnector(ssl=trusting(old_authority), limit=1)
            async with aiohttp.ClientSession(f"https://localhost:{port}", connector=connector) as kept_open:
                async with kept_open.post(PATH, data=body) as answer:
                    assert answer.status == 200
                assert shown.show(new)
                assert not shown.show(new)
                async with kept_open.post(PATH, data=body) as answer:
                    assert answer.status == 200
            assert (await asked(port, trusting(old_authority, new_authority), body))[0] == 200
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await asked(port, trusting(old_authority), body)

    asyncio.run(run())


def test_a_certificate_that_cannot_be_used_leaves_the_old_one(tmp_path: Path) -> None:
    """Of files that somebody else keeps, half-written ones are left until they are whole."""
    pair, _ = made(NAMES, LIFE_S, time.time())
    shown = Shown()
    mounted = Mounted(tmp_path, shown)
    mounted.look()
    assert not mounted.ready()
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    mounted.look()
    assert mounted.ready()
    (tmp_path / "tls.key").write_bytes(made(NAMES, LIFE_S, time.time())[0].key)
    mounted.look()

    assert shown.pair == pair
    assert not Mounted(tmp_path, shown, lambda: time.time() + LIFE_S).ready(), "it has expired"


def test_large_pods_and_nonsense_are_answered() -> None:
    """A pod of 2 MiB is answered, what is no review is refused, and the server lives on."""
    pair, authority = made(NAMES, LIFE_S, time.time())
    large = json.loads(json.dumps(REVIEW))
    large["request"]["object"]["metadata"]["annotations"] = {"x": "y" * (2 << 20)}

    async def run() -> None:
        shown = Shown()
        shown.show(pair)
        async with serving(Reviews(Known()).application(), shown) as port:
            for body, status in (
                (json.dumps(large).encode(), 200),
                (b"nonsense", 400),
                (json.dumps(REVIEW).encode(), 200),
            ):
                assert (await asked(port, trusting(authority), body))[0] == status

    asyncio.run(run())


def test_it_is_ready_when_it_knows_and_is_believed() -> None:
    """503 says what is missing; its metrics are there all the while; when it ends it is ready no more."""
    known, certificate, reviews = Known(all_read=False), Certificate(good=False), Reviews(Known())
    application = Probes(known, certificate, Shown(), reviews).application()

    async def run() -> None:
        async with serving(application) as port, aiohttp.ClientSession(f"http://localhost:{port}") as client:

            async def ready() -> tuple[int, str]:
                async with client.get("/readyz") as answer:
                    return answer.status, await answer.text()

            status, text = await ready()
            assert (status, "sizes and namespaces, a certificate" in text) == (503, True)
            known.all_read = certificate.good = True
            assert await ready() == (200, "ok")
            async with client.get("/metrics") as page:
                assert "foresize_webhook_ready 1.0" in await page.text()
            async with client.get("/healthz") as alive:
                assert alive.status == 200
            reviews.ending = True
            assert (await ready())[0] == 503

    asyncio.run(run())


def test_doubts_are_told_a_few_times_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A workload that cannot be read is created again and again; the log is not filled with it."""
    pair, authority = made(NAMES, LIFE_S, time.time())
    doubtful = json.loads(json.dumps(REVIEW))
    doubtful["request"]["object"] = {"metadata": {"name": "odd", "ownerReferences": 3}, "spec": None}
    now_s = 0.0

    async def run() -> None:
        shown = Shown()
        shown.show(pair)
        async with serving(Reviews(Known(), lambda: now_s).application(), shown) as port:
            for _ in range(20):
                await asked(port, trusting(authority), json.dumps(doubtful).encode())

    asyncio.run(run())
    assert caplog.text.count("left as it is: pod shop/odd") == 6
