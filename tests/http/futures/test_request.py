"""Parameters from every place they may stand in, and their typed readers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shards.model.decimals import Decimal
from tests.http.futures.site import BTC
from web.futures.call.errors import FuturesProblem, Refusal
from web.futures.call.parameter_sources import read_form, read_members
from web.futures.call.parameters import Parameters
from web.futures.orders.filters import check_notional, count_lots, count_ticks
from web.futures.orders.id_lists import read_client_ids, read_json_list, read_order_ids
from web.http.parse import parse_object

BAD_SIDE = Refusal(400, -1117, "Invalid side.")


def form(text: str | bytes) -> Parameters:
    return Parameters(read_form(text.encode() if isinstance(text, str) else text))


def of(**members: object) -> Parameters:
    return Parameters(read_members(members))


def outcome(read: Callable[[], object]) -> object:
    """What a reader gives, or the code it raises; of a filter's failure, the filter."""
    try:
        return read()
    except FuturesProblem as problem:
        assert problem.status == 400
        if problem.code == -1013:
            return problem.msg.removeprefix("Filter failure: ").removesuffix(".")
        return problem.code


def refused(*values: object, code: int = -1102) -> list[tuple[object, object]]:
    """Rows of a table: each of the values is refused with the code."""
    return [(value, code) for value in values]


def lists(name: str, *texts: str) -> list[str]:
    return [f"{name}={text}" for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("symbol=BTCUSDT", "BTCUSDT"),
        ("SYMBOL=BTCUSDT", "BTCUSDT"),
        ("sYmBoL=BTCUSDT", "BTCUSDT"),
        ("s%79mbol=BTCUSDT", "BTCUSDT"),
        ("%53ymbol=BTCUSDT", "BTCUSDT"),
        ("symbol=btcusdt", "btcusdt"),
        ("symbol=a%2Bb", "a+b"),
        ("symbol=a+b", "a b"),
        ("symbol=a%20b", "a b"),
        ("symbol=a=b", "a=b"),
        ("symbol=%E2%82%AC", "€"),
        ("symbol=%ff", "\ufffd"),
        ("symbol=%", "%"),
        ("symbol=%zz", "%zz"),
        ("&&symbol=A&&", "A"),
        ("symbol=", None),
        ("symbol", None),
        ("", None),
        ("other=1", None),
        ("\u212aey=1&symbol=A", "A"),
        *refused("symbol=A&symbol=B", "symbol=A&symbol=A", "symbol=A&SYMBOL=A", code=-1101),
    ],
)
def test_text(text: str, expected: object) -> None:
    assert outcome(lambda: form(text).text("symbol")) == expected


def test_names_of_letters_that_only_unicode_folds() -> None:
    kelvin = "wor\u212aingType"
    assert form(f"{kelvin}=MARK_PRICE").text("workingType") is None
    assert Parameters(read_members({kelvin: "MARK_PRICE"})).text("workingType") is None


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("a=1", "a=2", "1"),
        ("A=1", "a=2", "1"),
        ("b=1", "a=2", "2"),
        ("", "a=2", "2"),
        ("a=", "a=2", None),  # the query wins, also when it says nothing
    ],
)
def test_the_query_wins(query: str, body: str, expected: str | None) -> None:
    for other in (read_form(body.encode()), read_members(dict([body.split("=")]))):
        requested = Parameters(read_form(query.encode()), other)
        requested.check()
        assert requested.text("a") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1&b=2", None),
        *refused("a=1&a=2", "a=1&A=1", "unknown=1&unknown=1", code=-1101),
        ("orderIdList=1&orderIdList=2", None),
        ("orderidlist=1&orderIdList=2", None),
        ("origClientOrderIdList=a&origclientorderidlist=b", None),
        ("batchOrders=1&batchOrders=2", -1101),
        ("&&&", None),
    ],
)
def test_a_name_twice_in_one_place(text: str, expected: object) -> None:
    assert outcome(form(text).check) == expected


def test_a_name_once_in_each_place() -> None:
    Parameters(read_form(b"a=1"), read_form(b"a=2")).check()


LONGS: list[tuple[object, object]] = [
    ("0", 0),
    ("7", 7),
    ("007", 7),
    ("9223372036854775807", 2**63 - 1),
    *refused("9223372036854775808", "00000000000000000007", "-1", "+1", "1.0", "1e3", " 1", "0x1", "٣"),
    ("", None),
    (None, None),
    *refused(True, [1], {}),
]


