"""`foresize simulate` and `foresize diff`: what a policy would do here if it were applied now. Writes nothing.

The operator's own pass is run on an API that sends no write, so what is told is what it would do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foresize.commands.policyfiles import PolicyFileError, as_applied, policies, refuse_unknown
from foresize.commands.surroundings import Place, look, within_reach
from foresize.config.quantities import memory_bytes, quantity
from foresize.config.settings import SettingsProblem
from foresize.kube.kubeapi import ApiError, connect, current_namespace
from foresize.kube.rehearsedapi import RehearsedApi, Unsent
from foresize.passes.managed import Managed
from foresize.passes.rehearsal import Rehearsed, rehearse
from foresize.reporting.forecasts import Look, present, status_of, wanted
from foresize.reporting.parties import parties
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.savings import Share, Total, planned_mean_bytes, total

Json = dict[str, Any]
NO_SOURCE = "no Prometheus is known: give its address with --prometheus, or the operator's namespace"


class NotSimulatedError(Exception):
    """Why nothing can be told; `code` is the program's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Change:
    """One memory value that would be written at once.

    Attributes:
        kind: what would change: `pod`, `new pods`, `template` or `eviction`.
        name: `namespace/pod` or `namespace/Kind/name`.
        container: whose; empty for an eviction.
        part: `request` or `limit`; empty for an eviction.
        before: as a quantity; empty: none.
        after: the same.
    """

    kind: str
    name: str
    container: str = ""
    part: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a policy would do.

    Attributes:
        workloads: each as its MemoryForecast would say, with namespace, name, policy and number of pods.
        changes: what would be written to workloads and to sizes of new pods at once.
        sum: requests now and as planned.
        conditions: of each policy, by its name, those that its status would have.
    """

    workloads: Sequence[Json]
    changes: Sequence[Change]
    sum: Total
    conditions: Mapping[str, Sequence[Json]]

    def as_dict(self) -> Json:
        """For programs."""
        fields = ("kind", "name", "container", "part", "before", "after")
        return {
            "policies": [{"policy": name, "conditions": list(each)} for name, each in self.conditions.items()],
            "workloads": list(self.workloads),
            "changes": [{name: getattr(each, name) for name in fields} for each in self.changes],
            "requests": {
                "now": quantity(self.sum.requested_bytes),
                "planned": quantity(self.sum.planned_bytes),
                "saved": quantity(self.sum.saved_bytes),
                "containers": self.sum.containers,
                "leftOut": self.sum.left_out,
            },
            "limitsBelowPeak": self.sum.at_risk,
        }


def simulate(paths: Sequence[str], namespace: str, place: Place) -> Simulated:
    """What the policies in these files would do.

    Raises:
        NotSimulatedError: a file or a setting cannot be used (code 2), or the cluster cannot be read (code 1).
    """
    try:
        given = policies(paths, namespace or current_namespace(place.kubeconfig))
        plain = connect(place.kubeconfig)
        refuse_unknown(plain, given)
        applied = [as_applied(plain, each, number) for number, each in enumerate(given)]
        around = look(plain, place)
        if not around.settings.prometheus_url:
            raise NotSimulatedError(NO_SOURCE, 2)
        with within_reach(plain, around) as settings:
            done = rehearse(settings, RehearsedApi(plain, applied), {each["metadata"]["uid"] for each in applied})
    except (PolicyFileError, SettingsProblem) as error:
        raise NotSimulatedError(str(error), 2) from error
    except ApiError as error:
        raise NotSimulatedError(str(error), 1) from error
    return Simulated(
        [_workload(done.managed[key], found) for key, found in sorted(done.looks.items())],
        list(_changes(done)),
        total(share for key, found in done.looks.items() for share in _shares(done.managed[key], found)),
        {_named(each): _conditions(each, done.unsent) for each in applied},
    )


def _workload(managed: Managed, found: Look) -> Json:
    named = {"namespace": managed.key[0], "workload": managed.key[1], "policy": managed.policy.title}
    return {**named, "pods": len(found.seen.pods), "replicas": managed.workload.replicas, **status_of(found)}


def _shares(managed: Managed, found: Look) -> Iterator[Share]:
    for alone in parties(found):
        yield from _alike(managed, alone)


def _alike(managed: Managed, found: Look) -> Iterator[Share]:
    """Of pods that have one size."""
    for name, verdict in found.review.verdicts.items():
        now, forecast = present(name, found.seen), found.forecasts.get(name)
        asked = managed.policy.workload.container(name)
        planned: float | None = None
        peak = None
        if isinstance(forecast, Forecasted) and asked is not None:
            planned = planned_mean_bytes(forecast, asked, managed.bounds, found.seen.now_s)
            peak = forecast.peak_bytes
        elif verdict.wanted is not None:
            planned = wanted(verdict, found).request_bytes
        yield Share(len(found.seen.pods), now.request_bytes, planned, now.limit_bytes, peak)


def _changes(done: Rehearsed) -> Iterator[Change]:
    """What of the unsent writes is about these workloads, value by value."""
    for write in done.unsent:
        parts = write.path.strip("/").split("/")
        body = write.body if isinstance(write.body, dict) else {}
        if parts[-1] == "resize":
            yield from _resize(done, parts[3], parts[5], body)
        elif parts[-1] == "eviction":
            if any(parts[3] == key[0] and _pod(found, parts[5]) for key, found in done.looks.items()):
                yield Change("eviction", f"{parts[3]}/{parts[5]}")
        elif "memorysizes" in parts:
            yield from _births(done, body)
        elif parts[-2] in {"deployments", "statefulsets", "daemonsets", "cronjobs"}:
            yield from _template(done, body)


def _resize(done: Rehearsed, namespace: str, name: str, body: Json) -> Iterator[Change]:
    found = next((pod for key, seen in done.looks.items() if key[0] == namespace and (pod := _pod(seen, name))), None)
    if found is None:
        return
    spec = body.get("spec", {})
    for row in [*spec.get("containers", []), *spec.get("initContainers", [])]:
        view = found.container(row["name"])
        before = {} if view is None else {"request": view.size.request_bytes, "limit": view.size.limit_bytes}
        yield from _values("pod", f"{namespace}/{name}", row["name"], before, _asked(row))


def _births(done: Rehearsed, body: Json) -> Iterator[Change]:
    """Against what new pods get now: their templates' sizes."""
    namespace = body.get("metadata", {}).get("namespace", "")
    for workload, entry in (body.get("spec", {}).get("sizes") or {}).items():
        managed = done.managed.get((namespace, workload))
        for name, size in entry.items() if managed else ():
            template = {**managed.workload.init, **managed.workload.template}.get(name) if managed else None
            before = {} if template is None else {"request": template.request_bytes, "limit": template.limit_bytes}
            yield from _values("new pods", f"{namespace}/{workload}", name, before, size)


