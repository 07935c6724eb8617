"""Quantities as the API server reads them, as follows from `ParseQuantity` and `AsInt64` of its source."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize.config.quantities import quantity
from foresize.webhook.amounts import amount, integer

MI = 1 << 20


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("209715199", 209_715_199),
        ("64Mi", 64 * MI),
        ("+64Mi", 64 * MI),
        ("064Mi", 64 * MI),
        ("64.Mi", 64 * MI),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e+3", 1000),
        ("0.5G", 500_000_000),
        (".5G", 500_000_000),
        ("1E", 10**18),
        ("1Ti", 1 << 40),
        ("-1Mi", -MI),
    ],
)
def test_whole_numbers(text: str, value: int) -> None:
    """What the API server takes for a whole number of bytes is one, in every spelling."""
    assert value == integer(text) == amount(text)


@pytest.mark.parametrize(
    "text", ["", "lots", "64 Mi", "64mi", "Mi64", "1e", "64Mi ", "1_0Mi", "٣Mi", "NaN", "0x10", "--1"]
)
def test_what_is_no_quantity(text: str) -> None:
    """Nothing is guessed of a text that the API server would refuse."""
    assert integer(text) is None
    with pytest.raises(ValueError, match="is no quantity that can be compared"):
        amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.5Gi",  # a point before a binary unit leaves the fast path
        "1000m",  # a negative power of ten, although it is 1
        "1.0",
        "1Ei",  # 15 - 1 - 18 - 1 digits are left: less than none
        "100Ti",  # 15 - 3 - 12 - 1
        "123456Gi",  # 15 - 6 - 9 - 1
        "1e19",  # more than 64 bits
        "1e400",
        "1234567890123456789",  # 19 digits
    ],
)
def test_numbers_that_the_api_server_calls_no_integer(text: str) -> None:
    """`isInteger()` is false for some that are whole: pods of such sizes are left alone by both ways."""
    assert integer(text) is None


@given(st.integers(min_value=0, max_value=64 << 40))
def test_sizes_as_the_operator_writes_them_are_always_read(size_bytes: int) -> None:
    """Any size up to 64 TiB that the operator writes is read as what it is."""
    assert integer(quantity(size_bytes)) == size_bytes == amount(quantity(size_bytes))


@given(st.fractions(min_value=0, max_value=10**6).filter(lambda value: 10**9 % value.denominator == 0))
def test_decimals_are_exact(value: Fraction) -> None:
    """No size is rounded before it is compared."""
    text = f"{value.numerator * (10**9 // value.denominator)}n"

    assert value == amount(text)