@pytest.mark.parametrize(("value", "expected"), LONGS)
def test_long(value: object, expected: object) -> None:
    assert outcome(lambda: of(orderId=value).long("orderId")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.003", Decimal(3, 3)),
        ("47500.0", Decimal(47500, 0)),
        ("1e-05", Decimal(1, 5)),
        ("1E2", Decimal(100, 0)),
        ("0", Decimal(0, 0)),
        *refused(
            "-1", "+1", ".5", "5.", "NaN", "Infinity", "1,5", "1_000", " 1", "0." + 19 * "1", 21 * "1", True, ["1"]
        ),
        ("", None),
    ],
)
def test_decimal(value: object, expected: object) -> None:
    assert outcome(lambda: of(price=value).decimal("price")) == expected


def test_either_name() -> None:
    assert of(triggerPrice="2").decimal("stopPrice", "triggerPrice") == Decimal(2, 0)
    assert of(stopPrice="1", triggerPrice="1.0").decimal("stopPrice", "triggerPrice") == Decimal(1, 0)
    assert of(stopPrice="", triggerPrice="2").decimal("stopPrice", "triggerPrice") == Decimal(2, 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("FALSE", False),
        (True, True),
        (False, False),
        *refused("1", "0", "yes", " true", []),
        ("", None),
        (None, None),
    ],
)
def test_boolean(value: object, expected: object) -> None:
    found = outcome(lambda: of(reduceOnly=value).boolean("reduceOnly"))
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("BUY", 1), ("SELL", 2), ("buy", -1117), ("X", -1117), (["BUY"], -1117), (True, -1117), ("", None), (None, None)],
)
def test_choice(value: object, expected: object) -> None:
    assert outcome(lambda: of(side=value).choice("side", {"BUY": 1, "SELL": 2}, BAD_SIDE)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("grid-17", "grid-17"),
        ("a:b/c.d_e-f", "a:b/c.d_e-f"),
        (36 * "a", 36 * "a"),
        (37 * "a", -4015),
        (37 * " ", -4015),
        *refused("a b", "é", "a\n", code=-1100),
        ("", ""),
        (None, ""),
        (["a"], -1102),
    ],
)
def test_new_client_id(value: object, expected: object) -> None:
    assert outcome(lambda: of(newClientOrderId=value).new_client_id("newClientOrderId")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", 1), ("1000", 1000), ("0", -1130), ("1001", -1130), ("x", -1130), ("1.0", -1130), (True, -1130), (None, 500)],
)
def test_limit(value: object, expected: object) -> None:
    assert outcome(lambda: of(limit=value).limit(500, 1_000)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, None)),
        ("startTime=1&endTime=2", (1, 2)),
        ("startTime=2&endTime=2", (2, 2)),
        ("startTime=2", (2, None)),
        ("startTime=9223372036854775807", (2**62, None)),
        ("startTime=3&endTime=2", -1023),
        ("startTime=x&endTime=2", -1102),
    ],
)
def test_times(text: str, expected: object) -> None:
    assert outcome(form(text).times) == expected


# Lists

RAW_LISTS: list[tuple[str, object]] = [
    ("orderIdList=[1,2]", [1, 2]),
    ('orderIdList=["1","2"]', [1, 2]),
    ("orderIdList=%5B1%2C2%5D", [1, 2]),
    ("orderIdList=%5b1%2c2%5d", [1, 2]),
    ("orderIdList=%5B%221%22%2C%222%22%5D", [1, 2]),
    ("orderIdList=[1,+2]", [1, 2]),
    ("orderIdList=[1,%202]", [1, 2]),
    ("orderIdList=%5B1%2C+2%5D", [1, 2]),
    ("orderIdList=+[1,2]+", [1, 2]),
    ("orderidlist=[1,2]", [1, 2]),
    ("ORDERIDLIST=[1,2]", [1, 2]),
    ("orderIdList=7", [7]),
    ("orderIdList=1&orderIdList=2", [1, 2]),
    ("orderIdList=1&orderidlist=2", [1, 2]),
    ("orderIdList=2&orderIdList=2&orderIdList=1", [2, 2, 1]),
    ("orderIdList=1&orderIdList=abc", [1, None]),
    ('orderIdList=["order_id_1","2"]', [None, 2]),
    ('orderIdList=["1.5"]', [None]),
    ('orderIdList=["-1"]', [None]),
    ('orderIdList=[""]', [None]),
    ("orderIdList=[1,1,1]", [1, 1, 1]),
    ("orderIdList=[9223372036854775807]", [2**63 - 1]),
    ("orderIdList=[1,2,3,4,5,6,7,8,9,10,11]", list(range(1, 12))),
    ("", None),
    ("orderIdList=", None),
    *refused(
        *lists("orderIdList", *'[] abc 1,2 [1,2 [1,] {"a":1} "1" null 1.5 -1'.split()),
        *lists("orderIdList", *'[null] [1.5] [1.0] [1e3] [-1] [true] [[1]] [{"a":1}] [NaN]'.split()),
        *lists("orderIdList", "[1] [2]", "[9223372036854775808]", '["9223372036854775808"]'),
        *lists("orderIdList", 9 * "[" + 9 * "]", 4_000 * "["),
    ),
]


