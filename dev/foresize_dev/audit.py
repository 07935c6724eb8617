"""Reads the API server's log of writes: the proof of what somebody wrote, and that somebody wrote nothing."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresize_dev.api import Api
from foresize_dev.waiting import wait_for

MARK_DEADLINE_S = 10.0
READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True)
class Write:
    """One write that the API server answered."""

    user: str
    verb: str
    resource: str  # with its subresource, like pods/resize
    namespace: str
    name: str
    code: int
    at: str  # RFC 3339, when the answer was complete
    body: Any  # what was sent, None at level Metadata
    dry_run: bool


@dataclass(frozen=True)
class AuditLog:
    """The log of one cluster. Times in it are marks: take one, act, ask for the writes since."""

    file: Path
    api: Api

    def mark(self) -> int:
        """The present, as a place in the log. All that was answered before is before it."""
        tag = f"mark-{uuid.uuid4().hex[:12]}"
        review = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": tag}}
        self.api.request("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", review)
        wait_for("the audit log to have a mark", lambda: tag.encode() in self._tail(), MARK_DEADLINE_S, every_s=0.02)
        return self.file.stat().st_size

    def writes(self, *, user: str = "", namespace: str = "", since: int = 0, failed: bool = False) -> list[Write]:
        """What was written after a mark, oldest first.

        Args:
            user: how the writer's name ends, like `foresize:foresize` for a ServiceAccount; empty for all.
            namespace: of the object written; empty for all.
            since: a mark.
            failed: also what the API server refused.
        """
        self.mark()  # so that what was answered until now is in the file
        return [
            write
            for write in self._read(since)
            if write.verb not in READS
            and write.user.endswith(user)
            and (not namespace or write.namespace == namespace)
            and not write.name.startswith("mark-")
            and (failed or write.code < 400)  # noqa: PLR2004 - HTTP's first error
        ]

    def events(self) -> Iterator[dict[str, Any]]:
        """All that was logged until now, as the API server wrote it."""
        self.mark()
        with self.file.open("rb") as log:
            yield from (json.loads(line) for line in log if line.endswith(b"\n"))

    def _tail(self) -> bytes:
        with self.file.open("rb") as log:
            log.seek(max(0, self.file.stat().st_size - (1 << 20)))
            return log.read()

    def _read(self, since: int) -> Iterator[Write]:
        with self.file.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.endswith(b"\n"):  # the last one may still be being written
                    yield _write(json.loads(line))


def _write(event: dict[str, Any]) -> Write:
    target = event.get("objectRef", {})
    resource, sub = target.get("resource", ""), target.get("subresource")
    body = event.get("requestObject")
    created = body.get("metadata", {}).get("name", "") if isinstance(body, dict) else ""
    return Write(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource=f"{resource}/{sub}" if sub else resource,
        namespace=target.get("namespace", ""),
        name=target.get("name") or created or "",
        code=event.get("responseStatus", {}).get("code", 0),
        at=event["stageTimestamp"],
        body=body,
        dry_run="dryRun=" in event["requestURI"],
    )
