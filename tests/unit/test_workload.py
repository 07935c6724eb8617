"""One look at a workload."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW_S, container, forecasted, mi, pod, recent, size
from foresize_forecast.deciding.state import Attempt, WorkloadState
from foresize_forecast.pods import Kill, Room
from foresize_forecast.reasons import Blocked, Obstacle
from foresize_forecast.resizing.podroom import PodChange, within_room
from foresize_forecast.sizes import ContainerPolicy, QosClass, WorkloadPolicy
from foresize_forecast.workloads.review import Observation, creation_sizes, pod_change, proven, review

HOUR_S, DAY_S = 3600, 86_400
FORECASTS = {"app": forecasted([140.0] * 12)}
"""Ask for a request of 140 x 1.01 = 141.4, rounded up 142 MiB, and a limit of 140 x 1.1 = 154 MiB."""


def seen(**changes: Any) -> Observation:
    """One pod of a workload with current samples."""
    given: dict[str, Any] = {
        "now_s": NOW_S,
        "pods": (pod(),),
        "recent": {("web-abc-1", "app"): recent([50, 50, 50, 50])},
        "template": {"app": size(64, 128)},
        "qos": QosClass.BURSTABLE,
    }
    return Observation(**{**given, **changes})


def test_a_kill_in_a_pods_status_climbs_the_ladder_whenever_it_is_read() -> None:
    """A kill that happened while the operator was down is found in lastState, and counted once."""
    killed = seen(pods=(pod(container(last_kill=Kill(NOW_S - 500.0, mi(128)))),))
    first = review(WorkloadState(), killed, FORECASTS, WorkloadPolicy())
    second = review(first.state, killed, FORECASTS, WorkloadPolicy())

    assert mi(256) == first.verdicts["app"].target.limit_bytes
    assert mi(256) == second.verdicts["app"].target.limit_bytes


def test_a_kill_whose_pod_is_gone_climbs_the_ladder_once() -> None:
    """Known from a record, and a second later from the status of a pod that lives still, it is one kill."""
    on_record = seen(past_kills={"app": (Kill(NOW_S - 501.0, mi(128)),)})
    both = seen(
        pods=(pod(container(last_kill=Kill(NOW_S - 500.0, mi(128)))),),
        past_kills={"app": (Kill(NOW_S - 501.0, mi(128)),)},
    )
    first = review(WorkloadState(), on_record, FORECASTS, WorkloadPolicy())
    second = review(first.state, both, FORECASTS, WorkloadPolicy())

    assert mi(256) == first.state.container("app").kill_floor_bytes
    assert first.state.container("app").kills == second.state.container("app").kills


def test_a_kill_that_is_forgotten_is_not_learnt_again() -> None:
    """A pod's status tells of its last kill for ever; a window after it the limit follows the forecast again."""
    old = seen(pods=(pod(container(last_kill=Kill(NOW_S - 15.0 * DAY_S, mi(128)))),))
    found = review(WorkloadState(), old, FORECASTS, WorkloadPolicy())

    assert (0, ()) == (found.state.container("app").kill_floor_bytes, found.state.container("app").kills)


def test_a_container_that_no_pattern_names_is_left_alone() -> None:
    """A policy for `web-*` does not touch `app`."""
    found = review(WorkloadState(), seen(), FORECASTS, WorkloadPolicy(containers=(("web-*", ContainerPolicy()),)))

    assert {} == found.verdicts


def test_the_hottest_replica_counts() -> None:
    """One of two pods uses 400 MiB: the shared request is not lowered below it."""
    pods = (
        pod(container(present=size(500, 900))),
        pod(container(present=size(500, 900)), name="web-abc-2", uid="uid-2"),
    )
    recents = {("web-abc-1", "app"): recent([50] * 4), ("web-abc-2", "app"): recent([400] * 4)}
    found = review(WorkloadState(), seen(pods=pods, recent=recents), FORECASTS, WorkloadPolicy())

    assert mi(404) == found.verdicts["app"].target.request_bytes  # 400 x 1.01


@pytest.mark.parametrize(
    ("hot_mib", "request_mib"), [([50, 50, 50, 50, 102], 100), ([102] * 5, 103.5), ([50, 50, 50, 50, 104], 105.5)]
)
def test_a_replica_that_is_over_its_request_for_a_moment_raises_nothing(
    hot_mib: list[float], request_mib: float
) -> None:
    """102 MiB of 100 for one sample are ridden out, for a minute they are claimed (x 1.01), as is more at once."""
    pods = (pod(container(present=size(100, 300))), pod(container(present=size(100, 300)), name="web-abc-2", uid="2"))
    recents = {("web-abc-1", "app"): recent(hot_mib), ("web-abc-2", "app"): recent([60] * 5)}
    found = review(WorkloadState(), seen(pods=pods, recent=recents), {"app": forecasted([97.0] * 12)}, WorkloadPolicy())

    assert mi(request_mib) == found.verdicts["app"].target.request_bytes


