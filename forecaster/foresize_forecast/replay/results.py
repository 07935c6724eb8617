"""All figures of a replay as one value that becomes JSON: by track and policy, and the same by source and shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from foresize_forecast.replay.figures import figures
from foresize_forecast.replay.playing import Plays
from foresize_forecast.replay.tally import together
from foresize_forecast.replay.trace import Trace, Track

Json = Any


def results(traces: Sequence[Trace], plays: Plays) -> Json:
    """Everything, with NaN as None."""
    policies = list(dict.fromkeys(policy for _, _, policy in plays))
    tracks = list(dict.fromkeys(track for _, track, _ in plays))
    return cleaned(
        {"tracks": {track: {policy: _entry(traces, plays, track, policy) for policy in policies} for track in tracks}}
    )


def _entry(traces: Sequence[Trace], plays: Plays, track: Track, policy: str) -> Mapping[str, Json]:
    return asdict(figures(together([plays[at, track, policy].tally for at in range(len(traces))])))


def cleaned(value: Json) -> Json:
    """The same with None for what is no number, which JSON has not."""
    if isinstance(value, Mapping):
        return {str(key): cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
