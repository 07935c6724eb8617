from __future__ import annotations

from typing import Any

import pytest

from builders import mi, size
from foresize.cluster.podviews import finished, requested_bytes, view
from foresize_forecast.pods import Kill, ResizePhase
from foresize_forecast.sizes import QosClass, Size

Json = dict[str, Any]
NOON = "2027-01-15T12:00:00Z"
NOON_S = 1_800_014_400.0  # date -u -d 2027-01-15T12:00:00Z +%s


def memory(request: str | None, limit: str | None) -> Json:
    """A `resources` block of memory alone."""
    block = {"requests": request, "limits": limit}
    return {part: {"memory": value} for part, value in block.items() if value is not None}


def status(resources: Json | None = None, **changes: Any) -> Json:
    """A running container's status."""
    told = {} if resources is None else {"resources": resources}
    return {"name": "app", "restartCount": 0, "state": {"running": {"startedAt": NOON}}, **told, **changes}


def pod(resources: Json, told: Json | None = None, *, spec: Json | None = None, **changes: Any) -> Json:
    """A pod of one container `app`; `changes` go into its metadata."""
    metadata = {"namespace": "shop", "name": "web-1", "uid": "u1", "resourceVersion": "7", "creationTimestamp": NOON}
    return {
        "metadata": {**metadata, **changes},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "resources": resources}], **(spec or {})},
        "status": {"phase": "Running", "conditions": [], "containerStatuses": [told or status(resources)]},
    }


def owned(kind: str, name: str, **labels: str) -> Json:
    """A pod with a controller, and with a second owner that is none."""
    owners = [
        {"kind": "Node", "name": "n1", "uid": "o1"},
        {"kind": kind, "name": name, "uid": "o2", "controller": True},
    ]
    return pod({}, ownerReferences=owners, labels=labels)


@pytest.mark.parametrize(
    ("made", "owner", "revision"),
    [
        (owned("ReplicaSet", "web-7d4b9", **{"pod-template-hash": "7d4b9"}), "Deployment/web", "7d4b9"),
        (owned("ReplicaSet", "web-7d4b9"), "ReplicaSet/web-7d4b9", ""),
        (owned("ReplicaSet", "lone", **{"pod-template-hash": "7d4b9"}), "ReplicaSet/lone", "7d4b9"),
        (owned("StatefulSet", "db", **{"controller-revision-hash": "db-5f6"}), "StatefulSet/db", "db-5f6"),
        (owned("Job", "report-28371000"), "Job/report-28371000", ""),
    ],
)
def test_a_pod_belongs_to_the_workload_that_people_know(made: Json, owner: str, revision: str) -> None:
    """A Deployment's pod is the Deployment's, not a ReplicaSet's; every pod tells the revision it is of."""
    seen = view(made)
    assert (owner, revision, "o2") == (seen.owner, seen.revision, seen.owner_uid)


def test_a_bare_pod_has_no_owner() -> None:
    """A pod without a controller belongs to no workload."""
    assert ("", "") == (view(pod({})).owner, view(pod({})).owner_uid)


def test_a_pod_is_read_with_its_name_node_and_sizes() -> None:
    """What is asked for, what is in force and since when it runs are read as the API server tells them."""
    seen = view(pod(memory("64Mi", "128Mi"), status(memory("32Mi", "96Mi"), restartCount=2), labels={"app": "web"}))
    app = seen.containers[0]
    assert ("shop", "web-1", "u1", "7", "n1") == (seen.namespace, seen.name, seen.uid, seen.resource_version, seen.node)
    assert (NOON_S, {"app": "web"}) == (seen.created_s, seen.labels)
    assert (size(64, 128), size(32, 96)) == (app.size, app.actual)
    assert (NOON_S, 2, None) == (app.running_since_s, app.restarts, app.last_kill)


