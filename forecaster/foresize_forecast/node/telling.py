"""How the nodes of some pods stand, in words: what a policy's condition says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foresize_forecast.node.relief import Relief, Standing
from foresize_forecast.sizes import in_mebibytes

MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Told:
    """Whether a node will be short, one word why that is so, and a sentence."""

    short: bool
    reason: str
    message: str


def told(nodes: Sequence[Relief]) -> Told:
    """Of several nodes the one that lacks most: a reader who helps that one sees the next.

    Args:
        nodes: those that hold the pods in question.
    """
    short = [each for each in nodes if each.standing is Standing.SHORT]
    if not short:
        return Told(
            short=False, reason="EnoughMemory", message="no node of its pods is foretold to be short within the hour"
        )
    worst = max(short, key=lambda each: each.missing_bytes)
    reason = "NobodyMayGo" if worst.missing_bytes else "PressureAhead"
    return Told(short=True, reason=reason, message=f"{worst.message}; {_relief(worst)}")


def _relief(node: Relief) -> str:
    going = ", ".join(f"{each.tenant.pod.namespace}/{each.tenant.pod.name}" for each in node.leaving[:MOST_NAMED])
    leaving = f"to leave it: {going}" if going else "no pod may leave it"
    if not node.missing_bytes:
        return leaving
    missing = in_mebibytes(node.missing_bytes)
    return f"{leaving}; {missing} are missing: see idle.action and pressure.evict, or give the cluster more memory"
