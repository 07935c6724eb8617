"""How sure a figure is: a bootstrap over namespaces, because containers of one namespace fail together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from foresize_forecast.replay.figures import HIGHER_IS_BETTER, NAMES, Sums, ratios
from foresize_forecast.series import FloatArray

DRAWS = 4000
LEVEL = 0.9
FEWEST_CLUSTERS = 5
"""Below it a bootstrap says nothing: too few choices."""


class Verdict(StrEnum):
    """What may be said of a difference."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "not distinguishable"


@dataclass(frozen=True, slots=True)
class Difference:
    """One policy's figure less another's on the same series.

    Attributes:
        difference: of all series.
        low: lower end of its interval at `LEVEL`.
        high: upper end.
        verdict: better or worse only where the interval excludes 0.
    """

    difference: float
    low: float
    high: float
    verdict: Verdict


def clusters(names: Sequence[str]) -> FloatArray:
    """Membership of series in namespaces, shape (series, namespaces)."""
    known = {name: place for place, name in enumerate(dict.fromkeys(names))}
    member = np.zeros((len(names), len(known)))
    member[np.arange(len(names)), [known[name] for name in names]] = 1.0
    return member


def intervals(found: Sums, member: FloatArray) -> Mapping[str, tuple[float, float]]:
    """The interval of every figure."""
    drawn = _drawn(found, member, _counts(member.shape[1]))
    return {name: _interval(values) for name, values in zip(NAMES, drawn, strict=True)}


def differences(found: Sums, baseline: Sums, member: FloatArray) -> Mapping[str, Difference]:
    """Every figure less the baseline's, on the same series, and drawn together: what both suffer cancels out."""
    counts = _counts(member.shape[1])
    drawn = _drawn(found, member, counts) - _drawn(baseline, member, counts)
    whole = _of_all(found) - _of_all(baseline)
    return {
        name: _difference(name, float(whole[at]), drawn[at], enough=member.shape[1] >= FEWEST_CLUSTERS)
        for at, name in enumerate(NAMES)
    }


def _counts(namespaces: int) -> FloatArray:
    """How often each namespace is drawn, shape (draws, namespaces)."""
    chances = np.full(namespaces, 1 / namespaces)
    return np.random.default_rng(0).multinomial(namespaces, chances, DRAWS).astype(np.float64)


def _drawn(found: Sums, member: FloatArray, counts: FloatArray) -> FloatArray:
    """Figures of each draw, shape (figures, draws)."""
    return ratios(found.parts @ member @ counts.T, found.wholes @ member @ counts.T)


def _of_all(found: Sums) -> FloatArray:
    return ratios(found.parts.sum(axis=1), found.wholes.sum(axis=1))


def _interval(values: FloatArray) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _difference(name: str, whole: float, drawn: FloatArray, *, enough: bool) -> Difference:
    low, high = _interval(drawn)
    verdict = Verdict.SAME
    if enough and (low > 0 or high < 0):
        verdict = Verdict.BETTER if (low > 0) == (name in HIGHER_IS_BETTER) else Verdict.WORSE
    return Difference(whole, low, high, verdict)
