"""What a node says of itself, and what follows for resizes of its pods."""

from __future__ import annotations

import pytest

from builders import container, mi, pod, size
from foresize.cluster.nodes import INSTEAD, allocatable_bytes, cannot_resize
from foresize_forecast.pods import Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.podroom import PodChange, within_room


@pytest.mark.parametrize(
    ("version", "system", "why"),
    [
        ("v1.33.0", "linux", ""),
        ("v1.36.3", "linux", ""),
        ("v2.0.0", "linux", ""),
        ("v1.32.11-eks-1a2b", "linux", f"its node's kubelet is v1.32.11-eks-1a2b: resizing pods needs 1.33; {INSTEAD}"),
        ("v1.36.3", "windows", f"its node runs Windows, where pods cannot be resized: {INSTEAD}"),
        ("", "", ""),
        ("unknown", "linux", ""),
    ],
)
def test_nodes_that_cannot_resize_are_known(version: str, system: str, why: str) -> None:
    """A kubelet before 1.33 and Windows cannot; who does not say what he runs is taken to be able to."""
    info = {"kubeletVersion": version, "operatingSystem": system}

    assert why == cannot_resize({"status": {"nodeInfo": info}})
    assert not cannot_resize({})


def test_what_a_node_has_for_pods() -> None:
    """Its allocatable memory; none where it says nothing."""
    assert mi(1024) == allocatable_bytes({"status": {"allocatable": {"memory": "1Gi"}}})
    assert 0 == allocatable_bytes({})


def test_a_node_that_is_too_small_is_told_from_one_that_is_full() -> None:
    """Two containers that should have 150 and 100 MiB on a node of 240: not even alone on it is there room."""
    wide = pod(container("app", size(64, 128)), container("other", size(100, 128)))
    room = Room(node_free_bytes=0, node_allocatable_bytes=mi(240))
    small = within_room(wide, {"app": size(150, 200)}, room)
    full = within_room(wide, {"app": size(140, 200)}, room)

    # 150 + 100 = 250 above 240; 140 + 100 = 240 is not.
    assert isinstance(small, PodChange)
    assert "requests should grow by 86Mi, its node has 0Mi free, and 240Mi in all" == small.clipped
    assert isinstance(full, PodChange)
    assert "in all" not in full.clipped
    tied = pod(container("app", size(64, 200)), container("other", size(100, 128)))
    assert Blocked(Obstacle.NODE_TOO_SMALL, small.clipped) == within_room(tied, {"app": size(150, 200)}, room)
