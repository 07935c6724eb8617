"""`foresize report`: what is saved, what could be, and what is at risk."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from cliruns import cluster, said
from foresize.commands.standing import of
from foresize.commands.standingpage import html
from objectserver import Objects

NOW_S = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""
FORECASTS = "/apis/foresize.dev/v1alpha1/namespaces/shop/memoryforecasts"
Json = dict[str, Any]


def forecast(name: str, at: str = "2027-01-15T07:55:00Z", **row: Any) -> Json:
    """A MemoryForecast of Deployment `name` with one container."""
    return {
        "metadata": {"namespace": "shop", "name": f"deployment-{name}"},
        "spec": {"workload": {"kind": "Deployment", "name": name}, "policy": "web"},
        "status": {"observedAt": at, "summary": {"state": "Sized"}, "containers": [{"name": "app", **row}]},
    }


def pod(owner: str, number: int, phase: str = "Running") -> Json:
    """A pod of a Deployment's ReplicaSet."""
    controller = {"kind": "ReplicaSet", "name": f"{owner}-abc", "controller": True, "apiVersion": "apps/v1"}
    labels = {"pod-template-hash": "abc"}
    metadata = {"name": f"{owner}-{number}", "namespace": "shop", "uid": f"{owner}{number}", "labels": labels}
    return {
        "metadata": {**metadata, "ownerReferences": [controller], "creationTimestamp": "2027-01-15T07:00:00Z"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": phase},
    }


WEB = forecast("web", templateRequest="300Mi", request="100Mi", wantedRequest="80Mi", limit="200Mi", peak="150Mi")
RISKY = forecast(
    "api",
    request="50Mi",
    wantedRequest="60Mi",
    limit="100Mi",
    peak="120Mi",
    timeToLimit="3h",
    growthPerDay="10Mi",
    kills=[{"at": "2027-01-14T08:00:00Z", "limit": "90Mi"}, {"at": "2026-12-01T08:00:00Z"}],
    blocked={"reason": "NodeFull", "message": "its node has no room"},
)


def test_sums_count_pods() -> None:
    """Two pods of 300 at 100 save 400 MiB; wanted are 80 and, of the one other pod, 60 for 50: 40 - 10 = 30 more."""
    found = of([WEB, RISKY], [pod("web", 1), pod("web", 2), pod("web", 3, "Succeeded"), pod("api", 1)], NOW_S).as_dict()

    assert {"byOwners": "600Mi", "inForce": "200Mi", "saved": "400Mi", "containers": 1, "leftOut": 1} == found["saved"]
    assert ("250Mi", "220Mi", "30Mi") == tuple(found["possible"][each] for each in ("inForce", "wanted", "saved"))
    assert [2, 1] == [row["pods"] for row in found["containers"]]


def test_risks() -> None:
    """A limit below the peak, a leak, a kill of the last week are severe; what is in the way is to be watched."""
    found = of([WEB, RISKY], [], NOW_S)

    told = [(risk.severity, risk.kind) for risk in found.risks]
    severe = [("severe", kind) for kind in ("Killed", "Leak", "LimitBelowPeak")]
    assert [*severe, ("watch", "NodeFull")] == told
    assert "killed 1 time(s) in the last week" in found.risks[0].message


def test_a_report_of_old_figures_says_so() -> None:
    """What nobody has looked at for hours may be wrong."""
    [risk] = of([forecast("web", "2027-01-15T03:00:00Z", request="1Mi", wantedRequest="1Mi")], [], NOW_S).risks

    assert ("Stale", True) == (risk.kind, "5 h ago" in risk.message)


def test_the_page_fetches_nothing_and_escapes_names() -> None:
    """No script, no address; a message from a cluster is text."""
    evil = forecast("web", request="1Mi", blocked={"reason": "X", "message": "<script>alert(1)</script>"})
    made = html(of([evil, WEB], [pod("web", 1)], NOW_S))

    class Tags(HTMLParser):
        seen: set[str] = set()  # noqa: RUF012 - of one parse

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.add(tag)
            assert not [value for name, value in attrs if name in {"src", "href"}]

    Tags().feed(made)
    assert not Tags.seen & {"script", "link", "img", "iframe"}
    assert "&lt;script&gt;" in made
    assert "http" not in made.replace("http-equiv", "")


def test_the_program(tmp_path: Path) -> None:
    """A table, a document or a page; without forecasts exit code 1 and what to do; a page that cannot be: 2."""
    objects = Objects()
    page = tmp_path / "report.html"
    with cluster(objects, tmp_path) as kubeconfig:
        none = said("report", "--kubeconfig", kubeconfig)
        objects.put(f"{FORECASTS}/deployment-web", WEB)
        objects.put("/api/v1/namespaces/shop/pods/web-1", pod("web", 1))
        shown = said("report", "--kubeconfig", kubeconfig, "--html", str(page))
        told = said("report", "-n", "shop", "--kubeconfig", kubeconfig, "-o", "json")
        nowhere = said("report", "--kubeconfig", kubeconfig, "--html", str(tmp_path / "no" / "page.html"))

    assert (1, True) == (none.exit_code, "foresize simulate" in none.stderr)
    assert (0, True) == (shown.exit_code, "Saved: 200 MiB of requests (owners wrote 300 MiB" in shown.stdout), shown
    assert page.read_text().startswith("<!doctype html>")
    assert "200Mi" == json.loads(told.stdout)["saved"]["saved"]
    assert (2, True) == (nowhere.exit_code, "No such file or directory" in nowhere.stderr)
    assert [] == objects.writes()
