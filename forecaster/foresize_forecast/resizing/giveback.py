"""The way back: from the sizes that a pod has to those that its owner wrote, as far as a running pod can go.

No forecast, no usage: the kubelet refuses a limit below use, and the refusal is what is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foresize_forecast.pods import ContainerView, PodView
from foresize_forecast.reasons import Blocked
from foresize_forecast.resizing.podchange import unpatchable
from foresize_forecast.resizing.podroom import PodChange
from foresize_forecast.sizes import Size, in_mebibytes


@dataclass(frozen=True, slots=True)
class GiveBack:
    """What gives a pod its owner's sizes.

    Attributes:
        change: the patch, or what forbids any; None where it has them.
        kept: what cannot be given back while the pod lives, in words.
    """

    change: PodChange | Blocked | None
    kept: tuple[str, ...] = ()


def given_back(pod: PodView, owners: Mapping[str, Size]) -> GiveBack:
    """The way back of one pod.

    Args:
        pod: as it is now.
        owners: by container name, what its owner wrote; containers without a row stay as they are.
    """
    if pod.terminating:
        return GiveBack(None)
    found = {c.name: (c, _owners(c, owners[c.name])) for c in pod.containers if c.name in owners}
    sizes = {name: size for name, (container, size) in found.items() if size != container.size}
    kept = tuple(words for c, _ in found.values() for words in _kept(c, owners[c.name]))
    if not sizes:
        return GiveBack(None, kept)
    return GiveBack(unpatchable(pod, sizes) or PodChange(sizes), kept)


def _owners(container: ContainerView, owner: Size) -> Size:
    """The owner's size; what he left out stays, for neither a request nor a limit can be taken from a running pod."""
    request = container.size.request_bytes if owner.request_bytes is None else owner.request_bytes
    limit = container.size.limit_bytes if owner.limit_bytes is None else owner.limit_bytes
    if request is None or limit is None or request <= limit:
        return Size(request, limit)
    return Size(limit, limit) if owner.request_bytes is None else Size(request, request)


def _kept(container: ContainerView, owner: Size) -> list[str]:
    here = container.size
    pairs = (("request", here.request_bytes, owner.request_bytes), ("limit", here.limit_bytes, owner.limit_bytes))
    return [
        f"the {part} of {container.name}, {in_mebibytes(has)}: its template has none, and only a new pod can be without"
        for part, has, wrote in pairs
        if wrote is None and has is not None
    ]
