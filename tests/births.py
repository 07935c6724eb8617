"""Pods as controllers would create them, and what the API server makes of them; nothing is kept but what is applied."""

import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from foresize_dev import images, workloads
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from foresize_dev.workloads import Memhog

Json = dict[str, Any]
HASH = "5d9c7b6f4"
IGNORE = {"foresize.dev/ignore": "true"}
SIZED_DEADLINE_S = 20
CREATORS = 2
ROUNDS = itertools.count(100)


@dataclass(frozen=True)
class Births:
    """A namespace whose MemorySizes are written by the test."""

    cluster: Cluster
    namespace: str

    def publish(self, sizes: Mapping[str, Any]) -> None:
        """Write MemorySizes, and wait until pod creation goes by it: the API server follows it by a watch."""
        expected = f"{next(ROUNDS)}Mi"
        self.write({**sizes, "Probe/probe": {"app": {"request": expected}}})
        probe = pod(container("app", "10Mi"), owner="Probe/probe")
        wait_for(
            f"pods to be sized by the new MemorySizes of {self.namespace}",
            lambda: sizes_of(self.create(probe))["app"][0] == expected,
            SIZED_DEADLINE_S,
        )

    def write(self, sizes: Mapping[str, Any]) -> None:
        """Write MemorySizes and do not wait."""
        body = {
            "apiVersion": "foresize.dev/v1alpha1",
            "kind": "MemorySizes",
            "metadata": {"name": "foresize"},
            "spec": {"sizes": sizes},
        }
        command = ["apply", "--server-side", "--force-conflicts", "--namespace", self.namespace, "--filename", "-"]
        self.cluster.kubectl(*command, stdin=json.dumps(body))

    def wait_for_size(self, like: Json, size: Mapping[str, str]) -> None:
        """Wait until pods like a living one, whose container is app, are created with a size that is written."""
        small, expected = pod(container("app", "1Mi", "1Mi")), (size["request"], size["limit"])
        small["metadata"] |= {key: like["metadata"][key] for key in ("labels", "ownerReferences")}
        wait_for(
            f"pods like {like['metadata']['name']} to be born with {expected}",
            lambda: sizes_of(self.create(small))["app"] == expected,
            SIZED_DEADLINE_S,
        )

    def wait_until_untouched(self) -> None:
        """Wait until pods of this namespace are sized no more."""
        probe = pod(container("app", "10Mi"), owner="Probe/probe")
        wait_for(
            f"pods of {self.namespace} to be left as they are",
            lambda: sizes_of(self.create(probe))["app"][0] == "10Mi",
            SIZED_DEADLINE_S,
        )

    def create(self, body: Json) -> Json:
        """The pod as the API server would create it."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?dryRun=All"
        created: Json = self.cluster.api.request("POST", path, body)
        return created


class Stream:
    """Pods created one after the other, as long as its context lasts."""

    def __init__(self, births: Births) -> None:
        self.born: list[tuple[str | None, str | None]] = []
        self._births, self._end = births, threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CREATORS)]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for each in self._threads:
            each.join(30)

    def _run(self) -> None:
        body = pod(container("app", "10Mi", "20Mi"))
        while not self._end.is_set():
            self.born.append(sizes_of(self._births.create(body))["app"])


def container(name: str, request: str = "", limit: str = "", cpu: tuple[str, str] = ("", ""), **more: object) -> Json:
    """A container with memory request and limit, and perhaps with CPU request and limit; empty ones are left out."""
    requests = {"memory": request, "cpu": cpu[0]}
    limits = {"memory": limit, "cpu": cpu[1]}
    resources = {
        "requests": {kind: size for kind, size in requests.items() if size},
        "limits": {kind: size for kind, size in limits.items() if size},
    }
    return {"name": name, "image": images.MEMHOG, "resources": resources, **more}


def pod(
    *containers: Json,
    owner: str = "Deployment/web",
    revision: str = HASH,
    sidecars: Sequence[Json] = (),
    **spec: object,
) -> Json:
    """A pod as the controller of its owner makes it; a Deployment's has a ReplicaSet between."""
    kind, _, name = owner.partition("/")
    labels = {"controller-revision-hash": revision}
    if kind == "Deployment":
        kind, name, labels = "ReplicaSet", f"{name}-{revision}", {"pod-template-hash": revision}
    controller = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "0", "controller": True}
    native = [{**sidecar, "restartPolicy": "Always"} for sidecar in sidecars]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "labels": labels, "annotations": {}, "ownerReferences": [controller]},
        "spec": {"containers": list(containers), "initContainers": native, **spec},
    }


def controller(kind: str, name: str, memhog: Memhog) -> Json:
    """A workload of apps/v1 with one pod, or one on each node."""
    manifest = workloads.deployment(name, memhog)
    manifest["kind"] = kind
    if kind == "DaemonSet":
        del manifest["spec"]["replicas"]
    return manifest


def job(name: str, memhog: Memhog) -> Json:
    """A Job with one pod."""
    template = workloads.deployment(name, memhog)["spec"]["template"]
    template["spec"]["restartPolicy"] = "Never"
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}


def sizes_of(created: Json) -> dict[str, tuple[str | None, str | None]]:
    """Memory request and limit of each container, sidecars included."""
    every = created["spec"]["containers"] + created["spec"].get("initContainers", [])
    return {each["name"]: (_memory(each, "requests"), _memory(each, "limits")) for each in every}


def qos_of(created: Json) -> str:
    """The pod's quality-of-service class."""
    return str(created["status"]["qosClass"])


def _memory(of: Json, kind: str) -> str | None:
    size: str | None = of["resources"].get(kind, {}).get("memory")
    return size
