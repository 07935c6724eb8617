"""VPA as a sizer: cases worked by hand from its published constants, and one played by its own code."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from foresize_forecast.replay.peers import Vpa, vpa_model
from foresize_forecast.replay.peers.vpa import without_floor
from foresize_forecast.replay.trace import Track
from foresize_forecast.series import FloatArray
from replays import NAN, trace

MIB = 1 << 20
HOUR_S, DAY_S = 3600, 86_400
TARGET_500 = 587_804_717
"""Of peaks of 500e6: bucket floor(log(500e6 x 0.05 / 1e7 + 1) / log 1.05) = floor(log 3.5 / log 1.05) = floor(25.68)
ends at 1e7 (1.05^26 - 1) / 0.05 = 511,134,537.6; its whole bytes and 15 % of them: 511,134,537 + 76,670,180."""


def requests(
    values: list[float],
    declared: float,
    sizer: Vpa | None = None,
    track: Track = Track.GUARANTEED,
    step_s: int = HOUR_S,
) -> FloatArray:
    """What is in force before each value and after the last."""
    played = trace([[*values, NAN]], step_s, declared=np.array([declared]))
    sizes = (sizer or Vpa()).sizes(played, track, lambda _: None)
    ratio = 1 if track is Track.GUARANTEED else 2
    np.testing.assert_array_equal(sizes.request * ratio, sizes.limit)
    return sizes.request[0]


def target_of(bucket: int) -> float:
    """The end of a bucket, 10 MB times (1.05^(n+1) - 1) / 0.05, and 15 %."""
    return 1.15 * 1e7 * (1.05 ** (bucket + 1) - 1) / 0.05


def test_vpa_adds_15_percent_to_the_end_of_a_bucket() -> None:
    """A request below VPA's range is raised to the end of the peak's bucket and 15 %."""
    # An hour of samples puts the lower bound at (1 + 0.001 / 0.041)^-2 = 0.953 of the target, 560e6.
    assert requests([500e6], declared=500e6).tolist() == [500e6, TARGET_500]


def test_vpa_has_a_floor_of_250_mib() -> None:
    """Small containers get 250 MiB, whatever they use, unless the floor was lowered."""
    assert requests([20e6], declared=30e6)[1] == 250 * MIB
    # 20e6 is in bucket floor(log 1.1 / log 1.05) = 1, which ends at 20.5e6; x 1.15 = 23.575e6. 30e6 is 21 % too much,
    # which is mended when the pod is 12 hours old.
    small = requests([20e6] * 12, 30e6, without_floor())
    assert small[11] == 30e6
    assert small[12] == pytest.approx(23_575_000, abs=2)


def test_vpa_takes_one_peak_a_day() -> None:
    """A day with a peak in one hour is as large as a day at the peak throughout."""
    level = requests([500e6] * 24, declared=500e6)
    peak = requests([400e6] * 10 + [500e6] + [400e6] * 13, declared=600e6)

    assert level[-1] == TARGET_500
    # 600e6 is within 10 % of that target, so that it stays; of 400e6 alone it is more than 10 % off.
    assert peak[-1] == 600e6


def test_vpa_forgets_a_peak_within_three_windows() -> None:
    """The weight of a peak halves each day: after three smaller ones it is below a tenth and does not count."""
    # Weights 1, 2, 4 and 8 of the peak and three later windows: 1 of 15 is 6.7 %, less than the 10 % above p90. After
    # two later windows 1 of 7 is 14 %. 2000e6 is in bucket floor(log 11 / log 1.05) = floor(49.15) = 49.
    found = requests([2000e6] * 24 + [500e6] * 73, declared=2000e6)

    assert found[24 * 3] == pytest.approx(target_of(49), abs=2)
    assert found[24 * 3 + 1] == TARGET_500


def test_vpa_leaves_a_request_that_is_near_its_target() -> None:
    """Within bounds and 10 % a pod stays as it is; beyond 10 % a pod of 12 hours is resized."""
    # Target 587.8e6: 600e6 is 2 % off; 660e6 is 10.9 % off (of the 660e6 it has).
    assert set(requests([500e6] * 25, declared=600e6)) == {600e6}
    assert requests([500e6] * 25, declared=660e6).tolist() == [660e6] * 12 + [TARGET_500] * 14


def test_vpa_raises_a_killed_container_from_its_request() -> None:
    """A kill counts as a peak of the request and 100 MiB, or of 20 % more where that is more."""
    # Killed at 1000e6: max(1000e6 + 104,857,600, 1200e6) = 1200e6, in bucket floor(log 7 / log 1.05) = floor(39.88).
    killed = requests([500e6] * 4 + [1500e6], declared=1000e6)
    assert killed[4] == 1000e6
    assert killed[5] == pytest.approx(target_of(39), abs=2)
    # Killed at 300e6: 300e6 + 104,857,600 is more than 360e6; 404,857,600 is in bucket
    # floor(log 3.024288 / log 1.05) = floor(22.68) = 22.
    assert requests([100e6, 900e6], 300e6, without_floor())[2] == pytest.approx(target_of(22), abs=2)


def test_vpa_learns_from_the_request_and_not_from_the_limit() -> None:
    """On the Burstable track the limit is twice the request, and what is above it kills."""
    # Above 600e6 a request of 300e6 is killed; the sample is read as 600e6, the kill as max(700e6, 720e6) = 720e6, in
    # bucket floor(log 4.6 / log 1.05) = floor(31.28) = 31. At 550e6 nothing is killed, and 550e6 is in bucket
    # floor(log 3.75 / log 1.05) = floor(27.09) = 27.
    killed = requests([100e6, 900e6], 300e6, without_floor(), Track.BURSTABLE)
    spared = requests([100e6, 550e6], 300e6, without_floor(), Track.BURSTABLE)

    assert killed[2] == pytest.approx(target_of(31), abs=2)
    assert spared[2] == pytest.approx(target_of(27), abs=2)


def test_vpa_resizes_at_once_what_is_killed_right_after_its_start() -> None:
    """A container killed within 10 minutes of its start is resized even where its request is in VPA's range."""
    # The lower bound is 0 after one sample, and 118e6 above the floor: only the kill explains a change. 118e6 and 100
    # MiB is 222,857,600, in bucket floor(log 2.114288 / log 1.05) = floor(15.34) = 15.
    found = requests([130e6], 118e6, without_floor(), step_s=60)

    assert found[1] == pytest.approx(target_of(15), abs=2)


