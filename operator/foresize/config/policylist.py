"""The policies of both kinds as they are stored now: what every pass starts from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from foresize.config.policy import CLUSTER_SCOPED
from foresize.kube.kubeapi import Api, Forbidden, NotFound

logger = logging.getLogger(__name__)

POLICIES = "/apis/foresize.dev/v1alpha1"
Json = dict[str, Any]


class PolicyList:
    """Reads policies of some namespaces (empty: of all, and those of the cluster)."""

    def __init__(self, api: Api, namespaces: Sequence[str]) -> None:
        self._api, self._namespaces = api, namespaces
        self._warned = ""
        """Why ClusterMemoryPolicies are not followed, as it was said last."""

    def read(self) -> list[Json]:
        """All of them.

        Raises:
            ApiError: they could not be read.
        """
        scopes = [f"/namespaces/{each}" for each in self._namespaces] or [""]
        own = [each for scope in scopes for each in self._api.list(f"{POLICIES}{scope}/memorypolicies")]
        return [*own, *self._of_the_cluster()]

    def _of_the_cluster(self) -> list[Json]:
        """None where rights end at namespaces, which is said once."""
        why = "this operator is limited to namespaces (--namespaces)"
        if not self._namespaces:
            try:
                found = self._api.list(f"{POLICIES}/clustermemorypolicies")
                return [{**each, "kind": CLUSTER_SCOPED} for each in found]
            except (Forbidden, NotFound) as error:
                why = error.message
        if why != self._warned:
            self._warned = why
            logger.warning("ClusterMemoryPolicies are not followed: %s", why)
        return []