@pytest.mark.parametrize(("text", "expected"), RAW_LISTS)
def test_order_ids(text: str, expected: object) -> None:
    assert outcome(lambda: read_order_ids(form(text), "orderIdList")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[1,2]", [1, 2]),
        ('["1","2"]', [1, 2]),
        ("7", [7]),
        ('"7"', [7]),
        ('"[1,2]"', [1, 2]),
        ("[]", -1102),
        ("null", None),
        *refused("true", "1.5", '{"0":1}', "[null]", "[[1]]"),
    ],
)
def test_order_ids_of_a_json_body(value: str, expected: object) -> None:
    members = parse_object(b'{"orderIdList":%b}' % value.encode())
    assert members is not None
    assert outcome(lambda: read_order_ids(of(**members), "orderIdList")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('origClientOrderIdList=["a","b:c/d"]', ["a", "b:c/d"]),
        ("origClientOrderIdList=%5B%22a%22%2C%20%22b%22%5D", ["a", "b"]),
        ("origclientorderidlist=[%22a%22]", ["a"]),
        ("origClientOrderIdList=a&origClientOrderIdList=b", ["a", "b"]),
        ("origClientOrderIdList=[1,2]", ["1", "2"]),
        ("origClientOrderIdList=12", ["12"]),
        ('origClientOrderIdList=["a b"]', ["a b"]),  # names no order, which is told apart
        (f'origClientOrderIdList=["{36 * "a"}"]', [36 * "a"]),
        *refused(*lists("origClientOrderIdList", f'["{37 * "a"}"]', '[""]', "[null]", "[1.5]", "[[]]", "abc", "[abc]")),
        ("", None),
    ],
)
def test_client_ids(text: str, expected: object) -> None:
    assert outcome(lambda: read_client_ids(form(text), "origClientOrderIdList")) == expected


ORDER: dict[str, Any] = {"symbol": "BTCUSDT", "reduceOnly": "FALSE", "quantity": "0.1"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ORDER], separators=(",", ":")),
        json.dumps([ORDER]),
        json.dumps([ORDER]).replace(" ", "+"),
        json.dumps([ORDER]).replace(" ", "%20").replace('"', "%22"),
        "%5B%7B%22symbol%22%3A%22BTCUSDT%22%2C%22reduceOnly%22%3A%22FALSE%22%2C%22quantity%22%3A%220.1%22%7D%5D",
    ],
)
def test_batch(text: str) -> None:
    found = read_json_list(form(f"batchOrders={text}&timestamp=1"), "batchOrders")
    assert found == [ORDER]
    one = found[0]
    assert isinstance(one, dict)
    element = Parameters(read_members(one))
    assert element.boolean("reduceonly") is False and element.decimal("quantity") == Decimal(1, 1)


@pytest.mark.parametrize("text", ["[]", "{}", "x", "1", '[{"a":1,"a":2}]', "[1", '"[]"'])
def test_no_batch(text: str) -> None:
    assert outcome(lambda: read_json_list(form(f"batchOrders={text}"), "batchOrders")) == -1102


# Filters


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal(1, 1), 1),
        (Decimal(475_000, 1), 475_000),
        (Decimal(10**9, 0), 10**10),
        (Decimal(0, 0), "PRICE_FILTER"),
        (Decimal(5, 2), "PRICE_FILTER"),
        (Decimal(10**10 + 1, 1), "PRICE_FILTER"),
    ],
)
def test_ticks(value: Decimal, expected: object) -> None:
    assert outcome(lambda: count_ticks(value, BTC)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal(1, 3), 1),
        (Decimal(10**9, 0), 10**12),
        (Decimal(0, 0), "LOT_SIZE"),
        (Decimal(15, 4), "LOT_SIZE"),
        (Decimal(10**9 + 1, 0), "LOT_SIZE"),
    ],
)
def test_lots(value: Decimal, expected: object) -> None:
    assert outcome(lambda: count_lots(value, BTC)) == expected


@pytest.mark.parametrize(
    ("ticks", "lots", "reduce_only", "expected"),
    [
        (100, 1_000, False, None),  # exactly 10 USDT
        (99, 1_000, False, "MIN_NOTIONAL"),
        (99, 1_000, True, None),
        (10**8, 1_000, False, None),  # exactly 10,000,000 USDT
        (10**8, 1_001, False, "MAX_NOTIONAL"),
        (10**8, 1_001, True, "MAX_NOTIONAL"),
    ],
)
def test_notional(ticks: int, lots: int, reduce_only: bool, expected: str | None) -> None:
    assert outcome(lambda: check_notional(ticks, lots, BTC, reduce_only)) == expected
