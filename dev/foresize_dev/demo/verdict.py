"""Whether the story came true: what was seen, held against what the demo promises. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from foresize_dev.api import Json
from foresize_dev.demo import cast
from foresize_dev.demo.chronicle import Change, Chronicle, Life, Size
from foresize_dev.demo.timeline import BETWEEN_S, PEAK_S, Timeline


@dataclass(frozen=True)
class Twin:
    """What became of a workload's pods."""

    kills: int
    restarts: int


@dataclass(frozen=True)
class Verdict:
    """The facts of a demo, and each promise that was not kept, in a sentence."""

    managed: Twin
    unmanaged: Twin
    raised_before_peak_s: float | None  # from the limit's raise to the first peak; None: it was not raised
    leak_named: bool
    born_with_forecast: bool
    broken: Sequence[str]

    def as_json(self, seconds: float) -> Json:
        """The facts for a program that started the demo."""
        raised = self.raised_before_peak_s
        return {
            "managed": {
                "kills": self.managed.kills,
                "restarts": self.managed.restarts,
                "raised_before_peak_s": None if raised is None else round(raised, 1),
            },
            "unmanaged": {"kills": self.unmanaged.kills},
            "leak_named": self.leak_named,
            "born_with_forecast": self.born_with_forecast,
            "seconds": round(seconds, 1),
            "broken": list(self.broken),
        }


def judge(seen: Chronicle, times: Timeline, promised: Size | None) -> Verdict:
    """Hold what was seen against the story.

    Args:
        seen: everything watched.
        times: when the peaks were.
        promised: what new pods of the managed twin were to be born with when it got its second replica; None: nothing.
    """
    managed, unmanaged = seen.of(cast.MANAGED), seen.of(cast.UNMANAGED)
    twins = twin(managed), twin(unmanaged)
    raises = limit_raises(managed[0].in_force) if managed else []
    raised_before_s = times.first_peak_s - raises[0].at_s if raises else None
    born = len(managed) > 1 and managed[1].sizes[0].size == promised
    leak_named = any(row.get("shape") == "Leaking" for row in seen.forecast(cast.LEAKY).get("containers", []))
    broken = [
        *_broken_by_twins(*twins),
        *_broken_by_limit(raises, times),
        *(words for peak_s in times.peaks_s for words in _broken_by_request(managed[:1], peak_s)),
        *([] if born else [f"the second replica of {cast.MANAGED} was not born with the forecast's size ({promised})"]),
        *([] if leak_named else [f"the leak of {cast.LEAKY} was not named"]),
    ]
    return Verdict(*twins, raised_before_s, leak_named, born, broken)


def twin(lives: Sequence[Life]) -> Twin:
    """Kills and restarts over all pods of a workload, also those that are gone."""
    return Twin(sum(len(life.kills) for life in lives), sum(life.restarts for life in lives))


def limit_raises(changes: Sequence[Change]) -> list[Change]:
    """The changes that gave a higher limit."""
    pairs = itertools.pairwise(changes)
    return [after for before, after in pairs if after.size.limit_bytes > before.size.limit_bytes]


def request_at(changes: Sequence[Change], at_s: float) -> int:
    """The request in force at a time."""
    begun = [change for change in changes if change.at_s <= at_s]
    return (begun or changes)[-1 if begun else 0].size.request_bytes


def _broken_by_twins(managed: Twin, unmanaged: Twin) -> list[str]:
    broken = []
    if managed.kills:
        broken.append(f"{cast.MANAGED} was OOM-killed {managed.kills} times")
    if managed.restarts:
        broken.append(f"{cast.MANAGED} was restarted {managed.restarts} times")
    if not unmanaged.kills:
        broken.append(f"{cast.UNMANAGED} was not OOM-killed")
    return broken


def _broken_by_limit(raises: Sequence[Change], times: Timeline) -> list[str]:
    if not raises:
        return [f"the limit of {cast.MANAGED} was never raised"]
    late_s = raises[0].at_s - times.first_peak_s
    return [f"the limit of {cast.MANAGED} was raised {late_s:.0f} s after the first peak began"] if late_s >= 0 else []


def _broken_by_request(lives: Sequence[Life], peak_s: int) -> list[str]:
    """Raised before a peak, lowered before the next one is due."""
    if not lives or not lives[0].in_force:
        return [f"no pod of {cast.MANAGED} ran"]
    changes = lives[0].in_force
    quiet, before = request_at(changes, peak_s - BETWEEN_S / 2), request_at(changes, peak_s)
    after = min((change.size.request_bytes for change in _between(changes, peak_s)), default=before)
    broken = []
    if before <= quiet:
        broken.append(f"the request of {cast.MANAGED} was not raised before a peak")
    if after >= before:
        broken.append(f"the request of {cast.MANAGED} was not lowered after a peak")
    return broken


def _between(changes: Sequence[Change], peak_s: int) -> list[Change]:
    """The changes from a peak's end until the next one is near."""
    return [change for change in changes if peak_s + PEAK_S <= change.at_s < peak_s + BETWEEN_S / 2 + PEAK_S]
