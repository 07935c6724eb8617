"""`foresize explain`: a MemoryForecast in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from foresize.cluster.workloads import spoken
from foresize.config.quantities import memory_bytes, people
from foresize.kube.kubeapi import ApiError, NotFound, connect
from foresize.reporting.forecasts import RUNS
from foresize.reporting.records import API_VERSION, object_name

Json = Mapping[str, Any]
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job")
"""Tried in this order where a workload is named without its kind."""


class NotExplainedError(Exception):
    """Why there is nothing to explain; `code` is the program's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def explained(workload: str, kubeconfig: str | None) -> Json:
    """The MemoryForecast of `NAMESPACE/[KIND/]NAME`.

    Raises:
        NotExplainedError: the name is malformed (code 2), or the cluster has no forecast of it (code 1).
    """
    parts = spoken(workload)
    if len(parts) not in {2, 3} or not all(parts):
        raise NotExplainedError(f"{workload!r} is no workload: write NAMESPACE/NAME or NAMESPACE/KIND/NAME", 2)
    namespace, name = parts[0], parts[-1]
    try:
        api = connect(kubeconfig)
        for kind in parts[1:-1] or KINDS:
            where = f"namespaces/{quote(namespace, safe='')}/memoryforecasts/{quote(object_name(kind, name), safe='')}"
            try:
                return api.get(f"/apis/{API_VERSION}/{where}")
            except NotFound:
                continue
    except ApiError as error:
        raise NotExplainedError(str(error), 1) from error
    hint = f"kubectl get memorypolicies,clustermemorypolicies -n {namespace} tells whether one selects it"
    raise NotExplainedError(f"{namespace} has no MemoryForecast of {name}; {hint}", 1)


def key_of(forecast: Json) -> tuple[str, str]:
    """(namespace, `Kind/name`) of the workload that a MemoryForecast is about."""
    workload = forecast.get("spec", {}).get("workload", {})
    return forecast["metadata"]["namespace"], f"{workload.get('kind')}/{workload.get('name')}"


def sentences(forecast: Json) -> Iterator[str]:
    """The lines for one MemoryForecast."""
    spec, status = forecast.get("spec", {}), forecast.get("status", {})
    workload = spec.get("workload", {})
    where = f"{forecast['metadata']['namespace']}/{workload.get('kind')}/{workload.get('name')}"
    seen = status.get("observedAt", "not yet")
    state = status.get("summary", {}).get("state", "")
    yield f"{where} under {spec.get('policyKind', 'MemoryPolicy')} {spec.get('policy')}, seen {seen}: {state}"
    if "lastEviction" in status:
        last = status["lastEviction"]
        yield f"last eviction {last.get('at')}: {last.get('pod')} from {last.get('node')}: {last.get('message')}"
    for row in status.get("containers") or []:
        yield from _container(row)
    if parts := status.get("parts"):
        yield ""
        yield "sized apart, because they have used far more or less than others for days; the above is for new pods:"
        for row in parts:
            yield from _part(row)


def _container(row: Json) -> Iterator[str]:
    yield ""
    yield f"{row['name']}: request {row.get('request', 'none')}, limit {row.get('limit', 'none')}"
    yield f"  wanted: request {row.get('wantedRequest', 'none')}, limit {row.get('wantedLimit', 'none')}"
    yield f"  why: {row.get('reason')}: {row.get('message', '')}"
    if row.get("model") == RUNS:
        yield f"  runs: the highest that speaks for the next one, with its room, peaked at {row.get('peak')}"
    elif "peak" in row:
        yield f"  forecast: a peak of {row['peak']} at {row.get('peakAt')} by {row.get('model')}{_tested(row)}"
        yield f"  shape: {row.get('shape')}{_growth(row)}, {row.get('historyDays')} days of history"
        steps = [f"{step.get('request')} from {step.get('at')}" for step in row.get("plan") or []]
        yield f"  plan: {', '.join(steps)}"
    if row.get("templateRequest") or row.get("templateLimit"):
        template = (row.get("templateRequest", "none"), row.get("templateLimit", "none"))
        yield f"  its template says: request {template[0]}, limit {template[1]}"
    for kill in row.get("kills") or []:
        yield f"  killed at {kill.get('at')} at its limit of {kill.get('limit', 'none')}"
    if "lastChange" in row:
        change = row["lastChange"]
        yield f"  last change {change.get('at')}: {change.get('message', '')}"
    if "hot" in row:
        hot = row["hot"]
        where = f"{hot['pod']} on node {hot.get('node', 'unknown')}"
        yield f"  all pods are sized for {where}: it uses {hot['usage']}, a typical one {hot['typical']}"
    if "blocked" in row:
        yield f"  blocked: {row['blocked'].get('reason')}: {row['blocked'].get('message', '')}"


def _part(row: Json) -> Iterator[str]:
    sizes = f"request {row.get('request', 'none')}, limit {row.get('limit', 'none')}"
    wanted = f"request {row.get('wantedRequest', 'none')}, limit {row.get('wantedLimit', 'none')}"
    yield f"  {row['name']} of {row['of']} ({row['pods']} running): {sizes}; wanted: {wanted}"
    yield f"    why: {row.get('reason')}: {row.get('message', '')}"


def _tested(row: Json) -> str:
    score, baseline = row.get("backtest"), row.get("baseline", {})
    if not score:
        return ""
    beside = f" (baseline {baseline['model']}: {people(memory_bytes(baseline['cost']))})" if "cost" in baseline else ""
    cost, days = people(memory_bytes(score["cost"])), score["hours"] / 24
    return f", over {days:.1f} days it would have cost {cost}, coverage {score['coverage']:.1%}{beside}"


def _growth(row: Json) -> str:
    growth = f", growing {people(memory_bytes(row['growthPerDay']))} a day" if "growthPerDay" in row else ""
    return f"{growth}, at its limit in {row['timeToLimit']}" if "timeToLimit" in row else growth
