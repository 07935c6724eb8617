"""Containers that take all their memory as they start: dead before a raise arrives, and cured all the same."""

from __future__ import annotations

from typing import Any

from foresize.config.quantities import memory_bytes
from foresize_dev import cgroups, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import see_passes
from scenes import MIB, forecast, policy

Json = dict[str, Any]
HASTY = Memhog({"HOLD": "36Mi"}, request="10Mi", limit="12Mi")
"""Takes 12 MiB within milliseconds of its start, and 24: nothing is as fast. At 48 it lives."""
LIVES = "it lives"


def test_what_dies_as_it_starts_is_evicted_until_its_limit_holds(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Two doublings, mostly in force from the start of a new pod, and not one too many; in place only, it is said.

    Where nothing may be evicted the limit stays at the first doubling, whatever it is killed at meanwhile, and
    `blocked` says that the pod is to be deleted; the next one is born with what was learnt. A raise may by good luck
    arrive in time after all, where the machine is slow: then either lives, at the same limit.
    """
    moves = {"atCreation": True, "running": "InPlaceOrEvict"}
    cluster.apply(policy("moves", "moves", apply=moves), policy("stays", "stays"), namespace=namespace)
    started = operator(prometheus().url)
    see_passes(started, 1)
    cluster.apply(workloads.deployment("moves", HASTY), workloads.deployment("stays", HASTY), namespace=namespace)

    told = wait_for("the way out to be told", lambda: _told(cluster, namespace, "stays"), 120)
    [pod] = wait_for("moves to live", lambda: _living(cluster, namespace, "moves"), 90)
    assert 47 * MIB < (_pod_limit_bytes(pod) or 0) <= 48 * MIB
    assert workloads.limit_bytes(pod) == _pod_limit_bytes(pod)
    wait_for("its kills", lambda: len(_learnt(cluster, namespace, "moves")) == 2, 20)
    assert all(_is_near(limit, (12, 24)) for limit in _learnt(cluster, namespace, "moves"))

    if told == LIVES:
        return
    assert "delete the pod" in told
    if "which holds it to 12Mi" not in told:  # a raise that arrived by good luck, and the next one did not
        assert "which holds it to 2" in told
        return
    wait_for("a size for its next pod", lambda: _learnt(cluster, namespace, "stays") == {"12Mi"}, 20)
    cluster.kubectl("delete", "pod", "-l", "app=stays", "-n", namespace, "--wait=false")
    wait_for("the next one's first kill", lambda: len(_learnt(cluster, namespace, "stays")) == 2, 40)


def test_what_dies_as_it_starts_beside_a_sidecar_stays_where_it_is(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """With a container that runs on beside it, its raise arrives before it starts again: no eviction, no new pod."""
    cluster.apply(policy(target="pair"), namespace=namespace)
    started = operator(prometheus().url)
    see_passes(started, 1)
    pair = workloads.deployment("pair", HASTY)
    side = Memhog({"HOLD": "2Mi", "LISTEN": ":8099"}, request="10Mi", limit="20Mi", container="side").spec()
    del side["readinessProbe"]
    pair["spec"]["template"]["spec"]["containers"].append(side)
    cluster.apply(pair, namespace=namespace)
    [first] = wait_for("its pod", lambda: workloads.pods(cluster, namespace, "pair"), 20)

    [pod] = wait_for("it to live", lambda: _living(cluster, namespace, "pair"), 120)
    assert first["metadata"]["uid"] == pod["metadata"]["uid"]
    told = {each["name"]: each for each in pod["status"]["containerStatuses"]}
    assert told["side"]["restartCount"] == 0
    wait_for("its kills", lambda: len(_learnt(cluster, namespace, "pair")) == 2, 20)
    assert all(_is_near(limit, (12, 24)) for limit in _learnt(cluster, namespace, "pair"))


def _is_near(limit: str, mebibytes: tuple[int, ...]) -> bool:
    """Whether a limit is one of these, or half a MiB less, as one that was written again."""
    return any(size - 0.5 <= memory_bytes(limit) / MIB <= size for size in mebibytes)


def _told(cluster: Cluster, namespace: str, name: str) -> str:
    """What stands in the way of a container that is caught; that it lives, where it does."""
    if _living(cluster, namespace, name):
        return LIVES
    rows = forecast(cluster, namespace, f"deployment-{name}").get("containers", [])
    blocked = rows[0].get("blocked", {}) if rows else {}
    return str(blocked["message"]) if blocked.get("reason") == "LimitNotInForce" else ""


def _living(cluster: Cluster, namespace: str, name: str) -> list[Json] | None:
    found = workloads.pods(cluster, namespace, name)
    ready = [pod for pod in found if _is_ready(pod["status"].get("containerStatuses", []))]
    return ready if len(ready) == 1 else None


def _is_ready(statuses: list[Json]) -> bool:
    return bool(statuses) and all(each["ready"] for each in statuses)


def _pod_limit_bytes(pod: Json) -> int | None:
    """What the kernel allows all containers of a pod together."""
    [status] = pod["status"]["containerStatuses"]
    return cgroups.memory_limit_bytes(cgroups.container_group(status["containerID"]).parent)


def _learnt(cluster: Cluster, namespace: str, name: str) -> set[str]:
    rows = forecast(cluster, namespace, f"deployment-{name}").get("containers", [])
    return {kill["limit"] for kill in rows[0].get("kills", [])} if rows else set()
