"""What kopf calls: it keeps the set of policies, wakes the passes and answers the probe. Run with `kopf run -m`.

No change handlers, timers or daemons: they leave annotations and finalizers on objects, and a finalizer would make
`kubectl delete namespace` hang while the operator is down.
"""

from __future__ import annotations

import asyncio
import logging
import os

import kopf

from foresize.config.settings import Settings
from foresize.kube.kubeapi import connect
from foresize.passes.runtime import Runtime

SETTINGS = "settings"
"""Where `foresize run` puts them; under `kopf run` they are read from the environment."""
SEEN = "seen"
"""What was last seen of a policy."""


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: object) -> None:
    """Read the settings, start the loops."""
    settings.scanning.disabled = True  # our kinds are installed before us; nobody else's matter
    settings.posting.enabled = False  # our Events are on pods, in words of our own
    settings.networking.request_timeout = 30
    chosen = memo.get(SETTINGS) or Settings.from_environment(os.environ)
    if not chosen.namespaces:  # where rights end at namespaces, nobody may watch what is the cluster's
        kopf.on.event("foresize.dev", "v1alpha1", "clustermemorypolicies")(policy_changed)
    memo.runtime = Runtime(chosen, connect())
    await asyncio.to_thread(memo.runtime.start)


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: object) -> None:
    """Give the lease back; workloads stay as they are."""
    if "runtime" in memo:
        await asyncio.to_thread(memo.runtime.stop)


@kopf.on.event("foresize.dev", "v1alpha1", "memorypolicies")
async def policy_changed(memo: kopf.Memo, meta: kopf.Meta, event: kopf.RawEvent, **_: object) -> None:
    """A policy came, changed or went: the next pass is now. A new status is no change: passes write it themselves."""
    seen = (event["type"] == "DELETED", meta.get("generation"))
    if memo.get(SEEN) != seen:  # kopf keeps a memo for each policy
        memo[SEEN] = seen
        memo.runtime.wake()


@kopf.on.probe(id="secondsSinceLastGoodPass")
async def last_good_pass(memo: kopf.Memo, **_: object) -> float | None:
    """The age of the last good pass; an error, and so a restart, once the loop hangs."""
    if memo.runtime.is_stuck():
        raise kopf.PermanentError("the act loop hangs")
    age_s = memo.runtime.age_s()
    return None if age_s is None else round(age_s, 1)


# Every status update of ours comes back as an event; kopf would log each.
logging.getLogger("kopf.objects").setLevel(logging.WARNING)
