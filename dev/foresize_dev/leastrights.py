"""Whether the chart grants what is asked of the API server, and nothing more: by all calls of the tests on clusters.

`python -m foresize_dev.leastrights FOLDER` compares what the clusters' ends wrote there (`record`) with the rights of
the rendered chart: a right that no test used, and a call that was refused for want of one, are errors.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from foresize_dev import helm, parts
from foresize_dev.audit import READS, AuditLog
from foresize_dev.places import CHART

Json = dict[str, Any]
FOLDER = "FORESIZE_CALLS"
"""Names the folder; without it nothing is recorded."""
PAGES = "pages"
"""A second release, of the pages alone, is called so in the tests; its accounts count as the chart's own."""
ACCOUNTS = re.compile(rf"system:serviceaccount:(?P<release>{helm.RELEASE}|{PAGES}):(?P=release)(?P<part>-[a-z-]+)?")
EVERYTHING = (
    {
        "evictions": {"enabled": True},
        "rbac": {"templates": True, "scale": True},
        "admission": {"mode": "webhook"},
        "ui": {"enabled": True},
    },
    {"operator": {"namespaces": ["default"]}, "evictions": {"enabled": True}},
)
"""Values under which each of the chart's rules is rendered in one of them."""
UNUSED_FOR_A_REASON: dict[tuple[str, str, str, str], str] = {
    ("foresize", "foresize.dev", "memorysizes", "get"): "only after somebody else wrote it in between",
    ("foresize", "foresize.dev", "clustermemorypolicies", "get"): "only by `release` under a policy of the cluster",
}
"""(account, group, resource, verb) that no test uses, and why it is granted all the same."""


ASKED_IN_VAIN: dict[tuple[str, str, str], str] = dict.fromkeys(
    [
        ("foresize", "admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        ("foresize", "admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
        ("foresize", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ],
    "`foresize doctor` in the operator's pod looks whether new pods are sized, and says where it may not look",
) | dict.fromkeys(
    [
        ("foresize-ui", "", "configmaps"),
        ("foresize-ui", "", "limitranges"),
        ("foresize-ui", "", "nodes"),
        ("foresize-ui", "", "resourcequotas"),
        ("foresize-ui", "autoscaling", "horizontalpodautoscalers"),
        ("foresize-ui", "autoscaling.k8s.io", "verticalpodautoscalers"),
    ],
    "the pages gather as the operator does; what bounds a size is in none of them",
)
"""(account, group, resource) that is read where somebody lets it, and why it is not granted."""


class Call(NamedTuple):
    """One kind of call of one account."""

    account: str
    group: str
    resource: str
    """With its subresource, like pods/resize."""
    verb: str


def record(log: AuditLog) -> None:
    """Write which calls one cluster's audit log has of the chart's accounts, where a folder is named for that."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    found: dict[bool, set[Call]] = {True: set(), False: set()}
    for event in log.events():
        user, target = ACCOUNTS.fullmatch(event["user"].get("username", "")), event.get("objectRef")
        if user and target:
            forbidden = event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
            sub = f"/{target['subresource']}" if "subresource" in target else ""
            resource = f"{target['resource']}{sub}"
            account = f"{helm.RELEASE}{user['part'] or ''}"
            found[forbidden].add(Call(account, target.get("apiGroup", ""), resource, event["verb"]))
    told = {"used": sorted(found[False]), "refused": sorted(found[True])}
    (Path(folder) / f"{uuid.uuid4().hex}.json").write_text(json.dumps(told))


def recorded(folder: Path) -> tuple[set[Call], set[Call]]:
    """What all clusters wrote: calls that were allowed, and calls that were not."""
    told = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {Call(*each) for one in told for each in one["used"]}, {
        Call(*each) for one in told for each in one["refused"]
    }


def granted(manifests: Iterable[Json]) -> set[Call]:
    """What the roles of rendered manifests grant to ServiceAccounts of the release's namespace, by their bindings."""
    of = list(manifests)
    roles = {(each["kind"], each["metadata"]["name"]): each.get("rules", []) for each in of if "rules" in each}
    found: set[Call] = set()
    for binding in of:
        if not binding["kind"].endswith("RoleBinding"):
            continue
        named = binding["roleRef"]
        accounts = [each["name"] for each in binding["subjects"] if each["kind"] == "ServiceAccount"]
        for account, rule in product(accounts, roles.get((named["kind"], named["name"]), [])):
            found |= set(_rights(account, rule))
    return found


def wrong(used: set[Call], refused: set[Call], rights: set[Call]) -> list[str]:
    """What is granted in vain, and what was refused that nothing grants, in words."""
    accounts = {call.account for call in used | refused}
    idle = {right for right in rights - used if right.account in accounts and right not in UNUSED_FOR_A_REASON}
    lacking = {call for call in refused - rights if call[:3] not in ASKED_IN_VAIN or call.verb not in READS}
    return [f"granted and never used: {_named(each)}" for each in sorted(idle)] + [
        f"asked for and granted by no value of the chart: {_named(each)}" for each in sorted(lacking)
    ]


def rendered(values: Mapping[str, Any]) -> list[Json]:
    """The chart's manifests with these values."""
    program = str(parts.find_or_build(parts.HELM))
    command = [program, "template", helm.RELEASE, str(CHART), "--namespace", helm.NAMESPACE, "--values", "-"]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True, timeout=60)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def main(folder: Path) -> int:
    """Compare; 0 where nothing is wrong."""
    used, refused = recorded(folder)
    rights = set[Call]().union(*(granted(rendered(values)) for values in EVERYTHING))
    found = wrong(used, refused, rights)
    seen = {call.account for call in used | refused}
    if idle := sorted({right.account for right in rights} - seen):
        print(f"rights of {', '.join(idle)}: not compared, because no test on a cluster ran as it")
    compared = sum(right.account in seen for right in rights)
    print(
        "\n".join(found)
        or f"rights: all {compared} of {', '.join(sorted(seen))} were used or are excused, and none was lacking"
    )
    return 1 if found else 0


def _rights(account: str, rule: Json) -> Iterator[Call]:
    for group, resource, verb in product(rule.get("apiGroups", []), rule.get("resources", []), rule["verbs"]):
        yield Call(account, group, resource, verb)


def _named(call: Call) -> str:
    resource = f"{call.resource}.{call.group}" if call.group else call.resource
    return f"{call.verb} {resource} by {call.account}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
