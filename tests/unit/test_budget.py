"""A policy's memory budget, dealt out by forecast need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW_S, container, evidence, forecasted, mi, pod, recent, size
from foresize_forecast.deciding.decide import decide
from foresize_forecast.deciding.state import ContainerState
from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.sizes import GIB, ContainerPolicy, LimitStrategy, QosClass, WorkloadPolicy
from foresize_forecast.workloads.budget import Need, need, shares

needs = st.dictionaries(
    st.integers(0, 20),
    st.builds(
        lambda wanted, used, fixed: Need(wanted, wanted * used, fixed),
        *(st.floats(0, 100), st.floats(0, 1)),
        st.floats(0, 20),
    ),
    max_size=8,
)


def test_who_uses_more_than_an_even_share_gets_what_it_uses() -> None:
    """10 GiB for three that want 8, 4 and 4 and use 1, 1 and 3: 3 for the third, 7 of 12 for the others."""
    found = shares({"a": Need(8 * GIB, GIB), "b": Need(4 * GIB, GIB), "c": Need(4 * GIB, 3 * GIB)}, 10 * GIB)

    assert found == pytest.approx({"a": 7 / 12, "b": 7 / 12, "c": 0.75})


def test_a_budget_that_is_enough_cuts_nobody() -> None:
    """What is fixed counts: 3 GiB of 10 are, and 7 are wanted."""
    asked = {"a": Need(7 * GIB, GIB), "b": Need(fixed=3 * GIB)}

    assert {"a": 1.0, "b": 1.0} == shares(asked, 10 * GIB)
    assert shares(asked, 9 * GIB) == pytest.approx({"a": 6 / 7, "b": 1.0})


def test_a_budget_below_what_is_in_use_takes_nothing_that_is_in_use() -> None:
    """5 GiB are used and 1 is given: each keeps what it uses."""
    found = shares({"a": Need(8 * GIB, 4 * GIB), "b": Need(2 * GIB, GIB)}, GIB)

    assert found == pytest.approx({"a": 0.5, "b": 0.5})


@given(needs, st.floats(0, 300))
def test_nobody_gets_less_than_it_uses_nor_more_than_it_wants(asked: dict[int, Need], budget: float) -> None:
    """And the sum is within the budget wherever what is used and fixed is."""
    found = shares(asked, budget)
    got = {key: found[key] * each.wanted for key, each in asked.items()}

    assert asked.keys() == found.keys()
    for key, each in asked.items():
        assert each.used - 1e-6 <= got[key] <= each.wanted + 1e-6
    least = sum(each.used + each.fixed for each in asked.values())
    assert sum(got.values()) + sum(each.fixed for each in asked.values()) <= max(budget, least) + 1e-6


@given(needs, st.floats(0, 300), st.floats(0, 300))
def test_a_larger_budget_gives_nobody_less(asked: dict[int, Need], one: float, more: float) -> None:
    """So that raising it never shrinks a pod."""
    small, large = shares(asked, one), shares(asked, one + more)

    assert all(small[key] <= large[key] + 1e-6 for key in asked)


def test_what_a_workload_asks_for() -> None:
    """Two pods that want 100 MiB each; one uses 40, of the other nothing is measured, so all that it has counts.

    A sidecar without a forecast has 16 in each, which nobody deals out.
    """
    pods = (
        pod(container("app", size(64, 128)), container("logs", size(16, 32)), name="one"),
        pod(container("app", size(64, 128)), container("logs", size(16, 32)), name="two"),
    )
    forecasts = {"app": forecasted([100.0] * 12), "logs": NoOutlook("NoHistory", "no samples")}
    found = need(pods, forecasts, {("one", "app"): recent([40.0, 40.0])}, WorkloadPolicy(), NOW_S)

    assert Need(2 * mi(100), mi(40) + mi(64), 2 * mi(16)) == found


@pytest.mark.parametrize("qos", [QosClass.GUARANTEED, QosClass.BURSTABLE])
def test_a_request_that_is_the_limit_too_is_not_dealt_out(qos: QosClass) -> None:
    """A share of what it needs would kill: a Guaranteed pod's request, or one whose policy ties the two, is fixed."""
    tied = WorkloadPolicy(containers=(("*", ContainerPolicy(limit=LimitStrategy.EQUAL_REQUEST)),))
    policy = WorkloadPolicy() if qos is QosClass.GUARANTEED else tied
    pods = (pod(container("app", size(128, 128)), qos=qos),)

    assert Need(fixed=mi(128)) == need(pods, {"app": forecasted([100.0] * 12)}, {}, policy, NOW_S)


def test_a_share_cuts_the_request_and_not_the_limit() -> None:
    """200 MiB are wanted and half of them given: 100 x 1.01 in whole MiB, 101; the limit holds what it would."""
    late = ContainerState(request_needed_at_s=NOW_S - 90_000, limit_changed_at_s=NOW_S - 90_000)
    policies = (WorkloadPolicy(), ContainerPolicy())
    seen = {share: evidence(size(200, 300), usage_mib=60, share=share) for share in (1.0, 0.5)}
    whole, half = (decide(late, each, forecasted([200.0] * 12), policies, NOW_S)[0] for each in seen.values())

    assert mi(101) == half.target.request_bytes
    assert whole.target.limit_bytes == half.target.limit_bytes
    assert half.creation is not None
    assert mi(100) == half.creation.request_bytes
    assert whole.wanted == half.wanted
    assert "its policy's budget gives it 50% of the request that it wants" in half.message


def test_use_goes_before_a_share() -> None:
    """150 MiB are in use where 100 are given: the request follows use."""
    policies = (WorkloadPolicy(), ContainerPolicy())
    seen = evidence(size(100, 300), usage_mib=150, share=0.5)
    verdict, _ = decide(ContainerState(), seen, forecasted([200.0] * 12), policies, NOW_S)

    assert (verdict.target.request_bytes or 0) >= mi(150)
