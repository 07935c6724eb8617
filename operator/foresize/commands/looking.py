"""`foresize ui`: the report and every workload as pages on loopback. It reads, with the rights of whoever started it.

Pages have no script and fetch nothing, and their links are relative: they work below any path, such as that of the API
server's proxy. On loopback only who asks for this machine by its own name is answered, so that no page of somebody
else's reads them; `sharing` serves the same pages in a cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from foresize.commands.explain import NotExplainedError, explained, key_of
from foresize.commands.explainpage import html as workload_page
from foresize.commands.lookback import Past, looked_back
from foresize.commands.standing import NotReportedError, listed, of
from foresize.commands.standingpage import html as fleet_page
from foresize.commands.surroundings import Place
from foresize.config.words import plain
from foresize.kube.kubeapi import ApiError, connect
from foresize_forecast.replay.reportpage import page
from foresize_forecast.workloads.savings import WhatIf, what_if

LEAST_OVERRUN, MOST_OVERRUN = 0.001, 0.2
KEPT_S = 60.0
"""A workload's past is read again after this: a slider that is moved asks for it many times."""
OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
OK, FORBIDDEN, NOT_FOUND, MISDIRECTED, BAD_GATEWAY = 200, 403, 404, 421, 502
PATH_PARTS = 4
FRESH_S = 5.0
"""What was listed is listed again after this: readers of a shared page come together."""
Json = dict[str, Any]
Answer = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks.

    Attributes:
        may: whether MemoryForecasts of a namespace may be shown: of (`list` or `get`, namespace).
        above: HTML before every page.
    """

    may: Callable[[str, str], bool] = lambda _verb, _namespace: True
    above: str = ""


class NotShownError(Exception):
    """Why somebody may not see it."""


EVERYTHING = Viewer()
"""Whoever started the program: the API server itself says what may be read."""


@dataclass(slots=True)
class Pages:
    """Makes pages of what the cluster has now."""

    place: Place
    namespaces: Sequence[str] = ()
    _kept: dict[tuple[str, str], tuple[float, Past | str]] = field(default_factory=dict)
    _listed: tuple[float, list[Json], list[Json]] = (-FRESH_S, [], [])
    _lock: Lock = field(default_factory=Lock)

    def answer(self, path: str, query: dict[str, list[str]], viewer: Viewer = EVERYTHING) -> Answer:
        """The page at a path: `/`, or `/w/NAMESPACE/KIND/NAME` with an optional `overrun`."""
        parts = [unquote(each) for each in path.strip("/").split("/") if each]
        above = viewer.above
        try:
            if not parts:
                return OK, self._fleet(viewer)
            if parts[0] == "w" and len(parts) == PATH_PARTS:
                return OK, self._workload("/".join(parts[1:]), query.get("overrun", [""])[0], viewer)
        except NotShownError as error:
            return FORBIDDEN, sorry(str(error), path, above)
        except NotExplainedError as error:
            return NOT_FOUND, sorry(str(error), path, above)
        except (ApiError, NotReportedError) as error:
            return BAD_GATEWAY, sorry(str(error), path, above)
        return NOT_FOUND, sorry("there is no such page", path, above)

    def _fleet(self, viewer: Viewer) -> str:
        forecasts, pods = self._all()
        namespaces = {each["metadata"]["namespace"] for each in forecasts}
        shown = {each for each in namespaces if viewer.may("list", each)}
        if namespaces and not shown:
            raise NotShownError("there are MemoryForecasts, but none that you may list")
        mine = [each for each in forecasts if each["metadata"]["namespace"] in shown]
        found = of(mine, pods, time.time())
        return fleet_page(found, lambda workload: f"w/{quote(workload)}", viewer.above)

    def _all(self) -> tuple[list[Json], list[Json]]:
        with self._lock:
            if time.monotonic() - self._listed[0] > FRESH_S:
                forecasts, pods = listed(self.namespaces, self.place.kubeconfig)
                self._listed = (time.monotonic(), forecasts, pods)
            return self._listed[1:]

    def _workload(self, workload: str, overrun: str, viewer: Viewer) -> str:
        namespace = workload.partition("/")[0]
        if not viewer.may("get", namespace):
            raise NotShownError(f"you may not get the MemoryForecasts of {namespace}")
        forecast = explained(workload, self.place.kubeconfig)
        past = self._past(key_of(forecast))
        share = _share(overrun)
        instead: dict[str, WhatIf] = {}
        if share is not None and isinstance(past, Past):
            made = {name: what_if(rows, wish, share, time.time()) for name, (rows, wish) in past.asked.items()}
            instead = {name: each for name, each in made.items() if isinstance(each, WhatIf)}
        return workload_page(dict(forecast), past, instead, viewer.above + _back(3), _slider(share, past))

    def _past(self, key: tuple[str, str]) -> Past | str:
        with self._lock:
            read_s, kept = self._kept.get(key, (0.0, ""))
            if time.monotonic() - read_s > KEPT_S or not kept:
                kept = looked_back(connect(self.place.kubeconfig), self.place, key)
                self._kept[key] = (time.monotonic(), kept)
            return kept


def server(pages: Pages, port: int) -> ThreadingHTTPServer:
    """A server of these pages on loopback; `serve_forever` runs it.

    Raises:
        OSError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Host", "")
            url = urlsplit(self.path)
            if asked.rpartition(":")[0] not in OWN_NAMES and asked not in OWN_NAMES:
                code, words = MISDIRECTED, sorry("only this machine's own browser is answered", "/")
            else:
                code, words = pages.answer(url.path, parse_qs(url.query))
            data = words.encode()
            self.send_response(code)
            for name, value in {**HEADERS, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the standard library's
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.daemon_threads = True
    return made


def _share(text: str) -> float | None:
    try:
        return min(max(float(text) / 100, LEAST_OVERRUN), MOST_OVERRUN)
    except ValueError:
        return None


def _slider(share: float | None, past: Past | str) -> str:
    if isinstance(past, str):
        return ""
    own = next((wish.question.overrun for _, wish in past.asked.values()), LEAST_OVERRUN)
    value = round((own if share is None else share) * 100, 1)
    least, most = LEAST_OVERRUN * 100, MOST_OVERRUN * 100
    bounds = f'min="{least:g}" max="{most:g}" step="0.1" value="{value:g}"'
    shown = f"The policy says {own:.2%}." if share is None else f"Shown: {value:g} %; the policy says {own:.2%}."
    field = f'<input type="range" name="overrun" aria-label="overrun in percent" {bounds}>'
    return (
        '<form class="ask" method="get"><p>What if the request might be passed on another share of the time '
        f"(<code>request.overrun</code>)? {shown}</p>"
        f"<label>{least:g} % {field} {most:g} %</label><button>Show</button></form>"
    )


def _back(depth: int) -> str:
    """The way to the first page from one that is so many folders deep."""
    return f'<p><a href="{"../" * depth or "./"}">All workloads</a></p>'


def sorry(words: str, path: str, above: str = "") -> str:
    """A page for what there is no page of."""
    said = f"<h1>Nothing to show</h1><p>{escape(plain(words))}</p>"
    return page("Foresize", [above, said, _back(max(0, path.count("/") - 1))])
