"""All nodes and pods as a scheduler sees them, read when an eviction is weighed and at no other time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from foresize.cluster import seats
from foresize.cluster.podviews import finished
from foresize.kube.kubeapi import Api, ApiError, NotFound
from foresize_forecast.placement import Board, NodeTerm, Seat
from foresize_forecast.placement.filters import terms_with_namespace_selector
from foresize_forecast.pods import PodView
from foresize_forecast.sizes import Size

Json = dict[str, Any]


class Boards:
    """The newest board; one thread asks."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._board: Board | Exception | None = None
        self.taken_s = float("-inf")
        """When it was read, by the monotonic clock."""

    def newest(self, max_age_s: float) -> Board:
        """The board, read again where it is older; what could not be read is not tried again sooner.

        Raises:
            ApiError: it could not be read, or may not be.
            LookupError, TypeError, ValueError: something in it is no pod or node as we know them.
        """
        if self._board is None or not self.is_younger_than(max_age_s):
            self.taken_s = time.monotonic()
            try:
                self._board = self._read()
            except (ApiError, LookupError, TypeError, ValueError) as error:
                self._board = error
        if isinstance(self._board, Exception):
            raise self._board
        return self._board

    def is_younger_than(self, age_s: float) -> bool:
        """Whether the board was read no longer ago."""
        return time.monotonic() - self.taken_s <= age_s

    def seat_of_replacement(self, pod: PodView, births: Mapping[str, Size]) -> Seat | None:
        """The pod that would come in the place of another; None where that one is gone already.

        Args:
            pod: the one that would go.
            births: by container name, the memory that a new pod is created with.

        Raises:
            ApiError: the pod or its volumes could not be read.
        """
        try:
            item = self._api.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")
        except NotFound:
            return None
        if item["metadata"]["uid"] != pod.uid:
            return None
        found = seats.seat(seats.replacement(item, births))
        return replace(found, volume_terms=tuple(self._volume_terms(pod.namespace, item)))

    def _read(self) -> Board:
        nodes = tuple(seats.node(item) for item in self._api.list("/api/v1/nodes"))
        pods = tuple(
            seats.seat(item)
            for page in self._api.pages("/api/v1/pods")
            for item in page.get("items") or []
            if not finished(item)
        )
        named = any(True for _ in terms_with_namespace_selector(pods))
        return Board(nodes, pods, self._namespaces() if named else {})

    def _namespaces(self) -> dict[str, Mapping[str, str]]:
        listed = self._api.list("/api/v1/namespaces")
        return {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in listed}

    def _volume_terms(self, namespace: str, pod: Json) -> Iterator[tuple[NodeTerm, ...]]:
        for volume in (pod.get("spec") or {}).get("volumes") or []:
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if volume.get("ephemeral"):
                claim = None  # a new pod gets a new one
            if not claim:
                continue
            bound = self._api.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
            name = (bound.get("spec") or {}).get("volumeName")
            if name:
                yield from seats.volume_terms(self._api.get(f"/api/v1/persistentvolumes/{name}"))