@pytest.mark.parametrize(
    ("resources", "told", "actual"),
    [
        (memory("64Mi", "128Mi"), None, None),
        (memory("64Mi", "128Mi"), {}, None),
        ({}, {}, Size(None, None)),
        (memory("64Mi", None), memory("64Mi", None), Size(mi(64), None)),
    ],
)
def test_nothing_is_in_force_until_the_kubelet_says_so(resources: Json, told: Json | None, actual: Size | None) -> None:
    """A container whose status does not tell its size yet is not taken for one of the size that was asked for."""
    assert actual == view(pod(resources, status(told))).containers[0].actual


def test_a_request_told_above_the_limit_in_force_is_read_as_that_limit() -> None:
    """While a resize is being done the kubelet tells the new request beside the old limit; such a pod can be read."""
    seen = view(pod(memory("300Mi", "400Mi"), status(memory("300Mi", "200Mi"))))
    assert size(200, 200) == seen.containers[0].actual


def terminated(reason: str, at: str | None = NOON) -> Json:
    """The end of a container."""
    return {"terminated": {"reason": reason, "exitCode": 137, **({"finishedAt": at} if at else {})}}


def test_a_kill_is_seen_before_and_after_the_restart() -> None:
    """A container killed for lack of memory tells so when it has just ended, and once it runs again."""
    sizes = memory("64Mi", "128Mi")
    at_once = status(sizes, state=terminated("OOMKilled"))
    again = status(sizes, restartCount=1, lastState=terminated("OOMKilled"))
    expected = Kill(NOON_S, mi(128))
    for told, running_since_s in ((at_once, None), (again, NOON_S)):
        app = view(pod(sizes, told)).containers[0]
        assert (expected, running_since_s) == (app.last_kill, app.running_since_s)


def test_a_kill_bears_the_limit_in_force_not_the_one_asked_for() -> None:
    """A kill while a resize waits is laid to the limit that killed, so that the next one is above it."""
    told = status(memory("64Mi", "100Mi"), lastState=terminated("OOMKilled"))
    kill = view(pod(memory("64Mi", "200Mi"), told)).containers[0].last_kill
    assert Kill(NOON_S, mi(100)) == kill


def test_a_kill_without_a_status_of_sizes_bears_the_limit_asked_for() -> None:
    """Kubelets that tell no sizes still teach the limit that killed."""
    kill = view(pod(memory("64Mi", "200Mi"), status(lastState=terminated("OOMKilled")))).containers[0].last_kill
    assert Kill(NOON_S, mi(200)) == kill


def test_other_ends_are_no_kills() -> None:
    """A container that was ended by a signal of somebody else's (137 as well) is not said to have lacked memory."""
    assert view(pod({}, status(lastState=terminated("Error")))).containers[0].last_kill is None


def test_a_kill_before_another_end_is_still_told() -> None:
    """An OOM kill that the status remembers is not hidden by the container's present end."""
    told = status(state=terminated("Error"), lastState=terminated("OOMKilled"))
    assert Kill(NOON_S, None) == view(pod({}, told)).containers[0].last_kill


@pytest.mark.parametrize(
    ("state", "ready_at", "expected_s"),
    [
        ({"running": {"startedAt": "2027-01-15T12:00:05Z"}}, None, NOON_S + 5),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, "2027-01-15T12:00:03Z", NOON_S + 3),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, None, NOON_S),  # the pod's creation
    ],
)
def test_a_kill_without_a_time_is_dated_by_what_is_known(state: Json, ready_at: str | None, expected_s: float) -> None:
    """Where the runtime lost the time of a kill, it is dated by the pod, never by the moment of looking."""
    made = pod({}, status(state=state, lastState=terminated("OOMKilled", at=None)))
    if ready_at:
        made["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": ready_at}]
    kill = view(made).containers[0].last_kill
    assert kill is not None
    assert expected_s == kill.at_s


