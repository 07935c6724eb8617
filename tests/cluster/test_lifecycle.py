"""What the operator leaves alone, and what it leaves behind: pause, opt-out, kill switch, deletion, death."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from foresize_dev import helm, workloads
from foresize_dev.api import ApiError
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from holdup import PASS, holding
from proofs import REPORTS, birth_sizes, deeds, resize_by_hand, resizes, see_passes, writes
from scenes import MIB, deploy, forecast, now, past, policy, resized, sizes

IGNORE = "foresize.dev/ignore=true"
KILLS = 5
"""Of an operator in each phase of a pass."""
Stop = Callable[[Cluster, str], None]


def test_recommend_only_writes_to_no_workload(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Without spec.apply the operator writes MemoryForecasts, statuses, Events and its Lease, and nothing else."""
    pod = deploy(cluster, namespace)
    since = cluster.audit.mark()
    cluster.apply(policy(apply={}), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    wait_for("a recommendation", lambda: _state(cluster, namespace) == "Recommended", 40)
    see_passes(started)

    written = {write.resource for write in writes(cluster, started, namespace, since)}
    assert {"memoryforecasts", "memorypolicies/status"} <= written <= REPORTS
    assert birth_sizes(cluster, namespace) == {}
    assert sizes(now(cluster, pod)) == ("64Mi", "128Mi")


def test_nothing_of_the_framework_is_left_on_any_object(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """No annotation, finalizer or status field of kopf's on policies, forecasts, pods or workloads."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    operator(prometheus(history=past(pod, 200)).url)
    resized(cluster, pod, lambda limit: limit > 200 * MIB)

    kinds = "memorypolicies,memoryforecasts,memorysizes,pods,deployments,replicasets"
    kept = cluster.kubectl("get", kinds, "-n", namespace, "-o", "json")
    assert "deployment-web" in kept
    assert "kopf" not in kept
    assert "finalizers" not in kept


def _pause(cluster: Cluster, namespace: str) -> None:
    cluster.apply(policy(paused=True), namespace=namespace)


def _ignore_workload(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("label", "deployment/web", IGNORE, "-n", namespace)


def _ignore_namespace(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("annotate", f"namespace/{namespace}", IGNORE)


def _only_recommend(cluster: Cluster, namespace: str) -> None:
    cluster.apply(policy(apply={"atCreation": False, "running": "None"}), namespace=namespace)


def _delete_policy(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("delete", "memorypolicy/p", "-n", namespace)


@pytest.mark.parametrize("stop", [_pause, _ignore_workload, _ignore_namespace, _only_recommend, _delete_policy])
def test_what_is_told_to_stop_writes_no_more(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, stop: Stop
) -> None:
    """Pause, opt-out of a workload or namespace, recommend-only and deletion: no birth sizes, no resize from then."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url, inventory_interval="1s")
    _wait_until_applied(cluster, namespace)

    stop(cluster, namespace)

    wait_for("no birth sizes", lambda: not birth_sizes(cluster, namespace), 20)
    _is_left_alone(cluster, namespace, started)


def test_the_kill_switch_stops_all_writes_to_workloads(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """One ConfigMap: birth sizes are taken back, running pods left alone; without it all goes on by itself."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    _wait_until_applied(cluster, namespace)

    with _kill_switch(cluster):
        wait_for("no birth sizes", lambda: not birth_sizes(cluster, namespace), 20)
        _is_left_alone(cluster, namespace, started)
        wait_for("the forecast to say so", lambda: _state(cluster, namespace) == "Stopped", 20)

    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    wait_for("birth sizes again", lambda: birth_sizes(cluster, namespace), 20)


def test_a_pod_that_opted_out_is_left_alone(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Its sibling is resized, it is not."""
    deploy(cluster, namespace, replicas=2)
    ignored, other = workloads.pods(cluster, namespace, "web")
    cluster.kubectl("annotate", f"pod/{ignored['metadata']['name']}", IGNORE, "-n", namespace)
    since = cluster.audit.mark()
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(other, 200)).url)
    resized(cluster, other, lambda limit: limit > 200 * MIB)
    see_passes(started)

    assert {other["metadata"]["name"]} == {write.name for write in resizes(cluster, started, namespace, since)}


def test_a_policy_deleted_while_the_operator_is_dead_is_forgotten(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """The deletion returns, birth sizes go with it, and the operator that comes back writes to no workload."""
    pod = deploy(cluster, namespace)
    cluster.apply(policy(), namespace=namespace)
    started = operator(prometheus(history=past(pod, 200)).url)
    _wait_until_applied(cluster, namespace)
    started.kill()

    cluster.kubectl("delete", "memorypolicy/p", "-n", namespace, "--timeout=60s")  # a finalizer would keep it for ever
    since = cluster.audit.mark()
    started.forget_lease()
    started.start()

    wait_for("no birth sizes", lambda: not birth_sizes(cluster, namespace), 20)
    see_passes(started)
    assert {write.resource for write in deeds(cluster, started, namespace, since)} <= {"memorysizes"}
    assert workloads.limit_bytes(now(cluster, pod)) > 200 * MIB


def test_a_namespace_is_deleted_while_the_operator_is_dead(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """Nothing that the operator wrote keeps a namespace from ending."""
    doomed = f"{namespace}-doomed"
    cluster.kubectl("create", "namespace", doomed)
    account = f"/api/v1/namespaces/{doomed}/serviceaccounts/default"
    wait_for(f"ServiceAccount default of {doomed}", lambda: cluster.api.get(account), 20)
    pod = deploy(cluster, doomed)
    cluster.apply(policy(), namespace=doomed)
    started = operator(prometheus(history=past(pod, 200)).url, namespaces=doomed)
    _wait_until_applied(cluster, doomed)
    started.kill()

    cluster.kubectl("delete", "namespace", doomed, "--timeout=110s")
    with pytest.raises(ApiError, match="not found"):
        cluster.api.get(f"/api/v1/namespaces/{doomed}")


@pytest.mark.timeout(400)
def test_an_operator_killed_in_each_phase_of_a_pass_repeats_nothing(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """SIGKILL while its intent, its resize, the birth sizes, its report, the policy's status are under way: one resize.

    Five times each, and each time the same is decided. After the last start all of it is there, and the container has
    never ended.
    """
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    since = cluster.audit.mark()
    cluster.apply(policy(), namespace=namespace)
    phases = ("memoryforecasts/status", "pods/resize", "memorysizes", "memoryforecasts/status", "memorypolicies/status")
    started = None
    with holding(cluster, namespace, PASS) as holdup:
        for before, phase in zip(("", "", "pods/resize", "memorysizes", ""), phases, strict=True):
            for _ in range(KILLS):
                holdup.catch(lambda asked, of=phase, first=before: asked == of and first in {"", *holdup.allowed})
                started = started.start(wait=False) if started else operator(server.url)
                wait_for(f"{phase} to be asked for", holdup.caught.is_set, 60, every_s=0.02)
                started.kill()
                holdup.refuse()
                started.forget_lease()
        assert started is not None
        started.start()
        see_passes(started, 2)
        wait_for("its state", lambda: _state(cluster, namespace) == "Sized", 20)

    decided = [sizes(each) for each in holdup.held if each["kind"] == "Pod"]
    assert [sizes(now(cluster, pod))] * KILLS == decided
    assert 1 == len(resizes(cluster, started, namespace, since))
    assert birth_sizes(cluster, namespace)["Deployment/web"]["app"]
    after = now(cluster, pod)
    assert workloads.restarts(after) == 0
    assert workloads.limit_bytes(after) > 200 * MIB


def test_kills_are_remembered_by_the_next_operator(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator
) -> None:
    """What a kill taught outlives the operator and the pod: the next pod has it before it could die."""
    server = prometheus()
    cluster.apply(policy(apply={"atCreation": True, "running": "InPlace"}), namespace=namespace)
    started = operator(server.url)
    see_passes(started, 1)
    pod = deploy(cluster, namespace, hold={"HOLD": "10Mi"}, request="20Mi", limit="40Mi")
    with suppress(OSError):  # killed before it answers
        workloads.hold(pod, "70Mi")
    wait_for("the kill in the MemoryForecast", lambda: _kills(cluster, namespace), 40)
    started.kill()
    cluster.kubectl("delete", f"pod/{pod['metadata']['name']}", "-n", namespace)
    wait_for("another pod", lambda: _others(cluster, namespace, pod), 30)
    started.forget_lease()
    started.start()
    [second] = wait_for("the new pod", lambda: _others(cluster, namespace, pod), 30)

    resized(cluster, second, lambda limit: limit == 80 * MIB)
    workloads.hold(second, "70Mi")
    see_passes(started)
    assert {"40Mi"} == {kill["limit"] for kill in _kills(cluster, namespace)}
    assert workloads.restarts(now(cluster, second)) == 0


def _wait_until_applied(cluster: Cluster, namespace: str) -> None:
    """Wait until web is resized in place and has birth sizes."""
    [pod] = workloads.pods(cluster, namespace, "web")
    resized(cluster, pod, lambda limit: limit > 200 * MIB)
    wait_for("birth sizes", lambda: birth_sizes(cluster, namespace).get("Deployment/web"), 20)


def _is_left_alone(cluster: Cluster, namespace: str, started: Operator) -> None:
    """Shrink web by hand: an operator that acts would raise it again."""
    see_passes(started, 2)
    [pod] = workloads.pods(cluster, namespace, "web")
    since = cluster.audit.mark()
    resize_by_hand(cluster, pod, request="64Mi", limit="128Mi")
    see_passes(started)
    assert deeds(cluster, started, namespace, since) == []
    assert sizes(now(cluster, pod)) == ("64Mi", "128Mi")


@contextmanager
def _kill_switch(cluster: Cluster) -> Iterator[None]:
    where = ("configmap", "foresize-kill-switch", "-n", helm.NAMESPACE)
    cluster.kubectl("create", *where, "--from-literal=stop=true")
    try:
        yield
    finally:
        cluster.kubectl("delete", *where)


def _state(cluster: Cluster, namespace: str) -> str:
    return str(forecast(cluster, namespace).get("summary", {}).get("state", ""))


def _kills(cluster: Cluster, namespace: str) -> list[dict[str, str]]:
    rows = forecast(cluster, namespace).get("containers", [])
    return rows[0].get("kills", []) if rows else []


def _others(cluster: Cluster, namespace: str, than: dict) -> list[dict]:
    uid = than["metadata"]["uid"]
    return [pod for pod in workloads.pods(cluster, namespace, "web") if pod["metadata"]["uid"] != uid]
