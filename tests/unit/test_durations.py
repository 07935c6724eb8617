"""Durations as policies and settings write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize.config.durations import duration, seconds


@pytest.mark.parametrize(
    ("text", "value_s"),
    [
        ("0s", 0),
        ("45s", 45),
        ("1h30m", 5400),  # 3600 + 30 * 60
        ("14d", 1_209_600),  # 14 * 86400
        ("2w", 1_209_600),
        ("1w2d3h4m5s", 788_645),  # 604800 + 172800 + 10800 + 240 + 5
        ("90m", 5400),
        ("30m1h", 5400),  # in any order
    ],
)
def test_durations_are_sums_of_their_parts(text: str, value_s: int) -> None:
    """Weeks, days, hours, minutes and seconds, as Prometheus writes them."""
    assert value_s == seconds(text)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5m", "1.5h", "5 m", "5m ", "5m\n", "1y", "5M", "\u0661d", "9" * 9 + "s"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """The message says what a duration looks like."""
    with pytest.raises(ValueError, match=r"is no duration: .* such as 14d, 1h30m or 45s"):
        seconds(text)


@pytest.mark.parametrize("value", [None, 5, 5.0, True, [], {}])
def test_what_is_no_text_is_no_duration(value: object) -> None:
    """A number without a unit could mean anything."""
    with pytest.raises(ValueError, match="is no duration"):
        seconds(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value_s", "text"), [(0, "0s"), (5400, "1h30m"), (86_400, "1d"), (1_209_600, "14d"), (61, "1m1s")]
)
def test_durations_are_written_short(value_s: int, text: str) -> None:
    """Days are the largest unit: 14d says more than 2w to who set 14d."""
    assert text == duration(value_s)


@given(st.integers(min_value=0, max_value=10**8))
def test_what_is_written_reads_back_the_same(value_s: int) -> None:
    """A duration in a message can be copied into a policy."""
    assert value_s == seconds(duration(value_s))
