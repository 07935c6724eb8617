"""The Vertical Pod Autoscaler's memory model and updater for one container, compiled.

The recommender keeps one peak per container and 24 hours in a decaying histogram; a kill counts as a peak above the
request. Amounts are whole bytes, cut off after each step, as in the original.

Source: kubernetes/autoscaler vertical-pod-autoscaler 1.8.1: pkg/recommender/model/container.go and
aggregate_container_state.go, pkg/recommender/logic/recommender.go and estimator.go,
pkg/updater/priority/update_priority_calculator.go; `bench/vpa_agrees.py` compares it with that code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.peers import histogram
from foresize_forecast.replay.peers.histogram import Histogram
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

DAY_S = 86_400.0
MINUTE_S = 60.0
FIRST_BUCKET_BYTES = 1e7
BUCKET_RATIO = 1.05
BUCKETS = 176
EPSILON = 1e-4
LOWER_SHARE, TARGET_SHARE, UPPER_SHARE = 0.5, 0.9, 0.95
MARGIN = 0.15
LOWER_MULTIPLIER, UPPER_MULTIPLIER = 0.001, 1.0
MAX_BYTES = 1e14
KILL_BYTES, KILL_RATIO = 100.0 * MIB, 1.2
EXPIRY_S = 8 * DAY_S
"""Without a sample for so long (8 windows) what was seen is dropped."""
UPDATE_AGE_S, UPDATE_SHARE = 12 * 3600.0, 0.1
QUICK_KILL_S = 600.0


def _power(base: float, exponent: int) -> float:
    """By repeated squaring, as Go's `math.Pow`: what is cut off to whole bytes must not differ in the last bit."""
    product = 1.0
    while exponent:
        if exponent % 2:
            product *= base
        base, exponent = base * base, exponent // 2
    return product


STARTS: FloatArray = np.array(
    [FIRST_BUCKET_BYTES * (_power(BUCKET_RATIO, n) - 1) / (BUCKET_RATIO - 1) for n in range(BUCKETS)]
)
"""Where each bucket begins: 0, 10 MB, 20.5 MB, ..."""

WINDOW_END_S, USAGE_PEAK, KILL_PEAK, SEEN_FIRST_S, SEEN_LAST_S, SAMPLES, LOWER, TARGET, UPPER = range(9)


class Model(NamedTuple):
    """What the recommender knows of a container; mutable in place.

    Attributes:
        peaks: of the windows, the present one's as of now.
        known: shape (9,): end of the present window (NaN before the first sample) and its peaks by usage and by kills;
            first and last sample and their number since the last expiry; the three percentiles, in bytes.
    """

    peaks: Histogram
    known: FloatArray


@compiled_as_written
def fresh() -> Model:
    """Before the first sample."""
    known = np.zeros(9)
    known[WINDOW_END_S] = np.nan
    return Model(histogram.empty(BUCKETS, DAY_S, EPSILON), known)


@compiled_as_written
def observe(model: Model, at_s: float, used: float, minutes: int) -> None:
    """Take in a sample of an interval that ends at `at_s`; the confidence counts one a minute, as is collected."""
    known = model.known
    _aggregate(model, at_s, np.floor(used), False)  # noqa: FBT003 - compiled code takes no keywords here
    if known[SAMPLES] == 0:
        known[SEEN_FIRST_S] = at_s - (minutes - 1) * MINUTE_S
    known[SEEN_LAST_S] = at_s
    known[SAMPLES] += minutes


@compiled_as_written
def record_kill(model: Model, at_s: float, request: float) -> None:
    """A kill counts as a sample: 20 % or 100 MiB above the request, or above the window's peak where that is higher.

    Worked: a request of 1000e6: max(1000e6 + 104,857,600, 1200e6) = 1200e6.
    """
    used = max(request, model.known[USAGE_PEAK])
    _aggregate(model, at_s, max(used + KILL_BYTES, np.floor(used * KILL_RATIO)), True)  # noqa: FBT003 - as above


