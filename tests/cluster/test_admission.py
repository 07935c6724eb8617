"""New pods get their size from MemorySizes inside the API server: no operator runs in any of these tests."""

import pytest

from births import HASH, IGNORE, Births, Json, container, controller, job, pod, qos_of, sizes_of
from foresize_dev import helm as chart_release
from foresize_dev import workloads
from foresize_dev.api import ApiError
from foresize_dev.cluster import Cluster, KubectlError
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog

SIZE = {"request": "100Mi", "limit": "200Mi", "revisions": [HASH]}
CPU = ("100m", "100m")


@pytest.fixture
def births(cluster: Cluster, chart: str, namespace: str) -> Births:
    del chart  # installed, which is all that is wanted
    return Births(cluster, namespace)


@pytest.mark.parametrize(
    ("entry", "template", "expected"),
    [
        pytest.param(SIZE, ("50Mi", "80Mi"), ("100Mi", "200Mi"), id="raised"),
        pytest.param(SIZE, ("500Mi", "800Mi"), ("100Mi", "200Mi"), id="lowered"),
        pytest.param(SIZE, ("50Mi", ""), ("100Mi", "200Mi"), id="limit added"),
        pytest.param(
            {"request": "100Mi"}, ("50Mi", "80Mi"), ("80Mi", "80Mi"), id="request cut to the template's limit"
        ),
        pytest.param({"request": "60Mi"}, ("50Mi", "80Mi"), ("60Mi", "80Mi"), id="limit kept"),
        pytest.param({"request": "60Mi"}, ("50Mi", ""), ("60Mi", None), id="no limit"),
        pytest.param({"request": "9Gi", "limit": "1Gi"}, ("50Mi", ""), ("1Gi", "1Gi"), id="request cut to the limit"),
        pytest.param({"limit": "60Mi"}, ("50Mi", "80Mi"), ("50Mi", "60Mi"), id="limit only"),
        pytest.param({"request": "lots"}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="request cannot be read"),
        pytest.param({"request": "-1Mi"}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="request below zero"),
        pytest.param({"request": "0"}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="request of zero"),
        pytest.param({"request": "60Mi", "limit": "x"}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="limit cannot be read"),
        pytest.param({}, ("50Mi", "80Mi"), ("50Mi", "80Mi"), id="empty"),
    ],
)
def test_a_size_is_given_within_what_the_pod_can_be(
    births: Births, entry: Json, template: tuple[str, str], expected: tuple[str, str | None]
) -> None:
    """A new pod has the written size, its request is never above its limit, and what cannot be read changes nothing."""
    births.publish({"Deployment/web": {"app": entry}})

    assert sizes_of(births.create(pod(container("app", *template)))) == {"app": expected}


def test_a_new_revision_gets_at_least_its_template(births: Births) -> None:
    """Pods of a revision never seen have the larger of both sizes, and no limit where their template has none."""
    births.publish({"Deployment/web": {"app": SIZE}})

    def born(request: str, limit: str) -> tuple[str | None, str | None]:
        return sizes_of(births.create(pod(container("app", request, limit), revision="7c8d9e")))["app"]

    assert born("300Mi", "400Mi") == ("300Mi", "400Mi")
    assert born("50Mi", "400Mi") == ("100Mi", "400Mi")
    assert born("150Mi", "160Mi") == ("150Mi", "200Mi")
    assert born("50Mi", "") == ("100Mi", None)


def test_guaranteed_stays_guaranteed(births: Births) -> None:
    """Request and limit of a Guaranteed pod are the limit written; without one its template stays."""
    births.publish({"Deployment/web": {"app": SIZE}, "Deployment/keep": {"app": {"request": "10Mi"}}})
    template = container("app", "150Mi", "150Mi", CPU)
    sized, kept = births.create(pod(template)), births.create(pod(template, owner="Deployment/keep"))

    assert (qos_of(sized), sizes_of(sized)) == ("Guaranteed", {"app": ("200Mi", "200Mi")})
    assert (qos_of(kept), sizes_of(kept)) == ("Guaranteed", {"app": ("150Mi", "150Mi")})


