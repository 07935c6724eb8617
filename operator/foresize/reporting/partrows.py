"""What a MemoryForecast tells of replicas that are sized apart, and of one that is not but might be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from foresize.config.quantities import quantity
from foresize_forecast.forecasting.skew import hottest
from foresize_forecast.pods import PodView
from foresize_forecast.sizes import Size, rounded_up
from foresize_forecast.sizing.plan import Forecasted
from foresize_forecast.workloads.review import Apart, Observation, Review

MOST_NAMED = 10
"""Replicas of a tier that are named; a DaemonSet has thousands."""
LONGEST_NAME = 64
Json = dict[str, Any]


def part_rows(review: Review, seen: Observation, most: int) -> list[Json]:
    """A row for each container of each tier, lowest tier first; none where one size serves all.

    Args:
        review: of the workload.
        seen: the observation that it was made of.
        most: rows.
    """
    return list(islice((row for part in review.apart for row in _rows(part, seen)), most))


def _rows(part: Apart, seen: Observation) -> Iterator[Json]:
    for name, verdict in sorted(part.review.verdicts.items()):
        now, forecast = _present(name, part, seen), part.forecasts.get(name)
        row = {
            "name": name,
            "of": named(part.members),
            "pods": len(part.pods),
            "request": _quantity(now.request_bytes),
            "limit": _quantity(now.limit_bytes),
            "wantedRequest": _quantity(verdict.target.request_bytes),
            "wantedLimit": _quantity(verdict.target.limit_bytes),
            "peak": quantity(rounded_up(forecast.peak_bytes)) if isinstance(forecast, Forecasted) else None,
            "reason": str(verdict.reason),
            "message": verdict.message,
        }
        yield {key: value for key, value in row.items() if value is not None}


def hot_row(name: str, seen: Observation) -> Json | None:
    """The pod that stands out, and where it is: its node may be what is different."""
    usage = {of[0]: recent.usage_bytes for of, recent in seen.recent.items() if of[1] == name}
    found = hottest({pod.name: usage[pod.name] for pod in seen.pods if pod.name in usage})
    if found is None:
        return None
    node = next(pod.node for pod in seen.pods if pod.name == found.pod)
    sizes = {"usage": quantity(rounded_up(found.usage_bytes)), "typical": quantity(rounded_up(found.typical_bytes))}
    return {"pod": found.pod, "node": node, **sizes}


def pods_of(part: Apart, seen: Observation) -> tuple[PodView, ...]:
    """The living pods of a tier."""
    return tuple(pod for pod in seen.pods if pod.name in part.pods)


def _present(name: str, part: Apart, seen: Observation) -> Size:
    """What its pods have now, the largest of them; nothing where none lives."""
    views = (pod.container(name) for pod in pods_of(part, seen))
    has = (view.size for view in views if view is not None)
    return max(has, key=lambda size: (size.request_bytes or 0, size.limit_bytes or 0), default=Size(None, None))


def named(members: Sequence[str]) -> str:
    """Replicas for people: the first of them, and how many more there are."""
    shown = ", ".join(each[:LONGEST_NAME] for each in members[:MOST_NAMED])
    left = len(members) - MOST_NAMED
    return f"{shown} and {left} more" if left > 0 else shown


def _quantity(value_bytes: int | None) -> str | None:
    return None if value_bytes is None else quantity(value_bytes)
