"""The decaying histogram that VPA and Crane rest on, for compiled loops.

A sample's weight is multiplied by 2^(age of the reference / half-life): newer samples weigh more, and nothing has to be
scaled as time goes by. Only when the exponent gets too large is the reference moved. Weights below `EPSILON` count as
none.

Source: kubernetes/autoscaler vertical-pod-autoscaler 1.8.1, pkg/recommender/util/histogram.go and
decaying_histogram.go. The order of additions is theirs: sums of floats are compared with thresholds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.series import FloatArray, IntArray

MAX_DECAY_EXPONENT = 100
YEAR_ONE_S = -62_135_596_800.0
"""Go's zero time, in Unix seconds: references are whole half-lives from there."""
TOTAL, REFERENCE_S, HALF_LIFE_S, EPSILON = range(4)
FIRST, LAST = range(2)


class Histogram(NamedTuple):
    """Mutable in place.

    Attributes:
        weights: shape (buckets,).
        scalars: total weight, reference time, half-life in seconds, least weight.
        ends: the first and the last bucket that is not empty; the last and 0 where all are.
    """

    weights: FloatArray
    scalars: FloatArray
    ends: IntArray


@compiled_as_written
def empty(buckets: int, half_life_s: float, epsilon: float) -> Histogram:
    """A histogram without a sample."""
    scalars = np.array([0.0, YEAR_ONE_S, half_life_s, epsilon])
    return Histogram(np.zeros(buckets), scalars, np.array([buckets - 1, 0]))


@compiled_as_written
def clear(histogram: Histogram) -> None:
    """Forget everything."""
    histogram.weights[:] = 0.0
    histogram.scalars[TOTAL] = 0.0
    histogram.scalars[REFERENCE_S] = YEAR_ONE_S
    histogram.ends[FIRST], histogram.ends[LAST] = histogram.weights.size - 1, 0


@compiled_as_written
def decayed(histogram: Histogram, at_s: float) -> float:
    """What a sample of that time is to be weighted with; may move the reference."""
    half_life_s = histogram.scalars[HALF_LIFE_S]
    if at_s > histogram.scalars[REFERENCE_S] + half_life_s * MAX_DECAY_EXPONENT:
        _move_reference(histogram, at_s)
    return float(2.0 ** ((at_s - histogram.scalars[REFERENCE_S]) / half_life_s))


@compiled_as_written
def add(histogram: Histogram, bucket: int, weight: float) -> None:
    """Take in a sample of an already decayed weight."""
    weights, ends = histogram.weights, histogram.ends
    weights[bucket] += weight
    histogram.scalars[TOTAL] += weight
    if weights[bucket] >= histogram.scalars[EPSILON]:
        ends[FIRST], ends[LAST] = min(ends[FIRST], bucket), max(ends[LAST], bucket)


@compiled_as_written
def subtract(histogram: Histogram, bucket: int, weight: float) -> None:
    """Take a sample out that was added with this weight."""
    epsilon = histogram.scalars[EPSILON]
    total, left = histogram.scalars[TOTAL] - weight, histogram.weights[bucket] - weight
    histogram.scalars[TOTAL] = total if total >= epsilon else 0.0
    histogram.weights[bucket] = left if left >= epsilon else 0.0
    _narrow(histogram)


@compiled_as_written
def percentile(histogram: Histogram, starts: FloatArray, share: float) -> float:
    """The end of the first bucket with that share of the weight at or below it; 0 where there is no sample.

    Args:
        histogram: with samples.
        starts: shape (buckets,): where each bucket begins. The last one has no end: its start is given.
        share: between 0 and 1.
    """
    weights, first, last = histogram.weights, histogram.ends[FIRST], histogram.ends[LAST]
    if weights[first] < histogram.scalars[EPSILON]:
        return 0.0
    threshold, below, bucket = share * histogram.scalars[TOTAL], 0.0, first
    while bucket < last:
        below += weights[bucket]
        if below >= threshold:
            break
        bucket += 1
    return float(starts[min(bucket + 1, weights.size - 1)])


@compiled_as_written
def _move_reference(histogram: Histogram, at_s: float) -> None:
    half_life_s = histogram.scalars[HALF_LIFE_S]
    moved = YEAR_ONE_S + np.floor((at_s - YEAR_ONE_S) / half_life_s + 0.5) * half_life_s
    exponent = np.floor((histogram.scalars[REFERENCE_S] - moved) / half_life_s + 0.5)
    histogram.weights[:] *= 2.0**exponent
    histogram.scalars[TOTAL] *= 2.0**exponent
    histogram.scalars[REFERENCE_S] = moved
    _narrow(histogram)


@compiled_as_written
def _narrow(histogram: Histogram) -> None:
    weights, ends, epsilon = histogram.weights, histogram.ends, histogram.scalars[EPSILON]
    while weights[ends[FIRST]] < epsilon and ends[FIRST] < weights.size - 1:
        ends[FIRST] += 1
    while weights[ends[LAST]] < epsilon and ends[LAST] > 0:
        ends[LAST] -= 1
