"""A real browser for the tests: Debian's chromium without a screen, driven over its own protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from foresize_dev.waiting import wait_for

CHROMIUM = shutil.which("chromium")
DEADLINE_S = 60.0
LARGEST_BYTES = 64 << 20
"""Of an answer: a picture of a whole page."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Browser:
    """A running browser, and where it is asked."""

    port: int

    def session(self, *steps: tuple[str, Json]) -> list[Json]:
        """Do these in a new tab, one after another; each waits for the page that it loads."""
        return asyncio.run(asyncio.wait_for(self._done(steps), DEADLINE_S))

    def picture(self, url: str, file: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Write a picture of a whole page."""
        *_, shot = self.session(*look(width=width, dark=dark), go(url), PICTURE)
        file.write_bytes(base64.b64decode(shot["data"]))

    async def _done(self, steps: tuple[tuple[str, Json], ...]) -> list[Json]:
        async with aiohttp.ClientSession() as http:
            async with http.put(f"http://127.0.0.1:{self.port}/json/new?about:blank") as answer:
                address = (await answer.json())["webSocketDebuggerUrl"]
            async with http.ws_connect(address, max_msg_size=LARGEST_BYTES) as tab:
                wire = _Wire(tab)
                await wire.call("Page.enable", {})
                return [await wire.call(method, parameters) for method, parameters in steps]


class _Wire:
    """Calls over a tab's socket, in turn."""

    def __init__(self, tab: aiohttp.ClientWebSocketResponse) -> None:
        self._tab, self._number = tab, 0

    async def call(self, method: str, parameters: Json) -> Json:
        self._number += 1
        loads = method == "Page.navigate" or parameters.get("loads", False)
        sent = {name: value for name, value in parameters.items() if name != "loads"}
        await self._tab.send_json({"id": self._number, "method": method, "params": sent})
        answer: Json | None = None
        while answer is None or loads:
            said = json.loads((await self._tab.receive()).data)
            if said.get("id") == self._number:
                answer = said
            loads = loads and said.get("method") != "Page.loadEventFired"
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        found: Json = answer["result"]
        return found


PICTURE = ("Page.captureScreenshot", {"captureBeyondViewport": True})


def go(url: str) -> tuple[str, Json]:
    """Open a page."""
    return "Page.navigate", {"url": url}


def run(script: str, *, loads: bool = False) -> tuple[str, Json]:
    """Do what a person would; `loads`: it leads to another page. The answer has what the script comes to."""
    return "Runtime.evaluate", {"expression": script, "returnByValue": True, "loads": loads}


def look(*, width: int, dark: bool) -> list[tuple[str, Json]]:
    """The screen's width in pixels, and whether the person likes it dark."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    return [("Emulation.setDeviceMetricsOverride", screen), ("Emulation.setEmulatedMedia", {"features": [scheme]})]


@contextmanager
def browser() -> Iterator[Browser]:
    """One that lives as long as the block."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        told = Path(profile) / "DevToolsActivePort"
        process = subprocess.Popen(
            [str(CHROMIUM), *flags, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            lines = wait_for("the browser", lambda: told.exists() and told.read_text().split(), DEADLINE_S)
            yield Browser(int(lines[0]))
        finally:
            process.terminate()
            process.wait(20)
