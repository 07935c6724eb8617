"""New pods get their size from the webhook on an older Kubernetes, which has no MutatingAdmissionPolicy of version v1.

No operator runs: the tests write MemorySizes. The webhook's replicas are processes beside the cluster, behind the
chart's Service by EndpointSlices of the test's own.
"""

import base64
from collections.abc import Iterator

import pytest

from births import HASH, Births, Stream, container, controller, job, pod, sizes_of
from foresize_dev import helm, workloads
from foresize_dev import prometheus as prometheuses
from foresize_dev.cluster import Cluster
from foresize_dev.dashboards import files
from foresize_dev.dashboards.operator import OPERATOR
from foresize_dev.prometheus import Options
from foresize_dev.waiting import wait_for
from foresize_dev.webhook_process import NAME, Webhook
from foresize_dev.workloads import Memhog
from injector import injecting

SIZE = {"request": "100Mi", "limit": "200Mi", "revisions": [HASH]}
LIFE_S = 20
VALUES = {
    "operator": {"enabled": False},
    "admission": {"webhook": {"replicas": 0, "certificate": {"life": f"{LIFE_S}s"}}},
}
MI = 1 << 20
MOST_BYTES = 64 * MI


@pytest.fixture(scope="module")
def cluster(older_cluster: Cluster) -> Cluster:
    helm.install(older_cluster, VALUES)
    return older_cluster


@pytest.fixture(scope="module")
def replicas(cluster: Cluster) -> Iterator[list[Webhook]]:
    both = [Webhook(cluster, number).start() for number in range(2)]
    yield both
    for each in both:
        each.stop()


@pytest.fixture
def births(cluster: Cluster, replicas: list[Webhook], namespace: str) -> Births:
    del replicas  # running, which is all that is wanted
    return Births(cluster, namespace)


def test_each_kind_of_workload_has_its_pods_sized(cluster: Cluster, births: Births) -> None:
    """Pods that real controllers create start with their sizes: Deployment, StatefulSet, DaemonSet, a CronJob's Job."""
    born = ("Deployment/web", "StatefulSet/store", "DaemonSet/agent", "CronJob/nightly")
    births.publish({key: {"app": {"request": "40Mi", "limit": "60Mi"}} for key in born})
    small = Memhog({"HOLD": "5Mi"}, "10Mi", "20Mi")
    kinds = [controller(kind, name, small) for kind, _, name in (each.partition("/") for each in born[:3])]
    cluster.apply(*kinds, job("nightly-29384756", small), namespace=births.namespace)
    for app in ("web", "store", "agent", "nightly-29384756"):
        [started] = workloads.wait_until_ready(cluster, births.namespace, app)

        assert (app, sizes_of(started)) == (app, {"app": ("40Mi", "60Mi")})
        assert (app, workloads.limit_bytes(started)) == (app, 60 * MI)


def test_its_panels_on_the_dashboard_show_something(cluster: Cluster, births: Births, replicas: list[Webhook]) -> None:
    """What a real Prometheus scrapes of both replicas while pods are created answers every query about them."""
    births.publish({"Deployment/web": {"app": SIZE}})
    asked = [promql for promql in files.questions(OPERATOR).values() if "foresize_webhook" in promql]
    targets = {each.name: f"127.0.0.1:{each.probe_port}" for each in replicas}
    server = prometheuses.start(cluster.state, Options(scrape_interval_s=1, targets=targets), name="watcher")
    try:
        with Stream(births):
            wait_for("data in each panel", lambda: all(map(server.has_numbers, asked)), 40, every_s=1)
    finally:
        server.stop()

    assert len(asked) == 4


