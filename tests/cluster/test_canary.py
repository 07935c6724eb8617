"""A lower limit on several pods: one has it first, and what befalls it decides for the others."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from proofs import resizes, see_passes
from scenes import MIB, deploy, events, forecast, now, past, policy

Json = dict[str, Any]
HIGH = 512 * MIB
KNOWN = {"history": {"window": "3d", "step": "5m"}}
"""More than a day of history: less lowers no limit."""


def test_one_pod_tries_a_lower_limit_and_its_kill_spares_the_others(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Three pods of 512Mi that use 40: one gets less, is made to need 400Mi and is killed. The others never had less.

    The killed one has 512Mi again before its watch would have ended, also with the operator killed in between, and
    nobody else follows.
    """
    pod = deploy(cluster, namespace, replicas=3, limit="512Mi")
    since = cluster.audit.mark()
    cluster.apply(policy(**KNOWN, pace={"lead": "0s", "cooldown": "1m"}), namespace=namespace)
    started = operator(prometheus(history=past(pod, 40, hours=48)).url)
    first = wait_for("a pod with a lower limit", lambda: _lowered(cluster, namespace), 60, every_s=0.1)
    see_passes(started, 1)
    assert [first["metadata"]["name"]] == [each["metadata"]["name"] for each in _all_lowered(cluster, namespace)]
    wait_for("its forecast", lambda: forecast(cluster, namespace)["summary"]["state"] == "CanaryWatched", 20)

    started.kill()
    with suppress(OSError):  # killed before it answers
        workloads.hold(first, "400Mi")
    wait_for("the kill", lambda: workloads.restarts(now(cluster, first)), 30)
    started.forget_lease()
    started.start()

    wait_for("512Mi again", lambda: _limit(cluster, first) >= HIGH, 40)
    wait_for("the failure to be told", lambda: events(cluster, namespace, "CanaryFailed"), 20)
    see_passes(started)
    lowered = {
        write.name
        for write in resizes(cluster, started, namespace, since)
        if _bytes(write.body["spec"]["containers"][0]["resources"].get("limits", {}).get("memory", "512Mi")) < HIGH
    }
    assert {first["metadata"]["name"]} == lowered
    assert all(_limit(cluster, each) >= HIGH for each in workloads.pods(cluster, namespace, "web"))
    assert 1 == sum(map(workloads.restarts, workloads.pods(cluster, namespace, "web")))


def test_a_limit_that_is_borne_reaches_all(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One pod, and after a watch of ten seconds without harm both others."""
    pod = deploy(cluster, namespace, replicas=3, limit="512Mi")
    since = cluster.audit.mark()
    cluster.apply(policy(**KNOWN), namespace=namespace)
    started = operator(prometheus(history=past(pod, 180, hours=48)).url)

    wait_for("all three to be lowered", lambda: len(_all_lowered(cluster, namespace)) == 3, 60)
    written = [each.name for each in resizes(cluster, started, namespace, since) if _sets_limit(each.body)]
    assert 3 == len(set(written[:3]))


def _limit(cluster: Cluster, pod: Json) -> int:
    """What the kernel enforces; 0 while the container is started anew."""
    try:
        return workloads.limit_bytes(now(cluster, pod)) or 0
    except (OSError, KeyError):
        return 0


def _all_lowered(cluster: Cluster, namespace: str) -> list[Json]:
    return [pod for pod in workloads.pods(cluster, namespace, "web") if 0 < _limit(cluster, pod) < HIGH]


def _lowered(cluster: Cluster, namespace: str) -> Json | None:
    return next(iter(_all_lowered(cluster, namespace)), None)


def _sets_limit(body: Json) -> bool:
    return "limits" in body["spec"]["containers"][0]["resources"]


def _bytes(text: str) -> int:
    number, unit = text[:-2], text[-2:]
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]
