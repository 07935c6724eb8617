"""`foresize doctor`: whether Foresize can work here, from outside the cluster or in one of its pods.

In a pod the settings are its environment's and the rights are its own; from outside they are those of the operator's
Deployment, and its Prometheus is reached through the API server. Nothing is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from foresize.commands import checkups, inclusterurl, rights
from foresize.commands.findings import Finding, Level
from foresize.config.policylist import PolicyList
from foresize.config.settings import FIELDS, Settings, SettingsProblem
from foresize.kube.kubeapi import Api, ApiError, Budget, connect, in_cluster
from foresize_forecast.prometheus import Source, check

Json = dict[str, Any]
OPERATORS = "app.kubernetes.io/name=foresize,app.kubernetes.io/component=operator"
ASKED_PER_S = 200.0
"""Questions about rights are no writes, though they are sent like some."""
ATTEMPT_S = 10.0
NOT_HERE = ("prometheus_token_file", "prometheus_ca_file")
"""Settings that name files of the operator's pod: from outside they are not to be had."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks; the fields are the command's options."""

    operator_namespace: str = "foresize"
    prometheus: str = ""
    """Its address, instead of the operator's own."""
    kubeconfig: str | None = None


def examine(wish: Wish) -> list[Finding]:
    """Everything that was looked at; where there is no way to a cluster, that alone."""
    try:
        api = Api(connect(wish.kubeconfig).client, Budget(ASKED_PER_S, round(ASKED_PER_S)))
        first = checkups.server(api)
    except ApiError as error:
        cure = "is the kubeconfig right? Try: kubectl version"
        return [Finding("API server", Level.FAILED, str(error), cure)]
    return [*first, *_all(api, wish)]


def _all(api: Api, wish: Wish) -> Iterator[Finding]:
    deployment = _deployment(api, wish.operator_namespace)
    try:
        settings, account = _operators_own(deployment, wish)
    except SettingsProblem as problem:
        yield Finding("settings", Level.FAILED, str(problem), "the operator does not start with that: change the value")
        return
    yield from _told("CRDs", lambda: checkups.crds(api))
    found: list[Json] = []
    yield from _told("policies", lambda: _policies(api, settings, found))
    yield from rights.check(api, account, checkups.asking(found))
    yield from _told("resize", lambda: checkups.resize(api))
    yield from _told("admission", lambda: checkups.admission(api))
    yield from _prometheus(api, settings, wish, inside=_is_inside(wish))
    yield checkups.kill_switch(api, wish.operator_namespace)
    yield from _told("operator", lambda: [checkups.operator(api, wish.operator_namespace, deployment, time.time())])


def _told(name: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds; what could not be read is a finding as well."""
    try:
        return list(look())
    except ApiError as error:
        return [Finding(name, Level.UNKNOWN, f"cannot be read: {error}")]


def _policies(api: Api, settings: Settings, found: list[Json]) -> Iterator[Finding]:
    found += PolicyList(api, settings.namespaces).read()
    yield from checkups.policies(found)


def _is_inside(wish: Wish) -> bool:
    return wish.kubeconfig is None and in_cluster()


def _deployment(api: Api, namespace: str) -> Json | None:
    """The operator's, where there is one that may be read."""
    try:
        found = api.list(f"/apis/apps/v1/namespaces/{namespace}/deployments", labelSelector=OPERATORS)
    except ApiError:
        return None
    return found[0] if found else None


def _operators_own(deployment: Json | None, wish: Wish) -> tuple[Settings, rights.Account]:
    """The operator's settings and account: ours where we are in its pod, or where no Deployment is seen."""
    spec = (deployment or {}).get("spec", {}).get("template", {}).get("spec", {})
    flags = {"prometheus_url": wish.prometheus}
    if _is_inside(wish) or not spec:
        settings, user = Settings.from_environment(os.environ, flags), ""
    else:
        settings = Settings.from_environment(_environment(spec), flags)
        user = f"system:serviceaccount:{wish.operator_namespace}:{spec.get('serviceAccountName', 'default')}"
    return settings, rights.Account(user, wish.operator_namespace, settings.namespaces)


def _environment(spec: Json) -> Mapping[str, str]:
    """Settings that a pod's containers have in plain text, but for those that name files there."""
    names = {field.env for field in FIELDS if field.name not in NOT_HERE}
    given = [each for container in spec.get("containers") or [] for each in container.get("env") or []]
    return {each["name"]: str(each["value"]) for each in given if each.get("name") in names and each.get("value")}


def _prometheus(api: Api, settings: Settings, wish: Wish, *, inside: bool) -> list[Finding]:
    """Whether it answers and holds what is needed."""
    source = settings.source()
    if source is None:
        cure = "helm upgrade with prometheus.url=http://prometheus.monitoring:9090, the address in front of /api/v1"
        return [Finding("Prometheus", Level.FAILED, "no address is set: nothing is forecast, nothing changes", cure)]
    path = None if inside or wish.prometheus else inclusterurl.proxy_path(api, source.url)
    with _within_reach(api, source, path) as reached:
        found = check(replace(reached, timeout_s=ATTEMPT_S, retries=0), time.time())
    shown = f"{source.shown_url}, through the API server" if path else source.shown_url
    if not found.problems:
        pace = "" if found.scrape_step_s is None else f", a sample every {found.scrape_step_s:g} s"
        return [Finding("Prometheus", Level.OK, f"{shown} holds what is needed{pace}")]
    # Without the newest sample's age nothing was measured: what is wrong is more than a metric that would help.
    level = Level.FAILED if found.newest_age_s is None else Level.WARNING
    cure = "docs/metrics-needed.md says what is needed, and what goes on without"
    if level is Level.FAILED and not inside and not path:
        cure = f"from outside the cluster give an address that is reached from here (--prometheus); {cure}"
    words = " ".join(each.replace(reached.shown_url, shown) for each in found.problems)
    return [Finding("Prometheus", level, words, cure)]


@contextmanager
def _within_reach(api: Api, source: Source, path: str | None) -> Iterator[Source]:
    if path is None:
        yield source
        return
    with inclusterurl.reached(api, path) as url:
        yield replace(source, url=url)
