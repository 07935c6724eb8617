"""A circuit breaker for decreases: where kills rise all over the cluster, nothing is lowered until they have ended.

One workload that is killed again and again is its own ladder's business. Many containers killed at once have a common
cause, be it load, a node image or Foresize itself, and whatever it is, it is no time to take memory away.
"""

from __future__ import annotations

from collections.abc import Iterable

from foresize_forecast.deciding.state import WorkloadState

HOUR_S = 3600.0
DAY_HOURS = 24
LEAST_CONTAINERS = 3
"""Fewer containers killed in an hour are no alarm, however quiet it was before."""
FACTOR = 3.0
"""More than so many times the usual number of containers in an hour are one."""


def alarm(states: Iterable[WorkloadState], now_s: float) -> str:
    """Why nothing may be lowered, for a reader; empty where it may.

    Containers count, not kills: those of the last hour against the mean of the 24 hours before. It ends by itself, an
    hour after the kills have.

    Worked: four containers in the last hour. Twelve in single hours of the day before are 0.5 an hour, and 4 > 3 x 0.5.

    Args:
        states: what is remembered of all workloads.
        now_s: Unix seconds.
    """
    recent, usual = 0, 0
    for state in states:
        for container in state.containers.values():
            hours = {int((now_s - kill.at_s) // HOUR_S) for kill in container.kills}
            recent += 0 in hours
            usual += len(hours.intersection(range(1, DAY_HOURS + 1)))
    if recent < LEAST_CONTAINERS or recent <= FACTOR * usual / DAY_HOURS:
        return ""
    rate = f"{recent} containers in the last hour, {usual / DAY_HOURS:.1f} an hour in the day before"
    return f"nothing is lowered while kills rise: {rate}"