def test_burstable_never_becomes_guaranteed(births: Births) -> None:
    """Where only memory keeps a pod Burstable, an equal request and limit are told apart by one byte."""
    births.publish({"Deployment/web": {"app": {"request": "200Mi", "limit": "200Mi"}}})
    pinned = births.create(pod(container("app", "50Mi", "80Mi", CPU)))
    free = births.create(pod(container("app", "50Mi", "80Mi", ("100m", ""))))

    # 200 Mi = 209,715,200 bytes
    assert (qos_of(pinned), sizes_of(pinned)) == ("Burstable", {"app": ("209715199", "200Mi")})
    assert (qos_of(free), sizes_of(free)) == ("Burstable", {"app": ("200Mi", "200Mi")})


def test_best_effort_is_left_alone(births: Births) -> None:
    """A pod that asks for nothing goes on asking for nothing; one that asks for CPU only gets its memory."""
    births.publish({"Deployment/web": {"app": SIZE}})
    nothing = births.create(pod(container("app"), container("other", cpu=("0", ""))))
    cpu_only = births.create(pod(container("app", cpu=("100m", "200m"))))

    assert (qos_of(nothing), sizes_of(nothing)["app"]) == ("BestEffort", (None, None))
    assert (qos_of(cpu_only), sizes_of(cpu_only)["app"]) == ("Burstable", ("100Mi", "200Mi"))


