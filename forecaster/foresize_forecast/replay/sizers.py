"""The sizers that a replay can play, by the names that users write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foresize_forecast.replay.errors import TraceError
from foresize_forecast.replay.ours import Foresize
from foresize_forecast.replay.peers import ORACLES, PEERS
from foresize_forecast.replay.static import Static
from foresize_forecast.replay.trace import Sizer


@dataclass(frozen=True, slots=True)
class Policy:
    """A sizer that can be asked for by name.

    Attributes:
        make: a fresh one.
        whole: it learns across namespaces, so it has to see all series of a trace at once.
    """

    make: Callable[[], Sizer]
    whole: bool = False


POLICIES: Mapping[str, Policy] = {
    "foresize": Policy(Foresize, whole=True),
    **{name: Policy(make) for name, make in PEERS.items()},
    "static": Policy(Static),
    **{name: Policy(make) for name, make in ORACLES.items()},
}
BASELINE = "vpa"
"""What others are compared with: the real VPA with its floor of 250 MiB."""


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The names of policies, all where none is given.

    Raises:
        TraceError: a name is none of the policies.
    """
    unknown = [name for name in names if name not in POLICIES]
    if unknown:
        raise TraceError(f"--policies: {unknown[0]!r} is no policy; {', '.join(POLICIES)} are")
    return tuple(dict.fromkeys(names)) or tuple(POLICIES)
