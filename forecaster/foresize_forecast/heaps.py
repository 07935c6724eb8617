"""Heaps that a process bounds by itself: what a limit can do for them, and what it cannot.

A runtime that was told how much heap it may have keeps to it whatever its container's limit is. Raising the limit is
then of use for what it holds beside its heap, and for nothing else; lowering it below the heap kills a process that
believes it has room.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from foresize_forecast.sizes import MIB, in_mebibytes

BESIDE_SHARE = 0.5
"""What a process may hold beside its heap, as a share of it, ..."""
BESIDE_BYTES = 512 * MIB
"""... but at least this: the JVM's code cache alone is 240 MiB, 250 threads' stacks as much (the defaults that
buildpacks' memory calculators reckon with)."""


class Runtime(StrEnum):
    """What runs in a container, as far as its flags tell."""

    JVM = "JVM"
    NODE = "Node.js"
    GO = "Go"


@dataclass(frozen=True, slots=True)
class Heap:
    """A bound that a process keeps by itself; one of the two is None.

    Attributes:
        runtime: whose flag it is.
        flag: as its owner wrote it.
        cap_bytes: the most that the heap takes.
        share: the most that it takes of the limit that it found at its start.
    """

    runtime: Runtime
    flag: str
    cap_bytes: int | None = None
    share: float | None = None

    @property
    def enough_bytes(self) -> int | None:
        """The limit above which a process with a fixed heap has no use for more; None where the heap is not fixed.

        Go's is soft: what is alive stays, so more may be of use.

        Worked: 512 MiB of heap and as much beside it are 1 GiB; 4 GiB and half of it are 6 GiB.
        """
        if self.cap_bytes is None or self.runtime is Runtime.GO:
            return None
        return self.cap_bytes + max(int(self.cap_bytes * BESIDE_SHARE), BESIDE_BYTES)

    @property
    def words(self) -> str:
        """What it means for sizing, for a reader."""
        if self.cap_bytes is None:
            return f"{self.runtime} takes up to {self.share:.0%} of the limit at its start ({self.flag})"
        capped = f"{self.runtime} heap of at most {in_mebibytes(self.cap_bytes)} ({self.flag})"
        if self.enough_bytes is None:
            return f"{capped}: collected hard above it"
        return f"{capped}: a limit above {in_mebibytes(self.enough_bytes)} gives it nothing"


def followed(rising_bytes: float | None, heap: Heap | None) -> float | None:
    """Where memory will be, as far as a raise without a kill may follow it."""
    enough = heap.enough_bytes if heap is not None else None
    return rising_bytes if rising_bytes is None or enough is None else min(rising_bytes, float(enough))


def promised_bytes(heap: Heap | None) -> int:
    """What a process believes it may take: a limit that is not paid for is not lowered below it. 0 for nothing."""
    return 0 if heap is None or heap.cap_bytes is None else heap.cap_bytes
