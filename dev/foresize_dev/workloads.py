"""Workloads of the tests and the demo: memhog under a Deployment, and what the kernel says of its containers."""

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foresize_dev import cgroups, images
from foresize_dev.api import Json
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for

PORT = 8080
RUNNING_DEADLINE_S = 30.0
REQUEST_TIMEOUT_S = 10


@dataclass(frozen=True)
class Memhog:
    """A Deployment's container: what it holds and what it may have. Empty sizes are left out."""

    hold: Mapping[str, str]  # memhog's environment, like {"HOLD": "64Mi"}
    request: str = ""
    limit: str = ""
    container: str = "app"
    replicas: int = 1

    def spec(self) -> dict[str, Json]:
        """The container, as in a pod template."""
        sizes = {"requests": self.request, "limits": self.limit}
        return {
            "name": self.container,
            "image": images.MEMHOG,
            "imagePullPolicy": "Never",
            "env": [{"name": name, "value": value} for name, value in self.hold.items()],
            "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
            "resources": {kind: {"memory": size} for kind, size in sizes.items() if size},
        }


def deployment(name: str, memhog: Memhog) -> dict[str, Json]:
    """A Deployment of memhog whose pods are labelled app=<name>."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": memhog.replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [memhog.spec()]},
            },
        },
    }


def pods(cluster: Cluster, namespace: str, app: str) -> list[dict[str, Json]]:
    """Pods labelled app=<app> that are not being deleted."""
    listed = cluster.api.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{app}")["items"]
    return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]


def wait_until_ready(
    cluster: Cluster, namespace: str, app: str, count: int = 1, deadline_s: float = RUNNING_DEADLINE_S
) -> list[dict[str, Json]]:
    """Wait until `count` pods labelled app=<app> are Ready, and return them."""

    def ready() -> list[dict[str, Json]] | None:
        found = [pod for pod in pods(cluster, namespace, app) if _is_ready(pod)]
        return found if len(found) == count else None

    return wait_for(f"{count} Ready pods of {namespace}/{app}", ready, deadline_s)


def limit_bytes(pod: Mapping[str, Json], container: str = "app") -> int | None:
    """The limit that the kernel enforces on a container now; None without one."""
    return cgroups.memory_limit_bytes(_group(pod, container))


def used_bytes(pod: Mapping[str, Json], container: str = "app") -> int:
    """What the kernel counts against a container's limit now, page cache included."""
    return cgroups.memory_used_bytes(_group(pod, container))


def resident_bytes(pod: Mapping[str, Json], container: str = "app") -> int:
    """Anonymous memory of all processes of a container now."""
    return cgroups.memory_resident_bytes(_group(pod, container))


def restarts(pod: Mapping[str, Json]) -> int:
    """How often the pod's containers were started again."""
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def hold(pod: Mapping[str, Json], size: str) -> None:
    """Make a running memhog hold `size` from now on, like 200Mi."""
    url = f"http://{pod['status']['podIP']}:{PORT}/set?bytes={size}"
    request = urllib.request.Request(url, method="POST")
    with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S):  # noqa: S310 - the same
        pass


def _group(pod: Mapping[str, Json], container: str) -> Path:
    statuses = {status["name"]: status for status in pod["status"].get("containerStatuses", [])}
    return cgroups.container_group(statuses[container]["containerID"])


def _is_ready(pod: Mapping[str, Json]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
