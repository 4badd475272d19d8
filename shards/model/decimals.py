"""Decimal text and integers: exact, never through a float.

A *step* is a positive decimal such as a tick size ("0.0001") or a lot size ("0.25"). A value that is a whole
number of steps is kept as that number.
"""

import re
from typing import NamedTuple

_DECIMAL = re.compile(r"(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)


class Decimal(NamedTuple):
    """An unsigned decimal: ``digits`` × 10^-``places``; places ≥ 0."""

    digits: int
    places: int


def parse_decimal(text: str, integer_digits: int = 20, fraction_digits: int = 18) -> Decimal | None:
    """Read ``text`` exactly, or None.

    Digits, an optional point and digits, an optional exponent; no sign, no spaces. At most ``integer_digits``
    before and ``fraction_digits`` after the point once written out.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits, places = int(whole + fraction), len(fraction) - exponent
    while places > 0 and digits % 10 == 0 and digits:
        digits //= 10
        places -= 1
    if digits == 0:
        return Decimal(0, 0)
    if places < 0:
        digits, places = digits * 10**-places, 0
    if places > fraction_digits or digits >= 10 ** (integer_digits + places):
        return None
    return Decimal(digits, places)


def count_steps(value: Decimal, step: Decimal) -> int | None:
    """How many whole steps ``value`` is; None if it is not a whole number of them."""
    places = max(value.places, step.places)
    steps, rest = divmod(value.digits * 10 ** (places - value.places), step.digits * 10 ** (places - step.places))
    return None if rest else steps


def format_fixed(digits: int, places: int) -> str:
    """``digits`` × 10^-``places`` with exactly ``places`` decimals: (5000, 4) → "0.5000"."""
    if places == 0:
        return str(digits)
    sign, text = ("-", str(-digits)) if digits < 0 else ("", str(digits))
    text = text.zfill(places + 1)
    return f"{sign}{text[:-places]}.{text[-places:]}"


def format_plain(digits: int, places: int) -> str:
    """``digits`` × 10^-``places`` without trailing zeros: (1000, 2) → "10"; (0, 5) → "0"."""
    if not digits:
        return "0"
    text = format_fixed(digits, places)
    return text.rstrip("0").rstrip(".") if places else text


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative integers, rounded half to even."""
    quotient, rest = divmod(numerator, denominator)
    double = 2 * rest
    return quotient + (double > denominator or (double == denominator and quotient & 1))


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient rounded up."""
    return -(-numerator // denominator)
