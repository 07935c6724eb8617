"""The Vertical Pod Autoscaler as a sizer: its recommender's target, put in force by its updater's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresize_forecast.exactprophet.compiling import compiled_as_written
from foresize_forecast.replay.peers import vpa_model
from foresize_forecast.replay.trace import Sizes, Told, Trace, Track, first_sizes
from foresize_forecast.series import FloatArray
from foresize_forecast.sizes import MIB

FLOOR_BYTES = 250.0 * MIB
LIMIT_RATIO = 2.0
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Vpa:
    """The Vertical Pod Autoscaler 1.8.1 with default settings, resizing in place, each series a workload of its own.

    Recommender and updater run at each step of the trace. What a step sees is ingested as their loop does: the sample,
    then the kill, then the recommendation, then the update. Of confidence, which the original takes from CPU samples,
    it is assumed that there is one for each measured minute. A pod starts with its first sample and keeps its age; a
    container starts anew when it was killed. Memory never reads above the limit that kills: a sample is cut off there.

    Burstable: limits stay in the owner's proportion to requests, which traces do not tell: 2 is assumed. A kill
    teaches by the request, not by the limit, as in the original.

    Source: kubernetes/autoscaler vertical-pod-autoscaler 1.8.1; the files are named in `vpa_model`.
    """

    name: str = "VPA"
    floor_bytes: float = FLOOR_BYTES
    """`--pod-recommendation-min-memory-mb`, for a pod of one container."""
    limit_ratio: float = LIMIT_RATIO

    def sizes(self, trace: Trace, track: Track, told: Told) -> Sizes:
        """Sizes in force, decided at each step."""
        ratio = 1.0 if track is Track.GUARANTEED else self.limit_ratio
        request = np.empty(trace.usage.shape)
        first, clock = np.ceil(first_sizes(trace)), np.array([trace.grid.start_s, trace.grid.step_s], dtype=np.float64)
        for start in range(0, len(trace.series), CHUNK):
            rows = slice(start, start + CHUNK)
            _play(trace.usage[rows], first[rows], (self.floor_bytes, ratio), clock, request[rows])
            told(min(1.0, (start + CHUNK) / len(trace.series)))
        return Sizes(request, request * ratio)


def without_floor() -> Vpa:
    """VPA as people run it who know of its floor: 10 MiB instead of 250."""
    return Vpa("VPA, floor 10 MiB", 10.0 * MIB)


@compiled_as_written
def _play(
    usage: FloatArray, first: FloatArray, settings: tuple[float, float], clock: FloatArray, request: FloatArray
) -> None:
    """Write the requests in force, shape (series, time)."""
    for row in range(usage.shape[0]):
        if usage.shape[1]:
            request[row, 0] = first[row]
            _play_one(usage[row], settings, clock, request[row])


@compiled_as_written
def _play_one(usage: FloatArray, settings: tuple[float, float], clock: FloatArray, request: FloatArray) -> None:
    """One series; its first request is given. Times are those of looks: the end of the interval that is read."""
    floor_bytes, ratio = settings
    step_s = clock[1]
    minutes = max(1, int(step_s // vpa_model.MINUTE_S))
    model = vpa_model.fresh()
    pod_s, container_s, quick_until_s = np.nan, np.nan, -np.inf
    for column in range(1, usage.size):
        now_s = clock[0] + column * step_s
        used, present = usage[column - 1], request[column - 1]
        if not np.isnan(used):
            if np.isnan(pod_s):
                pod_s = container_s = now_s - step_s
            vpa_model.observe(model, now_s, min(used, present * ratio), minutes)
            if used > present * ratio:
                vpa_model.record_kill(model, now_s, present)
                quick_until_s = (
                    now_s + vpa_model.QUICK_KILL_S if now_s - container_s < vpa_model.QUICK_KILL_S else now_s
                )
                container_s = now_s
        request[column] = present
        if model.known[vpa_model.SAMPLES] > 0:
            bounds = vpa_model.recommended(model, floor_bytes)
            request[column] = vpa_model.updated(present, bounds, now_s - pod_s, now_s < quick_until_s)
        vpa_model.expire(model, now_s)
