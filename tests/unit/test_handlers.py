"""What kopf tells the operator, and what of it brings a pass forward."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import kopf

from foresize import handlers


def wakes(*events: tuple[str | None, int]) -> int:
    """How often the passes are woken by these events (type, generation) of one policy."""
    woken: list[None] = []
    memo = kopf.Memo(runtime=SimpleNamespace(wake=lambda: woken.append(None)))
    for kind, generation in events:
        event: Any = {"type": kind, "object": {}}
        meta: Any = {"generation": generation}
        asyncio.run(handlers.policy_changed(memo=memo, meta=meta, event=event))
    return len(woken)


def test_a_new_or_changed_policy_is_worked_on_at_once() -> None:
    """It does not wait for the next tick, nor does a deletion."""
    assert 3 == wakes(("ADDED", 1), ("MODIFIED", 2), ("DELETED", 2))


def test_a_status_wakes_nobody() -> None:
    """The operator's own writes of a status bring no pass forward: passes would follow each other without a pause."""
    assert 1 == wakes((None, 1), ("MODIFIED", 1), ("MODIFIED", 1))
