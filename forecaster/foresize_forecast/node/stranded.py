"""Memory of a node that nobody can have: free, but too little for any pod that waits and for a usual one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def stranded_bytes(free_bytes: int, waiting: Sequence[int], usual: Sequence[int]) -> int:
    """What of a node's free memory is stranded.

    Args:
        free_bytes: allocatable, less what is asked for.
        waiting: what each pod without a node asks for.
        usual: what each pod of the cluster asks for; 0 where it asks for nothing.

    Worked: 100 MiB free, a pod waits for 300 and half of all pods ask for 200 or more: all 100 are stranded. With one
    that waits for 80 none are.
    """
    asked = [each for each in usual if each > 0]
    least = min([*waiting, *([median(asked)] if asked else [])], default=0)
    return max(0, free_bytes) if free_bytes < least else 0
