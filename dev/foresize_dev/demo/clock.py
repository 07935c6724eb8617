"""The demo's voice: one line an event, with the seconds since the demo began."""

import time


class Clock:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._started_s

    def say(self, line: str) -> None:
        """Print one line."""
        print(f"{self.seconds:6.1f} s  {line}", flush=True)
