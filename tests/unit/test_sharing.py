"""`foresize ui --shared`: pages for readers that the API server knows, of what they may see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from apiserver import Answer, Request
from cliruns import cluster
from foresize.commands.looking import Pages
from foresize.commands.readers import AUDIENCE, Readers
from foresize.commands.sharing import COOKIE, Shared
from foresize.commands.surroundings import Place
from foresize.kube.kubeapi import Api, Budget, connect
from objectserver import Objects

FORECASTS = "/apis/foresize.dev/v1alpha1/namespaces/{}/memoryforecasts/deployment-web"
ROW = {"name": "app", "request": "100Mi", "templateRequest": "300Mi", "wantedRequest": "100Mi", "limit": "800Mi"}
FORECAST = {
    "spec": {"workload": {"kind": "Deployment", "name": "web"}, "policy": "web"},
    "status": {"containers": [ROW]},
}
MAY = {"admin": {""}, "shopper": {"shop"}, "nobody": set[str]()}
"""By user: the namespaces whose MemoryForecasts they may list and get; empty: of all."""
Json = dict[str, Any]


def reviewed(request: Request) -> Answer | None:
    """The API server's word on tokens `USER-token`, for the page alone, and `USER-api`, for the API server."""
    spec = (request.body or {}).get("spec", {})
    if request.path.endswith("/tokenreviews"):
        user, _, kind = spec["token"].rpartition("-")
        known = user in MAY and (kind == "token") is (spec.get("audiences") == [AUDIENCE])
        found = {"user": {"username": user, "groups": ["g"]}, "audiences": spec.get("audiences", ["api"])}
        return 201, {"status": {"authenticated": True, **found} if known else {"authenticated": False}}
    if request.path.endswith("/subjectaccessreviews"):
        what = spec["resourceAttributes"]
        assert ("foresize.dev", "memoryforecasts", ["g"]) == (what["group"], what["resource"], spec["groups"])
        return 201, {"status": {"allowed": what["namespace"] in MAY[spec["user"]]}}
    return None


def objects() -> Objects:
    """A cluster with a forecast in each of two namespaces."""
    made = Objects()
    for namespace in ("shop", "bank"):
        made.put(FORECASTS.format(namespace), FORECAST)
    made.refuse = reviewed
    return made


@asynccontextmanager
async def serving(stored: Objects, folder: Path) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the shared pages of a cluster."""
    with cluster(stored, folder) as kubeconfig:
        pages = Pages(Place(kubeconfig=kubeconfig))
        past = (time.monotonic() + 1e6, "no Prometheus here")
        pages._kept.update({(each, "Deployment/web"): past for each in ("shop", "bank")})  # noqa: SLF001 - none is needed
        readers = Readers(Api(connect(kubeconfig).client, Budget(1000, 1000)))
        async with TestClient(TestServer(Shared(pages, readers).application())) as client:
            yield client


def run(work: Callable[[TestClient[Any, Any]], Awaitable[None]], stored: Objects, folder: Path) -> None:
    """Ask within a server's life."""

    async def all_of_it() -> None:
        async with serving(stored, folder) as client:
            await work(client)

    asyncio.run(all_of_it())


def bearer(token: str) -> dict[str, str]:
    """The header of somebody who is no browser."""
    return {"Authorization": f"Bearer {token}"}


async def text(answer: ClientResponse) -> tuple[int, str]:
    """Status and page."""
    return answer.status, await answer.text()


def test_nobody_sees_anything_without_a_token(tmp_path: Path) -> None:
    """Whoever reaches the Service past the API server is asked who they are, and nothing is read for them."""
    stored = objects()

    async def work(client: TestClient[Any, Any]) -> None:
        for path in ("/", "/w/shop/Deployment/web", "/x/../w/shop/Deployment/web"):
            answer = await client.get(path)
            code, page = await text(answer)
            assert (401, "Bearer", True) == (code, answer.headers["WWW-Authenticate"], "Sign in" in page)
            assert "shop" not in page
        assert 401 == (await client.get("/", headers=bearer("stranger-token"))).status
        assert (await client.get("/", headers=bearer("x" * 9000))).status in {400, 401}

    run(work, stored, tmp_path)
    assert {"/apis/authentication.k8s.io/v1/tokenreviews"} == {each.path for each in stored.requests}


