"""The pods that an eviction would help, each with all that bears on it. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from foresize.config.quantities import memory_bytes
from foresize.doors.admission import Admission
from foresize.passes.managed import Managed
from foresize.reporting.forecasts import Look
from foresize_forecast.moving.disruption import REST_S, Crew
from foresize_forecast.moving.idle import IdleAction
from foresize_forecast.moving.makeroom import IDLE_REST_S, making_room, without_room
from foresize_forecast.moving.moves import Cause, Wish, born
from foresize_forecast.sizes import Size

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One wish with all that bears on it."""

    managed: Managed
    look: Look
    wish: Wish
    crew: Crew
    births: Mapping[str, Size]
    """By container name, what a new pod is created with."""

    @property
    def rest_s(self) -> float:
        """How long a pod that comes instead is not evicted for the same cause."""
        return IDLE_REST_S if self.wish.cause is Cause.IDLE else REST_S


def cases_of(
    managed: Mapping[Key, Managed], looks: Mapping[Key, Look], admission: Admission, now_s: float
) -> Iterator[Case]:
    """What looks wish for themselves, and the idle pods whose leaving others on their node wish for."""
    needy = dict(each for look in looks.values() for each in without_room(look.seen.pods, look.blocked))
    for key, look in looks.items():
        one = managed[key]
        idle = making_room(needy, look.seen.pods, look.doing, now_s) if _lets_idle_go(one) else ()
        wishing = {wish.pod.uid for wish in look.wishes}
        for wish in (*look.wishes, *(each for each in idle if each.pod.uid not in wishing)):
            crew = replace(one.crew(look.seen.pods), serves=wish.serves)
            yield Case(one, look, wish, crew, _births(admission, one, look, wish))


def _lets_idle_go(managed: Managed) -> bool:
    return managed.policy.idle.action is IdleAction.EVICT and managed.resizes and not managed.workload.runs


def _births(admission: Admission, managed: Managed, look: Look, wish: Wish) -> dict[str, Size]:
    """What a pod in its place is created with: as it is written by now, not as this pass will write it.

    A container that nothing is written for gets what its template says.
    """
    found = dict(look.seen.template)
    entries = admission.entry(managed.key) if managed.creates else {}
    for name, entry in entries.items():
        template = look.seen.template.get(name, Size(None, None))
        known = "revisions" not in entry or wish.pod.revision in entry["revisions"]
        try:
            parts = (memory_bytes(entry[part]) if part in entry else None for part in ("request", "limit"))
            found[name] = born(template, Size(*parts), known=known, qos=wish.pod.qos)
        except ValueError:  # somebody wrote what is no size; pods are created with their template's
            continue
    return found
