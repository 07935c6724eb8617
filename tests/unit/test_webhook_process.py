"""The webhook as a process: its way to the API server, flags, start and end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web

from foresize.webhook.apiserver import ApiError, ApiServer, in_cluster
from foresize.webhook.certificates import BACKDATED, RENEWED, SERVED, made
from foresize.webhook.known import TRUSTED_S
from foresize.webhook.logs import JsonLines
from foresize.webhook.options import parse
from foresize.webhook.serving import Shown
from webhooking import LIFE_S, NAMES, REVIEW, asked, free_port, serving, trusting

ROOT = Path(__file__).parents[2]


def test_the_api_server_is_asked_as_a_pod_does(tmp_path: Path) -> None:
    """With the token of the moment, over TLS that trusts the cluster's authority; refusals keep their words."""
    pair, authority = made(NAMES, LIFE_S, time.time())
    (tmp_path / "ca.crt").write_bytes(authority)
    (tmp_path / "token").write_text("first\n")
    seen: list[tuple[str, str]] = []
    began: list[int] = []

    async def things(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers["Authorization"], request.headers["Accept"]))
        if "watch" not in request.query:
            return web.json_response({"message": "no right to list"}, status=403)
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b'{"type": "ADDED"', b', "object": 1}\n{"type": "DEL', b'ETED", "object": 2}\n'):
            await response.write(part)
            await asyncio.sleep(0.01)
        return response

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/things", things)
        shown = Shown()
        shown.show(pair)
        async with serving(application, shown) as port, ApiServer(f"https://localhost:{port}", tmp_path) as api:
            with pytest.raises(ApiError, match="no right to list") as refused:
                await api.page("/things", metadata_only=True)
            assert refused.value.status == 403
            (tmp_path / "token").write_text("second\n")
            events = [each async for each in api.watch("/things", lambda: began.append(1), silence_s=5)]
        assert [each["object"] for each in events] == [1, 2]
        with pytest.raises(ApiError, match="API server not reached"):
            async with ApiServer(f"https://localhost:{free_port()}", tmp_path) as api:
                await api.page("/things")

    asyncio.run(run())
    assert len(began) == 1
    assert [token for token, _ in seen] == ["Bearer first", "Bearer second"]
    assert "PartialObjectMetadataList" in seen[0][1]


def test_a_silent_watch_is_given_up(tmp_path: Path) -> None:
    """A connection that brings nothing, not even bookmarks, is not waited for."""
    pair, authority = made(NAMES, LIFE_S, time.time())
    (tmp_path / "ca.crt").write_bytes(authority)
    (tmp_path / "token").write_text("t")

    async def things(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(1)
        return response

    async def run() -> None:
        application = web.Application()
        application.router.add_get("/things", things)
        shown = Shown()
        shown.show(pair)
        async with serving(application, shown) as port, ApiServer(f"https://localhost:{port}", tmp_path) as api:
            with pytest.raises(ApiError, match="watch of /things ended"):
                [each async for each in api.watch("/things", lambda: None, silence_s=0.1)]

    asyncio.run(run())


def test_where_the_api_server_is() -> None:
    """As the kubelet tells every pod, by either kind of address."""
    assert (
        in_cluster({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"})
        == "https://10.96.0.1:443"
    )
    assert in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}) == "https://[fd00::1]:443"
    with pytest.raises(ApiError, match="this runs in a pod"):
        in_cluster({})


@pytest.mark.parametrize("life", ["10s", "53w", "soon"])
def test_a_life_that_cannot_be_is_refused(life: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the flag, the value and what is allowed."""
    with pytest.raises(SystemExit) as refused:
        parse([f"--certificate-life={life}"])

    said = capsys.readouterr().err
    assert refused.value.code == 2
    assert "--certificate-life" in said
    assert repr(life) in said


def test_it_starts_in_a_moment_and_imports_little() -> None:
    """None of the operator's libraries is loaded; outside of a cluster it says what is missing."""
    heavy = ("kopf", "kubernetes", "numpy", "pandas", "prophet", "typer", "foresize_forecast")
    program = f"import sys, foresize.webhook.__main__; print([each for each in {heavy!r} if each in sys.modules])"
    path = os.pathsep.join(sys.path)
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": path},
    )
    outside = subprocess.run(
        [sys.executable, "-m", "foresize.webhook"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": path},
    )

    assert loaded.stdout.strip() == "[]"
    assert outside.returncode == 1
    assert (
        outside.stderr
        == "foresize-webhook: KUBERNETES_SERVICE_HOST is not set: this runs in a pod, with a ServiceAccount\n"
    )


def test_it_answers_on_after_it_was_told_to_end(tmp_path: Path) -> None:
    """SIGTERM: ready no more, alive until its time is over, then gone with exit code 0."""
    pair, authority = made(NAMES, LIFE_S, time.time())
    for name, data in (("ca.crt", authority), ("token", b"t"), ("tls.crt", pair.certificate), ("tls.key", pair.key)):
        (tmp_path / name).write_bytes(data)
    port, probe_port = free_port(), free_port()
    flags = [f"--port={port}", f"--probe-port={probe_port}", "--drain=5s"]
    folders = [f"--account-folder={tmp_path}", f"--certificate-folder={tmp_path}"]
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(free_port()),  # nobody is there: it waits for it
    }

    async def status(path: str) -> int:
        async with aiohttp.ClientSession(f"http://localhost:{probe_port}") as client, client.get(path) as answer:
            return answer.status

    async def alive() -> bool:
        try:
            return await status("/healthz") == 200
        except aiohttp.ClientError:
            return False

    async def run(pid: int) -> None:
        async with asyncio.timeout(20):
            while not await alive():  # noqa: ASYNC110 - another process cannot set an event
                await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGTERM)
        code, _ = await asked(port, trusting(authority), json.dumps(REVIEW).encode())
        assert code == 200
        assert await status("/readyz") == 503

    with subprocess.Popen(
        [sys.executable, "-m", "foresize.webhook", *flags, *folders], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            asyncio.run(run(process.pid))
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, said


def test_log_lines_are_like_the_operators(capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON each is one object with message, severity and timestamp, a traceback within the message."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("of this test")
    logger.addHandler(handler)
    try:
        int("odd")
    except ValueError:
        logger.exception("it %s", "failed")
    finally:
        logger.removeHandler(handler)
    line = json.loads(capsys.readouterr().err)

    assert (line["severity"], line["message"].splitlines()[0]) == ("error", "it failed")
    assert line["message"].endswith("invalid literal for int() with base 10: 'odd'")
    assert line.keys() == {"message", "severity", "timestamp"}


def test_the_page_says_what_the_code_does() -> None:
    """Spans, ports and defaults of docs/at-creation.md are those of the code and the chart."""
    page = " ".join((ROOT / "docs" / "at-creation.md").read_text().split())
    default = parse([])
    chart = yaml.safe_load((ROOT / "charts" / "foresize" / "values.yaml").read_text())["admission"]["webhook"]
    days = default.certificate_life_s / 86_400
    told = {
        f"has not heard of for {TRUSTED_S / 60:g} minutes",
        f"port {default.probe_port}",
        f"certificate.life` ({days:g} days)",
        f"{days * (SERVED - BACKDATED):g} days later",
    }

    assert [each for each in told if each not in page] == []
    assert chart["certificate"]["life"] == f"{days:g}d"
    assert chart["port"] == default.port
    assert "After two thirds of that" in page
    assert pytest.approx(2 / 3) == RENEWED
