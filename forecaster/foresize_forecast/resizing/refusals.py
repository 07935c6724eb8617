"""What a refused resize teaches: how long its pod is left alone, and what may still be done to it."""

from __future__ import annotations

from dataclasses import replace

from foresize_forecast.deciding.state import Attempt
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.pauses import doubling_s

FIRST_PAUSE_S = 30
"""After a refusal; it doubles with each further one, up to `LONGEST_PAUSE_S`."""
LONGEST_PAUSE_S = 3600
SWAP = "In-place resize of containers with swap is not supported"
CONFIGURED = (SWAP, "Resize is infeasible for Guaranteed Pods alongside", "is not supported on Windows")
"""What a kubelet says of a resize that its configuration forbids (pkg/kubelet/allocation of 1.36; no node declares it).
With swap it is a request that cannot change; a limit can."""
CONFIGURED_PAUSE_S = 86_400
"""How long it is believed: a node's configuration seldom changes under its pods."""


def after_refusal(attempt: Attempt | None, message: str, now_s: float) -> Attempt:
    """The memory of a resize that was refused or given up: tried again after a pause that doubles up to an hour.

    What the node's configuration forbids is tried again a day later.
    """
    before = attempt or Attempt(now_s)
    failures = before.failures + 1
    pause_s = doubling_s(failures, FIRST_PAUSE_S, LONGEST_PAUSE_S)
    if any(words in message for words in CONFIGURED):
        pause_s = CONFIGURED_PAUSE_S
    return replace(before, at_s=now_s, failures=failures, message=message, wait_until_s=now_s + pause_s)


def after_acceptance(attempt: Attempt, now_s: float) -> Attempt:
    """The memory of a resize that the API server has taken: refusals are over, but for one that still holds."""
    if SWAP in attempt.message and now_s < attempt.wait_until_s:
        return replace(attempt, done=True)
    return replace(attempt, failures=0, message="", wait_until_s=0.0, done=True)


def refusal(message: str) -> Blocked:
    """What stands in the way of a resize that was refused or given up with these words."""
    for_good = any(words in message for words in CONFIGURED)
    return Blocked(Obstacle.NODE_CANNOT_RESIZE if for_good else Obstacle.REFUSED, message)


def keeps_requests(last: Attempt | None, now_s: float) -> bool:
    """Whether the kubelet has said that it resizes no container with swap, of which only a limit can change."""
    return last is not None and SWAP in last.message and now_s < last.wait_until_s
