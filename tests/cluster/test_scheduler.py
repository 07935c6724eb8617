"""Where a pod could be scheduled, as worked out here, is where the real kube-scheduler puts it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from foresize.cluster import seats
from foresize_dev import images
from foresize_dev.cluster import Cluster
from foresize_dev.waiting import wait_for
from foresize_forecast.placement import Board, feasible

Json = dict[str, Any]
SITUATIONS = 200
SEED = 20261121
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
GPU = "example.com/gpu"
FOCUS = ("room", "nodes", "others", "spread", "ports")
"""What most of a situation is about; all else is left away, or rare, so that it is what decides."""
NEW = {"key": "node.kubernetes.io/not-ready"}
"""What the API server adds to a new node, and the node controller takes away."""


class Situation:
    """A few nodes, some pods on them, and one that is to be scheduled: drawn, and apart from all others by label."""

    def __init__(self, number: int, namespace: str) -> None:
        self._random = random.Random(SEED + number)  # noqa: S311 - the same situations on every run
        self._name, self._namespace, self._focus = f"s{number}", namespace, FOCUS[number % len(FOCUS)]
        self.nodes = [self._node(f"{self._name}-n{each}") for each in range(self._random.randint(2, 4))]
        count = self._random.randint(3, 9) if self._focus == "spread" else self._random.randint(0, 6)
        self.pods = [self._pod(f"{self._name}-p{each}", node=True) for each in range(count)]
        self.candidate = self._candidate()

    def _chance(self, share: float, focus: str = "") -> bool:
        """Whether something is the case; often where it is what the situation is about, else seldom."""
        if focus:
            share = share if self._focus == focus else share / 8
        return self._random.random() < share

    def _node(self, name: str) -> Json:
        pick = self._random
        labels = {"situation": self._name, HOST: name, "cores": str(pick.choice([2, 4, 8]))}
        if self._chance(0.9):
            labels[ZONE] = f"{self._name}-z{pick.randint(0, 1)}"
        if self._chance(0.7):
            labels["disk"] = pick.choice(["ssd", "hdd"])
        taints = []
        if self._chance(0.5, "nodes") or self._chance(0.45, "spread"):
            taints.append({"key": "team", "value": pick.choice(["a", "b"]), "effect": "NoSchedule"})
        if self._chance(0.1):
            taints.append({"key": "rather-not", "effect": "PreferNoSchedule"})
        room = {
            "cpu": pick.choice(["1", "2"]),
            "memory": f"{pick.randint(200, 600)}Mi",
            "pods": "20" if self._focus == "spread" else str(pick.randint(2, 5)),
            GPU: str(pick.randint(0, 2)),
        }
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints, "unschedulable": self._chance(0.3, "nodes")},
            "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
        }

    def _pod(self, name: str, *, node: bool) -> Json:
        pick = self._random
        requests = {"cpu": f"{pick.choice([0, 10])}m", "memory": f"{pick.choice([0, 10])}Mi"}
        if self._focus == "room":
            requests = {"cpu": f"{pick.choice([0, 100, 400, 800])}m", "memory": f"{pick.choice([0, 50, 150, 300])}Mi"}
        if not node and self._chance(0.3, "room"):
            requests[GPU] = "1"
        limits = {GPU: requests[GPU]} if GPU in requests else {}
        container: Json = {
            "name": "app",
            "image": images.PAUSE,
            "resources": {"requests": requests, "limits": limits},
        }
        if self._chance(0.8, "ports"):
            container["ports"] = [
                {"containerPort": 80, "hostPort": 8080, "protocol": pick.choice(["TCP", "TCP", "UDP"])}
            ]
        spec: Json = {"containers": [container], "affinity": {}}
        if node:
            spec["nodeName"] = pick.choice(self.nodes)["metadata"]["name"]
        if self._chance(0.5, "others"):
            spec["affinity"]["podAntiAffinity"] = self._pod_terms()
        labels = {"app": f"{self._name}-{pick.choice('xxy')}"}
        metadata = {"name": name, "namespace": self._namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _candidate(self) -> Json:
        pick = self._random
        pod = self._pod(f"{self._name}-new", node=False)
        spec = pod["spec"]
        spec["nodeSelector"] = {"situation": self._name}
        if self._chance(0.3, "nodes"):
            spec["nodeSelector"]["disk"] = "ssd"
        if self._chance(0.6, "nodes") or self._chance(0.5, "spread"):
            required = {"nodeSelectorTerms": [self._node_term() for _ in range(pick.randint(1, 2))]}
            spec["affinity"]["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        if self._chance(0.4):
            any_value = {"key": "team", "operator": "Exists"}
            spec["tolerations"] = [pick.choice([any_value, {"key": "team", "value": "a", "effect": "NoSchedule"}])]
        if self._chance(0.5, "others"):
            spec["affinity"]["podAffinity"] = self._pod_terms()
        if self._chance(1, "spread"):
            keys = pick.sample([HOST, ZONE], pick.randint(1, 2))
            spec["topologySpreadConstraints"] = [self._spread(key) for key in keys]
        return pod

    def _node_term(self) -> Json:
        name = self._random.choice(self.nodes)["metadata"]["name"]
        expression = self._random.choice(
            [
                {"key": "disk", "operator": "In", "values": ["ssd", "nvme"]},
                {"key": "disk", "operator": "NotIn", "values": ["ssd"]},
                {"key": "disk", "operator": "Exists"},
                {"key": "disk", "operator": "DoesNotExist"},
                {"key": "cores", "operator": "Gt", "values": ["2"]},
                {"key": "cores", "operator": "Lt", "values": ["8"]},
            ]
        )
        by_name = {"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": [name]}]}
        return {"matchExpressions": [expression], **(by_name if self._chance(0.3) else {})}

    def _pod_terms(self) -> Json:
        term: Json = {"topologyKey": self._random.choice([HOST, ZONE]), "labelSelector": self._selector()}
        if self._chance(0.2):
            term["namespaceSelector"] = {}
        elif self._chance(0.1):
            term["namespaces"] = ["default"]
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}

    def _selector(self) -> Json:
        return {"matchLabels": {"app": f"{self._name}-{self._random.choice('xxy')}"}}

    def _spread(self, key: str) -> Json:
        pick = self._random
        made = {
            "topologyKey": key,
            "maxSkew": pick.choice([1, 1, 2]),
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {} if self._chance(0.1) else self._selector(),
            "nodeTaintsPolicy": pick.choice(["Honor", "Ignore"]),
            "nodeAffinityPolicy": pick.choice(["Honor", "Honor", "Ignore"]),
        }
        return made | ({"minDomains": pick.randint(1, 4)} if self._chance(0.4) else {})


def test_places_are_those_of_the_real_scheduler(cluster: Cluster, namespace: str) -> None:
    """In 200 drawn situations it takes a node that was called possible, or none where none was.

    Requests of memory, CPU and devices, pod counts, taints, cordons, node selectors and affinity, pod affinity and
    anti-affinity, topology spread and host ports, on nodes that are known to the API server and run nothing.
    """
    drawn = [Situation(number, namespace) for number in range(SITUATIONS)]
    with _made(cluster, namespace, drawn):
        board = _board(cluster)
        candidates = [each.candidate for each in drawn]
        _create(cluster, [(f"/api/v1/namespaces/{namespace}/pods", each) for each in candidates])
        decided = wait_for("all to be decided", lambda: _decided(cluster, namespace, candidates), 60, every_s=0.5)

    wrong, nowhere, reasons = [], 0, set()
    for pod in decided:
        obstacles = feasible(board, seats.seat({**pod, "spec": {**pod["spec"], "nodeName": ""}}))
        mine = {name: why for name, why in obstacles.items() if name.startswith(f"{_situation(pod)}-")}
        possible = {name for name, why in mine.items() if not why}
        reasons |= {why.partition(",")[0].partition(" of ")[0] for why in mine.values()}
        taken = pod["spec"].get("nodeName", "")
        nowhere += not possible
        if (taken not in possible) if taken else possible:
            wrong.append((pod["metadata"]["name"], taken, mine))

    assert [] == wrong
    assert SITUATIONS / 10 < nowhere < SITUATIONS * 9 / 10  # both answers were put to the test
    assert len(reasons) > 12


@contextmanager
def _made(cluster: Cluster, namespace: str, drawn: list[Situation]) -> Iterator[None]:
    """All nodes and pods but the candidates; nothing is left of any of them."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    try:
        _create(cluster, [("/api/v1/nodes", node) for each in drawn for node in each.nodes])
        _create(cluster, [(pods, pod) for each in drawn for pod in each.pods])
        wait_for("the nodes to count as ready", lambda: _all_ready(cluster), 30)
        yield
    finally:
        cluster.api.request("DELETE", f"{pods}?gracePeriodSeconds=0")
        cluster.api.request("DELETE", "/api/v1/nodes?labelSelector=situation")


