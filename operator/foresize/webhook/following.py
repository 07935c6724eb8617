"""LIST and WATCH of one collection, again and again: what there is now, kept in memory and never asked for."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from foresize.webhook.apiserver import ApiError, ApiServer

logger = logging.getLogger(__name__)

T = TypeVar("T")
Json = dict[str, Any]
Key = tuple[str, str]
PAGE = 25
"""One MemorySizes may have half a megabyte, and a page is whole in memory while it is read."""
WATCH_S = 300
"""How long the API server keeps one watch open."""
SILENCE_S = 90.0
"""A live watch brings a bookmark about once a minute, once anything of its kind has changed."""
BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 5.0
GONE = 410


class Follow(Generic[T]):
    """The objects of one collection, or the one of it that has a name."""

    def __init__(  # noqa: PLR0913 - named, and set in one place
        self,
        api: ApiServer,
        path: str,
        read: Callable[[Json], T],
        *,
        name: str = "",
        metadata_only: bool = False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is read before `run`.

        Args:
            api: the way to the API server.
            path: of the collection.
            read: what is kept of an object; one that it raises ValueError, TypeError or LookupError for is not kept.
            name: of the only object to follow.
            metadata_only: ask for names, labels and annotations alone.
            changed: called after each change of `objects`.
        """
        self._api, self._path, self._read, self._changed = api, path, read, changed
        self._metadata_only = metadata_only
        self._query = {"fieldSelector": f"metadata.name={name}"} if name else {}
        self._version, self._failures = "", 0
        self.objects: dict[Key, T] = {}
        """By namespace, which is empty for what has none, and name."""
        self.synced = False
        """Everything was read at least once."""
        self.heard_s = 0.0
        """When the API server was last heard of it, by the monotonic clock."""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ApiError as error:
                if error.status == GONE:
                    self._version = ""
                self._failed(str(error))
            await asyncio.sleep(self._pause_s())

    async def _list(self) -> None:
        found: dict[Key, T] = {}
        more: dict[str, str] = {}
        while True:
            page = await self._api.page(
                self._path, metadata_only=self._metadata_only, limit=str(PAGE), **self._query, **more
            )
            for item in page.get("items") or []:
                self._keep(found, item)
            if not (rest := page["metadata"].get("continue")):
                break
            more = {"continue": rest}
        self.objects, self._version = found, page["metadata"]["resourceVersion"]
        self.synced = True
        self._heard()
        self._changed()

    async def _watch(self) -> None:
        heard = False
        async for event in self._api.watch(
            self._path,
            self._heard,
            silence_s=SILENCE_S,
            metadata_only=self._metadata_only,
            allowWatchBookmarks="true",
            resourceVersion=self._version,
            timeoutSeconds=str(WATCH_S),
            **self._query,
        ):
            self._take(event["type"], event["object"])
            heard, self._failures = True, 0
        if not heard:
            self._failed("the watch ended without a word")

    def _take(self, kind: str, thing: Json) -> None:
        if kind == "ERROR":
            self._version = ""
            raise ApiError(thing.get("code", 0), thing.get("message", "the watch failed"))
        self._version = thing["metadata"]["resourceVersion"]
        self._heard()
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            self.objects.pop(_key(thing), None)
        else:
            self._keep(self.objects, thing)
        self._changed()

    def _heard(self) -> None:
        self.heard_s = time.monotonic()

    def _keep(self, objects: dict[Key, T], thing: Json) -> None:
        try:
            objects[_key(thing)] = self._read(thing)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            objects.pop(_key(thing), None)
            logger.warning("%s: cannot read %s: %s", self._path, "/".join(_key(thing)), error)

    def _failed(self, why: str) -> None:
        self._failures += 1
        logger.log(logging.WARNING if self._failures == 1 else logging.DEBUG, "%s: %s", self._path, why)

    def _pause_s(self) -> float:
        """Nothing after a watch that brought something; else longer each time, never all replicas at once."""
        if not self._failures:
            return 0.0
        longest = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2.0 ** min(self._failures - 1, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def _key(thing: Json) -> Key:
    metadata = thing["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
