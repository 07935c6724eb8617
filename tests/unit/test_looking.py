"""`foresize ui`: pages on loopback, for this machine's own browser alone."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliruns import cluster
from foresize.commands.lookback import Past
from foresize.commands.looking import Pages, server
from foresize.commands.surroundings import Place
from foresize_forecast.forecasting.forecast import Question
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish
from foresize_forecast.series import ContainerKey, Grid, History
from foresize_forecast.workloads.savings import what_if
from objectserver import Objects

MIB = 1 << 20
FORECASTS = "/apis/foresize.dev/v1alpha1/namespaces/shop/memoryforecasts"
ROW = {"name": "app", "request": "100Mi", "templateRequest": "300Mi", "wantedRequest": "100Mi", "limit": "800Mi"}
FORECAST: dict[str, Any] = {
    "spec": {"workload": {"kind": "Deployment", "name": "web"}, "policy": "web"},
    "status": {"containers": [{**ROW, "message": "<script>x</script>"}]},
}
NOW_S = 1_800_000_000
CHROMIUM = shutil.which("chromium")


def history() -> History:
    """Six days of a service that needs 500 MiB in one hour of 24, and 300 MiB else."""
    grid = Grid(NOW_S - 6 * 86_400, 300, 6 * 288)
    hour = np.arange(grid.count) // 12 % 24
    usage = np.where(hour == 12, 500.0, 300.0)[np.newaxis] * MIB
    return History(grid, (ContainerKey("shop", "Deployment/web", "app"),), usage, np.array([np.nan]))


WISH = Wish(Question(), 600, 7200)


@contextmanager
def pages(tmp_path: Path, objects: Objects) -> Iterator[str]:
    """The address of a server of pages for a cluster that holds these objects, with a past for Deployment web."""
    with cluster(objects, tmp_path) as kubeconfig:
        made = Pages(Place(kubeconfig=kubeconfig))
        found = history()
        past = Past(found.grid, 86_400, {"app": found.usage[0]}, {"app": []}, {"app": (found, WISH)})
        made._kept["shop", "Deployment/web"] = (time.monotonic() + 1e6, past)  # noqa: SLF001 - no Prometheus is needed
        served = server(made, 0)
        thread = threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.server_port}"
        finally:
            served.shutdown()
            served.server_close()
            thread.join(5)


def read(url: str, host: str = "", method: str = "GET") -> tuple[int, str, Any]:
    """Status, text and headers of an answer."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {}, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def objects() -> Objects:
    """A cluster with one MemoryForecast."""
    made = Objects()
    made.put(f"{FORECASTS}/deployment-web", FORECAST)
    return made


def test_the_fleet_leads_to_each_workload(tmp_path: Path) -> None:
    """The first page has a link to each workload's, with its curve and the slider; nothing is written."""
    stored = objects()
    with pages(tmp_path, stored) as url:
        code, fleet, headers = read(f"{url}/")
        assert (200, True) == (code, '<a href="w/shop/Deployment/web">' in fleet)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        code, page, _ = read(f"{url}/w/shop/Deployment/web?overrun=10")

    assert (200, True, True) == (code, 'type="range"' in page, "<svg" in page)
    assert 'value="10"' in page
    assert "with 10.00% of the time above" in page
    assert "<script" not in page
    assert [] == stored.writes()


def test_what_is_not_there(tmp_path: Path) -> None:
    """A page that says so; nothing but GET is answered, and nobody under another name (DNS rebinding)."""
    with pages(tmp_path, objects()) as url:
        assert [404, 404, 404] == [read(f"{url}{path}")[0] for path in ("/x", "/w/shop/Deployment/api", "/w/a/b/c/d")]
        assert 501 == read(f"{url}/", method="POST")[0]
        assert 421 == read(f"{url}/", host="evil.example")[0]
        assert 421 == read(f"{url}/", host="evil.example:80")[0]
        assert 200 == read(f"{url}/", host="localhost:1234")[0]
    with pages(tmp_path, Objects()) as url:
        code, words, _ = read(f"{url}/")
    assert (502, True) == (code, "has no MemoryForecast" in words)


def test_more_overrun_asks_for_less() -> None:
    """An hour of 24 is 4.2 % of the time: who accepts 10 % above the request needs less on average."""
    tight, loose = what_if(history(), WISH, 0.001, NOW_S), what_if(history(), WISH, 0.1, NOW_S)

    assert not isinstance(tight, NoOutlook)
    assert not isinstance(loose, NoOutlook)
    assert loose.mean_bytes <= tight.mean_bytes
    assert tight.plan.highest_bytes >= 480 * MIB


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (Debian package chromium)")
def test_in_a_browser(tmp_path: Path) -> None:
    """A real browser shows the fleet and a workload's page under their own content policy, styles included."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    with pages(tmp_path, objects()) as url:
        for path, words in (("/", "savings and risks"), ("/w/shop/Deployment/web?overrun=5", "All workloads")):
            shown = subprocess.run(
                [*command, "--dump-dom", f"{url}{path}"], capture_output=True, text=True, timeout=100, check=True
            )
            assert words in shown.stdout
            assert 'href="' in shown.stdout
