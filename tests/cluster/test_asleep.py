"""Idle workloads scaled to zero and back: before their need, on request, never against a person, never twice."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from foresize_dev import workloads
from foresize_dev.api import ApiError
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import DeadlineError, wait_for, wait_until
from foresize_dev.workloads import Memhog
from holdup import Holdup, holding, rule
from proofs import deeds, see_passes
from releases import release
from scenes import events, fine_past, forecast, past, policy

Json = dict[str, Any]
SCALE = "deployments/scale"
STATUS = "memoryforecasts/status"
SCALINGS = (rule("apps", SCALE, "UPDATE"), rule("foresize.dev", STATUS, "UPDATE"))
DAY_S = 86_400
STEP_S = 15
FIRST_LOOKS_S = (110, 220)
"""From the Deployments' creation to the need: room for back-filling, a first forecast, and a sleep that pays. On a
machine that is too busy for the first, all is begun anew with the second."""
SLEEPS = {"idle": {"after": "10s", "action": "ScaleToZero"}, "pace": {"lead": "20s", "cooldown": "10s"}}
FINE = {"window": "7d", "step": f"{STEP_S}s"}


@dataclass(frozen=True)
class Need:
    """A workload that will be needed, and an operator that has just begun to look at it."""

    at_s: float
    started: Operator
    since: int


@pytest.mark.timeout(450)
def test_an_idle_workload_sleeps_and_is_back_before_its_forecast_need(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Its memory rises at the same time every day: its two pods are ready again by then, after one scaling each way."""
    for look_s in FIRST_LOOKS_S:
        need = _begun(cluster, namespace, prometheus, operator, look_s)
        with suppress(DeadlineError):
            _sleeps_and_is_back(cluster, namespace, need.at_s)
            break
        need.started.stop()
        cluster.kubectl("delete", "deployments,memorypolicies", "--all", "-n", namespace, "--cascade=foreground")
    assert time.time() < need.at_s
    see_passes(need.started)
    assert [0, 2] == _asked(cluster, need.started, namespace, need.since, "daily")
    told = wait_for("the Event", lambda: events(cluster, namespace, "ScaledUp"), 20)
    assert any("its memory is forecast to rise above its idle level" in note for note in told)