def _template(done: Rehearsed, body: Json) -> Iterator[Change]:
    key = (body.get("metadata", {}).get("namespace", ""), f"{body.get('kind')}/{body.get('metadata', {}).get('name')}")
    managed = done.managed.get(key)
    spec = body.get("spec", {})
    pod = (spec.get("jobTemplate", {}).get("spec") or spec).get("template", {}).get("spec", {})
    for row in [*pod.get("containers", []), *pod.get("initContainers", [])] if managed else ():
        size = managed.workload.template.get(row["name"]) if managed else None
        before = {} if size is None else {"request": size.request_bytes, "limit": size.limit_bytes}
        yield from _values("template", "/".join(key), row["name"], before, _asked(row))


def _values(
    kind: str, name: str, container: str, before: Mapping[str, int | None], after: Mapping[str, str]
) -> Iterator[Change]:
    for part in ("request", "limit"):
        if part in after and before.get(part) != memory_bytes(after[part]):
            known = before.get(part)
            yield Change(kind, name, container, part, "" if known is None else quantity(known), after[part])


def _asked(row: Json) -> dict[str, str]:
    resources = row.get("resources", {})
    parts = (("request", "requests"), ("limit", "limits"))
    return {part: resources[many]["memory"] for part, many in parts if "memory" in resources.get(many, {})}


def _pod(found: Look, name: str) -> Any:  # noqa: ANN401 - a PodView or None
    return next((pod for pod in found.seen.pods if pod.name == name), None)


def _named(policy: Json) -> str:
    metadata = policy["metadata"]
    return "/".join(each for each in (metadata.get("namespace", ""), policy["kind"], metadata["name"]) if each)


def _conditions(policy: Json, unsent: Sequence[Unsent]) -> list[Json]:
    """Those of the status that a pass would write; where it would write none, what is there already holds."""
    metadata = policy["metadata"]
    ending = f"/{policy['kind'].lower().removesuffix('y')}ies/{metadata['name']}/status"
    scope = f"/namespaces/{metadata['namespace']}/" if "namespace" in metadata else "/"
    for write in unsent:
        if write.path.endswith(ending) and scope in write.path and isinstance(write.body, dict):
            found: list[Json] = write.body["status"].get("conditions", [])
            return found
    known: list[Json] = policy.get("status", {}).get("conditions", [])
    return known
