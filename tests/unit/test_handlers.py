"""What kopf tells the operator, and what of it brings a pass forward."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import kopf
import pytest

from foresize.config.settings import Settings
from foresize.passes import handlers


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


@pytest.mark.parametrize(("namespaces", "followed"), [((), True), (("shop",), False)])
def test_policies_of_the_cluster_wake_whoever_may_read_them(
    monkeypatch: pytest.MonkeyPatch, namespaces: tuple[str, ...], *, followed: bool
) -> None:
    """An operator of the whole cluster acts on a changed one at once; one of a few namespaces has no right to watch."""
    registry = kopf.OperatorRegistry()
    monkeypatch.setattr(handlers, "Runtime", lambda *_: SimpleNamespace(start=lambda: None))
    monkeypatch.setattr(handlers, "connect", lambda: None)
    before = kopf.get_default_registry()
    kopf.set_default_registry(registry)
    try:
        memo = kopf.Memo(settings=Settings(namespaces=namespaces))
        asyncio.run(handlers.start(settings=kopf.OperatorSettings(), memo=memo))
    finally:
        kopf.set_default_registry(before)

    watched = {selector.any_name for selector in registry._watching.get_all_selectors()}  # noqa: SLF001 - told nowhere else
    assert ({"clustermemorypolicies"} if followed else set()) == watched