def test_a_guaranteed_workload_gets_one_number() -> None:
    """Its limit equals its request: 140 x 1.02 = 142.8, up 143 MiB; what is paid for gets no second margin."""
    found = review(WorkloadState(), seen(qos=QosClass.GUARANTEED), FORECASTS, WorkloadPolicy())

    assert size(143, 143) == found.verdicts["app"].target


def test_a_pod_gets_its_workloads_target() -> None:
    """The patch names the container and the target."""
    looked_at = seen()
    found = review(WorkloadState(), looked_at, FORECASTS, WorkloadPolicy())

    assert PodChange({"app": size(142, 154)}) == pod_change(pod(), found, looked_at, Room())


def test_a_revision_is_proven_by_samples_of_its_own() -> None:
    """An hour for the request, a day for the limit; samples of the history count, not only the pod's age."""
    young = seen(pods=(pod(created_s=NOW_S - 60.0),))
    known = seen(pods=(pod(created_s=NOW_S - 60.0),), first_samples_s={"abc": NOW_S - 2.0 * HOUR_S})
    without = review(WorkloadState(), young, FORECASTS, WorkloadPolicy()).state
    with_history = review(WorkloadState(), known, FORECASTS, WorkloadPolicy()).state

    assert (False, False) == (proven(without, "abc", NOW_S).request, proven(without, "abc", NOW_S).limit)
    assert (True, False) == (proven(with_history, "abc", NOW_S).request, proven(with_history, "abc", NOW_S).limit)
    assert proven(with_history, "abc", NOW_S + DAY_S).limit
    assert proven(without, "", NOW_S).limit  # kinds without revisions have nothing to prove


def test_attempts_on_pods_that_are_gone_are_forgotten() -> None:
    """Memory does not grow with every pod that ever lived."""
    state = WorkloadState(attempts={"gone": Attempt(1.0), "uid-1": Attempt(2.0)})

    assert {"uid-1": Attempt(2.0)} == review(state, seen(), FORECASTS, WorkloadPolicy()).state.attempts


def test_without_quota_a_pod_is_born_with_its_size() -> None:
    """Request and limit of the plan's highest step."""
    found = review(WorkloadState(), seen(), FORECASTS, WorkloadPolicy())

    assert {"app": size(140, 154)} == creation_sizes(found, seen(), 3, Room())


def test_a_quota_without_head_room_for_all_replicas_keeps_the_template_as_ceiling() -> None:
    """Three replicas would each need 76 MiB more of requests; with 227 left they get what the template says."""
    found = review(WorkloadState(), seen(), FORECASTS, WorkloadPolicy())
    tight = creation_sizes(found, seen(), 3, Room(quota_request_free_bytes=mi(227)))
    enough = creation_sizes(found, seen(), 3, Room(quota_request_free_bytes=mi(228)))

    assert {"app": size(64, 128)} == tight
    assert {"app": size(140, 154)} == enough


@pytest.mark.parametrize(
    "bounds",
    [
        Room(pod_max_bytes=mi(180)),  # 154 and the sidecar's 32 are 186
        Room(pod_min_bytes=mi(160)),  # 140 and its 16 are 156
        Room(pod_ratio_max=1.1),  # 186 of 156
        Room(node_allocatable_bytes=mi(150)),  # 140 and 16 are 156
    ],
)
def test_a_pod_out_of_bounds_as_a_whole_is_born_as_its_template_says(bounds: Room) -> None:
    """Each container for itself is within them; the API server looks at their sum, and the sidecar counts too."""
    whole = seen(template={"app": size(64, 128), "sidecar": size(16, 32)}, bounds=bounds)
    only_app = WorkloadPolicy(containers=(("app", ContainerPolicy()),))
    found = review(WorkloadState(), whole, FORECASTS, only_app)

    assert {"app": size(64, 128)} == creation_sizes(found, whole, 3, Room())
    assert {"app": size(140, 154)} == creation_sizes(found, replace(whole, bounds=Room()), 3, Room())


def test_a_running_pod_is_not_resized_out_of_bounds() -> None:
    """100 MiB at most 146 beside a sidecar of 32: a LimitRange that allows a pod 170 would refuse the patch."""
    whole = pod(container(), container("sidecar", size(16, 32), sidecar=True))
    asked = {"app": size(100, 146)}
    refused = within_room(whole, asked, Room(pod_max_bytes=mi(170)))

    assert isinstance(refused, Blocked)
    assert (Obstacle.POD_BOUNDS, "the pod would have 178Mi in all, a LimitRange allows a pod 170Mi") == (
        refused.obstacle,
        refused.message,
    )
    assert PodChange(asked) == within_room(whole, asked, Room(pod_max_bytes=mi(178)))


def test_a_workload_without_pods_keeps_its_template() -> None:
    """Scaled to zero there is no sample to lower anything against."""
    found = review(WorkloadState(), seen(pods=(), recent={}), {"app": forecasted([10.0] * 4)}, WorkloadPolicy())

    assert size(64, 128) == found.verdicts["app"].target
