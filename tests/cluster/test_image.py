"""The image that the Dockerfile makes, installed by Helm from the chart: what a user gets, and all of it gone again.

Nothing of the operator runs outside the cluster. Its namespace enforces the restricted Pod Security level.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from foresize_dev import helm, network, operator_image, workloads
from foresize_dev import prometheus as prometheuses
from foresize_dev.cluster import Cluster, KubectlError
from foresize_dev.places import CHART, CRDS, REPOSITORY
from foresize_dev.waiting import DeadlineError, wait_for
from scenes import MIB, deploy, forecast, now, past, policy, resized, sizes

Json = Any
NOISE = {"events", "events.events.k8s.io"}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cluster(empty_cluster: Cluster) -> Cluster:
    archive = operator_image.find()
    if archive is None:
        refuse = pytest.fail if os.environ.get("FORESIZE_REQUIRE_CLUSTER") == "1" else pytest.skip
        refuse("no image here (make image)")
    empty_cluster.load_image(archive)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    empty_cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": helm.NAMESPACE, "labels": labels}}
    )
    return empty_cluster


def test_the_image_from_the_chart_is_installed_used_upgraded_and_gone(
    cluster: Cluster, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An earlier chart sizes a pod; upgraded, it goes on and `helm test` agrees; uninstalled, workloads run on."""
    pod = deploy(cluster, namespace, hold={"HOLD": "90Mi"}, request="100Mi", limit="110Mi")
    reachable = prometheuses.Options(history=past(pod, 200), scrape_interval_s=1, address="0.0.0.0")  # noqa: S104
    prometheus = prometheuses.start(cluster.state, reachable, cluster)
    url = f"http://{network.node_address(1)}:{prometheus.port}"
    before = everything(cluster)

    install(cluster, url, earlier_chart(tmp_path))
    cluster.apply(policy(), namespace=namespace)
    resized(cluster, pod, lambda limit: limit >= 200 * MIB, 120)
    install(cluster, url)

    assert written() == served(cluster)
    pages = f"/api/v1/namespaces/{helm.NAMESPACE}/services/http:foresize-ui:80/proxy"
    assert "ok" == cluster.kubectl("get", "--raw", f"{pages}/healthz").strip()
    with pytest.raises(KubectlError, match=r"(?i)unauthorized|logged in"):  # it asks for a token
        cluster.kubectl("get", "--raw", f"{pages}/")
    helm.helm(cluster, "test", helm.RELEASE, "--namespace", helm.NAMESPACE, "--timeout", "2m")
    later = deploy(cluster, namespace, "later", hold={"HOLD": "20Mi"}, request="100Mi", limit="110Mi")
    cluster.apply(policy("later", "later"), namespace=namespace)
    wait_for("a look by the new version", lambda: forecast(cluster, namespace, "deployment-later"), 120)

    resident = {name: _resident_mib(cluster, name) for name in ("operator", "webhook")}
    with capsys.disabled():
        print("\nresident in the image, MiB:", {name: round(each) for name, each in resident.items()})  # noqa: T201 - a figure to read
    stop = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foresize-kill-switch"}}
    cluster.apply({**stop, "data": {"stop": "true"}}, namespace=helm.NAMESPACE)
    in_the_pod = ("exec", "--namespace", helm.NAMESPACE, "deploy/foresize", "--")
    cluster.kubectl(*in_the_pod, "foresize", "release", "--all")
    assert ("100Mi", "110Mi") == sizes(now(cluster, pod))
    helm.uninstall(cluster)
    # Helm leaves the pods of its tests, for their logs.
    cluster.kubectl("delete", "configmap/foresize-kill-switch", "pod/foresize-doctor", "--namespace", helm.NAMESPACE)
    cluster.kubectl("delete", "memoryforecasts,memorypolicies", "--all", "--namespace", namespace)
    prometheus.stop()
    wait_for_nothing_but(cluster, before | crds_of_ours())
    for each in (pod, later):
        left = now(cluster, each)
        assert (each["metadata"]["uid"], 0) == (left["metadata"]["uid"], workloads.restarts(left))