@pytest.mark.parametrize(("user", "shown"), [("admin", {"shop", "bank"}), ("shopper", {"shop"}), ("nobody", set())])
def test_readers_see_what_they_may_list(tmp_path: Path, user: str, shown: set[str]) -> None:
    """A namespace is shown to who may list its MemoryForecasts; a page of another one is refused by its address too."""

    async def work(client: TestClient[Any, Any]) -> None:
        _, fleet = await text(await client.get("/", headers=bearer(f"{user}-token")))
        assert shown == {each for each in ("shop", "bank") if f"{each}/Deployment/web" in fleet}
        for namespace in ("shop", "bank"):
            path = f"/w/{namespace}/Deployment/web"
            code, page = await text(await client.get(path, headers=bearer(f"{user}-token")))
            assert (200 if namespace in shown else 403) == code
            assert (namespace in shown) is ("request 100Mi" in page)
            assert user in page

    run(work, objects(), tmp_path)


def test_a_token_for_the_api_server_is_good_as_well(tmp_path: Path) -> None:
    """One of an identity provider, which an authenticating proxy sends along, has no audience of ours."""

    async def work(client: TestClient[Any, Any]) -> None:
        assert 200 == (await client.get("/", headers=bearer("admin-api"))).status

    run(work, objects(), tmp_path)


def test_a_browser_signs_in_and_out(tmp_path: Path) -> None:
    """The form's token is kept where no script reads it and no other site's page sends it; links stay below a path."""

    async def work(client: TestClient[Any, Any]) -> None:
        wrong = await client.post("/login", data={"token": "stranger-token"}, allow_redirects=False)
        assert (401, None) == (wrong.status, wrong.cookies.get(COOKIE))
        assert "does not know this token" in await wrong.text()

        answer = await client.post("/login", data={"token": " shopper-token\n"}, allow_redirects=False)
        kept = answer.cookies[COOKIE]
        assert (303, "./") == (answer.status, answer.headers["Location"])
        assert (True, "Strict", "") == (kept["httponly"], kept["samesite"], kept["path"])
        _, fleet = await text(await client.get("/"))
        assert 'href="w/shop/Deployment/web"' in fleet
        _, page = await text(await client.get("/w/shop/Deployment/web"))
        assert 'href="../../../"' in page
        assert 'action="../../../logout"' in page

        await client.post("/logout", allow_redirects=False)
        assert 401 == (await client.get("/")).status

    run(work, objects(), tmp_path)


def test_the_api_server_is_asked_once_a_minute(tmp_path: Path) -> None:
    """Ten pages of one reader ask once who they are, and once for each right."""
    stored = objects()

    async def work(client: TestClient[Any, Any]) -> None:
        for _ in range(10):
            assert 200 == (await client.get("/", headers=bearer("shopper-token"))).status

    run(work, stored, tmp_path)
    asked = [path.rpartition("/")[2] for _, path in stored.writes()]
    # List in all namespaces, in bank, in shop.
    assert {"tokenreviews": 1, "subjectaccessreviews": 3} == {name: asked.count(name) for name in asked}


def test_an_api_server_that_fails_lets_nobody_in(tmp_path: Path) -> None:
    """Where it cannot be asked, nothing is shown, and the page says why."""
    stored = objects()
    stored.refuse = lambda request: (500, {"message": "etcd is gone"}) if request.method == "POST" else None

    async def work(client: TestClient[Any, Any]) -> None:
        code, page = await text(await client.get("/", headers=bearer("admin-token")))
        assert (502, True) == (code, "etcd is gone" in page)
        assert 200 == (await client.get("/healthz")).status

    run(work, stored, tmp_path)
