"""A day on a real cluster: a peak that comes every day is met before it and let go after, a leak is named."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from crowding import in_bytes
from foresize_dev import backfill, workloads
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import resizes
from scenes import MIB, RANDOM, forecast, now, policy, sizes

Json = dict[str, Any]
DAY_S = 86_400
STEP_S, COARSE_STEP_S = 15, 300
PEAK_S = 15
BASE_MIB, PEAK_MIB = 60, 220
FIRST_LOOK_S = 45
"""From the Deployments' creation to the peak: room for back-filling, the operator's start and its first forecast."""
AFTER_S = 60
"""From the peak's end until its request is down: the cooldown, and a forecast of a quiet that lasts."""


@pytest.mark.timeout(180)
def test_a_daily_peak_is_met_before_it_and_let_go_and_a_leak_is_named(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """220 MiB a quarter of a minute each day, 60 else, in a limit of 128: raised before, lowered after, never killed.

    Beside it 12 MiB an hour more in all of its past: called Leaking, with a time to its limit, and given nothing.
    """
    peak_s = math.ceil((time.time() + FIRST_LOOK_S) / STEP_S) * STEP_S
    daily = f"{_clock(peak_s)}={PEAK_MIB}Mi,{_clock(peak_s + PEAK_S)}={BASE_MIB}Mi"
    hogs = {
        "web": Memhog({"DAILY": daily, "HOLD": f"{BASE_MIB}Mi"}, request="96Mi", limit="128Mi"),
        "leaky": Memhog({"HOLD": "252Mi", "LEAK": "1Mi/300s"}, request="192Mi", limit="280Mi"),
    }
    cluster.apply(*(workloads.deployment(name, hog) for name, hog in hogs.items()), namespace=namespace)
    web, leaky = (workloads.wait_until_ready(cluster, namespace, name)[0] for name in hogs)
    history = [
        *_past(web, STEP_S, 7 * DAY_S, lambda at_s: PEAK_MIB if (at_s - peak_s) % DAY_S < PEAK_S else BASE_MIB),
        *_past(leaky, COARSE_STEP_S, 20 * 3600, lambda at_s: 252 - 12 * (time.time() - at_s) / 3600),
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

    wait_for("the request of the peak", lambda: _request(cluster, web) >= PEAK_MIB * MIB, FIRST_LOOK_S)
    assert time.time() < peak_s
    assert workloads.limit_bytes(now(cluster, web)) > PEAK_MIB * MIB
    wait_for("the peak", lambda: _holds(cluster, web) > PEAK_MIB * MIB, FIRST_LOOK_S)
    lowered_s = peak_s + PEAK_S + AFTER_S - time.time()
    wait_for("the request of the quiet", lambda: _request(cluster, web) < 96 * MIB, lowered_s)

    assert workloads.restarts(now(cluster, web)) == 0
    row = forecast(cluster, namespace, "deployment-leaky")["containers"][0]
    assert "Leaking" == row["shape"]
    assert row["timeToLimit"]
    fed = [each for each in resizes(cluster, started, namespace, since) if each.name == leaky["metadata"]["name"]]
    asked = ["192Mi", *(request for each in fed if (request := _asked(each)))]
    assert all(in_bytes(after) <= in_bytes(before) for before, after in pairwise(asked))
    assert "280Mi" == sizes(now(cluster, leaky))[1]


def _past(pod: Json, step_s: int, long_s: int, mebibytes: Callable[[float], float]) -> list[backfill.Series]:
    """What a pod of the same revision used until now, sampled in the middle of each interval."""
    count = long_s // step_s
    start_s = time.time() // step_s * step_s - step_s / 2 - (count - 1) * step_s
    stem = pod["metadata"]["name"].rsplit("-", 1)[0]
    who = {"namespace": pod["metadata"]["namespace"], "pod": f"{stem}-{RANDOM}", "node": pod["spec"]["nodeName"]}
    used = [mebibytes(start_s + at * step_s) * MIB for at in range(count)]
    return backfill.container_memory(who, "app", start_s, step_s, used)


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def _request(cluster: Cluster, pod: Json) -> int:
    return in_bytes(sizes(now(cluster, pod))[0])


def _holds(cluster: Cluster, pod: Json) -> int:
    return workloads.used_bytes(now(cluster, pod))


def _asked(write: Write) -> str:
    """The request that a resize asks for; empty where it leaves it."""
    return str(write.body["spec"]["containers"][0]["resources"].get("requests", {}).get("memory", ""))
