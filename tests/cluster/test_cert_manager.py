"""The webhook with a certificate of the real cert-manager's: made, trusted, shown and renewed without Foresize's help.

cert-manager's controller and cainjector, and the webhook, are processes beside the cluster. The certificate comes to
the webhook as in a pod: the kubelet mounts its Secret.
"""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from births import HASH, Births, Stream, container, pod, sizes_of
from foresize_dev import certmanager, helm, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from foresize_dev.webhook_process import NAME, Webhook
from foresize_dev.workloads import Memhog

VALUES = {
    "operator": {"enabled": False},
    "admission": {"webhook": {"replicas": 0, "certificate": {"certManager": True}}},
}
SIZE = {"request": "100Mi", "limit": "200Mi", "revisions": [HASH]}
HOLDER = "holder"
SHOWN = "certificate: shown is the one of"
LAG_S = 5.0
"""A kubelet takes up to a minute to bring a changed Secret to a pod; this long at least it is kept from it here."""


@pytest.fixture(scope="module")
def cluster(older_cluster: Cluster) -> Iterator[Cluster]:
    with certmanager.running(older_cluster):
        helm.install(older_cluster, VALUES)
        certmanager.wait_until_ready(older_cluster, helm.NAMESPACE, NAME, 60)
        yield older_cluster


@pytest.fixture(scope="module")
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    running = Webhook(cluster, certificate_folder=_mounted(cluster)).start()
    yield running
    running.stop()


@pytest.fixture
def births(cluster: Cluster, webhook: Webhook, namespace: str) -> Births:
    del webhook  # running, which is all that is wanted
    return Births(cluster, namespace)


def test_new_pods_are_sized_by_its_certificate(cluster: Cluster, births: Births) -> None:
    """cert-manager signs, its cainjector tells the API server whom to trust, and a Deployment's pod starts sized."""
    births.publish({"Deployment/web": {"app": {"request": "40Mi", "limit": "60Mi"}}})
    cluster.apply(workloads.deployment("web", Memhog({"HOLD": "5Mi"}, "10Mi", "20Mi")), namespace=births.namespace)
    [started] = workloads.wait_until_ready(cluster, births.namespace, "web")

    assert sizes_of(started) == {"app": ("40Mi", "60Mi")}
    assert workloads.limit_bytes(started) == 60 << 20
    assert _trusted(cluster) == _stored(cluster, "ca.crt")


@pytest.mark.parametrize(
    "name", [f"{NAME}-authority", NAME], ids=["the authority, then the certificate", "the certificate"]
)
def test_a_renewal_leaves_no_pod_unsized(cluster: Cluster, births: Births, webhook: Webhook, name: str) -> None:
    """The API server is told of the new one seconds before the webhook has it: every pod of that time is sized."""
    births.publish({"Deployment/web": {"app": SIZE}})
    before, shown = _stored(cluster, "tls.crt"), webhook.log().count(SHOWN)
    with Stream(births) as stream:
        for each in dict.fromkeys((name, NAME)):
            certmanager.renew(cluster, helm.NAMESPACE, each)
        wait_for("the API server to trust it", lambda: _trusted(cluster) == _stored(cluster, "ca.crt"), 20)
        threading.Event().wait(LAG_S)
        cluster.kubectl("annotate", "pod", HOLDER, f"round={before[-12:].hex()}", "--overwrite", "-n", helm.NAMESPACE)
        wait_for("the webhook to show it", lambda: webhook.log().count(SHOWN) > shown, 60)
        seen = len(stream.born)
        wait_for("more pods to be created", lambda: len(stream.born) > seen + 50, 20)

    assert before != _stored(cluster, "tls.crt")
    assert {("100Mi", "200Mi")} == set(stream.born)


def _mounted(cluster: Cluster) -> Path:
    """The folder in which a kubelet keeps the certificate, of a pod that mounts it as the webhook's do."""
    volume = {"name": "certificate", "secret": {"secretName": f"{NAME}-certificate"}}
    holder = pod(container("app", "10Mi"), volumes=[volume])
    holder["metadata"] = {"name": HOLDER, "labels": {"app": HOLDER}}
    holder["spec"]["containers"][0] |= {
        "imagePullPolicy": "Never",
        "volumeMounts": [{"name": "certificate", "mountPath": "/certificate"}],
    }
    cluster.apply(holder, namespace=helm.NAMESPACE)
    [started] = workloads.wait_until_ready(cluster, helm.NAMESPACE, HOLDER)
    [node] = [each for each in cluster.nodes if each.name == started["spec"]["nodeName"]]
    pods = node.folder / "kubelet" / "pods" / started["metadata"]["uid"]
    return pods / "volumes" / "kubernetes.io~secret" / "certificate"


def _stored(cluster: Cluster, part: str) -> bytes:
    secret = cluster.api.get(f"/api/v1/namespaces/{helm.NAMESPACE}/secrets/{NAME}-certificate")
    return base64.b64decode(secret["data"][part])


def _trusted(cluster: Cluster) -> bytes:
    """The authorities that the API server is told."""
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}"
    [found] = cluster.api.get(path)["webhooks"]
    return base64.b64decode(found["clientConfig"].get("caBundle", ""))
