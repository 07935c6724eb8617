"""A hot replica: one pod that uses far more than the others of its workload, and for which all are sized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from foresize_forecast.sizes import MIB

FEWEST = 3
"""Of two pods none stands out."""
TIMES = 2.0
"""Times what the typical pod uses: less is how replicas differ."""
LEAST_BYTES = 64 * MIB
"""More than it uses: less is not worth a word."""


@dataclass(frozen=True, slots=True)
class Hot:
    """The pod that stands out.

    Attributes:
        pod: its name.
        usage_bytes: what it uses.
        typical_bytes: the median of all.
    """

    pod: str
    usage_bytes: float
    typical_bytes: float


def hottest(usage: Mapping[str, float]) -> Hot | None:
    """The pod that uses most, where it uses far more than the typical one.

    Args:
        usage: newest working set of a container, bytes, by the name of its pod.

    Worked: 100, 110, 120 and 400 MiB: the median is 115, and 400 is above 230 and above 179.
    """
    if len(usage) < FEWEST:
        return None
    typical = float(median(usage.values()))
    pod, most = max(usage.items(), key=lambda item: (item[1], item[0]))
    stands_out = most > TIMES * typical and most > typical + LEAST_BYTES
    return Hot(pod, most, typical) if stands_out else None
