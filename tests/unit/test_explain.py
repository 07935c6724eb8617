"""What people read of a forecast: on the MemoryForecast and from `foresize explain`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW_S, container, forecasted, mi, pod, size
from foresize.commands.explain import sentences
from foresize.reporting.forecasts import Look, status_of
from foresize_forecast.deciding.state import WorkloadState
from foresize_forecast.forecasting.outlook import Score, Shape, ShapeKind
from foresize_forecast.sizes import QosClass, WorkloadPolicy, in_mebibytes
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Observation, review


def shown(forecast: Forecasted) -> dict[str, Any]:
    """The status of a workload of one pod under a policy of defaults that only recommends."""
    present = size(200, 400)
    seen = Observation(
        now_s=NOW_S,
        pods=(pod(container(present=present)),),
        recent={},
        template={"app": present},
        qos=QosClass.BURSTABLE,
    )
    forecasts = {"app": forecast}
    return status_of(Look(seen, review(WorkloadState(), seen, forecasts, WorkloadPolicy()), forecasts, applies=False))


@pytest.mark.parametrize(
    ("value_bytes", "words"),
    [
        (mi(1024), "1024Mi"),
        (mi(226.4), "226Mi"),
        (mi(99.96), "100Mi"),  # 99.96 has more than three digits, and is 100 in three
        (mi(1.5), "1.5Mi"),
        (None, "none"),
    ],
)
def test_sizes_in_sentences_are_short_and_never_wrong_by_much(value_bytes: int | None, words: str) -> None:
    """A limit of 1 GiB reads as 1024Mi, a small one keeps its fraction."""
    assert words == in_mebibytes(value_bytes)


def explained(forecast: Forecasted, beginning: str = "") -> list[str]:
    """The lines of `foresize explain` that begin so."""
    whole = {
        "metadata": {"namespace": "shop"},
        "spec": {"workload": {"kind": "Deployment", "name": "web"}, "policy": "web"},
        "status": shown(forecast),
    }
    return [line for line in sentences(whole) if line.startswith(beginning)]


def test_explain_names_the_pod_for_which_all_are_sized() -> None:
    """Where one stands out a reader is told which, and where it runs."""
    hot = {"pod": "web-1", "node": "node-2", "usage": "400Mi", "typical": "115Mi"}
    whole = {"metadata": {"namespace": "shop"}, "status": {"containers": [{"name": "app", "hot": hot}]}}

    words = "  all pods are sized for web-1 on node node-2: it uses 400Mi, a typical one 115Mi"
    assert words in list(sentences(whole))


def test_explain_tells_who_is_sized_apart() -> None:
    """Each tier with its sizes, and for whom the ones above are."""
    part = {"name": "app", "of": "pod/db-0", "pods": 1, "request": "300Mi", "limit": "330Mi", "reason": "Forecast"}
    whole = {"metadata": {"namespace": "shop"}, "status": {"parts": [part | {"message": "as it is"}]}}

    said = list(sentences(whole))[-3:]
    assert said[0].endswith("the above is for new pods:")
    assert said[1].startswith("  app of pod/db-0 (1 running): request 300Mi, limit 330Mi; wanted: request none")
    assert "    why: Forecast: as it is" == said[2]


def test_explain_tells_of_runs() -> None:
    """They have no forecast with a time and a shape: what peaked before them is what there is to tell."""
    row = {"name": "app", "peak": "79Mi", "model": "Runs", "reason": "Forecast", "message": "from 3 runs"}
    said = list(sentences({"metadata": {"namespace": "shop"}, "status": {"containers": [row]}}))

    assert "  runs: the highest that speaks for the next one, with its room, peaked at 79Mi" in said
    assert not any("None" in line for line in said[1:])


def test_peaks_are_whole_mebibytes() -> None:
    """A peak of 236 839 045 bytes (225.9 MiB) is shown as 226Mi: its other digits mean nothing."""
    status = shown(forecasted([200.0] * 12, level_mib=[236_839_045 / mi(1)] * 12))

    assert ["226Mi", "226Mi"] == [status["summary"]["peak"], status["containers"][0]["peak"]]


def test_explain_tells_a_leak_in_words() -> None:
    """Its rate and when it meets the limit: 10 MiB a day from 200 to 400 MiB takes 20 days."""
    leaking = Shape(ShapeKind.LEAKING, growth_bytes_per_s=mi(10) / 86_400)
    said = explained(forecasted([200.0] * 12, shape=leaking))

    assert "  shape: Leaking, growing 10 MiB a day, at its limit in 20d, 14.0 days of history" in said


def test_explain_tells_what_the_model_would_have_cost() -> None:
    """In memory, over days, beside the baseline's: a reader can compare it with the limit."""
    chosen = Score(hours=168.0, cost_bytes=mi(210), coverage=0.987, slack=0.2, exceedances=0.0)
    baseline = replace(chosen, cost_bytes=mi(260))
    said = explained(
        forecasted([200.0] * 12, model="DailyPeakHour", score=chosen, baseline_score=baseline), "  forecast:"
    )

    tried = "over 7.0 days it would have cost 210 MiB, coverage 98.7% (baseline RecentPeak: 260 MiB)"
    assert [f"  forecast: a peak of 200Mi at 2027-01-15T08:05:00Z by DailyPeakHour, {tried}"] == said


def test_explain_tells_no_record_that_is_not_there() -> None:
    """A container that is too young for a backtest has a forecast, and no figures beside it."""
    said = explained(forecasted([200.0] * 12), "  forecast:")

    assert ["  forecast: a peak of 200Mi at 2027-01-15T08:05:00Z by RecentPeak"] == said


def test_the_last_eviction_is_explained() -> None:
    """When, which pod, from where and why."""
    last = {"at": "2027-01-15T08:00:00Z", "pod": "web-1", "node": "node-1", "message": "its node has 0Mi free"}
    whole = {
        "metadata": {"namespace": "shop"},
        "spec": {"workload": {"kind": "Deployment", "name": "web"}, "policy": "web"},
        "status": {**shown(forecasted([100.0] * 12)), "lastEviction": last},
    }

    assert "last eviction 2027-01-15T08:00:00Z: web-1 from node-1: its node has 0Mi free" in list(sentences(whole))
