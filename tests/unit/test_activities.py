"""What pods did is read once a minute for each span of time that policies ask for."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW_S
from foresize.config.settings import Settings
from foresize.passes.activities import Activities
from foresize.passes.managed import Managed
from foresize.passes.senses import Senses
from foresize.sources.reader import FromPrometheus
from foresize_forecast import prometheus
from foresize_forecast.moving.idle import Activity
from foresize_forecast.prometheus import Source
from objectserver import Objects
from stage import deployment, policy, staged

KEY = ("shop", "Deployment/web")
SOURCE = FromPrometheus(Source("http://prometheus:9090"))
NOTHING = Activity(600, cpu_cores=0.0)


@pytest.fixture
def managed() -> dict[tuple[str, str], Managed]:
    objects = Objects()
    policy(objects, idle={"after": "10m"})
    deployment(objects)
    with staged(objects, Settings()) as stage:
        stage.acts.run()
        return dict(stage.acts.scene.managed)


def test_readings_are_shared_for_a_minute(
    managed: dict[tuple[str, str], Managed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass every 15 s asks every fourth time; each workload hears of its own namespace's pods."""
    asked: list[tuple[set[str], int, float]] = []

    def answer(_: Any, namespaces: frozenset[str], span_s: int, now_s: float) -> dict[tuple[str, str], Activity]:
        asked.append((set(namespaces), span_s, now_s))
        return {("shop", "web-1"): NOTHING, ("other", "web-2"): NOTHING}

    monkeypatch.setattr(prometheus, "activity", answer)
    readings = Activities(SOURCE)
    found = [readings.known(managed, {KEY: Senses()}, NOW_S + late_s)[KEY] for late_s in (0, 15, 45, 61)]

    assert [({"shop"}, 600, NOW_S), ({"shop"}, 600, NOW_S + 61)] == asked
    assert [{"web-1": NOTHING}] * 4 == [dict(each.activity) for each in found]


def test_what_cannot_be_read_is_not_known(
    managed: dict[tuple[str, str], Managed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither without a Prometheus nor where it goes wrong does anybody count as idle, and the pass goes on."""

    def breaks(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(prometheus, "activity", breaks)

    assert {} == Activities(None).known(managed, {KEY: Senses()}, NOW_S)[KEY].activity
    assert {} == Activities(SOURCE).known(managed, {KEY: Senses()}, NOW_S)[KEY].activity