def test_only_memory_of_the_named_containers_changes(births: Births) -> None:
    """CPU, ephemeral storage, environment, other containers and their order stay; native sidecars are sized too."""
    births.publish({"Deployment/web": {"app": SIZE, "proxy": {"request": "30Mi", "limit": "40Mi"}}})
    app = container(
        "app", "50Mi", "80Mi", ("100m", "200m"), env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    )
    app["resources"]["requests"]["ephemeral-storage"] = "1Gi"
    first, proxy, setup = (
        container("first", "5Mi"),
        container("proxy", "20Mi", "20Mi"),
        container("setup", "7Mi", "9Mi"),
    )
    body = pod(first, app, sidecars=[proxy])
    body["spec"]["initContainers"].insert(0, setup)
    created = births.create(body)

    assert sizes_of(created) == {
        "first": ("5Mi", None),
        "app": ("100Mi", "200Mi"),
        "setup": ("7Mi", "9Mi"),
        "proxy": ("30Mi", "40Mi"),
    }
    born = created["spec"]["containers"][1]
    assert born["resources"] == {
        "requests": {"cpu": "100m", "ephemeral-storage": "1Gi", "memory": "100Mi"},
        "limits": {"cpu": "200m", "memory": "200Mi"},
    }
    assert born["env"] == app["env"]
    assert created["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    assert created["metadata"]["annotations"] == {"foresize.dev/sized-at-creation": "app,proxy"}


def test_ordinary_init_containers_are_sized(births: Births) -> None:
    """An init container that ends before the others start has the size under its name, and stays what it is."""
    births.publish({"Deployment/web": {"setup": SIZE}})
    body = pod(container("app", "50Mi", "80Mi"))
    body["spec"]["initContainers"] = [container("setup", "7Mi", "9Mi")]

    created = births.create(body)

    assert sizes_of(created)["setup"] == (SIZE["request"], SIZE["limit"])
    assert "restartPolicy" not in created["spec"]["initContainers"][0]


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_an_ignored_pod_is_left_alone(births: Births, where: str) -> None:
    """foresize.dev/ignore as label or annotation keeps a pod as its template says."""
    births.publish({"Deployment/web": {"app": SIZE}})
    body = pod(container("app", "50Mi", "80Mi"))
    body["metadata"][where] |= IGNORE
    created = births.create(body)

    assert sizes_of(created) == {"app": ("50Mi", "80Mi")}
    assert "foresize.dev/sized-at-creation" not in created["metadata"].get("annotations", {})


@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_an_ignored_namespace_is_left_alone(births: Births, where: str) -> None:
    """foresize.dev/ignore as label or annotation of a namespace keeps all its pods as their templates say."""
    births.publish({"Deployment/web": {"app": SIZE}})
    path = f"/api/v1/namespaces/{births.namespace}"
    births.cluster.api.request("PATCH", path, {"metadata": {where: IGNORE}})
    births.wait_until_untouched()

    assert sizes_of(births.create(pod(container("app", "50Mi", "80Mi")))) == {"app": ("50Mi", "80Mi")}


def test_pod_level_resources_are_left_alone(births: Births) -> None:
    """A pod that is sized as a whole can be created, as its template says."""
    births.publish({"Deployment/web": {"app": SIZE}})
    whole = {"requests": {"memory": "60Mi"}, "limits": {"memory": "90Mi"}}
    created = births.create(pod(container("app", "50Mi", "80Mi"), resources=whole))

    assert sizes_of(created) == {"app": ("50Mi", "80Mi")}


def test_pods_without_a_known_owner_are_left_alone(births: Births) -> None:
    """A bare pod, and one of a workload that has no size, are created as they are."""
    births.publish({"Deployment/web": {"app": SIZE}})
    bare = pod(container("app", "50Mi", "80Mi"))
    del bare["metadata"]["ownerReferences"]

    assert sizes_of(births.create(bare)) == {"app": ("50Mi", "80Mi")}
    other = pod(container("app", "50Mi", "80Mi"), owner="StatefulSet/web")
    assert sizes_of(births.create(other)) == {"app": ("50Mi", "80Mi")}


def test_what_bounds_a_namespace_is_for_the_writer_to_keep(births: Births) -> None:
    """A size within LimitRange and quota is given; one beyond is refused, so the operator must never write it."""
    births.publish(
        {
            "Deployment/web": {"app": {"request": "60Mi", "limit": "100Mi"}},
            "Deployment/large": {"app": SIZE},
            "Deployment/wide": {"app": {"request": "10Mi", "limit": "90Mi"}},
            "Deployment/greedy": {"app": {"request": "90Mi", "limit": "95Mi"}},
        }
    )
    rule = {"type": "Container", "max": {"memory": "100Mi"}, "maxLimitRequestRatio": {"memory": "4"}}
    bounds = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [rule]}}
    hard = {"hard": {"requests.memory": "80Mi"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": hard}
    births.cluster.apply(bounds, quota, namespace=births.namespace)
    template = container("app", "50Mi", "80Mi")
    path = f"/api/v1/namespaces/{births.namespace}/resourcequotas/q"
    wait_for("the quota to be counted", lambda: births.cluster.api.get(path)["status"].get("used"), 10)

    assert sizes_of(births.create(pod(template))) == {"app": ("60Mi", "100Mi")}
    for owner, refusal in (
        ("large", "maximum memory usage per Container is 100Mi"),
        ("wide", "memory max limit to request ratio per Container is 4"),
        ("greedy", "exceeded quota"),
    ):
        with pytest.raises(ApiError, match=refusal):
            births.create(pod(template, owner=f"Deployment/{owner}"))


def test_defaults_of_a_limit_range_give_way(births: Births) -> None:
    """A container without sizes of its own gets the written size, not the LimitRange's defaults."""
    births.publish({"Deployment/web": {"app": SIZE}})
    rule = {"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"memory": "32Mi"}}
    bounds = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [rule]}}
    births.cluster.apply(bounds, namespace=births.namespace)
    created = wait_for(
        "the LimitRange to be in force",
        lambda: births.create(pod(container("app"), owner="Deployment/other"))["spec"]["containers"][0]["resources"],
        10,
    )

    assert created["limits"] == {"memory": "64Mi"}
    assert sizes_of(births.create(pod(container("app")))) == {"app": ("100Mi", "200Mi")}


def test_each_kind_of_workload_has_its_pods_sized(cluster: Cluster, births: Births) -> None:
    """Pods that real controllers create are sized: Deployment, StatefulSet, DaemonSet, Job, and a CronJob's Job."""
    size = {"app": {"request": "40Mi", "limit": "60Mi"}}
    born = ("Deployment/web", "StatefulSet/store", "DaemonSet/agent", "Job/once", "CronJob/nightly", "ReplicaSet/alone")
    births.publish(dict.fromkeys(born, size))
    small = Memhog({"HOLD": "5Mi"}, "10Mi", "20Mi")
    controllers = [
        controller("Deployment", "web", small),
        controller("StatefulSet", "store", small),
        controller("DaemonSet", "agent", small),
        controller("ReplicaSet", "alone", small),
    ]
    jobs = [job("once", small), job("nightly-29384756", small)]
    cluster.apply(*controllers, *jobs, namespace=births.namespace)
    for app in ("web", "store", "agent", "alone", "once", "nightly-29384756"):

        def sized(app: str = app) -> dict[str, tuple[str | None, str | None]] | None:
            found = workloads.pods(cluster, births.namespace, app)
            return sizes_of(found[0]) if found else None

        assert (app, wait_for(f"a pod of {app}", sized, 20)) == (app, {"app": ("40Mi", "60Mi")})


def test_an_injected_sidecar_is_sized(cluster: Cluster, births: Births) -> None:
    """A container that another admission policy adds on the way is sized like one of the template."""
    kind, name = "MutatingAdmissionPolicy", f"zz-inject-{births.namespace}"
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    proxy = "Object.spec.containers{name: 'proxy', image: 'proxy'}"
    add = f"Object{{spec: Object.spec{{containers: [{proxy}]}}}}"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    injector = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [pods]},
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": add}}],
    }
    here = {"matchLabels": {"kubernetes.io/metadata.name": births.namespace}}
    binding = {"policyName": name, "matchResources": {"namespaceSelector": here}}
    births.publish({"Deployment/web": {"app": SIZE, "proxy": {"request": "30Mi", "limit": "40Mi"}}})
    cluster.apply({**api, "kind": kind, "spec": injector}, {**api, "kind": f"{kind}Binding", "spec": binding})
    try:
        born = wait_for(
            "the proxy to be injected",
            lambda: (sizes := sizes_of(births.create(pod(container("app", "50Mi", "80Mi"))))).get("proxy") and sizes,
            20,
        )
    finally:
        cluster.kubectl("delete", f"{kind},{kind}Binding", name)

    assert born == {"app": ("100Mi", "200Mi"), "proxy": ("30Mi", "40Mi")}


