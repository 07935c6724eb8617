"""What every door answers when it did not write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """A write that was not made, or that the API server refused."""

    message: str
    fenced: bool = False
    """Not sent at all: no lease, or the kill switch is on."""
