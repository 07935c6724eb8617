"""Whether a new revision has made another kind of curve of a container's memory: told once, within a week of it.

A deploy that brings a leak shows itself like this, days before the leak meets its limit.
"""

from __future__ import annotations

from dataclasses import replace

from foresize_forecast.deciding.state import Shapes
from foresize_forecast.forecasting.outlook import ShapeKind

TOLD_WITHIN_S = 7 * 86_400
"""A kind that changes later than this after a deploy has other causes more often."""


def after_look(known: Shapes | None, kind: ShapeKind, revision: str, since_s: float, now_s: float) -> Shapes | None:
    """What to remember of a container's kind of curve.

    Args:
        known: what was remembered; None where nothing was.
        kind: of its forecast.
        revision: the newest of its workload; empty where it has none.
        since_s: when that revision's first sample was taken, Unix seconds.
        now_s: Unix seconds.
    """
    if kind is ShapeKind.UNKNOWN or not revision:
        return known
    if known is None:
        return Shapes(kind, revision)
    if known.revision != revision:
        known = Shapes(known.kind, revision, before=known.kind)
    if kind is known.kind:
        return known
    is_news = known.before is known.kind and not known.changed_at_s and now_s - since_s <= TOLD_WITHIN_S
    return replace(known, kind=kind, changed_at_s=now_s if is_news else known.changed_at_s)
