"""Decimal text and integers: exact, never through a float.

A *step* is a positive decimal such as a tick size ("0.0001") or a lot size ("0.25"). A value that is a multiple of the
step is kept as the number of steps.
"""

import re
from typing import NamedTuple

_DECIMAL = re.compile(r"(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)


class Decimal(NamedTuple):
    """An unsigned decimal: ``digits`` × 10^-``decimals``, with ``decimals`` ≥ 0."""

    digits: int
    decimals: int


def parse_decimal(text: str, integer_digits: int = 20, fraction_digits: int = 18) -> Decimal | None:
    """Parse ``text`` exactly; None if it is malformed or too long.

    Digits, an optional point and digits, an optional exponent; no sign, no spaces. At most ``integer_digits`` before
    and ``fraction_digits`` after the point once written out.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits, decimals = int(whole + fraction), len(fraction) - exponent
    while decimals > 0 and digits % 10 == 0 and digits:
        digits //= 10
        decimals -= 1
    if digits == 0:
        return Decimal(0, 0)
    if decimals < 0:
        digits, decimals = digits * 10**-decimals, 0
    if decimals > fraction_digits or digits >= 10 ** (integer_digits + decimals):
        return None
    return Decimal(digits, decimals)


def count_steps(value: Decimal, step: Decimal) -> int | None:
    """Return ``value`` in steps; None if it is not a multiple of ``step``."""
    decimals = max(value.decimals, step.decimals)
    steps, rest = divmod(
        value.digits * 10 ** (decimals - value.decimals), step.digits * 10 ** (decimals - step.decimals)
    )
    return None if rest else steps


def format_fixed(digits: int, decimals: int) -> str:
    """Format ``digits`` × 10^-``decimals`` with exactly ``decimals`` decimals: (5000, 4) → "0.5000"."""
    if decimals == 0:
        return str(digits)
    sign, text = ("-", str(-digits)) if digits < 0 else ("", str(digits))
    text = text.zfill(decimals + 1)
    return f"{sign}{text[:-decimals]}.{text[-decimals:]}"


def format_plain(digits: int, decimals: int) -> str:
    """Format ``digits`` × 10^-``decimals`` without trailing zeros: (1000, 2) → "10"; (0, 5) → "0"."""
    if not digits:
        return "0"
    text = format_fixed(digits, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text


def divide_half_even(numerator: int, denominator: int) -> int:
    """Return the quotient of two non-negative integers, rounded half to even."""
    quotient, rest = divmod(numerator, denominator)
    double = 2 * rest
    return quotient + (double > denominator or (double == denominator and quotient & 1))


def ceil_div(numerator: int, denominator: int) -> int:
    """Return the quotient rounded up."""
    return -(-numerator // denominator)
