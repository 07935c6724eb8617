"""`foresize ui --shared`: the pages in a cluster, for whoever shows a token that the API server knows.

A Service can be reached by every pod of a cluster, and the API server, when it proxies to one, does not tell whom it
let through. So each reader shows a token, as a header or by a form that keeps it in a cookie, and sees what they may
read with it: the process' own account reads for all, but shows a namespace to nobody who may not list it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from aiohttp import web

from foresize.commands.looking import HEADERS, Pages, Viewer, sorry
from foresize.commands.readers import AUDIENCE, LONGEST_TOKEN, Reader, Readers
from foresize.commands.surroundings import look
from foresize.config.words import plain
from foresize.kube.kubeapi import Api, ApiError, Budget, connect
from foresize_forecast.replay.reportpage import page

COOKIE = "foresize-token"
AT_ONCE = 4
"""Pages made, and unknown tokens asked about, side by side: the rest wait, or are sent away."""
RELOAD_S = 60.0
"""How often a renewed certificate is looked for."""
BEARER = "bearer "
QUESTIONS_PER_S, QUESTIONS_BURST = 100.0, 500
"""About rights: a page of a reader who may not see all asks one for each namespace, once a minute."""


@dataclass(slots=True)
class Shared:
    """Answers readers."""

    pages: Pages
    readers: Readers
    _making: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def application(self) -> web.Application:
        """What is served."""
        made = web.Application(client_max_size=2 * LONGEST_TOKEN)
        made.router.add_get("/healthz", self.alive)
        made.router.add_post("/login", self.login)
        made.router.add_post("/logout", self.logout)
        made.router.add_get("/{path:.*}", self.show)
        return made

    async def alive(self, _: web.Request) -> web.Response:
        """That this is answered says it."""
        return web.Response(text="ok")

    async def login(self, request: web.Request) -> web.Response:
        """Keep a token that is somebody's in a cookie, which the browser sends below this path alone."""
        token = str((await request.post()).get("token", "")).strip()
        reader, refused = await self._reader(token, request.path)
        if reader is None:
            return refused
        answer = web.Response(status=web.HTTPSeeOther.status_code, headers={**HEADERS, "Location": "./"})
        secure = request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
        # No path is given: it is then that of the form as the browser sees it, also behind a proxy.
        answer.set_cookie(COOKIE, token, path="", httponly=True, samesite="Strict", secure=secure)
        return answer

    async def logout(self, _: web.Request) -> web.Response:
        """Forget it."""
        answer = web.Response(status=web.HTTPSeeOther.status_code, headers={**HEADERS, "Location": "./"})
        answer.set_cookie(COOKIE, "", path="", max_age=0)
        return answer

    async def show(self, request: web.Request) -> web.Response:
        """A page of what its reader may see."""
        path = request.rel_url.raw_path
        token = _token(request.headers) or request.cookies.get(COOKIE, "")
        reader, refused = await self._reader(token, path)
        if reader is None:
            return refused
        viewer = Viewer(partial(self.readers.may, reader), _signed_in(reader, path))
        async with self._making:
            code, words = await asyncio.to_thread(self.pages.answer, path, parse_qs(request.query_string), viewer)
        return _answer(code, words)

    async def _reader(self, token: str, path: str) -> tuple[Reader | None, web.Response]:
        """Who shows this token; else what they are told."""
        refused = _answer(web.HTTPUnauthorized.status_code, _form(path, wrong=bool(token)))
        refused.headers["WWW-Authenticate"] = "Bearer"
        if not token:
            return None, refused
        if (known := self.readers.remembered(token)) is not None:
            return known, refused
        if self._asking.locked():
            words = "too many are signing in: try again in a moment"
            return None, _answer(web.HTTPServiceUnavailable.status_code, sorry(words, path))
        async with self._asking:
            try:
                return await asyncio.to_thread(self.readers.of, token), refused
            except ApiError as error:
                words = f"the API server could not be asked who you are: {error}"
                return None, _answer(web.HTTPBadGateway.status_code, sorry(words, path))


def share(pages: Pages, port: int, certificate: Path | None) -> None:
    """Serve on all addresses until a signal ends it; over TLS where there is a folder with tls.crt and tls.key.

    Without a namespace of their own the pages are of those that the operator is limited to.

    Raises:
        OSError: the port is taken, or the certificate cannot be read.
        ApiError: there is no cluster to talk to.
    """
    logging.getLogger("foresize").setLevel(logging.ERROR)  # of rights that its account has not, on purpose
    connected = connect(pages.place.kubeconfig)
    limited = pages.namespaces or look(connected, pages.place).settings.namespaces
    questions = Api(connected.client, Budget(QUESTIONS_PER_S, QUESTIONS_BURST))
    application = Shared(replace(pages, namespaces=limited), Readers(questions)).application()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        _load(context, certificate)
        application.cleanup_ctx.append(partial(_reloading, context, certificate))
    web.run_app(application, port=port, ssl_context=context, access_log=None, print=None)


async def _reloading(context: ssl.SSLContext, folder: Path, _: web.Application) -> AsyncIterator[None]:
    async def again() -> None:
        while True:
            await asyncio.sleep(RELOAD_S)
            try:
                _load(context, folder)
            except OSError:  # half of it is written: the old one is good until it is not
                continue

    task = asyncio.create_task(again())
    yield
    task.cancel()


def _load(context: ssl.SSLContext, folder: Path) -> None:
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")


def _answer(code: int, words: str) -> web.Response:
    return web.Response(status=code, body=words.encode(), headers=HEADERS)


def _token(headers: Mapping[str, str]) -> str:
    given = headers.get("Authorization", "")
    return given[len(BEARER) :].strip() if given.lower().startswith(BEARER) else ""


def _signed_in(reader: Reader, path: str) -> str:
    root = _root(path)
    button = f'<form class="who" method="post" action="{root}logout"><button>Sign out</button></form>'
    return f'<div class="who"><span>{escape(plain(reader.name))}</span>{button}</div>'


def _form(path: str, *, wrong: bool) -> str:
    told = '<p class="bad">The API server does not know this token.</p>' if wrong else ""
    example = f"kubectl create token NAME --namespace NAMESPACE --audience {AUDIENCE} --duration 8h"
    words = "Sign in with a token of this cluster. You will see the namespaces whose MemoryForecasts it may list."
    field = '<input type="password" name="token" autocomplete="off" required>'
    form = (
        f'<form method="post" action="{_root(path)}login"><label>Token {field}</label> <button>Sign in</button></form>'
    )
    hint = f"<p>That of a ServiceAccount, good for this page alone:</p><pre>{escape(example)}</pre>"
    return page("Foresize", [f"<h1>Foresize</h1><p>{words}</p>", told, form, hint])


def _root(path: str) -> str:
    """The first page, from another one."""
    return "../" * max(0, path.count("/") - 1) or "./"
