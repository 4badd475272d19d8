"""Decimal text and whole steps, exactly."""

import fractions
from decimal import ROUND_HALF_EVEN
from decimal import Decimal as Exact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.model.decimals import (
    Decimal,
    ceil_div,
    count_steps,
    divide_half_even,
    format_fixed,
    format_plain,
    parse_decimal,
)
from tests.model.seeds import repeatable


@pytest.mark.parametrize(
    ("text", "digits", "decimals"),
    [
        ("0", 0, 0),
        ("0.000", 0, 0),
        ("0e999", 0, 0),
        ("1", 1, 0),
        ("007", 7, 0),
        ("1.50", 15, 1),
        ("0.0001", 1, 4),
        ("1e-05", 1, 5),
        ("1E+3", 1000, 0),
        ("12.5e1", 125, 0),
        ("10e-19", 1, 18),
        ("0." + "0" * 17 + "1", 1, 18),
        ("9" * 20, 10**20 - 1, 0),
        ("0" * 19 + "9" * 20, 10**20 - 1, 0),
        ("1." + "5" + "0" * 39, 15, 1),
    ],
)
def test_decimal_text_is_read_exactly(text: str, digits: int, decimals: int) -> None:
    assert parse_decimal(text) == Decimal(digits, decimals)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1 ", " 1", "+1", "-1", ".5", "5.", "1.2.3", "1e", "e5", "1e5.0", "0x10", "1_000", "1,000",
        "NaN", "Infinity", "inf", "\u0661", "\uff11", "1\n", "1e1000", "1e20", "1" + "0" * 20, "0.0000000000000000001",
        "1e-19", "9" * 41, "1." + "0" * 41,
    ],
)  # fmt: skip
def test_anything_else_is_not_a_decimal(text: str) -> None:
    assert parse_decimal(text) is None


@pytest.mark.parametrize(("text", "whole", "fraction", "fits"), [("99.5", 2, 1, True), ("100", 2, 1, False)])
def test_limits_of_digits_are_the_callers(text: str, whole: int, fraction: int, fits: bool) -> None:
    assert (parse_decimal(text, whole, fraction) is not None) == fits
    assert parse_decimal("0.25", whole, fraction) is None


@repeatable
@given(st.decimals(0, 10**19, allow_nan=False, places=9), st.integers(-5, 5))
def test_what_is_read_is_the_number_that_was_written(value: Exact, exponent: int) -> None:
    for text in (f"{value:f}", f"{value:f}e{exponent}"):
        read = parse_decimal(text, 40, 40)
        assert read is not None
        assert fractions.Fraction(read.digits, 10**read.decimals) == fractions.Fraction(text)


@repeatable
@given(st.integers(0, 10**30), st.integers(0, 18))
def test_formatting_and_reading_are_each_others_inverse(digits: int, decimals: int) -> None:
    for text in (format_fixed(digits, decimals), format_plain(digits, decimals)):
        read = parse_decimal(text, 40, 40)
        assert read is not None
        assert read.digits * 10 ** (decimals - read.decimals) == digits
        assert Exact(text) == Exact(digits).scaleb(-decimals) or digits > 10**28


@pytest.mark.parametrize(
    ("digits", "decimals", "fixed", "plain"),
    [
        (5000, 4, "0.5000", "0.5"),
        (0, 4, "0.0000", "0"),
        (1000, 2, "10.00", "10"),
        (1000, 0, "1000", "1000"),
        (7, 3, "0.007", "0.007"),
        (-7, 3, "-0.007", "-0.007"),
        (-1500, 2, "-15.00", "-15"),
    ],
)
def test_numbers_are_written_fixed_and_plain(digits: int, decimals: int, fixed: str, plain: str) -> None:
    assert (format_fixed(digits, decimals), format_plain(digits, decimals)) == (fixed, plain)


@pytest.mark.parametrize(
    ("value", "step", "steps"),
    [
        ("0.5", "0.0001", 5000),
        ("0.5", "0.25", 2),
        ("0.6", "0.25", None),
        ("0.00005", "0.0001", None),
        ("3", "1", 3),
        ("0", "0.1", 0),
        ("100", "25", 4),
        ("1e-18", "1e-18", 1),
    ],
)
def test_a_value_is_counted_in_whole_steps(value: str, step: str, steps: int | None) -> None:
    read, one = parse_decimal(value), parse_decimal(step)
    assert read is not None and one is not None
    assert count_steps(read, one) == steps


@repeatable
@given(st.integers(0, 10**40), st.integers(1, 10**20))
def test_division_rounds_half_to_even_and_up(numerator: int, denominator: int) -> None:
    exact = fractions.Fraction(numerator, denominator)
    assert divide_half_even(numerator, denominator) == round(exact)
    assert ceil_div(numerator, denominator) == -(-exact // 1)


@pytest.mark.parametrize("halves", range(20))
def test_exact_halves_go_to_the_even_neighbor(halves: int) -> None:
    expected = (Exact(halves) / 2).quantize(Exact(1), ROUND_HALF_EVEN)
    assert divide_half_even(halves, 2) == expected
