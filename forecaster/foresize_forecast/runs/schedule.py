"""When the next runs of a CronJob start, by its schedule as Kubernetes reads it. Pure: the clock is an argument.

Kubernetes reads five fields, or a name like `@daily`, with robfig/cron. What that reads otherwise than cronsim is left
to the hours in which runs did start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

HOUR_S = 3600
NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = 5
DAY, WEEKDAY = 2, 4
"""Their places among the fields."""
LATE_S = 600.0
"""A run has its first sample this long after its time at most: its image is pulled, its node found."""
EARLY_S = 60.0
"""Or before it: times of runs are those of intervals of a minute."""
ASKED = 4
"""So many of the newest runs are asked whether the schedule is theirs; half of them have to agree."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When runs start.

    Attributes:
        text: as its owner wrote it.
        zone: an IANA name; empty for the controller manager's own, which nobody tells: mostly UTC.
    """

    text: str
    zone: str = ""

    def starts_s(self, ran_s: Sequence[float], now_s: float, horizon_s: float) -> list[float] | None:
        """The first start in each hour of a span, Unix seconds, and at least the next one, however far off.

        None where the schedule cannot be read as Kubernetes does, or where it names no time zone and the newest runs
        started at other times.

        Args:
            ran_s: when runs started, Unix seconds.
            now_s: Unix seconds.
            horizon_s: length of the span.

        Worked: `30 2 * * *` in UTC, asked at noon for a day: 02:30 of tomorrow.
        """
        expression = _expression(self.text)
        try:
            zone = ZoneInfo(self.zone or "UTC")
            if expression is None or not (self.zone or _agree(expression, ran_s)):
                return None
            return _starts(expression, zone, now_s, now_s + horizon_s)
        except (CronSimError, LookupError, ValueError, OSError):  # OSError: a zone's name that is a folder's
            return None


def _expression(text: str) -> str | None:
    """Five fields that both parsers read alike; None for intervals (`@every`), which begin with the controller."""
    fields = NAMED.get(text.strip(), text).replace("?", "*").split()
    if len(fields) != FIELDS:
        return None
    stepped = any(fields[place].startswith("*/") for place in (DAY, WEEKDAY))
    # Of a day and a weekday robfig/cron takes either where one has a step, cronsim both.
    return None if stepped and "*" not in {fields[DAY], fields[WEEKDAY]} else " ".join(fields)


def _starts(expression: str, zone: ZoneInfo, since_s: float, until_s: float) -> list[float]:
    found: list[float] = []
    after_s = since_s
    while (start := next(CronSim(expression, datetime.fromtimestamp(after_s, UTC).astimezone(zone)), None)) is not None:
        if found and start.timestamp() > until_s:
            break
        found.append(start.timestamp())
        after_s = (found[-1] // HOUR_S + 1) * HOUR_S - 1
    return found


def _agree(expression: str, ran_s: Sequence[float]) -> bool:
    """Whether the newest runs started when the schedule says, in UTC."""
    newest = sorted(ran_s)[-ASKED:]
    late_s = [each - _last_s(expression, each + EARLY_S) for each in newest]
    return 2 * sum(each <= LATE_S for each in late_s) >= len(newest) > 0


def _last_s(expression: str, until_s: float) -> float:
    """The last time before a moment, Unix seconds; minus infinity where there was none."""
    last = next(CronSim(expression, datetime.fromtimestamp(until_s, UTC), reverse=True), None)
    return float("-inf") if last is None else last.timestamp()
