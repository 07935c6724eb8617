"""No command hangs: what does not answer in time is given up, and said so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Made = TypeVar("Made")


class TimedOutError(Exception):
    """What was asked had no answer in time."""


@dataclass(slots=True)
class _Outcome(Generic[Made]):
    made: list[Made] = field(default_factory=list)
    error: list[BaseException] = field(default_factory=list)


def within(timeout_s: float, work: Callable[[], Made]) -> Made:
    """What `work` makes, done in a thread of its own that nobody waits for once its time is over.

    Raises:
        TimedOutError: it takes longer.
        BaseException: whatever `work` raises.
    """
    outcome: _Outcome[Made] = _Outcome()

    def run() -> None:
        try:
            outcome.made.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
            outcome.error.append(error)

    thread = threading.Thread(target=run, name="command", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if outcome.error:
        raise outcome.error[0]
    if not outcome.made:
        raise TimedOutError(f"no answer within {timeout_s:g} s: give it more with --timeout")
    return outcome.made[0]