def _resident_mib(cluster: Cluster, component: str) -> float:
    """What all processes of one of the chart's containers hold."""
    labels = f"app.kubernetes.io/component%3D{component}"
    listed = cluster.api.get(f"/api/v1/namespaces/{helm.NAMESPACE}/pods?labelSelector={labels}")["items"]
    [pod] = [each for each in listed if "deletionTimestamp" not in each["metadata"]]
    return workloads.resident_bytes(pod, pod["spec"]["containers"][0]["name"]) / MIB


def install(cluster: Cluster, url: str, chart: Path = CHART) -> None:
    """Install or upgrade as a user would, both servers in the cluster, and wait until they are ready."""
    repository, _, tag = operator_image.IMAGE.rpartition(":")
    values: dict[str, Json] = {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "prometheus": {"url": url},
        "operator": {"tick": "1s", "refitInterval": "5s", "fitWorkers": 1},
        "admission": {"mode": "webhook", "webhook": {"replicas": 1}},
    }
    parts = ["foresize", "foresize-webhook"]
    if chart == CHART:  # an earlier one may not have it
        values["ui"] = {"enabled": True}
        parts.append("foresize-ui")
    helm.install(cluster, values, chart=chart)
    for name in parts:
        place = (f"deploy/{name}", "--namespace", helm.NAMESPACE)
        try:
            cluster.kubectl("rollout", "status", *place, "--timeout=100s")
        except KubectlError as error:
            raise AssertionError(f"{error}\n{cluster.kubectl('logs', *place, '--tail=30')}") from error


def earlier_chart(folder: Path) -> Path:
    """The chart as it was before the last commit that changed it; today's, where the history is not there."""
    place = CHART.relative_to(REPOSITORY)
    git = ["git", "-C", str(REPOSITORY)]
    changes = subprocess.run(
        [*git, "log", "--format=%H", "-2", "--", str(place)], capture_output=True, text=True, check=False
    )
    if len(changes.stdout.split()) < 2:  # a copy without the project's history
        return CHART
    archive = subprocess.run([*git, "archive", changes.stdout.split()[1], str(place)], capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive.stdout, check=True)
    return folder / place


def everything(cluster: Cluster) -> set[str]:
    """What Foresize could have left anywhere: all objects that speak of it, but for Events and its namespace."""
    kinds = cluster.kubectl("api-resources", "--verbs=list,delete", "--output=name").split()
    listed = cluster.kubectl(
        "get", ",".join(set(kinds) - NOISE), "--all-namespaces", "--output=name", "--ignore-not-found"
    )
    return {each for each in listed.split() if "foresize" in each and each != f"namespace/{helm.NAMESPACE}"}


def wait_for_nothing_but(cluster: Cluster, kept: set[str]) -> None:
    """Pods of a Deployment that was deleted end a moment later."""
    try:
        wait_for("nothing else to be left", lambda: everything(cluster) <= kept, 60)
    except DeadlineError as error:
        raise AssertionError(f"left: {everything(cluster) - kept}") from error


def crds_of_ours() -> set[str]:
    """The one thing that an uninstalled chart leaves: its CRDs, and with them their group in the API server."""
    crds = {f"customresourcedefinition.apiextensions.k8s.io/{name}" for name in written()}
    return crds | {"apiservice.apiregistration.k8s.io/v1alpha1.foresize.dev"}


def written() -> dict[str, Json]:
    """Versions of each CRD as the project has them, by name."""
    found = [yaml.safe_load(file.read_text()) for file in CRDS.glob("*.yaml")]
    return {each["metadata"]["name"]: each["spec"]["versions"] for each in found}


def served(cluster: Cluster) -> dict[str, Json]:
    """The same as the API server has them."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    return {name: cluster.api.get(f"{path}/{name}")["spec"]["versions"] for name in written()}
