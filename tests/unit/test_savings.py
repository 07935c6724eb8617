"""What a plan saves, derived by hand."""

from __future__ import annotations

import pytest

from builders import NOW_S, forecasted, mi
from foresize_forecast.pods import Room
from foresize_forecast.sizes import ContainerPolicy
from foresize_forecast.sizing.plan import Plan, Step
from foresize_forecast.workloads.savings import Share, planned_mean_bytes, total


def test_the_sum_counts_each_pod() -> None:
    """2 pods with 300 of which 100 are planned save 400, one with 50 for 60 costs 10; the rest is left out."""
    shares = [
        Share(2, 300, 100.0),
        Share(1, 50, 60.0),
        Share(5, None, 100.0),
        Share(3, 70, None, limit_bytes=80, peak_bytes=90),
    ]
    found = total(shares)

    assert (650, 260, 390) == (found.requested_bytes, found.planned_bytes, found.saved_bytes)
    assert (2, 2, 1) == (found.containers, found.left_out, found.at_risk)


@pytest.mark.parametrize(("limit", "peak", "at_risk"), [(100, 101, True), (100, 100, False), (None, 101, False)])
def test_a_limit_is_at_risk_below_the_peak(limit: int | None, peak: int, *, at_risk: bool) -> None:
    """A peak that just fits is no risk, and where there is no limit none is met."""
    assert at_risk is Share(1, 1, 1.0, limit, peak).is_at_risk


def test_the_mean_is_over_time() -> None:
    """100 MiB for three hours and 300 for one are 150 on average; an hour later (2 x 100 + 300) / 3 = 166.7."""
    made = forecasted([100.0])
    steps = (Step(NOW_S, mi(100)), Step(NOW_S + 3 * 3600, mi(300)))
    made = type(made)(made.outlook, Plan(steps, NOW_S + 4 * 3600))

    def mean(now_s: float, policy: ContainerPolicy = ContainerPolicy()) -> float:  # noqa: B008 - a value
        return planned_mean_bytes(made, policy, Room(), now_s) / mi(1)

    assert mean(NOW_S) == pytest.approx(150)
    assert mean(NOW_S + 3600) == pytest.approx(500 / 3)
    assert mean(NOW_S + 9 * 3600) == 300
    # Within bounds: 200 at most makes (3 x 100 + 200) / 4.
    assert mean(NOW_S, ContainerPolicy(max_bytes=mi(200))) == pytest.approx(125)
