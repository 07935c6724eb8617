"""The door to replicas: one number for another, and nobody else's overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver import Answer, Request, serving, status
from foresize.cluster.workloads import Workload, read
from foresize.doors.refused import Refused
from foresize.doors.scale import scale
from foresize.kube.lease import Fence
from objectserver import Objects

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
HELD = Fence(lambda: True)


@pytest.fixture
def objects() -> Objects:
    made = Objects()
    made.put(WEB, {"metadata": {"uid": "uid"}, "spec": {"replicas": 2}})
    return made


def web(objects: Objects, uid: str = "uid") -> Workload:
    """The workload as it was read."""
    return read({**objects.stored[WEB], "metadata": {"namespace": "shop", "name": "web", "uid": uid}}, "Deployment")


def scaled(objects: Objects, before: int, after: int, fence: Fence = HELD, uid: str = "uid") -> Refused | None:
    """What the door says."""
    with serving(objects.answer) as api:
        return scale(api, fence, web(objects, uid), before, after)


def written(objects: Objects) -> list[Any]:
    """The bodies of its patches."""
    return [each.body for each in objects.requests if each.method == "PATCH"]


def test_one_number_for_another_bound_to_what_was_read(objects: Objects) -> None:
    """The patch carries the version that was read: a write in between makes it fail."""
    version = objects.stored[WEB]["metadata"]["resourceVersion"]

    assert None is scaled(objects, 2, 0)
    assert [{"metadata": {"resourceVersion": version}, "spec": {"replicas": 0}}] == written(objects)
    assert None is scaled(objects, 2, 0)  # done already: nothing is sent
    assert 1 == len(written(objects))


def test_another_number_or_another_workload_is_left_alone(objects: Objects) -> None:
    """Somebody has scaled it to two, or has made it anew."""
    refused = scaled(objects, 3, 0)

    assert refused is not None
    assert "it has 2 replicas and not 3: somebody else has scaled it" == refused.message
    assert None is scaled(objects, 2, 0, uid="another")
    assert [] == written(objects)


def test_a_controller_that_writes_in_between_is_tried_again(objects: Objects) -> None:
    """Twice overtaken, then written; for ever overtaken, refused."""
    conflicts = iter([True, True, False])

    def overtaken(request: Request) -> Answer | None:
        modified = request.method == "PATCH" and next(conflicts, True)
        return status(409, "the object has been modified") if modified else None

    objects.refuse = overtaken
    assert None is scaled(objects, 2, 0)
    refused = scaled(objects, 0, 2)
    assert refused is not None
    assert "the object has been modified" == refused.message


def test_without_the_lease_nothing_is_sent(objects: Objects) -> None:
    """The door asks the fence first."""
    refused = scaled(objects, 2, 0, Fence(lambda: False))

    assert refused is not None
    assert refused.fenced
    assert [] == objects.requests