def test_vpa_forgets_a_container_that_was_away_for_8_days() -> None:
    """After 8 days without a sample VPA knows nothing, and is as careful as with a new container."""
    model = vpa_model.fresh()
    vpa_model.observe(model, 0.0, 2000e6, 1)
    vpa_model.expire(model, 8.0 * DAY_S - 1)
    assert model.known[vpa_model.SAMPLES] == 1
    vpa_model.expire(model, 8.0 * DAY_S)
    assert model.known[vpa_model.SAMPLES] == 0

    vpa_model.observe(model, 9.0 * DAY_S, 500e6, 1)

    _, target, upper = vpa_model.recommended(model, 0.0)
    assert target == TARGET_500
    assert upper == vpa_model.MAX_BYTES


def test_vpa_bounds_close_in_with_history() -> None:
    """The upper bound is twice its percentile after a day and 1.5 times after two: a sample a minute is assumed."""
    model = vpa_model.fresh()
    for minute in range(2 * 1440 + 1):
        vpa_model.observe(model, minute * 60.0, 500e6, 1)
        if minute == 1440:
            assert vpa_model.recommended(model, 0.0)[2] == 2 * TARGET_500
    lower, target, upper = vpa_model.recommended(model, 0.0)

    assert upper == int(1.5 * TARGET_500)
    assert target == TARGET_500
    # (1 + 0.001 / 2)^-2 = 0.99900075
    assert lower == pytest.approx(0.99900075 * TARGET_500, rel=1e-8)


@pytest.mark.parametrize(
    ("track", "floor_mib", "expected"),
    [
        (
            Track.GUARANTEED,
            250,
            {0: 120000000, 1: 262144000, 35: 442809964, 97: 262144000, 107: 442809964, 169: 262144000},
        ),
        (
            Track.GUARANTEED,
            10,
            {0: 120000000, 11: 272061154, 35: 442809964, 97: 163378051, 107: 323522422, 169: 126805489},
        ),
        (
            Track.BURSTABLE,
            250,
            {0: 120000000, 1: 262144000, 35: 476450463, 97: 262144000, 107: 764046746, 169: 262144000},
        ),
        (
            Track.BURSTABLE,
            10,
            {0: 120000000, 11: 163378051, 35: 511772986, 97: 163378051, 107: 511772986, 169: 126805489},
        ),
    ],
)
def test_vpa_is_what_its_own_code_does(track: Track, floor_mib: int, expected: dict[int, int]) -> None:
    """Days with peaks, kills and a gap: every resize at the hour and to the byte that VPA's own packages set."""
    # Expected: printed by bench/vpa_own.py, which plays the same through the Go packages of VPA 1.8.1.
    days = [[base] * 10 + [peak] + [base] * 13 for base, peak in ((90e6, 130e6), (95e6, 400e6), (97e6, 140e6))]
    usage = [*itertools.chain(*days), *[NAN] * 6, *[98e6] * 18, *[100e6] * 10, 900e6, *[100e6] * 85]

    found = requests(usage[:-1], 120e6, Vpa(floor_bytes=float(floor_mib * MIB)), track)

    changes = {0: int(found[0])} | {at: int(found[at]) for at in range(1, found.size) if found[at] != found[at - 1]}
    assert expected == changes


def test_vpa_leaves_a_series_without_a_measurement() -> None:
    """Where nothing was measured, no size is made up."""
    assert np.isnan(requests([NAN] * 3, NAN)).all()
