"""What Foresize has saved, could save and sees coming, from its MemoryForecasts and the pods there are. Reads only."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from foresize.cluster.podviews import finished, view
from foresize.cluster.workloads import scheduled
from foresize.config.quantities import instant_s, memory_bytes, quantity, timestamp
from foresize.kube.kubeapi import ApiError, connect
from foresize.reporting.records import API_VERSION
from foresize_forecast.workloads.savings import Share, Total, total

Json = dict[str, Any]
KILLS_LOOKED_AT_S = 7 * 86_400.0
STALE_S = 3600.0
"""A MemoryForecast that is older says nothing of now: while an operator runs, figures are minutes old."""
SEVERE, WATCH = "severe", "watch"


class NotReportedError(Exception):
    """Why there is no report; `code` is the program's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Risk:
    """Something to look at.

    Attributes:
        severity: `severe` where a kill or a refusal is likely or was; else `watch`.
        kind: one CamelCase word.
        workload: `namespace/Kind/name`.
        container: whose.
        message: in a sentence.
    """

    severity: str
    kind: str
    workload: str
    container: str
    message: str

    def as_dict(self) -> Json:
        """For programs."""
        return {name: getattr(self, name) for name in ("severity", "kind", "workload", "container", "message")}


@dataclass(frozen=True, slots=True)
class Row:
    """One container of a workload with a MemoryForecast.

    Attributes:
        workload: `namespace/Kind/name`.
        policy: its name.
        pods: how many there are.
        state: of the workload, in a word.
        told: the container's row in the MemoryForecast's status.
    """

    workload: str
    policy: str
    pods: int
    state: str
    told: Json

    def bytes(self, name: str) -> int | None:
        """One of its quantities; None where it is not told."""
        return memory_bytes(self.told[name]) if name in self.told else None


@dataclass(frozen=True, slots=True)
class Standing:
    """The report.

    Attributes:
        at_s: when it was made, Unix seconds.
        rows: every container, the largest first.
        saved: what owners wrote, against what is in force.
        possible: what is in force, against what is wanted now.
        risks: the severe ones first.
    """

    at_s: float
    rows: Sequence[Row]
    saved: Total
    possible: Total
    risks: Sequence[Risk]

    def as_dict(self) -> Json:
        """For programs."""
        return {
            "at": timestamp(self.at_s),
            "saved": _sum(self.saved, "byOwners", "inForce"),
            "possible": _sum(self.possible, "inForce", "wanted"),
            "risks": [each.as_dict() for each in self.risks],
            "containers": [
                {"workload": row.workload, "policy": row.policy, "pods": row.pods, "state": row.state, **row.told}
                for row in self.rows
            ],
        }


def _sum(found: Total, first: str, second: str) -> Json:
    told = {first: quantity(found.requested_bytes), second: quantity(found.planned_bytes)}
    return {**told, "saved": quantity(found.saved_bytes), "containers": found.containers, "leftOut": found.left_out}


def standing(namespace: str, kubeconfig: str | None) -> Standing:
    """The report on a namespace, or on all.

    Raises:
        NotReportedError: the cluster cannot be read, or nothing is forecast in it.
    """
    forecasts, pods = listed([namespace] if namespace else [], kubeconfig)
    return of(forecasts, pods, time.time())


def listed(namespaces: Sequence[str], kubeconfig: str | None) -> tuple[list[Json], list[Json]]:
    """The MemoryForecasts and the pods of some namespaces (empty: of all).

    Raises:
        NotReportedError: they cannot be read, or nothing is forecast there.
    """
    forecasts: list[Json] = []
    pods: list[Json] = []
    try:
        api = connect(kubeconfig)
        for scope in [f"/namespaces/{quote(each, safe='')}" for each in namespaces] or [""]:
            forecasts += api.list(f"/apis/{API_VERSION}{scope}/memoryforecasts")
            pods += api.list(f"/api/v1{scope}/pods")
    except ApiError as error:
        raise NotReportedError(str(error), 1) from error
    if not forecasts:
        where = f"namespace {', '.join(namespaces)}" if namespaces else "this cluster"
        raise NotReportedError(f"{where} has no MemoryForecast: apply a policy first, or see `foresize simulate`", 1)
    return forecasts, pods


