"""Containers that wait for memory under a lowered limit get it back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, forecasted, mi, pod, size
from foresize_forecast.deciding import ladder
from foresize_forecast.deciding.stalls import NO_RATES, RATE_S, STALLED_SHARE, WATCH_S, Rates, Waiting, stall
from foresize_forecast.deciding.state import ContainerState, WorkloadState
from foresize_forecast.deciding.stored import dump, load
from foresize_forecast.reasons import Reason
from foresize_forecast.sizes import QosClass, WorkloadPolicy
from foresize_forecast.workloads.review import Observation, Review, review

LOWERED_S = NOW_S - 400.0
LOWERED = ContainerState(target=size(60, 100), limit_changed_at_s=LOWERED_S, limit_before_lowering=mi(200))


def rates(*points: tuple[float, float]) -> Rates:
    """A rate at moments, in seconds from the change."""
    return Rates(np.array([LOWERED_S + at for at, _ in points]), np.array([value for _, value in points]))


@pytest.mark.parametrize(
    ("waiting", "shown"),
    [
        (Waiting(stalled=rates((-60, 0.01), (240, 0.12))), "it waits for memory 12% of the time, 1% before"),
        (Waiting(stalled=rates((-60, 0.05), (240, 0.12))), ""),  # 12 % is less than three times 5 %
        (Waiting(stalled=rates((240, 0.04))), ""),  # less than a twentieth
        (Waiting(stalled=rates((120, 0.5))), ""),  # a rate over 180 s that began before the change
        (Waiting(stalled=NO_RATES, faults=rates((240, 500.0))), ""),  # pressure is measured, and there is none
        (Waiting(faults=rates((-60, 2.0), (240, 60.0))), "it has 60 major page faults a second, 2 before"),
        (Waiting(faults=rates((-60, 7.0), (240, 60.0))), ""),  # less than ten times as many
        (Waiting(faults=rates((240, 40.0))), ""),
        (Waiting(), ""),
    ],
)
def test_a_stall_is_what_rose_since_the_limit_was_lowered(waiting: Waiting, shown: str) -> None:
    """Pressure where it is measured, else major faults; what was so before is not laid at the change's door."""
    assert stall(waiting, LOWERED_S, NOW_S).startswith(shown)
    assert bool(shown) is bool(stall(waiting, LOWERED_S, NOW_S))


@given(
    st.lists(st.tuples(st.floats(-WATCH_S, WATCH_S), st.floats(0, 1)), max_size=10),
    st.lists(st.tuples(st.floats(-WATCH_S, WATCH_S), st.floats(0, 1000)), max_size=10),
)
def test_nothing_is_laid_at_a_change_that_did_not_come_after_it(
    stalled: list[tuple[float, float]], faults: list[tuple[float, float]]
) -> None:
    """Without a rate that began after the change there is no stall, whatever was measured before."""
    early = Waiting(
        rates(*((at, value) for at, value in stalled if at <= RATE_S)),
        rates(*((at, value) for at, value in faults if at <= RATE_S)),
    )

    assert "" == stall(early, LOWERED_S, NOW_S)
    assert "" == stall(replace(early, stalled=None), LOWERED_S, NOW_S)


def looked(state: ContainerState, waiting: Waiting | None, usage_limit_mib: float = 100) -> Review:
    """A look at a pod of 60 MiB and this limit, of whose container so much is measured."""
    view = container(present=size(60, usage_limit_mib))
    found = {} if waiting is None else {("web-abc-1", "app"): waiting}
    seen = Observation(NOW_S, (pod(view),), {}, {"app": size(60, 400)}, QosClass.BURSTABLE, waiting=found)
    known = {"app": forecasted([60.0] * 12)}
    return review(WorkloadState({"app": state}), seen, known, WorkloadPolicy())


def test_a_stall_gives_the_limit_back() -> None:
    """Lowered from 200 to 100 MiB six minutes ago, and it waits a fifth of the time: 200 again, and why is told."""
    found = looked(LOWERED, Waiting(stalled=rates((240, 0.2))))
    verdict, state = found.verdicts["app"], found.state.container("app")

    assert (mi(200), Reason.STALLED) == (verdict.target.limit_bytes, verdict.reason)
    assert "back to the limit before: it waits for memory 20% of the time" in verdict.message
    assert verdict.creation is not None
    assert (verdict.creation.limit_bytes or 0) >= mi(200)
    assert load(dump(found.state)) == found.state
    assert not ladder.is_watched(state, NOW_S)


def test_what_a_stall_taught_holds_for_a_week() -> None:
    """So long the limit is not lowered below it; then it may be tried again."""
    taught = looked(LOWERED, Waiting(stalled=rates((240, 0.2)))).state.container("app")

    assert mi(200) == ladder.floor_bytes(taught, NOW_S + ladder.STALL_FLOOR_S)
    assert 0 == ladder.floor_bytes(taught, NOW_S + ladder.STALL_FLOOR_S + 1)


def test_a_stall_is_laid_at_a_lowered_limit_only() -> None:
    """Of a limit that was raised, or lowered a while ago, nothing is known that a higher one would cure."""
    waits = Waiting(stalled=rates((240, 2 * STALLED_SHARE)))
    raised = replace(LOWERED, limit_before_lowering=None)
    long_ago = replace(LOWERED, limit_changed_at_s=NOW_S - WATCH_S - 1)

    for state in (raised, long_ago):
        assert mi(100) == looked(state, waits).verdicts["app"].target.limit_bytes


def test_a_kill_goes_before_a_stall() -> None:
    """Twice the limit that killed is more than the limit before: the higher of both lessons holds."""
    killed = replace(LOWERED, kill_floor_bytes=mi(300))

    assert mi(300) == looked(killed, Waiting(stalled=rates((240, 0.2)))).verdicts["app"].target.limit_bytes
