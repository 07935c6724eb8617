"""What the cluster's tests hold against the API server's log: what an operator wrote, and that it wrote nothing."""

from __future__ import annotations

import re
import time
from typing import Any

from foresize_dev import backfill
from foresize_dev.api import ApiError
from foresize_dev.audit import Write
from foresize_dev.cluster import Cluster
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from scenes import MIB, STEP_S, forecast

Json = dict[str, Any]
REPORTS = {
    "events",
    "leases",
    "memoryforecasts",
    "memoryforecasts/status",
    "memorypolicies/status",
}
"""What an operator may always write: words about workloads, never anything that they are made of."""
API = "/apis/foresize.dev/v1alpha1"
PASSES_DEADLINE_S = 60
NOT_FOUND = 404
DAY_S = 86_400


def see_passes(operator: Operator, count: int = 4) -> None:
    """Wait until an operator has come round so many times more: what it wanted to do by now, it has done."""
    before = _passes(operator)
    wait_for(f"{count} passes of {operator.name}", lambda: _passes(operator) >= before + count, PASSES_DEADLINE_S)


def writes(cluster: Cluster, operator: Operator, namespace: str, since: int) -> list[Write]:
    """All that was accepted from an operator in a namespace and in its own, oldest first."""
    every = cluster.audit.writes(user=operator.user, since=since)
    return [write for write in every if write.namespace in {namespace, operator.namespace}]


def deeds(cluster: Cluster, operator: Operator, namespace: str, since: int) -> list[Write]:
    """Those of its writes that are more than a report."""
    return [write for write in writes(cluster, operator, namespace, since) if write.resource not in REPORTS]


def resizes(cluster: Cluster, operator: Operator, namespace: str, since: int) -> list[Write]:
    """Its patches of pods' sizes."""
    return [write for write in writes(cluster, operator, namespace, since) if write.resource == "pods/resize"]


def birth_sizes(cluster: Cluster, namespace: str) -> Json:
    """What new pods of a namespace are born with, by workload; empty where nothing is written."""
    try:
        found: Json = cluster.api.get(f"{API}/namespaces/{namespace}/memorysizes/foresize")["spec"].get("sizes", {})
    except ApiError as error:
        if error.code != NOT_FOUND:
            raise
        return {}
    return found


def resize_by_hand(cluster: Cluster, pod: Json, request: str, limit: str, container: str = "app") -> None:
    """Give a running container another size, as somebody with kubectl would."""
    resources = {"requests": {"memory": request}, "limits": {"memory": limit}}
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/resize"
    cluster.api.request("PATCH", path, {"spec": {"containers": [{"name": container, "resources": resources}]}})


def counter(operator: Operator, name: str, having: str = "") -> float:
    """The sum of a metric over its series whose labels contain a text."""
    lines = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", operator.metrics(), re.MULTILINE)
    return sum(float(value) for labels, value in lines if having in labels)


def _passes(operator: Operator) -> float:
    return counter(operator, "foresize_pass_seconds_count", 'step="write"')


def past_of(name: str, pod: Json, mebibytes: float, container: str = "app") -> list[backfill.Series]:
    """A day of constant use under the name of a pod that need not be there any more."""
    start_s = time.time() - DAY_S
    who = {"namespace": pod["metadata"]["namespace"], "pod": name, "node": pod["spec"]["nodeName"]}
    return backfill.container_memory(who, container, start_s, STEP_S, [mebibytes * MIB] * (DAY_S // STEP_S))


def blocked(cluster: Cluster, namespace: str, name: str = "deployment-web") -> str:
    """What a MemoryForecast says stands in the way of its first container; empty if nothing does."""
    rows = forecast(cluster, namespace, name).get("containers", [])
    return str(rows[0].get("blocked", {}).get("reason", "")) if rows else ""