def of(forecasts: Sequence[Json], pods: Sequence[Json], now_s: float) -> Standing:
    """The report from what was read."""
    counted = _pods(pods)
    rows = [row for each in forecasts for row in _rows(each, counted)]
    rows.sort(key=lambda row: (-(row.bytes("request") or 0) * row.pods, row.workload, row.told["name"]))
    risks = [risk for each in forecasts for risk in _of_workload(each, now_s)]
    risks += [risk for row in rows for risk in _of_container(row, now_s)]
    risks.sort(key=lambda risk: (risk.severity != SEVERE, risk.workload, risk.container, risk.kind))
    return Standing(
        now_s,
        rows,
        total(Share(row.pods, row.bytes("templateRequest"), row.bytes("request")) for row in rows),
        total(_wanted(row) for row in rows),
        risks,
    )


def _wanted(row: Row) -> Share:
    return Share(row.pods, row.bytes("request"), row.bytes("wantedRequest"), row.bytes("limit"), row.bytes("peak"))


def _pods(pods: Sequence[Json]) -> Counter[tuple[str, str]]:
    """How many live, by (namespace, `Kind/name`)."""
    found: Counter[tuple[str, str]] = Counter()
    for pod in pods:
        if not finished(pod):
            seen = view(pod)
            found[seen.namespace, scheduled(seen.owner) or seen.owner] += 1
    return found


def _title(forecast: Json) -> tuple[str, str]:
    workload = forecast.get("spec", {}).get("workload", {})
    return forecast["metadata"]["namespace"], f"{workload.get('kind')}/{workload.get('name')}"


def _rows(forecast: Json, pods: Mapping[tuple[str, str], int]) -> Iterator[Row]:
    key, status = _title(forecast), forecast.get("status", {})
    for told in status.get("containers") or []:
        state = status.get("summary", {}).get("state", "")
        yield Row("/".join(key), forecast.get("spec", {}).get("policy", ""), pods.get(key, 0), state, told)


def _of_workload(forecast: Json, now_s: float) -> Iterator[Risk]:
    seen_s = instant_s(forecast.get("status", {}).get("observedAt"))
    if seen_s is not None and now_s - seen_s > STALE_S:
        words = f"last looked at {(now_s - seen_s) / 3600:.0f} h ago: does the operator run (foresize doctor)?"
        yield Risk(WATCH, "Stale", "/".join(_title(forecast)), "", words)


def _of_container(row: Row, now_s: float) -> Iterator[Risk]:
    def risk(severity: str, kind: str, message: str) -> Risk:
        return Risk(severity, kind, row.workload, row.told["name"], message)

    told = row.told
    if _wanted(row).is_at_risk:
        when = told.get("peakAt", "the next run")
        words = f"a peak of {told['peak']} is forecast for {when}, its limit is {told['limit']}"
        yield risk(SEVERE, "LimitBelowPeak", words)
    if "timeToLimit" in told:
        words = f"it grows by {told.get('growthPerDay')} a day and reaches its limit in {told['timeToLimit']}"
        yield risk(SEVERE, "Leak", words)
    kills = [each for each in told.get("kills") or [] if _within_a_week(each, now_s)]
    if kills:
        words = (
            f"killed {len(kills)} time(s) in the last week, last at {kills[-1].get('at')} with {kills[-1].get('limit')}"
        )
        yield risk(SEVERE, "Killed", words)
    if "blocked" in told:
        blocked = told["blocked"]
        yield risk(WATCH, str(blocked.get("reason", "Blocked")), str(blocked.get("message", "")))
    if "hot" in told:
        hot = told["hot"]
        yield risk(WATCH, "HotPod", f"{hot.get('pod')} uses {hot.get('usage')}, a typical one {hot.get('typical')}")
    if "wantedRequest" not in told and "peak" not in told:
        yield risk(WATCH, "NoForecast", str(told.get("message", "")))


def _within_a_week(kill: Json, now_s: float) -> bool:
    at_s = instant_s(kill.get("at"))
    return at_s is not None and now_s - at_s < KILLS_LOOKED_AT_S
