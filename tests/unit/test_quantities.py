"""Memory and time as Kubernetes and people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize.config.quantities import instant_s, memory_bytes, people, quantity, timestamp


@pytest.mark.parametrize(
    ("text", "value_bytes"),
    [
        ("1.5Gi", 1_610_612_736),  # 1.5 * 1024^3
        ("64M", 64_000_000),  # M is a million
        ("64Mi", 67_108_864),  # 64 * 1024^2
        ("128974848", 128_974_848),
        (128_974_848, 128_974_848),  # JSON numbers are quantities too
        ("1e3", 1000),
        ("1E", 10**18),  # E alone is a unit, exa
        ("0", 0),
        ("400m", 1),  # 0.4 bytes: Kubernetes rounds up
        ("1.5", 2),
        ("16Ei", 2**63 - 1),  # 2^64 bytes: Kubernetes caps at 64 bits
        ("1e999", 2**63 - 1),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str | int, value_bytes: int) -> None:
    """Units, exponents, rounding and the cap are those of the API server."""
    assert value_bytes == memory_bytes(text)


@pytest.mark.parametrize(
    "text",
    ["", "Mi", "1 Mi", " 1Mi", "1_0Mi", "NaN", "Infinity", "sNaN", "\u0661Mi", "1mi", "1KB", "1e9999999", "1.2.3"],
)
def test_what_the_api_server_refuses_is_refused(text: str) -> None:
    """No text that looks a little like a quantity becomes a size."""
    with pytest.raises(ValueError, match="is no quantity"):
        memory_bytes(text)


@pytest.mark.parametrize("value", [True, None, [], {}, float("nan")])
def test_what_is_no_text_is_refused(value: object) -> None:
    """A policy may hold any JSON where a quantity belongs."""
    with pytest.raises(ValueError, match="is no quantity"):
        memory_bytes(value)  # type: ignore[arg-type]


def test_memory_is_never_negative() -> None:
    """A minus sign is a mistake, not a size."""
    with pytest.raises(ValueError, match="never negative, got '-1Gi'"):
        memory_bytes("-1Gi")


@pytest.mark.parametrize(
    ("value_bytes", "text"),
    [
        (0, "0"),
        (1000, "1000"),
        (1024, "1Ki"),
        (209_715_200, "200Mi"),  # 200 * 1048576
        (1_610_612_736, "1536Mi"),  # 1.5 Gi is 1536 whole Mi
        (1 << 40, "1Ti"),
    ],
)
def test_sizes_are_written_exactly(value_bytes: int, text: str) -> None:
    """The largest binary unit that leaves no rest."""
    assert text == quantity(value_bytes)


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_what_is_written_reads_back_the_same(value_bytes: int) -> None:
    """No byte is lost on the way through the API server."""
    assert value_bytes == memory_bytes(quantity(value_bytes))


@pytest.mark.parametrize(
    ("value_bytes", "text"),
    [
        (None, "none"),
        (512, "512 B"),
        (1_610_612_736, "1.5 GiB"),
        (220_000_000, "210 MiB"),  # 209.8 MiB, three digits
        (3 << 40, "3 TiB"),
    ],
)
def test_sizes_for_people_have_three_digits(value_bytes: int | None, text: str) -> None:
    """Enough to compare, short enough to read."""
    assert text == people(value_bytes)


@pytest.mark.parametrize(
    ("text", "value_s"),
    [
        ("1970-01-02T00:00:00Z", 86_400.0),
        ("1970-01-01T00:00:01.500000Z", 1.5),  # MicroTime, as Leases and events have it
        ("1970-01-01T01:00:00+01:00", 0.0),
        (None, None),
    ],
)
def test_times_are_read_with_and_without_fractions(text: str | None, value_s: float | None) -> None:
    """Whatever form Kubernetes writes a time in."""
    assert value_s == instant_s(text)


def test_times_are_written_as_kubernetes_does() -> None:
    """Whole seconds of UTC: 1,700,000,000 s is 2023-11-14 22:13:20 (`date -u -d @1700000000`)."""
    assert "2023-11-14T22:13:20Z" == timestamp(1_700_000_000.9)
    assert 1_700_000_000.0 == instant_s("2023-11-14T22:13:20Z")
