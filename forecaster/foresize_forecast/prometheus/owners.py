"""Which workload a pod belongs to, also when the pod is long gone.

kube-state-metrics, where it is scraped, has recorded every pod's owner. Where it has not (or not yet), a pod's name has
to say it: see `promql.pod_pattern`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foresize_forecast.prometheus.promql import Matcher, literal, selector
from foresize_forecast.prometheus.source import Refusal
from foresize_forecast.prometheus.wire import Answer, Connection

OWNED_METRICS = {"kube_pod_owner": "pod", "kube_replicaset_owner": "replicaset", "kube_job_owner": "job_name"}
"""kube-state-metrics: metric, and its label with the name of what is owned."""
OWNED_KINDS = {"kube_pod_owner": "Pod", "kube_replicaset_owner": "ReplicaSet", "kube_job_owner": "Job"}
LONGEST_CHAIN = 3
"""Pod, Job, CronJob is as long as it gets with Kubernetes' own kinds; one more for someone else's."""
ORPHAN_KINDS = {"", "<none>"}
FOLDED_KINDS = ("ReplicaSet/", "Job/")
"""Kinds that have owners themselves: where theirs is not recorded, the name says more than the chain."""
PATTERN_LENGTH = 4096
"""Longest regular expression in one query: beyond it, a query is split."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Recorded controllers of one namespace: `Kind/name` of what is owned to `Kind/name` of its owner."""

    parents: Mapping[str, str] = field(default_factory=dict)

    def chain(self, pod: str) -> tuple[str, ...]:
        """The pod's owners from the nearest to the farthest; empty where none is recorded."""
        found: list[str] = []
        at = f"Pod/{pod}"
        while at in self.parents and len(found) < LONGEST_CHAIN:
            at = self.parents[at]
            found.append(at)
        return tuple(found)

    def pods(self) -> Iterable[str]:
        """Every pod with a recorded owner."""
        return (owned.removeprefix("Pod/") for owned in self.parents if owned.startswith("Pod/"))


@dataclass(frozen=True, slots=True)
class Claim:
    """A workload, and how its pods are told by name where no owner is recorded."""

    workload: str
    """`Kind/name`."""
    pods: str
    """A pattern for the names of its pods."""


def recorded_owners(
    connection: Connection, namespace: str, matchers: Sequence[Matcher], end_s: int, span_s: int
) -> tuple[Owners, tuple[str, ...]] | Refusal:
    """The owners recorded in a span that ends at `end_s`, and the answer's warnings."""
    parents: dict[str, str] = {}
    warnings: list[str] = []
    for metric, owned_label in OWNED_METRICS.items():
        chosen = selector(metric, (*matchers, Matcher("namespace", "=", namespace)))
        labels = f"{owned_label}, owner_kind, owner_name, owner_is_controller"
        answer = connection.instant(f"group by ({labels}) (last_over_time({chosen}[{span_s}s]))", end_s)
        if isinstance(answer, Refusal):
            return answer
        warnings += answer.warnings
        parents.update(_parents(OWNED_KINDS[metric], owned_label, answer))
    return Owners(parents), tuple(warnings)


def claimant(pod: str, claims: Sequence[Claim], owners: Owners) -> str | None:
    """The workload among `claims` that the pod belongs to.

    A recorded owner decides. Without one, of all patterns that match the one of the longest workload name does:
    `web-api-6d4cf56db6-x7k2p` is of `web-api`, should it look like a pod of `web` as well.
    """
    chain = owners.chain(pod)
    for owner in reversed(chain):
        if any(claim.workload == owner for claim in claims):
            return owner
    if chain and not chain[-1].startswith(FOLDED_KINDS):
        return None
    matching = [claim.workload for claim in claims if re.fullmatch(claim.pods, pod)]
    return max(matching, key=len, default=None)


def pod_patterns(claims: Sequence[Claim], owners: Owners) -> list[str]:
    """Patterns that together match every pod of the claims, each short enough for one query."""
    parts = [claim.pods for claim in claims]
    known = re.compile("|".join(parts))
    parts += [
        literal(pod) for pod in sorted(owners.pods()) if claimant(pod, claims, owners) and not known.fullmatch(pod)
    ]
    patterns = [parts[0]]
    for part in parts[1:]:
        if len(patterns[-1]) + len(part) < PATTERN_LENGTH:
            patterns[-1] += f"|{part}"
        else:
            patterns.append(part)
    return patterns


def _parents(owned_kind: str, owned_label: str, answer: Answer) -> Iterable[tuple[str, str]]:
    for series in answer.series:
        labels: Mapping[str, Any] = series.get("metric", {})
        kind, name = labels.get("owner_kind", ""), labels.get("owner_name", "")
        if kind not in ORPHAN_KINDS and name and labels.get("owner_is_controller", "true") == "true":
            yield f"{owned_kind}/{labels.get(owned_label, '')}", f"{kind}/{name}"
