"""The peers' rules, each on a case worked by hand from its published constants."""

from __future__ import annotations

import numpy as np
import pytest

from foresize_forecast.replay.peers import Krr, Vpa
from foresize_forecast.replay.simulate import Sizes
from foresize_forecast.series import ContainerKey, Grid, History

NAN = np.nan
MIB = 1 << 20
HOUR_S, DAY_S = 3600, 86_400
KEY = (ContainerKey("ns", "Deployment/w", "main"),)


def seen(values: list[float], step_s: int = HOUR_S) -> History:
    return History(Grid(0, step_s, len(values)), KEY, np.array([values]), np.full(1, NAN))


def step(
    sizer: Krr | Vpa, history: History, present: float = NAN, killed: float = NAN, now_s: int | None = None
) -> float:
    sizes = Sizes(np.array([present]), np.array([present]))
    result = sizer.step(now_s or history.grid.end_s, history, sizes, np.array([killed]))
    np.testing.assert_array_equal(result.request, result.limit)
    return float(result.request[0])


def bucket_end(number: int) -> float:
    """The end of VPA's histogram bucket: 10 MB times (1.05^(n+1) - 1) / 0.05."""
    return 1e7 * (1.05 ** (number + 1) - 1) / 0.05


def test_krr_is_the_maximum_and_15_percent() -> None:
    """KRR asks for the highest sample and 15 %, in whole MiB."""
    # 200.5 MiB x 1.15 = 230.575, rounded up.
    assert 231 * MIB == step(Krr(), seen([100.0 * MIB, 200.5 * MIB, 150.0 * MIB]))


def test_krr_never_goes_below_100_mib() -> None:
    """KRR's floor holds for small containers."""
    assert 100 * MIB == step(Krr(), seen([10.0 * MIB] * 5))


def test_krr_forgets_after_14_days() -> None:
    """A peak older than 14 days counts no more."""
    # 14 days are 336 hours: the peak is the 337th sample from the end, then the 336th.
    assert 115 * MIB == step(Krr(), seen([900.0 * MIB] + [100.0 * MIB] * 336))
    assert 1035 * MIB == step(Krr(), seen([900.0 * MIB] + [100.0 * MIB] * 335))


def test_krr_waits_for_100_samples() -> None:
    """KRR says nothing before it has 100 samples of 75 s: 125 minutes, 25 intervals of 5."""
    assert np.isnan(step(Krr(), seen([100.0 * MIB] * 24, 300)))
    assert 115 * MIB == step(Krr(), seen([100.0 * MIB] * 25, 300))


def test_vpa_adds_15_percent_to_the_end_of_a_bucket() -> None:
    """One peak: VPA's target is the end of its bucket and 15 %."""
    # 500e6: n = floor(log(500e6 x 0.05 / 1e7 + 1) / log 1.05) = floor(log 3.5 / log 1.05) = floor(25.68) = 25,
    # which ends at 1e7 (1.05^26 - 1) / 0.05 = 511,134,537.6; x 1.15 = 587,804,718.
    assert pytest.approx(587_804_718, abs=1) == step(Vpa(), seen([500e6]))
    assert pytest.approx(587_804_718, abs=1) == bucket_end(25) * 1.15


def test_vpa_has_a_floor_of_250_mib() -> None:
    """Small containers get 250 MiB."""
    assert 250 * MIB == step(Vpa(), seen([20e6]))


def test_vpa_takes_one_peak_a_day() -> None:
    """A day with a peak in one hour is as large as a day at the peak throughout."""
    assert step(Vpa(), seen([500e6] * 24)) == step(Vpa(), seen([100e6] * 10 + [500e6] + [100e6] * 13))


def test_vpa_forgets_a_peak_within_three_windows() -> None:
    """The weight of a peak halves each day: after four smaller ones it is below a tenth and does not count."""
    # Weights 1, 2, 4, 8 of the peak and three later windows: 1 of 15 is 6.7 %, below the 10 % above p90; after two
    # later windows 1 of 7 is 14 %, so that p90 is still the peak's bucket.
    peak, base = [2000e6] * 24, [500e6] * 24
    high = 1.15 * bucket_end(int(np.log(2000e6 * 0.05 / 1e7 + 1) / np.log(1.05)))

    assert pytest.approx(high) == step(Vpa(), seen(peak + 2 * base))
    assert pytest.approx(587_804_718, abs=1) == step(Vpa(), seen(peak + 3 * base))


def test_vpa_leaves_a_request_that_is_near_its_target() -> None:
    """Within bounds and 10 % a pod stays as it is; beyond 10 % a pod of 12 hours is resized."""
    day = seen([500e6] * 25)

    # Target 587.8e6: 600e6 is 2 % off; 660e6 is 10.9 % off (of the 660e6 it has).
    assert 600e6 == step(Vpa(), day, present=600e6)
    assert pytest.approx(587_804_718, abs=1) == step(Vpa(), day, present=660e6)


def test_vpa_waits_12_hours_within_its_bounds() -> None:
    """A young pod within the bounds is left alone, however far from the target."""
    # One sample: the upper bound is nearly infinite, the lower nearly 0, so that only age matters.
    assert 900e6 == step(Vpa(), seen([500e6]), present=900e6)
    assert pytest.approx(587_804_718, abs=1) == step(Vpa(), seen([500e6] + [NAN] * 12), present=900e6)


def test_vpa_raises_a_killed_container_from_its_request() -> None:
    """After a kill the request and 100 MiB (or 20 %, where that is more) counts as a peak."""
    # Killed at 1000e6: max(1000e6 + 104,857,600, 1200e6) = 1200e6 is the window's peak now.
    # n = floor(log(1200e6 x 0.05 / 1e7 + 1) / log 1.05) = floor(log 7 / log 1.05) = floor(39.88) = 39.
    sizer = Vpa()
    history = seen([500e6] * 20)

    assert pytest.approx(1.15 * bucket_end(39)) == step(sizer, history, present=1000e6, killed=1000e6)


def test_vpa_reads_each_sample_once() -> None:
    """Stepped hour by hour it comes to the same as in one step."""
    values = list(np.linspace(300e6, 700e6, 60))
    gradual = Vpa()
    for hours in range(1, 61):
        last = step(gradual, seen(values[:hours]))

    assert step(Vpa(), seen(values)) == last