def test_sidecars_are_sized_and_init_containers_counted() -> None:
    """A native sidecar is a container like the others; ordinary init containers only count for the scheduler."""
    init = [
        {"name": "proxy", "restartPolicy": "Always", "resources": memory("20Mi", None)},
        {"name": "load", "resources": memory("300Mi", None)},
        {"name": "wait", "resources": {}},
    ]
    made = pod(memory("64Mi", None), spec={"initContainers": init})
    made["status"]["initContainerStatuses"] = [status(memory("20Mi", None), name="proxy")]
    seen = view(made)
    assert [("app", False), ("proxy", True)] == [(each.name, each.sidecar) for each in seen.containers]
    assert Size(mi(20), None) == seen.containers[1].actual
    assert mi(300) == seen.init_memory_bytes


def test_what_hinders_a_resize_is_read() -> None:
    """Pods that restart on resize, have sizes of their own as a whole, or opted out, are told from others."""
    plain, marked = view(pod({})), view(pod({}, annotations={"foresize.dev/ignore": "true"}))
    whole = view(pod({}, spec={"resources": {"requests": {"memory": "1Gi"}}}))
    policy = [
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
    ]
    restarts = view(pod({}, spec={"containers": [{"name": "app", "resizePolicy": policy}]}))
    assert [False, True] == [seen.containers[0].restarts_on_resize for seen in (plain, restarts)]
    assert [False, True] == [seen.pod_level_resources for seen in (plain, whole)]
    assert [False, True] == [seen.ignored for seen in (plain, marked)]


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ({"limits": {"cpu": "1"}}, True),  # the request is defaulted to the limit
        ({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}, True),
        ({"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}, False),
        ({"requests": {"cpu": "1"}}, False),
        ({}, False),
    ],
)
def test_a_container_one_step_from_guaranteed_is_known(cpu: Json, expected: bool) -> None:  # noqa: FBT001 - a table
    """Where cpu is pinned already, memory request equal to limit would change the pod's class."""
    assert expected is view(pod(cpu)).containers[0].cpu_guaranteed


def test_the_class_is_the_api_servers_own() -> None:
    """The QoS class is what the API server says; before it says so, what its rules give."""
    told, untold = pod(memory("64Mi", None)), pod(memory("64Mi", None))
    told["status"]["qosClass"] = "Guaranteed"
    assert (QosClass.GUARANTEED, QosClass.BURSTABLE) == (view(told).qos, view(untold).qos)


