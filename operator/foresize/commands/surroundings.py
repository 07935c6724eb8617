"""The operator's own settings and its Prometheus, for a command that runs beside it or outside the cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from foresize.commands import inclusterurl
from foresize.config.settings import FIELDS, Settings
from foresize.kube.kubeapi import Api, ApiError, in_cluster

Json = dict[str, Any]
OPERATORS = "app.kubernetes.io/name=foresize,app.kubernetes.io/component=operator"
NOT_HERE = (
    "prometheus_token_file",
    "prometheus_user_file",
    "prometheus_password_file",
    "prometheus_headers_folder",
    "prometheus_ca_file",
    "prometheus_certificate_file",
    "prometheus_key_file",
)
"""Settings that name files of the operator's pod: from outside they are not to be had."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs, as its user says.

    Attributes:
        operator_namespace: where the operator is installed.
        prometheus: an address that wins over the operator's own; empty: none.
        kubeconfig: the cluster to ask; None: as kubectl does.
    """

    operator_namespace: str = "foresize"
    prometheus: str = ""
    kubeconfig: str | None = None

    @property
    def is_inside(self) -> bool:
        """Whether this runs in a pod, whose environment is then the operator's."""
        return self.kubeconfig is None and in_cluster()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of the operator.

    Attributes:
        settings: its own; those of this environment where no Deployment of it is seen.
        deployment: its Deployment; None where there is none that may be read.
        user: its account as the API server names it; empty where that is whoever asks.
        proxied: its Prometheus is reached through the API server.
    """

    settings: Settings
    deployment: Json | None
    user: str
    proxied: str | None


def look(api: Api, place: Place) -> Surroundings:
    """What is known of the operator.

    Raises:
        SettingsProblem: a setting cannot be used.
    """
    deployment = _deployment(api, place.operator_namespace)
    spec = (deployment or {}).get("spec", {}).get("template", {}).get("spec", {})
    flags = {"prometheus_url": place.prometheus, "operator_namespace": place.operator_namespace}
    if place.is_inside or not spec:
        settings, user = Settings.from_environment(os.environ, flags), ""
    else:
        settings = Settings.from_environment(_environment(spec), flags)
        user = f"system:serviceaccount:{place.operator_namespace}:{spec.get('serviceAccountName', 'default')}"
    direct = place.is_inside or place.prometheus or not settings.prometheus_url
    proxied = None if direct else inclusterurl.proxy_path(api, settings.prometheus_url)
    return Surroundings(settings, deployment, user, proxied)


@contextmanager
def within_reach(api: Api, found: Surroundings) -> Iterator[Settings]:
    """The settings, with an address of Prometheus that is reached from here."""
    if found.proxied is None:
        yield found.settings
        return
    with inclusterurl.reached(api, found.proxied) as url:
        yield replace(found.settings, prometheus_url=url)


def _deployment(api: Api, namespace: str) -> Json | None:
    """The operator's, where there is one that may be read."""
    try:
        found = api.list(f"/apis/apps/v1/namespaces/{namespace}/deployments", labelSelector=OPERATORS)
    except ApiError:
        return None
    return found[0] if found else None


def _environment(spec: Json) -> Mapping[str, str]:
    """Settings that a pod's containers have in plain text, but for those that name files there."""
    names = {field.env for field in FIELDS if field.name not in NOT_HERE}
    given = [each for container in spec.get("containers") or [] for each in container.get("env") or []]
    return {each["name"]: str(each["value"]) for each in given if each.get("name") in names and each.get("value")}
