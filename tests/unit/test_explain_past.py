"""`foresize explain` with a workload's history: the curve in a terminal, the page, the models that were rejected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliruns import cluster, said
from foresize.commands.explainpage import html, lines
from foresize.commands.lookback import Past
from foresize.commands.plot import HEIGHT, columns, drawn
from foresize_forecast.forecasting.forecast import Question, Tried, outlooks, tried
from foresize_forecast.forecasting.outlook import Outlook, Score
from foresize_forecast.series import ContainerKey, Grid, History
from objectserver import Objects

MIB = 1 << 20
Json = dict[str, Any]
APP, UNSTARTED = ContainerKey("shop", "Deployment/web", "app"), np.array([np.nan])
FORECASTS = "/apis/foresize.dev/v1alpha1/namespaces/shop/memoryforecasts"
FORECAST: Json = {
    "metadata": {"namespace": "shop", "name": "deployment-web"},
    "spec": {"workload": {"kind": "Deployment", "name": "web"}, "policy": "<b>web</b>"},
    "status": {
        "containers": [
            {
                "name": "app",
                "request": "100Mi",
                "limit": "200Mi",
                "plan": [
                    {"at": "2027-01-15T08:00:00Z", "request": "100Mi"},  # 1 800 000 000
                    {"at": "2027-01-15T08:30:00Z", "request": "50Mi"},
                ],
            }
        ]
    },
}


def past() -> Past:
    """An hour at 100 MiB until eight o'clock; two models, of which the dearer was rejected."""
    grid = Grid(1_800_000_000 - 3600, 300, 12)
    score = Score(hours=48, cost_bytes=120.0 * MIB, slack=0.1, coverage=0.99, exceedances=0)
    dear = Score(hours=48, cost_bytes=180.0 * MIB, slack=0.4, coverage=1.0, exceedances=0)
    found = (
        Tried("RecentPeak", score, chosen=True),
        Tried("Trend", dear, chosen=False),
        Tried("New", None, chosen=False),
    )
    return Past(grid, 3600, {"app": np.full(12, 100.0 * MIB)}, {"app": found})


def test_columns_keep_peaks() -> None:
    """A spike is seen however narrow the terminal is; a gap stays one."""
    values = np.array([1.0, 9.0, 2.0, np.nan, np.nan, 3.0])

    assert [9.0, 2.0, 3.0] == columns(values, 3).tolist()
    assert np.isnan(columns(np.array([np.nan, np.nan]), 1)).all()


def test_the_curve_in_a_terminal() -> None:
    """Half as high as the limit fills five of ten lines; the limit is the top one, across past and plan."""
    found = [line.plain for line in drawn(np.full(12, 100.0), np.full(12, 50.0), 200)]

    assert HEIGHT == len(found)
    assert "╌" in found[0]
    assert found[0].strip().startswith("200 B")
    assert 5 == sum("█" * 12 in line for line in found)
    assert [] == drawn(np.array([]), np.array([]), None)


def test_models_in_words() -> None:
    """The chosen one, what the others would have cost, and which have no record yet."""
    told = "\n".join(line.plain for line in lines(FORECAST, past()))

    assert "app: used in 1h (blue), planned for 1h (green), limit now (red)" in told
    assert "  chosen: RecentPeak, would have cost 120 MiB, coverage 99.0%, slack 10.0%" in told
    assert "  rejected: Trend, would have cost 180 MiB, coverage 100.0%, slack 40.0%" in told
    assert "  rejected: New, no backtest yet" in told
    assert "No curve: it is away" in "\n".join(line.plain for line in lines(FORECAST, "it is away"))


def test_the_page() -> None:
    """A curve, the models and the sentences; names from a cluster are text, and nothing is fetched."""
    made = html(FORECAST, past())

    assert "<svg" in made
    assert "rejected" in made
    assert "&lt;b&gt;web&lt;/b&gt;" in made
    assert "<b>web</b>" not in made
    assert not any(each in made for each in ("<script", "src=", "href="))
    assert "No curve: &lt;i&gt;" in html(FORECAST, "<i>")


def test_the_page_shows_the_band_and_kills() -> None:
    """The forecast's band is after the past; a kill within it is a cross, an older one is only counted."""
    at = ("2027-01-15T07:30:00Z", "2027-01-01T00:00:00Z")  # half an hour before the end of the past, and long before
    [row] = FORECAST["status"]["containers"]
    killed = {**row, "kills": [{"at": each, "limit": "90Mi"} for each in at]}
    forecast = {**FORECAST, "status": {"containers": [killed]}}
    ahead = (np.full(12, 60.0 * MIB), np.full(12, 90.0 * MIB))

    made = html(forecast, replace(past(), band={"app": ahead}))

    drawn = made[made.index("<figure") :]
    assert 1 == drawn.count('class="kill"')
    assert 'class="band"' in drawn
    assert '<b class="bad">2</b>' in made
    assert 'class="band"' not in html(forecast, past())[made.index("<figure") :]


@pytest.mark.parametrize("hours", [2, 24 * 6])
def test_what_is_tried_is_what_is_chosen_from(hours: int) -> None:
    """The model that explain names is the one that the operator takes, with the same record."""
    grid = Grid(1_799_000_000 // 300 * 300, 300, hours * 12)
    time_of_day = np.arange(grid.count) % 288 / 288
    usage = (300 + 200 * (time_of_day > 0.5))[np.newaxis] * float(MIB)
    history = History(grid, (APP,), usage, UNSTARTED)
    found, [made] = tried(history, Question()), outlooks(history, [Question()])

    assert isinstance(made, Outlook)
    assert (found[0].model, found[0].score, True) == (made.model, made.score, found[0].chosen)
    assert 1 == sum(each.chosen for each in found)


def test_nothing_is_tried_on_no_history() -> None:
    """Where there is no forecast there are no models to tell of."""
    grid = Grid(1_799_000_100, 300, 12)
    history = History(grid, (APP,), np.full((1, 12), np.nan), UNSTARTED)

    assert [] == tried(history, Question())


def test_the_program_without_a_past(tmp_path: Path) -> None:
    """What the MemoryForecast says is told in any case, with why there is no curve, and nothing is written."""
    objects = Objects()
    objects.put(f"{FORECASTS}/deployment-web", FORECAST)
    page = tmp_path / "page.html"
    with cluster(objects, tmp_path) as kubeconfig:
        shown = said("explain", "shop/web", "--models", "--html", str(page), "--kubeconfig", kubeconfig)
        told = said("explain", "shop/web", "-o", "yaml", "--kubeconfig", kubeconfig)

    assert (0, True) == (shown.exit_code, "No curve: " in shown.stdout), shown
    assert "app" in page.read_text()
    assert "name: deployment-web" in told.stdout
    assert [] == objects.writes()
