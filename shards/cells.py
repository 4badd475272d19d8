"""Values of a SQL answer as JSON can carry them without loss."""

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec

Cell = str | int | float | bool | None

INTEGER_MAX: Final = 2**53  # what every JSON reader keeps exactly; larger ones go as text


def to_cell(value: Any) -> Cell:
    """A value of DuckDB as JSON can carry it without loss.

    Large integers and decimals are text, times ISO 8601 text (UTC), blobs hexadecimal text, lists and structs text that
    is JSON.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= INTEGER_MAX else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple() | dict():
            return msgspec.json.encode(_to_nested(value)).decode()
        case _:
            return str(value)


def _to_nested(value: Any) -> Any:
    match value:
        case list() | tuple():
            return [_to_nested(item) for item in value]
        case dict():
            return {str(to_cell(key)): _to_nested(item) for key, item in value.items()}
        case _:
            return to_cell(value)
