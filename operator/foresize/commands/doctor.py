"""`foresize doctor`: whether Foresize can work here, from outside the cluster or in one of its pods.

In a pod the settings are its environment's and the rights are its own; from outside they are those of the operator's
Deployment, and its Prometheus is reached through the API server. Nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from foresize.commands import checkups, rights
from foresize.commands.findings import Finding, Level
from foresize.commands.surroundings import Place, Surroundings, look, within_reach
from foresize.config.policylist import PolicyList
from foresize.config.settings import Settings, SettingsProblem
from foresize.kube.kubeapi import Api, ApiError, Budget, connect
from foresize.sources.choosing import METRICS_SERVER
from foresize_forecast.prometheus import check

Json = dict[str, Any]
ASKED_PER_S = 200.0
"""Questions about rights are no writes, though they are sent like some."""
ATTEMPT_S = 10.0


def examine(place: Place) -> list[Finding]:
    """Everything that was looked at; where there is no way to a cluster, that alone."""
    try:
        api = Api(connect(place.kubeconfig).client, Budget(ASKED_PER_S, round(ASKED_PER_S)))
        first = checkups.server(api)
    except ApiError as error:
        cure = "is the kubeconfig right? Try: kubectl version"
        return [Finding("API server", Level.FAILED, str(error), cure)]
    return [*first, *_all(api, place)]


def _all(api: Api, place: Place) -> Iterator[Finding]:
    namespace = place.operator_namespace
    try:
        around = look(api, place)
    except SettingsProblem as problem:
        yield Finding("settings", Level.FAILED, str(problem), "the operator does not start with that: change the value")
        return
    yield from _told("CRDs", lambda: checkups.crds(api))
    found: list[Json] = []
    yield from _told("policies", lambda: _policies(api, around.settings, found))
    account = rights.Account(around.user, namespace, around.settings.namespaces)
    yield from rights.check(api, account, checkups.asking(found))
    yield from _told("resize", lambda: checkups.resize(api))
    yield from _told("admission", lambda: checkups.admission(api))
    yield _prometheus(api, around, place)
    yield checkups.kill_switch(api, namespace)
    yield from _told("operator", lambda: [checkups.operator(api, namespace, around.deployment, time.time())])


def _told(name: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; what could not be read is a finding as well."""
    try:
        return list(look())
    except ApiError as error:
        return [Finding(name, Level.UNKNOWN, f"cannot be read: {error}")]


def _policies(api: Api, settings: Settings, found: list[Json]) -> Iterator[Finding]:
    found += PolicyList(api, settings.namespaces).read()
    yield from checkups.policies(found)


def _prometheus(api: Api, around: Surroundings, place: Place) -> Finding:
    """Whether it answers and holds what is needed."""
    own = around.settings.source()
    if around.settings.metrics_source == METRICS_SERVER or (own is None and around.settings.metrics_source == "auto"):
        return checkups.metrics_server(api, meant=around.settings.metrics_source == METRICS_SERVER)
    if own is None:
        cure = "helm upgrade with prometheus.url=http://prometheus.monitoring:9090, the address in front of /api/v1"
        return Finding("Prometheus", Level.FAILED, "no address is set: nothing is forecast, nothing changes", cure)
    with within_reach(api, around) as settings:
        reached = settings.source() or own
        found = check(replace(reached, timeout_s=ATTEMPT_S, retries=0), time.time())
    shown = f"{own.shown_url}, through the API server" if around.proxied else own.shown_url
    if not found.problems:
        pace = "" if found.scrape_step_s is None else f", a sample every {found.scrape_step_s:g} s"
        return Finding("Prometheus", Level.OK, f"{shown} holds what is needed{pace}")
    # Without the newest sample's age nothing was measured: what is wrong is more than a metric that would help.
    level = Level.FAILED if found.newest_age_s is None else Level.WARNING
    cure = "docs/metrics-needed.md says what is needed, and what goes on without"
    if level is Level.FAILED and not place.is_inside and not around.proxied:
        cure = f"from outside the cluster give an address that is reached from here (--prometheus); {cure}"
    words = " ".join(each.replace(reached.shown_url, shown) for each in found.problems)
    return Finding("Prometheus", level, words, cure)