def _create(cluster: Cluster, items: list[tuple[str, Json]]) -> None:
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(cluster.api.request, "POST", path, item) for path, item in items]:
            done.result()


def _all_ready(cluster: Cluster) -> bool:
    nodes = cluster.api.get("/api/v1/nodes?labelSelector=situation")["items"]
    return not any(taint["key"] == NEW["key"] for node in nodes for taint in node["spec"].get("taints", []))


def _board(cluster: Cluster) -> Board:
    nodes, pods = (cluster.api.get(f"/api/v1/{kind}")["items"] for kind in ("nodes", "pods"))
    return Board(tuple(map(seats.node, nodes)), tuple(map(seats.seat, pods)))


def _decided(cluster: Cluster, namespace: str, candidates: list[Json]) -> list[Json] | None:
    """The candidates, once each has a node or was told that there is none."""
    names = {each["metadata"]["name"] for each in candidates}
    listed = cluster.api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    found = [each for each in listed if each["metadata"]["name"] in names]
    return found if len(found) == len(names) and all(map(_is_decided, found)) else None


def _is_decided(pod: Json) -> bool:
    conditions = pod["status"].get("conditions", [])
    return "nodeName" in pod["spec"] or any(each.get("reason") == "Unschedulable" for each in conditions)


def _situation(pod: Json) -> str:
    return str(pod["metadata"]["name"]).partition("-")[0]