def test_what_people_do_to_a_workload_that_sleeps_stands(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One is asked for by annotation; the others get another number of replicas, a HorizontalPodAutoscaler, an end."""
    names = ("asked", "owned", "gone", "scaled")
    cluster.apply(*(workloads.deployment(name, _hog()) for name in names), namespace=namespace)
    pods = [workloads.wait_until_ready(cluster, namespace, name, 2)[0] for name in names]
    since = cluster.audit.mark()
    made = policy(**SLEEPS)
    made["spec"]["target"] = {"selector": {}}
    cluster.apply(made, namespace=namespace)
    history = [each for pod in pods for each in past(pod, 40)]
    started = operator(prometheus(history=history).url, inventory_interval="1s")
    for name in names:
        wait_for(f"{name} to sleep", lambda name=name: _replicas(cluster, namespace, name) == 0, 60)

    cluster.kubectl("annotate", "deployment/asked", "foresize.dev/wake=true", "-n", namespace)
    cluster.kubectl("scale", "deployment/owned", "--replicas=3", "-n", namespace)
    cluster.kubectl("delete", "deployment/gone", "-n", namespace)
    cluster.kubectl("autoscale", "deployment/scaled", "--cpu=50%", "--min=1", "--max=2", "-n", namespace)
    wait_for("what was asked for", lambda: _replicas(cluster, namespace, "asked") == 2, 20)
    wait_for("what was handed over", lambda: _replicas(cluster, namespace, "scaled") == 2, 20)
    told = wait_for("the owner's word", lambda: events(cluster, namespace, "ScaleLeft"), 20)
    assert any("has scaled it to 3 meanwhile: it is left alone for a day" in note for note in told)

    see_passes(started)
    assert 3 == _replicas(cluster, namespace, "owned")
    assert [0] == _asked(cluster, started, namespace, since, "owned")
    assert [0] == _asked(cluster, started, namespace, since, "gone")
    assert [0, 2] == _asked(cluster, started, namespace, since, "asked")[:2]
    assert [0, 2] == _asked(cluster, started, namespace, since, "scaled")


@pytest.mark.timeout(200)
def test_an_operator_killed_on_the_way_writes_nothing_twice_and_nobody_sleeps_for_ever(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Killed between intent and write, then between write and record: one write in all.

    A policy that is deleted while its workload sleeps, and while no operator lives, has it back from the next one;
    without any operator `foresize release` gives it back.
    """
    cluster.apply(*(workloads.deployment(name, _hog()) for name in ("web", "db")), namespace=namespace)
    pods = [workloads.wait_until_ready(cluster, namespace, name, 2)[0] for name in ("web", "db")]
    since = cluster.audit.mark()
    cluster.apply(policy(**SLEEPS), namespace=namespace)
    with holding(cluster, namespace, SCALINGS) as holdup:
        holdup.catch(lambda resource: resource == SCALE)
        history = [each for pod in pods for each in past(pod, 40)]
        started = operator(prometheus(history=history).url, inventory_interval="1s")
        _die_when_caught(started, holdup)
        assert ("Going", 2) == _sleep(cluster, namespace)
        assert 2 == _replicas(cluster, namespace, "web")

        holdup.catch(lambda resource: resource == STATUS and SCALE in holdup.allowed)
        _start_anew(started)
        _die_when_caught(started, holdup)
        assert ("Going", 2) == _sleep(cluster, namespace)
        assert 0 == _replicas(cluster, namespace, "web")
    _start_anew(started)
    wait_for("the record", lambda: _sleep(cluster, namespace) == ("Asleep", 2), 30)
    see_passes(started)
    assert [0] == _asked(cluster, started, namespace, since, "web")

    cluster.apply(policy("q", "db", **SLEEPS), namespace=namespace)
    wait_for("db to sleep", lambda: _replicas(cluster, namespace, "db") == 0, 40)
    wait_for("its record", lambda: _sleep(cluster, namespace, "db") == ("Asleep", 2), 20)
    started.stop()
    started.forget_lease()
    code, words = release(cluster, f"{namespace}/Deployment/db")
    assert code == 0, words
    assert "scaled from 0 to 2, as before it was idle" in words
    assert 2 == _replicas(cluster, namespace, "db")

    cluster.kubectl("delete", "memorypolicies", "--all", "-n", namespace)
    _start_anew(started)
    wait_for("web without a policy", lambda: _replicas(cluster, namespace, "web") == 2, 30)
    see_passes(started)
    assert [0, 2] == _asked(cluster, started, namespace, since, "web")
    assert {} == forecast(cluster, namespace)


def _begun(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, look_s: float
) -> Need:
    """Everything is there, and it is needed so many seconds after the first of it was made."""
    cluster.apply(workloads.deployment("daily", _hog()), namespace=namespace)
    pod = workloads.wait_until_ready(cluster, namespace, "daily", 2)[0]
    need_s = math.ceil((time.time() + look_s) / STEP_S) * STEP_S
    history = fine_past(pod, STEP_S, 7 * DAY_S, lambda at_s: 200 if (at_s - need_s) % DAY_S < 600 else 40)
    since = cluster.audit.mark()
    cluster.apply(policy("daily", "daily", **SLEEPS, history=FINE, horizon="2h"), namespace=namespace)
    started = operator(prometheus(history=history).url, inventory_interval="1s", refit_interval="30s")
    return Need(need_s, started, since)


def _sleeps_and_is_back(cluster: Cluster, namespace: str, until_s: float) -> None:
    """Its pods are gone, and then they are back and ready; raises where that is not so in time."""
    wait_until("it to sleep", lambda: _replicas(cluster, namespace, "daily") == 0, until_s)
    wait_until("what is needed", lambda: _replicas(cluster, namespace, "daily") == 2, until_s)
    wait_until("its pods", lambda: _ready(cluster, namespace) == 2, until_s)


def _ready(cluster: Cluster, namespace: str) -> int:
    found: Json = cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/daily")
    return int(found["status"].get("readyReplicas", 0))


def _hog() -> Memhog:
    return Memhog({"HOLD": "40Mi"}, request="64Mi", limit="128Mi", replicas=2)


def _replicas(cluster: Cluster, namespace: str, name: str) -> int:
    found: Json = cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    return int(found["spec"]["replicas"])


def _asked(cluster: Cluster, operator: Operator, namespace: str, since: int, name: str) -> list[int]:
    """The numbers of replicas that an operator asked for, one after the other."""
    made: list[Write] = deeds(cluster, operator, namespace, since)
    return [each.body["spec"]["replicas"] for each in made if (each.resource, each.name) == (SCALE, name)]


def _sleep(cluster: Cluster, namespace: str, name: str = "web") -> tuple[str, int] | None:
    """What is remembered: how far it is, and how many replicas it gets back."""
    try:
        found = forecast(cluster, namespace, f"deployment-{name}")["state"]["sleep"]
    except (KeyError, ApiError):
        return None
    return found["phase"], found["replicas"]


def _die_when_caught(operator: Operator, holdup: Holdup) -> None:
    """Kill it while the API server lets its request wait; the request comes to nothing."""
    assert holdup.caught.wait(60)
    operator.kill()
    holdup.refuse()


def _start_anew(operator: Operator) -> None:
    operator.forget_lease()
    operator.start()
