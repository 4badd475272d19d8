"""Values of SQL answers as JSON carries them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shards.cells import Cell, to_cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        (True, True),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**53) - 1, "-9007199254740993"),
        (10**38 - 1, "9" * 38),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Decimal("100.500000"), "100.5"),
        (Decimal("100"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.000000000000000001"), "0.000000000000000001"),
        (Decimal("0.00"), "0"),
        ("text", "text"),
        (b"\x00\xff", "00ff"),
        (datetime(2026, 9, 21, 14, 13, 20, 5_000), "2026-09-21T14:13:20.005000"),
        (date(2026, 9, 21), "2026-09-21"),
        (timedelta(days=1, seconds=2), "1 day, 0:00:02"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([1, Decimal("2.50"), [None, b"\x01"]], '[1,"2.5",[null,"01"]]'),
        ({"a": 1, "b": [2**60]}, '{"a":1,"b":["1152921504606846976"]}'),
        ({1: "x"}, '{"1":"x"}'),
    ],
)
def test_values_as_json_carries_them(value: Any, cell: Cell) -> None:
    assert to_cell(value) == cell
    assert type(to_cell(value)) is type(cell)
