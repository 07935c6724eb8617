"""The main job on a real cluster: from a MemoryPolicy to a pod resized before its peak."""

from __future__ import annotations

from births import Births
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.waiting import wait_for
from scenes import MIB, deploy, events, forecast, now, past, policy, resized, sizes


def test_a_limit_below_the_forecast_peak_is_raised_in_place(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The kernel's limit rises, the container is the same, and an Event says why."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    cluster.apply(policy(), namespace=namespace)
    operator(server.url)

    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)

    assert workloads.restarts(after) == 0
    assert (
        pod["status"]["containerStatuses"][0]["containerID"] == after["status"]["containerStatuses"][0]["containerID"]
    )
    note = wait_for("an Event about the resize", lambda: events(cluster, namespace, "MemoryResized"), 20)[0]
    assert "MemoryPolicy p" in note
    assert "a peak of" in note


def test_an_oversized_pod_is_made_smaller_in_steps(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The request goes to what is needed, the limit down by half at a time, never below what is used."""
    pod = deploy(cluster, namespace, request="300Mi", limit="1000Mi")
    server = prometheus(history=past(pod, 40, hours=26))
    cluster.apply(policy(history={"window": "2d", "step": "5m"}), namespace=namespace)
    operator(server.url)

    first = resized(cluster, pod, lambda limit: limit < 1000 * MIB)
    assert workloads.limit_bytes(first) == 500 * MIB
    wait_for("the request to be lowered", lambda: sizes(now(cluster, pod))[0] != "300Mi", 30)
    second = resized(cluster, pod, lambda limit: limit < 300 * MIB, deadline_s=60)

    assert workloads.restarts(second) == 0
    assert workloads.limit_bytes(second) > workloads.used_bytes(second)


def test_a_kill_is_cured_in_one_kill_for_each_doubling(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """A container that needs 150 MiB with a limit of 40 dies at 40 and 80 and lives at 160, without any history."""
    server = prometheus()
    cluster.apply(policy(), namespace=namespace)
    started = operator(server.url)
    wait_for("the operator's first pass", lambda: "foresize_pass_last_success" in started.metrics(), 20)
    cluster.apply(
        workloads.deployment("web", workloads.Memhog({"SCHEDULE": "0s=10Mi,8s=150Mi"}, request="20Mi", limit="40Mi")),
        namespace=namespace,
    )

    def alive() -> bool:
        pods = workloads.pods(cluster, namespace, "web")
        return bool(pods) and workloads.restarts(pods[0]) >= 2 and _used(pods[0]) > 140 * MIB

    wait_for("web to live at 150 MiB", alive, 90)
    pod = workloads.pods(cluster, namespace, "web")[0]

    assert workloads.restarts(pod) == 2
    assert workloads.limit_bytes(pod) == 160 * MIB
    kills = wait_for("kills in the MemoryForecast", lambda: _kills(cluster, namespace, 2), 20)
    assert ["40Mi", "80Mi"] == [kill["limit"] for kill in kills]


def test_a_new_pod_is_born_with_the_forecasts_size(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Created while the operator is dead, by what it left in MemorySizes."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    cluster.apply(policy(), namespace=namespace)
    started = operator(server.url)
    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    path = f"/apis/foresize.dev/v1alpha1/namespaces/{namespace}/memorysizes/foresize"
    entry = wait_for(
        "an entry in MemorySizes", lambda: cluster.api.get(path)["spec"]["sizes"].get("Deployment/web"), 20
    )
    Births(cluster, namespace).wait_for_size(pod, entry["app"])
    started.kill()
    cluster.kubectl("scale", "deployment/web", "--replicas=2", "-n", namespace)
    pods = workloads.wait_until_ready(cluster, namespace, "web", 2)

    born = next(each for each in pods if each["metadata"]["uid"] != pod["metadata"]["uid"])
    assert (entry["app"]["request"], entry["app"]["limit"]) == sizes(born)


def _used(pod: dict) -> int:
    try:
        return workloads.used_bytes(pod)
    except (OSError, KeyError):
        return 0


def _kills(cluster: Cluster, namespace: str, count: int) -> list | None:
    rows = forecast(cluster, namespace).get("containers", [])
    kills = rows[0].get("kills", []) if rows else []
    return kills if len(kills) == count else None
