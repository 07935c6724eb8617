"""A replica that stands out."""

from __future__ import annotations

from builders import mi
from foresize_forecast.forecasting.skew import Hot, hottest


def found(*usage_mib: float) -> Hot | None:
    """Of pods p0, p1 and so on."""
    return hottest({f"p{n}": float(mi(each)) for n, each in enumerate(usage_mib)})


def test_a_hot_replica_is_named() -> None:
    """With what it uses and what is typical: the median, (110 + 120) / 2 = 115 MiB."""
    assert Hot("p2", float(mi(400)), float(mi(115))) == found(100, 110, 400, 120)


def test_ordinary_differences_are_not_told() -> None:
    """Twice the typical or less, small pods, and two pods of which none is typical."""
    assert found(100, 110, 200, 120) is None
    assert found(10, 10, 70) is None
    assert found(10, 400) is None
    assert found() is None
