"""Bodies and values: what is accepted is exactly what the contract says."""

import time

import pytest

from shards.model.decimals import Decimal
from web.http.errors import Problem
from web.http.parse import Number, is_account, is_client_id, is_name, parse_object, read_decimal, read_long, read_text
from web.http.request import QueryParameters

REFUSED_BODIES = {
    "empty": b"",
    "blank": b"  ",
    "array": b"[]",
    "text": b'"a"',
    "number": b"1",
    "null": b"null",
    "two objects": b"{}{}",
    "cut off": b'{"a":1',
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "duplicate name": b'{"a":1,"a":2}',
    "duplicate name inside": b'{"a":{"b":1,"b":1}}',
    "duplicate name, escaped": b'{"a":1,"\\u0061":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b'{"a":-Infinity}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without mark": '{"a":1}'.encode("utf-16-le"),
    "Latin-1": b'{"a":"\xe9"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "raw surrogate": b'{"a":"\xed\xa0\x80"}',
    "escaped lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate as a name": b'{"\\udfff":1}',
    "control character": b'{"a":"\x01"}',
    "leading zero": b'{"a":01}',
    "plus": b'{"a":+1}',
    "hexadecimal": b'{"a":0x1}',
    "nine deep": b'{"a":' + b"[" * 8 + b"]" * 8 + b"}",
    "only brackets": b"[" * 65_536,
    "only braces": b'{"a":' * 10_000,
    "unfinished string of escapes": b'{"a":"' + b'\\"' * 30_000,
    "unfinished strings": b'{"a' * 20_000,
}


@pytest.mark.parametrize("body", REFUSED_BODIES.values(), ids=REFUSED_BODIES.keys())
def test_refused_body(body: bytes) -> None:
    started = time.thread_time()
    assert parse_object(body) is None
    assert time.thread_time() - started < 0.25, "CPU: a machine may do other things meanwhile"


def test_accepted_bodies() -> None:
    assert parse_object(b" {} \n") == {}
    assert parse_object(b'{"a":' + b"[" * 7 + b"]" * 7 + b"}") is not None
    assert parse_object('{"a":"[[[[[[[[[é"}'.encode()) == {"a": "[[[[[[[[[é"}
    assert parse_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    assert parse_object(b'{"a":{"b":1},"c":{"b":1}}') == {"a": {"b": "1"}, "c": {"b": "1"}}


def test_numbers_keep_their_text() -> None:
    fields = parse_object(b'{"a":0.10,"b":123456789012345678901234567890,"c":1e-05,"d":true,"e":"7"}')
    assert fields is not None
    assert fields["a"] == "0.10" and isinstance(fields["a"], Number)
    assert fields["b"] == "123456789012345678901234567890"
    assert read_decimal(fields["c"]) == Decimal(1, 5)
    assert read_decimal(fields["d"]) is None
    assert read_text(fields["a"]) is None and read_text(fields["e"]) == "7"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", Decimal(0, 0)),
        ("0.50", Decimal(5, 1)),
        (Number("1E5"), Decimal(100_000, 0)),
        ("12345678901234567890.123456789012345678", Decimal(12345678901234567890123456789012345678, 18)),
        ("123456789012345678901", None),
        ("0.1234567890123456789", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1.", None),
        (".5", None),
        ("1_000", None),
        ("\u0661", None),
        ("1e999", None),
        ("", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_decimal(value: object, expected: Decimal | None) -> None:
    assert read_decimal(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        (Number("20"), 20),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("00000000000000000001", None),
        ("-1", None),
        ("1.0", None),
        ("1e3", None),
        ("\u0661", None),
        ("1\n", None),
        ("", None),
        (True, None),
        (None, None),
    ],
)
def test_long(value: object, expected: int | None) -> None:
    assert read_long(value) == expected


def test_names() -> None:
    assert is_account("Al.ice_1:2@x-y") and not is_account("") and not is_account("a" * 65) and not is_account("a b")
    assert is_client_id("/a:b.c_d-E9//") and not is_client_id("") and not is_client_id("a" * 37)
    assert not is_client_id("a\n") and not is_client_id("é")
    assert is_name("DFUSDT") and not is_name("DF/USDT") and not is_name("")


def test_a_repeated_parameter_is_refused_when_it_is_read() -> None:
    query = QueryParameters(b"symbol=A&limit=1&%6Cimit=2")
    assert query.get("symbol") == "A" and query.get("before") is None
    with pytest.raises(Problem, match="invalid limit"):
        query.get("limit")
