"""What a policy asks of evictions and of the idle -> values: windows, budget, and which pods may go at all."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foresize.config.fields import Fields, Invalid
from foresize_forecast.moving.disruption import EVERY_DAY, Disruption, Window
from foresize_forecast.moving.idle import IdleAction, IdlePolicy

MOST_WINDOWS = 16
TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
ZONE = re.compile(r"[A-Za-z0-9+_/-]{1,64}")
ZONE_WORDS = "a time zone of the IANA database, for example UTC or Europe/Berlin"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEAK_ACTIONS = {each: each for each in ("Alert", "Hold", "Restart")}


def disruption(spec: Fields, running: str) -> Disruption:
    """What may be evicted, and when."""
    asked, leak = spec.group("disruption"), spec.group("leak")
    restarts = leak.choice("action", LEAK_ACTIONS) == "Restart"
    if restarts and running == "None":
        words = "must be Alert or Hold where spec.apply.running is None: a policy that only recommends restarts nothing"
        raise Invalid(f"{leak.at('action')} is 'Restart': {words}")
    return Disruption(
        moves=running == "InPlaceOrEvict",
        restarts_leaks=restarts,
        after_s=asked.span_s("after", "1s", "24h"),
        per_hour=int(asked.number("evictionsPerHour", 0, 1000)),
        windows=tuple(_window(row) for row in asked.rows("windows", MOST_WINDOWS)) if asked.value("windows") else (),
        horizon_s=spec.span_s("horizon", "10m", "7d"),
    )


def idle(spec: Fields, running: str) -> IdlePolicy:
    """What happens to pods that do nothing."""
    asked = spec.group("idle")
    action = asked.choice("action", {str(each): each for each in IdleAction})
    if action is not IdleAction.REPORT and running == "None":
        words = "must be Report where spec.apply.running is None: a policy that only recommends moves and stops nothing"
        raise Invalid(f"{asked.at('action')} is {str(action)!r}: {words}")
    return IdlePolicy(asked.span_s("after", "10s", "7d"), action)


def _window(row: Fields) -> Window:
    hours, minutes = row.text("start", TIME, "a time of day from 00:00 to 23:59, for example 22:30").split(":")
    days, zone = row.value("days"), row.text("timeZone", ZONE, ZONE_WORDS)
    if days is not None and (not isinstance(days, list) or not days or not all(each in DAYS for each in days)):
        raise row.invalid("days", f"a list of {', '.join(DAYS)}")
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise row.invalid("timeZone", ZONE_WORDS) from None
    return Window(
        start_minute=60 * int(hours) + int(minutes),
        duration_s=row.span_s("duration", "10m", "7d"),
        days=EVERY_DAY if days is None else frozenset(DAYS.index(each) for each in days),
        zone=zone,
    )