def test_thousands_of_workloads_fit_in_one_namespace(births: Births) -> None:
    """The last of 3,000 workloads is sized as the first is."""
    births.publish({f"Deployment/web-{number}": {"app": SIZE} for number in range(3000)})

    for number in (0, 2999):
        created = births.create(pod(container("app", "50Mi", "80Mi"), owner=f"Deployment/web-{number}"))
        assert sizes_of(created) == {"app": ("100Mi", "200Mi")}


def test_only_one_object_of_sizes_can_exist(cluster: Cluster, namespace: str, chart: str) -> None:
    """MemorySizes under another name, which nothing would read, are refused with the name to use."""
    del chart
    body = {"apiVersion": "foresize.dev/v1alpha1", "kind": "MemorySizes", "metadata": {"name": "mine"}, "spec": {}}
    with pytest.raises(KubectlError, match=r"metadata\.name must be foresize: pod creation reads no other MemorySizes"):
        cluster.apply(body, namespace=namespace)


def test_the_operators_own_namespace_is_left_alone(cluster: Cluster, births: Births) -> None:
    """Pods of the operator's namespace and of kube-system are never sized, whatever is written there."""
    births.publish({})  # the policy is in force elsewhere
    for untouched in (chart_release.NAMESPACE, "kube-system"):
        there = Births(cluster, untouched)
        there.write({"Deployment/web": {"app": SIZE}})
        try:
            assert sizes_of(there.create(pod(container("app", "50Mi", "80Mi")))) == {"app": ("50Mi", "80Mi")}
        finally:
            cluster.kubectl("delete", "memorysizes", "foresize", "--namespace", untouched)
