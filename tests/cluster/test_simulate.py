"""`foresize simulate` and `foresize diff` on a real cluster: nothing is written, and what is told is then done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commandline import Said, foresize
from foresize_dev import workloads
from foresize_dev.cluster import Cluster
from foresize_dev.fixtures import StartOperator, StartPrometheus
from foresize_dev.operator_process import Operator
from foresize_dev.waiting import wait_for
from proofs import birth_sizes
from scenes import MIB, deploy, forecast, now, past, policy, resized, sizes

Json = dict[str, Any]


def test_what_is_simulated_is_what_is_then_done(
    cluster: Cluster, namespace: str, prometheus: StartPrometheus, operator: StartOperator, tmp_path: Path
) -> None:
    """Sizes of the running pod and of new ones, told beforehand without a write, are those that the operator sets."""
    pod = deploy(cluster, namespace)
    server = prometheus(history=past(pod, 200))
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps(policy()))

    def said(command: str, *arguments: str) -> Said:
        settings = {"FORESIZE_PROMETHEUS_URL": server.url, "FORESIZE_NAMESPACES": namespace}
        return foresize(cluster, command, str(file), "-n", namespace, *arguments, as_operator=True, **settings)

    since = cluster.audit.mark()
    file.write_text(json.dumps(policy(paussed=True)))
    assert "spec.paussed is no field; paused is" in said("simulate").err
    file.write_text(json.dumps(policy()))
    told = said("simulate", "-o", "json")
    shown = said("diff")
    user = Operator(cluster).user
    assert (told.code, shown.code) == (0, 3), (told, shown)
    assert [] == cluster.audit.writes(user=user, since=since, failed=True)
    assert {} == forecast(cluster, namespace)

    found = json.loads(told.out)
    changes = {(each["kind"], each["part"]): each["after"] for each in found["changes"]}
    assert sizes(pod) == ("64Mi", "128Mi")
    assert {each["before"] for each in found["changes"]} == {"64Mi", "128Mi"}
    assert found["limitsBelowPeak"] == 1
    [ready] = [each for each in found["policies"][0]["conditions"] if each["type"] == "Ready"]
    assert "running pods are resized, new pods are created with the forecast's size" in ready["message"]
    for line in ("-  app limit: 128Mi", f"+  app limit: {changes['pod', 'limit']}", "1 pods resized"):
        assert line in shown.out

    cluster.apply(policy(), namespace=namespace)
    operator(server.url)
    after = resized(cluster, pod, lambda limit: limit > 200 * MIB)
    assert sizes(after) == (changes["pod", "request"], changes["pod", "limit"])
    born = wait_for("birth sizes", lambda: birth_sizes(cluster, namespace).get("Deployment/web"), 20)
    assert (born["app"]["request"], born["app"]["limit"]) == (
        changes["new pods", "request"],
        changes["new pods", "limit"],
    )
    assert workloads.restarts(now(cluster, pod)) == 0

    # Once that is done, the same policy has nothing left to do at once.
    again = wait_for("nothing left to do", lambda: _unchanged(said("diff")), 30)
    assert "No workload and no size of new pods would change at once." in again.out

    page = tmp_path / "page.html"
    settings = {"FORESIZE_PROMETHEUS_URL": server.url, "FORESIZE_NAMESPACES": namespace}
    why = foresize(
        cluster, "explain", f"{namespace}/web", "--models", "--html", str(page), as_operator=True, **settings
    )
    assert (why.code, "chosen: " in why.out, "<svg" in page.read_text()) == (0, True, True), why


def _unchanged(said: Said) -> Said | None:
    return said if said.code == 0 else None
