"""A day on a real cluster: a peak that comes every day is met before it and let go after, a leak is named."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from crowding import in_bytes
from foresize_dev import workloads
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import DeadlineError, wait_for, wait_until
from foresize_dev.workloads import Memhog
from proofs import resizes
from scenes import MIB, fine_past, forecast, now, policy, resized, sizes

Json = dict[str, Any]
DAY_S = 86_400
STEP_S, COARSE_STEP_S = 15, 300
PEAK_S = 15
BASE_MIB, PEAK_MIB = 60, 220
FIRST_LOOKS_S = (45, 135)
"""From the Deployments' creation to the peak: room for back-filling, the operator's start and its first forecast. On a
machine that is too busy for the first, all is begun anew with the second."""
AFTER_S = 60
"""From the peak's end until its request is down: the cooldown, and a forecast of a quiet that lasts."""


@dataclass(frozen=True)
class Day:
    """Two pods with a past, and an operator that has just begun to look at them."""

    peak_s: float
    web: Json
    leaky: Json
    started: Operator
    since: int


@pytest.mark.timeout(500)
def test_a_daily_peak_is_met_before_it_and_let_go_and_a_leak_is_named(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """220 MiB a quarter of a minute each day, 60 else, in a limit of 128: raised before, lowered after, never killed.

    Beside it 12 MiB an hour more in all of its past: called Leaking, with a time to its limit, and given nothing.
    """
    for look_s in FIRST_LOOKS_S:
        day = _begun(cluster, namespace, prometheus, operator, look_s)
        with suppress(DeadlineError):
            wait_until(
                "the request of the peak", lambda of=day: _request(cluster, of.web) >= PEAK_MIB * MIB, day.peak_s
            )
            break
        day.started.stop()
        cluster.kubectl("delete", "deployments,memorypolicies", "--all", "-n", namespace, "--cascade=foreground")
    web, leaky = day.web, day.leaky
    resized(cluster, web, lambda limit: limit > PEAK_MIB * MIB)
    assert time.time() < day.peak_s
    wait_for("the peak", lambda: _holds(cluster, web) > PEAK_MIB * MIB, FIRST_LOOKS_S[-1])
    lowered_s = day.peak_s + PEAK_S + AFTER_S - time.time()
    wait_for("the request of the quiet", lambda: _request(cluster, web) < 96 * MIB, lowered_s)

    assert workloads.restarts(now(cluster, web)) == 0
    row = forecast(cluster, namespace, "deployment-leaky")["containers"][0]
    assert "Leaking" == row["shape"]
    assert row["timeToLimit"]
    patches = resizes(cluster, day.started, namespace, day.since)
    fed = [each for each in patches if each.name == leaky["metadata"]["name"]]
    asked = ["192Mi", *(request for each in fed if (request := _asked(each)))]
    assert all(in_bytes(after) <= in_bytes(before) for before, after in pairwise(asked))
    assert "280Mi" == sizes(now(cluster, leaky))[1]


def _begun(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, look_s: float
) -> Day:
    """Everything is there, and the peak comes so many seconds after the first of it was made."""
    peak_s = math.ceil((time.time() + look_s) / STEP_S) * STEP_S
    daily = f"{_clock(peak_s)}={PEAK_MIB}Mi,{_clock(peak_s + PEAK_S)}={BASE_MIB}Mi"
    hogs = {
        "web": Memhog({"DAILY": daily, "HOLD": f"{BASE_MIB}Mi"}, request="96Mi", limit="128Mi"),
        "leaky": Memhog({"HOLD": "252Mi", "LEAK": "1Mi/300s"}, request="192Mi", limit="280Mi"),
    }
    cluster.apply(*(workloads.deployment(name, hog) for name, hog in hogs.items()), namespace=namespace)
    web, leaky = (workloads.wait_until_ready(cluster, namespace, name)[0] for name in hogs)
    history = [
        *fine_past(web, STEP_S, 7 * DAY_S, lambda at_s: PEAK_MIB if (at_s - peak_s) % DAY_S < PEAK_S else BASE_MIB),
        *fine_past(leaky, COARSE_STEP_S, 20 * 3600, lambda at_s: 252 - 12 * (time.time() - at_s) / 3600),
    ]
    since = cluster.audit.mark()
    hurry = {
        "pace": {"lead": "20s", "cooldown": "10s"},
        "history": {"window": "7d", "step": f"{STEP_S}s"},
        "horizon": "24h",
    }
    cluster.apply(policy("day", **hurry), namespace=namespace)
    cluster.apply(policy("leak", "leaky", leak={"action": "Hold"}), namespace=namespace)
    started = operator(prometheus(history=history).url, refit_interval="30s")
    return Day(peak_s, web, leaky, started, since)


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def _request(cluster: Cluster, pod: Json) -> int:
    return in_bytes(sizes(now(cluster, pod))[0])


def _holds(cluster: Cluster, pod: Json) -> int:
    return workloads.used_bytes(now(cluster, pod))


def _asked(write: Write) -> str:
    """The request that a resize asks for; empty where it leaves it."""
    return str(write.body["spec"]["containers"][0]["resources"].get("requests", {}).get("memory", ""))
