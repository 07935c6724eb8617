"""Other recommenders' published rules, to replay beside ours: what a user would have without Foresize.

Each is written from its published rules and constants, with a case worked by hand; what it would do on the Burstable
track, and what had to be chosen, is said where it is defined. VPA is held to its own code by `bench/vpa_agrees.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from foresize_forecast.replay.peers.decaying import AutopilotPercentile, Crane
from foresize_forecast.replay.peers.hours import Attune, SameHour
from foresize_forecast.replay.peers.oracles import Oracle, daily, hourly
from foresize_forecast.replay.peers.recent import AutopilotMax, DayMax, Krr
from foresize_forecast.replay.peers.vpa import Vpa, without_floor
from foresize_forecast.replay.trace import Sizer

PEERS: Mapping[str, Callable[[], Sizer]] = MappingProxyType(
    {
        "vpa": Vpa,
        "vpa-10": without_floor,
        "krr": Krr,
        "crane": Crane,
        "autopilot-max": AutopilotMax,
        "autopilot-p98": AutopilotPercentile,
        "same-hour": SameHour,
        "attune": Attune,
        "day-max": DayMax,
    }
)
"""By the name that users write."""
ORACLES: Mapping[str, Callable[[], Sizer]] = MappingProxyType({"oracle-hour": hourly, "oracle-day": daily})
"""They know the future: bounds, not peers."""

__all__ = [
    "ORACLES",
    "PEERS",
    "Attune",
    "AutopilotMax",
    "AutopilotPercentile",
    "Crane",
    "DayMax",
    "Krr",
    "Oracle",
    "SameHour",
    "Vpa",
]
