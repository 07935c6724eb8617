"""Waiting with a deadline, for whoever waits: a wait that fails says what for, how long and what it saw last."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")
PATIENCE = "FORESIZE_PATIENCE"
"""Variable: how many times its deadline each wait may take, on a machine that has much else to do. 1 where not set."""


class DeadlineError(AssertionError):
    """What was waited for did not come in time."""


def wait_for(what: str, probe: Callable[[], T | None], deadline_s: float, every_s: float = 0.1) -> T:
    """Call `probe` until it returns something true, and return that.

    Args:
        what: what is waited for, for the message of the failure.
        probe: may raise OSError, LookupError, ValueError or RuntimeError while the thing is not there yet.
        deadline_s: seconds to wait at most, on a machine of its own.
        every_s: pause between two calls.

    Raises:
        DeadlineError: the deadline passed; the text has what the last call returned or raised.
    """
    deadline_s *= float(os.environ.get(PATIENCE, "1"))
    end = time.monotonic() + deadline_s
    while True:
        try:
            seen: object = (value := probe())
            if value:
                return value
        except (OSError, LookupError, ValueError, RuntimeError) as error:
            seen = error
        if time.monotonic() >= end:
            raise DeadlineError(f"waited {deadline_s:g} s for {what}; last seen: {seen!r}")
        time.sleep(every_s)


def wait_until(what: str, probe: Callable[[], bool], until_s: float) -> None:
    """As `wait_for`, until a time that no patience moves.

    Args:
        what: what is waited for.
        probe: whether it is there; what it raises is raised.
        until_s: Unix seconds.

    Raises:
        DeadlineError: it has not come by then.
    """
    while not probe():
        if time.time() >= until_s:
            raise DeadlineError(f"waited for {what} until {datetime.fromtimestamp(until_s, UTC):%H:%M:%S}")
        time.sleep(0.1)
