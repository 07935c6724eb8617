"""Pods that leave a node ahead of pressure: to another node, that has room for them, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import NOW_S, container, mi, pod, recent, size
from foresize.config.settings import Settings
from foresize.reporting.forecasts import Look
from foresize_forecast.moving.moves import Cause, Wish
from foresize_forecast.reasons import Obstacle
from objectserver import Objects
from stage import Stage, deployment, policy, staged

KEY = ("shop", "Deployment/web")
PODS, NODES = "/api/v1/namespaces/shop/pods", "/api/v1/nodes"


@pytest.fixture
def objects() -> Objects:
    """Two pods of web, of 100 MiB, on a node of 400; another node of 1000."""
    made = Objects()
    policy(made)
    deployment(made)
    made.stored["/apis/apps/v1/namespaces/shop/deployments/web"]["spec"]["replicas"] = 2
    for name, mib in (("node-1", 400), ("node-2", 1000)):
        made.put(
            f"{NODES}/{name}",
            {"status": {"allocatable": {"memory": str(mi(mib)), "cpu": "4", "pods": "10"}}},
        )
    for number in (1, 2):
        containers = [{"name": "app", "resources": {"requests": {"memory": "100Mi"}}}]
        spec = {"nodeName": "node-1", "containers": containers}
        made.put(f"{PODS}/web-{number}", {"metadata": {"uid": f"uid-{number}"}, "spec": spec})
    return made


def moved(stage: Stage, spare_mib: dict[str, float]) -> Look:
    """One pass in which web-1, which uses 150 MiB, should leave its node ahead of pressure."""
    pods = [pod(container(present=size(100, 300)), name=f"web-{at}", uid=f"uid-{at}") for at in (1, 2)]
    stage.watch.pods = list(pods)
    stage.acts.run()
    managed = stage.acts.scene.managed
    look = stage.attendant.attend(managed[KEY], lambda: tuple(pods), stage.acts.scene.senses[KEY], NOW_S)
    wish = Wish(pods[0], Cause.NODE_PRESSURE, Obstacle.NODE_PRESSURE, "node-1 will be short", NOW_S)
    seen = replace(look.seen, recent={("web-1", "app"): recent([150])}, distrust="")
    look = replace(look, wishes=(wish,), seen=seen, blocked={})
    return stage.mover.run(managed, {KEY: look}, NOW_S, {name: mi(each) for name, each in spare_mib.items()})[KEY]


def evicted(objects: Objects) -> list[str]:
    """Pods whose eviction was asked for."""
    return [path.split("/")[-2] for method, path in objects.writes() if path.endswith("/eviction") and method == "POST"]


def test_it_goes_to_another_node_with_room(objects: Objects) -> None:
    """The other node has more free, and 300 MiB of it that nobody will use."""
    with staged(objects) as stage:
        look = moved(stage, {"node-1": -50, "node-2": 300})

    assert ["web-1"] == evicted(objects)
    assert {} == look.blocked
    assert frozenset() == stage.mover.holds


def test_it_stays_where_the_other_node_would_be_short_with_it(objects: Objects) -> None:
    """100 MiB will be spare there, and it uses 150: that would only move the trouble."""
    with staged(objects) as stage:
        look = moved(stage, {"node-1": -50, "node-2": 100})

    assert [] == evicted(objects)
    assert "that node would be short of memory with it" in look.blocked["web-1"].message
    assert ("NoPlace", frozenset({"uid-1"})) == (look.blocked["web-1"].held, stage.mover.holds)


def test_it_stays_where_it_would_come_back_to_its_node(objects: Objects) -> None:
    """A scheduler that fills nodes up puts it back where 300 of 400 MiB are free, not where 1000 are."""
    with staged(objects, Settings(placement_strategy="Best")) as stage:
        look = moved(stage, {"node-1": -50, "node-2": 300})

    assert [] == evicted(objects)
    assert "WouldComeBack" == look.blocked["web-1"].held
    assert "it would come back: it fits on 2 nodes; best fit is node-1" in look.blocked["web-1"].message