@compiled_as_written
def recommended(model: Model, floor_bytes: float) -> tuple[float, float, float]:
    """Lower bound, target and upper bound in bytes; the bounds close in as days with a sample a minute go by."""
    known = model.known
    days = min((known[SEEN_LAST_S] - known[SEEN_FIRST_S]) / DAY_S, known[SAMPLES] * MINUTE_S / DAY_S)
    lower, upper = 0.0, MAX_BYTES
    if days > 0:
        widened = 1 + LOWER_MULTIPLIER / days
        lower = _scaled(_with_margin(known[LOWER]), 1 / (widened * widened))
        upper = _scaled(_with_margin(known[UPPER]), 1 + UPPER_MULTIPLIER / days)
    floor_bytes = np.floor(floor_bytes)
    return max(lower, floor_bytes), max(_with_margin(known[TARGET]), floor_bytes), max(upper, floor_bytes)


@compiled_as_written
def expire(model: Model, now_s: float) -> None:
    """Drop what was seen where nothing has been for `EXPIRY_S`; the present window stays."""
    if model.known[SAMPLES] > 0 and now_s - model.known[SEEN_LAST_S] >= EXPIRY_S:
        histogram.clear(model.peaks)
        model.known[SEEN_FIRST_S:] = 0.0


@compiled_as_written
def updated(request: float, bounds: tuple[float, float, float], age_s: float, quick_kill: bool) -> float:  # noqa: FBT001
    """The request after the updater has looked at the pod.

    It is set to the target where it is out of bounds, where the pod is 12 hours old and 10 % off, or after a container
    was killed within 10 minutes of its start.
    """
    lower, target, upper = bounds
    if request < lower or request > upper or quick_kill:
        return target
    whole = max(request, 1.0)
    return target if age_s >= UPDATE_AGE_S and abs(whole - target) / whole >= UPDATE_SHARE else request


@compiled_as_written
def bucket_of(value: float) -> int:
    """The bucket that holds a value."""
    if value < FIRST_BUCKET_BYTES:
        return 0
    at = int(np.log(value * (BUCKET_RATIO - 1) / FIRST_BUCKET_BYTES + 1) / np.log(BUCKET_RATIO))
    return min(at, BUCKETS - 1)


@compiled_as_written
def _aggregate(model: Model, at_s: float, value: float, kill: bool) -> None:  # noqa: FBT001 - compiled code
    """Raise the present window's peak, or open the next window with this value."""
    known = model.known
    if np.isnan(known[WINDOW_END_S]):
        known[WINDOW_END_S] = at_s
    if at_s >= known[WINDOW_END_S]:
        known[WINDOW_END_S] += (np.floor((at_s - known[WINDOW_END_S]) / DAY_S) + 1) * DAY_S
        known[USAGE_PEAK] = known[KILL_PEAK] = 0.0
    else:
        peak = max(known[USAGE_PEAK], known[KILL_PEAK])
        if peak == 0 or value <= peak:
            return
        weight = histogram.decayed(model.peaks, known[WINDOW_END_S])
        histogram.subtract(model.peaks, bucket_of(peak), weight)
    weight = histogram.decayed(model.peaks, known[WINDOW_END_S])
    histogram.add(model.peaks, bucket_of(value), weight)
    known[KILL_PEAK if kill else USAGE_PEAK] = value
    known[LOWER] = histogram.percentile(model.peaks, STARTS, LOWER_SHARE)
    known[TARGET] = histogram.percentile(model.peaks, STARTS, TARGET_SHARE)
    known[UPPER] = histogram.percentile(model.peaks, STARTS, UPPER_SHARE)


@compiled_as_written
def _with_margin(value: float) -> float:
    base = _scaled(value, 1.0)
    return base + _scaled(base, MARGIN)


@compiled_as_written
def _scaled(amount: float, factor: float) -> float:
    return float(min(np.floor(amount * factor), MAX_BYTES))
