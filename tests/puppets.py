"""Nodes that are only said to be there: whatever a kubelet would write of its node and its pods, the test writes.

To the API server and to the operator they are nodes as any other. Their pods run nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from foresize_dev import images
from foresize_dev.api import Api, ApiError
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
TAINT = {"key": "tests/puppet", "effect": "NoSchedule"}
LABEL = "tests/puppet"
ROUND_S = 0.2
AT_A_TIME = 8
INFEASIBLE = 'Resize is infeasible for Guaranteed Pods alongside Memory Manager policy "Static"'
"""What a kubelet of 1.36 says (pkg/kubelet/allocation/handlers.go)."""


@dataclass(frozen=True)
class Puppet:
    """A node, and what its kubelet is like."""

    name: str
    kubelet: str = "v1.36.3"
    system: str = "linux"
    tells_sizes: bool = True
    """Whether a pod's status has the sizes in force, as from 1.33 on."""
    refuses: str = ""
    """With these words each resize is called infeasible."""

    def manifest(self) -> Json:
        """As its kubelet would register it."""
        room = {"cpu": "64", "memory": "1Ti", "pods": "500"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
        info = dict.fromkeys(("machineID", "systemUUID", "bootID", "kernelVersion", "osImage"), "")
        info |= {"kubeletVersion": self.kubelet, "operatingSystem": self.system, "architecture": "amd64"}
        info |= {"containerRuntimeVersion": "containerd://2.0.0", "kubeProxyVersion": ""}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": {LABEL: self.name}},
            "spec": {"taints": [TAINT]},
            "status": {"capacity": room, "allocatable": room, "conditions": [ready], "nodeInfo": info},
        }

    def status(self, pod: Json) -> Json:
        """Of a pod that it runs, as it was asked for; what it refuses stays as it was."""
        before = {each["name"]: each for each in pod["status"].get("containerStatuses", [])}
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        statuses, conditions = [], [{"type": "Ready", "status": "True", "lastTransitionTime": at}]
        for container in pod["spec"]["containers"]:
            made = before.get(container["name"]) or _started(container, at, pod["metadata"]["uid"])
            sizes = container["resources"]
            if self.refuses and made.get("resources", sizes) != sizes:
                pending = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
                conditions.append({**pending, "message": self.refuses, "lastTransitionTime": at})
            elif self.tells_sizes:
                made |= {"resources": sizes, "allocatedResources": sizes.get("requests", {})}
            statuses.append(made)
        status = {"phase": "Running", "startTime": pod["metadata"]["creationTimestamp"], "conditions": conditions}
        return {**status, "containerStatuses": statuses, "observedGeneration": pod["metadata"].get("generation", 1)}


def _started(container: Json, at: str, uid: str) -> Json:
    """What a status says of a container that runs since now."""
    names = {"name": container["name"], "image": container["image"], "imageID": "", "containerID": f"puppet://{uid}"}
    return {**names, "ready": True, "started": True, "restartCount": 0, "state": {"running": {"startedAt": at}}}


def deployment(name: str, nodes: Sequence[Puppet], replicas: int, resources: Json) -> Json:
    """A Deployment whose pods go to puppets only."""
    terms = [{"matchExpressions": [{"key": LABEL, "operator": "In", "values": [each.name for each in nodes]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    container = {"name": "app", "image": images.PAUSE, "resources": resources}
    pod = {"containers": [container], "affinity": affinity, "tolerations": [{"operator": "Exists"}]}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@contextmanager
def puppets(cluster: Cluster, namespace: str, *nodes: Puppet) -> Iterator[None]:
    """These nodes are there, and what a namespace's pods on them are asked to be, they are; nothing is left of them."""
    by_name, ended = {each.name: each for each in nodes}, threading.Event()
    for each in nodes:
        cluster.api.request("POST", "/api/v1/nodes", each.manifest())
    wait_for("the puppets to count as ready", lambda: _all_ready(cluster.api, by_name), 30)
    playing = threading.Thread(target=_play, args=(cluster.api, namespace, by_name, ended), daemon=True)
    playing.start()
    try:
        yield
    finally:
        ended.set()
        playing.join(60)
        cluster.api.request("DELETE", f"/apis/apps/v1/namespaces/{namespace}/deployments")
        wait_for("the puppets' pods to be gone", lambda: _emptied(cluster.api, namespace), 60)
        for each in nodes:
            cluster.api.request("DELETE", f"/api/v1/nodes/{each.name}")


def _play(api: Api, namespace: str, nodes: dict[str, Puppet], ended: threading.Event) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        while not ended.wait(ROUND_S):
            with suppress(OSError):
                due = [pod for pod in api.get(path)["items"] if pod["spec"].get("nodeName") in nodes and _is_due(pod)]
                for done in [threads.submit(_follow, api, path, pod, nodes[pod["spec"]["nodeName"]]) for pod in due]:
                    done.result()


def _is_due(pod: Json) -> bool:
    """Whether something was asked of a pod that its status does not answer yet."""
    if "deletionTimestamp" in pod["metadata"]:
        return True
    status = pod["status"]
    return status.get("phase") != "Running" or status.get("observedGeneration") != pod["metadata"].get("generation", 1)


def _follow(api: Api, path: str, pod: Json, node: Puppet) -> None:
    name = pod["metadata"]["name"]
    with suppress(ApiError):  # it may have gone
        if "deletionTimestamp" in pod["metadata"]:
            api.request("DELETE", f"{path}/{name}?gracePeriodSeconds=0")
        else:
            api.request("PATCH", f"{path}/{name}/status", {"status": node.status(pod)}, MERGE)


def _all_ready(api: Api, nodes: dict[str, Puppet]) -> bool:
    """Whether the node controller has taken away what the API server adds to a new node."""
    listed = [each for each in api.get("/api/v1/nodes")["items"] if each["metadata"]["name"] in nodes]
    return all([TAINT] == each["spec"].get("taints") for each in listed)


def _emptied(api: Api, namespace: str) -> bool:
    """Delete pods, which nobody would end, until there are none."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    api.request("DELETE", f"{path}?gracePeriodSeconds=0")
    return not api.get(path)["items"]