def test_without_the_webhook_pods_start_with_their_own_sizes(
    cluster: Cluster, births: Births, replicas: list[Webhook]
) -> None:
    """Where no replica answers any more, pods are created within seconds, as their templates say."""
    births.publish({"Deployment/web": {"app": {"request": "40Mi", "limit": "60Mi"}}})
    for each in replicas:
        each.kill()
    try:
        cluster.apply(workloads.deployment("web", Memhog({"HOLD": "5Mi"}, "10Mi", "20Mi")), namespace=births.namespace)
        [started] = workloads.wait_until_ready(cluster, births.namespace, "web")
    finally:
        for each in replicas:
            each.start()

    assert sizes_of(started) == {"app": ("10Mi", "20Mi")}


def test_a_new_certificate_and_a_restart_leave_no_pod_unsized(
    cluster: Cluster, births: Births, replicas: list[Webhook]
) -> None:
    """While certificates are renewed and replicas restarted one after the other, every pod created gets its size."""
    births.publish({"Deployment/web": {"app": SIZE}})
    stream = Stream(births)
    before = serving(cluster)
    with stream:
        wait_for("another certificate to be served", lambda: serving(cluster) != before, 2 * LIFE_S)
        # The API server keeps its connections; a replica that is new has it look at the certificate again.
        for each in replicas:
            each.stop()
            each.start()
        seen = len(stream.born)
        wait_for("more pods to be created", lambda: len(stream.born) > seen + 100, 20)

    assert {("100Mi", "200Mi")} == set(stream.born)
    assert trusted(cluster) >= 2


def test_it_is_small_and_may_do_little(cluster: Cluster, births: Births, replicas: list[Webhook]) -> None:
    """A replica has less than 64 MiB, and writes nothing but its own certificate and the authority of it."""
    mark = cluster.audit.mark()
    births.publish({"Deployment/web": {"app": SIZE}})
    wait_for("a certificate to be renewed", lambda: cluster.audit.writes(user=replicas[0].user, since=mark), 2 * LIFE_S)
    writes = cluster.audit.writes(user=replicas[0].user, since=mark)

    assert {(each.resource, each.name) for each in writes} <= {
        ("secrets", NAME),
        ("mutatingwebhookconfigurations", NAME),
    }
    assert all(each.resident_bytes() < MOST_BYTES for each in replicas)
    assert 'outcome="sized"' in "".join(each.metrics() for each in replicas)


def test_an_injected_sidecar_is_sized(cluster: Cluster, births: Births) -> None:
    """A container that another webhook adds later is sized like one of the template."""
    births.publish({"Deployment/web": {"app": SIZE, "proxy": {"request": "30Mi", "limit": "40Mi"}}})
    with injecting(cluster, births.namespace, container("proxy", "20Mi", "20Mi")):
        born = wait_for(
            "the proxy to be injected",
            lambda: (sizes := sizes_of(births.create(pod(container("app", "50Mi", "80Mi"))))).get("proxy") and sizes,
            20,
        )

    assert born == {"app": ("100Mi", "200Mi"), "proxy": ("30Mi", "40Mi")}


def test_an_upgrade_of_the_chart_keeps_what_the_webhook_wrote(cluster: Cluster, births: Births) -> None:
    """Helm leaves certificate and authority in place: pods created right after an upgrade are sized."""
    births.publish({"Deployment/web": {"app": SIZE}})
    helm.install(cluster, {**VALUES, "commonLabels": {"round": "second"}})

    assert serving(cluster)
    assert trusted(cluster) >= 1
    for _ in range(10):
        assert sizes_of(births.create(pod(container("app", "10Mi", "20Mi")))) == {"app": ("100Mi", "200Mi")}


def serving(cluster: Cluster) -> str:
    """The certificate that is served now, as it is stored."""
    found: str = cluster.api.get(f"/api/v1/namespaces/{helm.NAMESPACE}/secrets/{NAME}")["data"]["tls.crt"]
    return found


def trusted(cluster: Cluster) -> int:
    """How many authorities the API server is told."""
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}"
    [webhook] = cluster.api.get(path)["webhooks"]
    return base64.b64decode(webhook["clientConfig"]["caBundle"]).count(b"BEGIN CERTIFICATE")
