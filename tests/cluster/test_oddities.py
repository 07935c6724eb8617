"""Pods and moments at which others failed: many containers, devices, back-off, kills all over the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog
from proofs import past_of, resize_by_hand, resizes, see_passes
from scenes import MIB, condition, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]
DEVICE = "tests.foresize.dev/gpu"
COUNT = 20
OTHERS = {"cpu": "10m", "ephemeral-storage": "10Mi", DEVICE: "1"}
HEAP = "-Xmx64m"
HUNGRY = Memhog({"SCHEDULE": "0s=10Mi,8s=150Mi"}, request="20Mi", limit="40Mi")


def test_twenty_containers_a_device_and_a_heap(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One patch sizes all of them; CPU, storage and device of each stay; a JVM's bound is told in the status."""
    manifest = workloads.deployment("web", Memhog({"HOLD": "10Mi", "JAVA_TOOL_OPTIONS": HEAP}, "20Mi", "40Mi"))
    containers = manifest["spec"]["template"]["spec"]["containers"]
    for size in containers[0]["resources"].values():
        size.update(OTHERS)
    for number in range(1, COUNT):
        containers.append(_beside(f"c{number:02}", f":{8080 + number}"))
    names = [each["name"] for each in containers]
    with _device(cluster, "node-1"):
        cluster.apply(manifest, namespace=namespace)
        [pod] = workloads.wait_until_ready(cluster, namespace, "web", deadline_s=60)
        since = cluster.audit.mark()
        gone = f"{pod['metadata']['name'].rsplit('-', 1)[0]}-bcdfg"
        history = [series for name in names for series in past_of(gone, pod, 60, container=name)]
        cluster.apply(policy(), namespace=namespace)
        started = operator(prometheus(history=history).url)
        resized(cluster, pod, lambda limit: limit > 60 * MIB)
        see_passes(started)

        [patch] = resizes(cluster, started, namespace, since)
        assert sorted(names) == sorted(each["name"] for each in patch.body["spec"]["containers"])
        after = now(cluster, pod)
        assert workloads.restarts(after) == 0
        wait_for("all limits in the kernel", lambda: _least_limit(cluster, pod, names) > 60 * MIB, 20)
        app = next(each for each in after["spec"]["containers"] if each["name"] == "app")["resources"]
        assert all(OTHERS.items() <= app[part].items() for part in ("requests", "limits"))
        rows = {row["name"]: row for row in forecast(cluster, namespace)["containers"]}
        assert sorted(names) == sorted(rows)
        assert HEAP in rows["app"]["heap"]


def test_a_limit_raised_by_hand_in_back_off_is_made_to_hold(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Somebody raises the limit while the container waits to be restarted, which the kernel does not learn: it lives.

    It needs 150 MiB in a limit of 40: killed at 40, at 80, where the raise in between did not arrive, and not again.
    """
    server = prometheus()
    cluster.apply(workloads.deployment("web", HUNGRY), namespace=namespace)
    waiting = wait_for("back-off after its second kill", lambda: _backs_off(cluster, namespace), 60, every_s=0.1)
    resize_by_hand(cluster, waiting, request="20Mi", limit="200Mi")
    cluster.apply(policy(), namespace=namespace)
    started = operator(server.url)

    wait_for("web to live at 150 MiB", lambda: _lives(cluster, namespace), 90)
    restarts = workloads.restarts(now(cluster, waiting))
    see_passes(started)
    assert restarts == workloads.restarts(now(cluster, waiting))
    assert restarts <= 4


def test_where_three_are_killed_a_fourth_is_not_lowered_and_a_neighbour_not_touched(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Three workloads killed: a fourth is not lowered, and it is said; a namespace without a policy stays as it is."""
    other = f"{namespace[:50]}-next"
    cluster.kubectl("create", "namespace", other)
    account = f"/api/v1/namespaces/{other}/serviceaccounts/default"
    wait_for(f"ServiceAccount default of {other}", lambda: cluster.api.get(account), 20)
    since = cluster.audit.mark()
    calm = deploy(cluster, namespace, "calm", request="300Mi", limit="1000Mi")
    foreign = deploy(cluster, other, "calm", request="64Mi", limit="128Mi")
    names = [f"web-{number}" for number in range(3)]
    cluster.apply(*(policy(name, name) for name in names), namespace=namespace)
    history = [*past(calm, 40, hours=26), *past(foreign, 200, hours=26)]
    started = operator(prometheus(history=history).url, namespaces=f"{namespace},{other}")
    see_passes(started, 1)
    hog = Memhog({"SCHEDULE": "0s=10Mi,8s=60Mi"}, request="20Mi", limit="40Mi")
    cluster.apply(*(workloads.deployment(name, hog) for name in names), namespace=namespace)
    for name in names:
        wait_for(f"the kill of {name}", lambda name=name: _kills(cluster, namespace, name), 40)

    cluster.apply(policy("calm", "calm", history={"window": "2d", "step": "5m"}), namespace=namespace)
    wait_for("its forecast", lambda: "wantedLimit" in _row(cluster, namespace, "calm"), 40)
    stopped = wait_for("the breaker to be told", lambda: _stopped(cluster, namespace, "calm"), 20)
    see_passes(started)

    assert "KillsRise" == stopped["reason"]
    assert ("300Mi", "1000Mi") == sizes(now(cluster, calm))
    assert ("64Mi", "128Mi") == sizes(now(cluster, foreign))
    assert [] == cluster.audit.writes(user=started.user, namespace=other, since=since)
    cluster.kubectl("delete", "namespace", other, "--wait=false")


@contextmanager
def _device(cluster: Cluster, node: str) -> Iterator[None]:
    """A node has devices, as a device plugin would tell."""
    path, kind = f"/api/v1/nodes/{node}/status", "application/json-patch+json"
    place = f"/status/capacity/{DEVICE.replace('/', '~1')}"
    cluster.api.request("PATCH", path, [{"op": "add", "path": place, "value": "4"}], kind)
    try:
        yield
    finally:
        cluster.api.request("PATCH", path, [{"op": "remove", "path": place}], kind)


def _beside(name: str, listen: str) -> Json:
    container: Json = Memhog({"HOLD": "5Mi", "LISTEN": listen}, "20Mi", "40Mi", name).spec()
    del container["readinessProbe"]
    return container


def _least_limit(cluster: Cluster, pod: Json, names: list[str]) -> int:
    """Of these containers' limits in the kernel."""
    current = now(cluster, pod)
    return min(workloads.limit_bytes(current, name) or 0 for name in names)


def _backs_off(cluster: Cluster, namespace: str) -> Json | None:
    """The pod, while its container waits to be restarted."""
    for pod in workloads.pods(cluster, namespace, "web"):
        for status in pod["status"].get("containerStatuses", []):
            if status.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff":
                return pod
    return None


def _lives(cluster: Cluster, namespace: str) -> bool:
    [pod] = workloads.pods(cluster, namespace, "web")
    try:
        return workloads.used_bytes(pod) > 140 * MIB
    except (OSError, KeyError):
        return False


def _row(cluster: Cluster, namespace: str, name: str) -> Json:
    rows = forecast(cluster, namespace, f"deployment-{name}").get("containers", [])
    return rows[0] if rows else {}


def _kills(cluster: Cluster, namespace: str, name: str) -> Any:
    return _row(cluster, namespace, name).get("kills")


def _stopped(cluster: Cluster, namespace: str, name: str) -> Json | None:
    found = condition(cluster, namespace, "DecreasesAllowed", name)
    return found if found.get("status") == "False" else None