def test_readiness_and_end_are_read() -> None:
    """A pod that serves and a pod that is being deleted are told apart."""
    ready, going = pod({}), pod({}, deletionTimestamp=NOON)
    ready["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert [(True, False), (False, True)] == [(seen.ready, seen.terminating) for seen in (view(ready), view(going))]


@pytest.mark.parametrize(
    ("kind", "reason", "phase"),
    [
        ("PodResizePending", "Deferred", ResizePhase.DEFERRED),
        ("PodResizePending", "Infeasible", ResizePhase.INFEASIBLE),
        ("PodResizeInProgress", "Error", ResizePhase.ERROR),
        ("PodResizeInProgress", "", ResizePhase.IN_PROGRESS),
    ],
)
def test_where_a_resize_stands_is_told_in_the_kubelets_words(kind: str, reason: str, phase: ResizePhase) -> None:
    """A resize that waits, fails or is under way is seen with its message and since when."""
    made = pod({})
    made["status"]["conditions"] = [
        {"type": kind, "status": "True", "reason": reason, "message": "no room", "lastTransitionTime": NOON}
    ]
    seen = view(made).resize
    assert (phase, "no room", NOON_S) == (seen.phase, seen.message, seen.since_s)


def test_a_condition_that_is_over_is_no_resize() -> None:
    """A resize that has been done leaves nothing behind."""
    made = pod({})
    made["status"]["conditions"] = [{"type": "PodResizePending", "status": "False", "reason": "Deferred"}]
    assert ResizePhase.NONE is view(made).resize.phase


def test_a_pod_just_created_is_read() -> None:
    """A pod that no kubelet has seen yet is read: nothing runs, nothing is in force."""
    made = pod(memory("64Mi", None))
    del made["status"], made["spec"]["nodeName"]
    seen = view(made)
    assert ("", False, None, None) == (seen.node, seen.ready, seen.containers[0].actual, seen.containers[0].last_kill)


def init_case(*containers: tuple[str, bool]) -> Json:
    """A pod of 100Mi with init containers of a request each; True: a sidecar."""
    init = [
        {"name": f"i{number}", "resources": memory(request, None), **({"restartPolicy": "Always"} if sidecar else {})}
        for number, (request, sidecar) in enumerate(containers)
    ]
    return pod(memory("100Mi", None), spec={"initContainers": init})


@pytest.mark.parametrize(
    ("made", "expected_mib"),
    [
        (init_case(), 100),
        (init_case(("80Mi", False)), 100),  # it ends before the others start
        (init_case(("300Mi", False), ("200Mi", False)), 300),  # one after the other
        (init_case(("50Mi", True)), 150),
        (init_case(("50Mi", True), ("120Mi", False)), 170),  # max(100 + 50, 50 + 120): it runs beside the sidecar
        (init_case(("120Mi", False), ("50Mi", True)), 150),  # max(120, 100 + 50): the sidecar starts after it
        (pod(memory("100Mi", None), spec={"overhead": {"memory": "10Mi"}}), 110),
        (pod(memory("100Mi", None), spec={"resources": memory("1Gi", None)}), 1024),  # the pod's own request counts
        (pod({}), 0),
    ],
)
def test_a_pod_takes_of_its_node_what_the_scheduler_counts(made: Json, expected_mib: int) -> None:
    """Room on a node is reckoned as the scheduler does, so that no resize is asked for that it would not fit."""
    assert mi(expected_mib) == requested_bytes(made)


@pytest.mark.parametrize(
    ("reason", "expected_mib"),
    [
        ("Deferred", 500),  # the highest of wanted 500, allocated 200, in force 300
        ("Infeasible", 300),  # what is wanted can never be: allocated 200, in force 300
    ],
)
def test_a_resize_that_waits_holds_what_it_asks_for(reason: str, expected_mib: int) -> None:
    """A pod whose resize is not done yet is counted at the highest of its sizes; one that cannot be, as it is."""
    told = status(memory("300Mi", None), allocatedResources={"memory": "200Mi"})
    made = pod(memory("500Mi", None), told)
    made["status"]["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]
    assert mi(expected_mib) == requested_bytes(made)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_holds_nothing(phase: str) -> None:
    """A pod that has ended takes no room on its node."""
    made = pod(memory("100Mi", None))
    made["status"]["phase"] = phase
    assert (True, 0) == (finished(made), requested_bytes(made))


def test_a_pod_that_was_sized_at_creation_bears_the_mark() -> None:
    """The annotation of the admission policy and of the webhook."""
    pod = {"metadata": {"namespace": "n", "name": "p", "uid": "u"}}
    marked = {"metadata": {**pod["metadata"], "annotations": {"foresize.dev/sized-at-creation": "app"}}}

    assert (False, True) == (view(pod).sized_at_creation, view(marked).sized_at_creation)


@pytest.mark.parametrize(
    ("annotations", "undisturbed"),
    [
        ({}, ""),
        ({"karpenter.sh/do-not-disrupt": "true"}, 'karpenter.sh/do-not-disrupt: "true"'),
        ({"karpenter.sh/do-not-disrupt": "30m"}, 'karpenter.sh/do-not-disrupt: "30m"'),
        ({"karpenter.sh/do-not-disrupt": "false"}, ""),
        (
            {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            'cluster-autoscaler.kubernetes.io/safe-to-evict: "false"',
        ),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}, ""),
        ({"foresize.dev/evict": "False"}, 'foresize.dev/evict: "false"'),
    ],
)
def test_who_asks_not_to_be_disturbed_is_heard(annotations: dict[str, str], undisturbed: str) -> None:
    """Karpenter's mark, the Cluster Autoscaler's and our own, as they are written."""
    pod = {"metadata": {"namespace": "n", "name": "p", "uid": "u", "annotations": annotations}}

    assert undisturbed == view(pod).undisturbed
