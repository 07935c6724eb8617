"""The demo's last page: each workload's sizes, kills and what was freed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from foresize_dev.demo import cast
from foresize_dev.demo.chronicle import Chronicle, Size, people
from foresize_dev.demo.verdict import twin

HEAD = ("WORKLOAD", "POLICY", "PODS", "REQUEST", "LIMIT", "KILLS", "RESTARTS", "FREED")
POLICIES = {cast.MANAGED: "in place", cast.UNMANAGED: "none", cast.LEAKY: "recommend only", cast.BATCH: "in place"}


@dataclass(frozen=True)
class Row:
    """One workload: what its owner wrote, what its pods have at the end, what happened to them."""

    app: str
    pods: int
    written: Size
    now: Size
    kills: int
    restarts: int

    @property
    def freed_bytes(self) -> int:
        """Request that the scheduler may give to others now; below 0 where more is asked for."""
        return self.pods * (self.written.request_bytes - self.now.request_bytes)


def rows(seen: Chronicle) -> list[Row]:
    """A row for each workload that had a pod."""
    found = []
    for app in cast.APPS:
        lives = seen.of(app)
        if lives:
            alive = [life for life in lives if not life.gone] or lives[-1:]
            fate = twin(lives)
            written, now = lives[0].sizes[0].size, alive[0].sizes[-1].size
            found.append(Row(app, len(alive), written, now, fate.kills, fate.restarts))
    return found


def lines(found: Sequence[Row]) -> list[str]:
    """The table as text, a line a row, and the sum of what was freed."""
    cells = [HEAD, *map(_cells, found), ("", "", "", "", "", "", "", _freed(sum(row.freed_bytes for row in found)))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.app,
        POLICIES[row.app],
        str(row.pods),
        _change(row.written.request_bytes, row.now.request_bytes),
        _change(row.written.limit_bytes, row.now.limit_bytes),
        str(row.kills),
        str(row.restarts),
        _freed(row.freed_bytes),
    )


def _change(before_bytes: int, now_bytes: int) -> str:
    return people(now_bytes) if before_bytes == now_bytes else f"{people(before_bytes)} -> {people(now_bytes)}"


def _freed(size_bytes: int) -> str:
    return people(size_bytes) if size_bytes else "-"
