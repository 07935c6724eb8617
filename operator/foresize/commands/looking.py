"""`foresize ui`: the report and every workload as pages on loopback. It reads, with the rights of whoever started it.

Pages have no script and fetch nothing; only who asks for this machine by its own name is answered, so that no page of
somebody else's reads them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from foresize.commands.explain import NotExplainedError, explained, key_of
from foresize.commands.explainpage import html as workload_page
from foresize.commands.lookback import Past, looked_back
from foresize.commands.standing import NotReportedError, standing
from foresize.commands.standingpage import html as fleet_page
from foresize.commands.surroundings import Place
from foresize.kube.kubeapi import ApiError, connect
from foresize_forecast.replay.reportpage import page
from foresize_forecast.savings import WhatIf, what_if

LEAST_OVERRUN, MOST_OVERRUN = 0.001, 0.2
KEPT_S = 60.0
"""A workload's past is read again after this: a slider that is moved asks for it many times."""
OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
BACK = '<p><a href="/">All workloads</a></p>'
OK, NOT_FOUND, MISDIRECTED, BAD_GATEWAY = 200, 404, 421, 502
PATH_PARTS = 4
Answer = tuple[int, str]


@dataclass(slots=True)
class Pages:
    """Makes pages of what the cluster has now."""

    place: Place
    namespace: str = ""
    _kept: dict[tuple[str, str], tuple[float, Past | str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def answer(self, path: str, query: dict[str, list[str]]) -> Answer:
        """The page at a path: `/`, or `/w/NAMESPACE/KIND/NAME` with an optional `overrun`."""
        parts = [unquote(each) for each in path.strip("/").split("/") if each]
        try:
            if not parts:
                return OK, self._fleet()
            if parts[0] == "w" and len(parts) == PATH_PARTS:
                return OK, self._workload("/".join(parts[1:]), query.get("overrun", [""])[0])
        except NotExplainedError as error:
            return NOT_FOUND, _sorry(str(error))
        except (ApiError, NotReportedError) as error:
            return BAD_GATEWAY, _sorry(str(error))
        return NOT_FOUND, _sorry("there is no such page")

    def _fleet(self) -> str:
        found = standing(self.namespace, self.place.kubeconfig)
        return fleet_page(found, lambda workload: f"/w/{quote(workload)}")

    def _workload(self, workload: str, overrun: str) -> str:
        forecast = explained(workload, self.place.kubeconfig)
        past = self._past(key_of(forecast))
        share = _share(overrun)
        instead: dict[str, WhatIf] = {}
        if share is not None and isinstance(past, Past):
            made = {name: what_if(rows, wish, share, time.time()) for name, (rows, wish) in past.asked.items()}
            instead = {name: each for name, each in made.items() if isinstance(each, WhatIf)}
        return workload_page(dict(forecast), past, instead, _slider(share))

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
                code, words = MISDIRECTED, _sorry("only this machine's own browser is answered")
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


def _slider(share: float | None) -> str:
    value = (0.03 if share is None else share) * 100
    bounds = f'min="{LEAST_OVERRUN * 100:g}" max="{MOST_OVERRUN * 100:g}" step="0.1" value="{value:g}"'
    return (
        f'{BACK}<form method="get"><label>What if the request were passed on another share '
        f'of the time, in percent? <input type="range" name="overrun" {bounds}></label> <button>Show</button></form>'
    )


def _sorry(words: str) -> str:
    return page("Foresize", [f"<h1>Nothing to show</h1><p>{escape(words)}</p>", BACK])
