"""A look taken apart by the replicas that are sized apart. Pure."""

from __future__ import annotations

from dataclasses import replace

from foresize.reporting.forecasts import Look


def parties(look: Look) -> list[Look]:
    """The look, as one at each tier of replicas that are sized apart and one at those in none; itself without tiers."""
    if not look.review.apart:
        return [look]
    seen, named = look.seen, {pod for part in look.review.apart for pod in part.pods}
    each = [(part.pods, part.review, part.forecasts) for part in look.review.apart]
    others = frozenset(pod.name for pod in seen.pods) - named
    if others:
        each.append((others, replace(look.review, apart=()), look.forecasts))
    return [
        replace(
            look,
            seen=replace(seen, pods=tuple(pod for pod in seen.pods if pod.name in pods)),
            review=review,
            forecasts=forecasts,
        )
        for pods, review, forecasts in each
    ]
