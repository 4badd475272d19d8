"""Lossless JSON representation of SQL values, with one kind per column: number, boolean or text.

Integers of up to 64 bits and floating-point numbers are numbers. Larger integers and decimals are text with all their
digits, times ISO 8601 text (UTC where they have a time zone), blobs hexadecimal text, lists and structs JSON as text.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from shards.model.replies import JsonScalar
from storage.columns import is_nested

INTEGER_MAX: Final = 2**53  # within nested JSON: the range every reader represents exactly; larger ones are text
_AS_THEY_ARE: Final = frozenset(
    "BOOLEAN TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE VARCHAR".split()
)


def shower(type_: str) -> Callable[[Any], JsonScalar]:
    """Return the converter from values of a column of that type to cells."""
    if type_ in _AS_THEY_ARE:
        return _to_number if type_ in ("FLOAT", "DOUBLE") else _same
    if is_nested(type_):
        return _to_json
    if type_.startswith("TIMESTAMP"):
        return _to_time
    return _to_text


def _same(value: Any) -> JsonScalar:
    cell: JsonScalar = value
    return cell


def _to_number(value: Any) -> JsonScalar:
    """Return values that are no JSON numbers as text: the column's type tells clients what they are."""
    if value is None or math.isfinite(value):
        return _same(value)
    return "nan" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")


def _to_text(value: Any) -> JsonScalar:
    match value:
        case None:
            return None
        case Decimal():
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case bytes():
            return value.hex()
        case _:
            return str(value)


def _to_time(value: Any) -> JsonScalar:
    """Convert DuckDB's text of a time to ISO 8601: fractions have 6 or 9 digits, zones hours and minutes."""
    if value is None:
        return None
    day, space, clock = str(value).partition(" ")
    if not space:  # infinity
        return day
    clock, bc, _ = clock.partition(" (BC)")
    zone = re.search(r"[+-]\d\d(:\d\d)?$", clock)
    offset = zone[0] if zone else ""
    seconds, point, fraction = clock.removesuffix(offset).partition(".")
    fraction = fraction.ljust(9 if len(fraction) > 6 else 6, "0") if point else ""
    return f"{day}T{seconds}{point}{fraction}{offset}{':00' if len(offset) == 3 else ''}{bc}"


def _to_json(value: Any) -> JsonScalar:
    if value is None or isinstance(value, str):  # written by DuckDB
        return value
    return msgspec.json.encode(_to_nested(value)).decode()


def _to_nested(value: Any) -> Any:
    match value:
        case list() | tuple():
            return [_to_nested(item) for item in value]
        case dict():
            return {str(_to_nested(key)): _to_nested(item) for key, item in value.items()}
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= INTEGER_MAX else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case _:
            return _to_text(value)
