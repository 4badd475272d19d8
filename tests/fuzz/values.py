"""What requests are made of: values that are good, values at the edge, values of the wrong kind, and hard texts."""

from typing import Any, Final

from tests.fuzz.draft import Raw

Json = Any

GOOD: Final[dict[str, list[Json]]] = {
    "tif": ["gtc", "ioc", "post_only"],
    "quote_quantity": ["25", "1000", "3.5"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    "reduceOnly": ["true", "false"],
    "closePosition": ["true", "false"],
    "workingType": ["CONTRACT_PRICE", "MARK_PRICE"],
    "priceProtect": ["true", "FALSE"],
    "leverage": [1, 5, 20, 125],
    "countdownTime": [0, 60_000, 86_400_000],
    "limit": [1, 50, 500, 1_000],
    "interval": ["1m", "1h", "1d"],
    "status": ["open", "canceled", "filled", "listed", "halted"],
    "direction": ["spot_to_perp", "perp_to_spot"],
    "amount": ["1", "0.000001", "250", 3],
    "asset": ["USDT", "DF", "BTC"],
    "wallet": ["spot", "futures"],
    "newOrderRespType": ["ACK", "RESULT"],
    "recvWindow": [1_000, 5_000, 60_000],
    "incomeType": ["TRANSFER", "COMMISSION", "REALIZED_PNL"],
    "permissions": [["read"], ["read", "trade"]],
    "takeProfitPrice": ["48100", "52000"],
    "stopLossPrice": ["47100", "40000"],
    "activationPrice": ["47600"],
    "callbackRate": ["0.1", "1", "10"],
    "startTime": [0, 1, 1_700_000_000_000],
    "endTime": [1_700_000_000_001, 4_000_000_000_000],
}
"""By the name of the parameter or field, in whatever operation."""

SPOT: Final[dict[str, list[Json]]] = {
    "side": ["buy", "sell"],
    "type": ["limit", "market"],
    "price": ["0.5", "0.4999", "0.5001", "0.49", "0.51", "1", 0.5],
    "quantity": ["10", "100", "2", "2.5", 7],
}
FUTURES: Final[dict[str, list[Json]]] = {
    "side": ["BUY", "SELL"],
    "type": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"],
    "price": ["47600", "47590", "47610", "47000", "48000", 47600.5],
    "stopPrice": ["47500", "47700", "46000", "49000"],
    "triggerPrice": ["47500", "47700", "46000", "49000"],
    "quantity": ["0.005", "0.01", "0.001", 0.1, "1"],
}

NUMBERS: Final[list[Json]] = [
    *("0", "-0", "-1", "+1", "00", "0.0", "1.", ".1", "1e5", "1E-5", "1e21", "1e-19", "1e400", "-1e400", "1e999999999"),
    *(str(2**power + more) for power in (31, 32, 53, 63, 64, 128) for more in (-1, 0, 1)),
    *("9" * 19, "9" * 20, "9" * 21, "9" * 400, "0." + 17 * "0" + "1", "0." + 18 * "0" + "1", "1" + 5_000 * "0"),
    *("1000000000", "1000000000.1", "1000000000000", "999999999.9999", "0.00000001", "0.0001", "0.00011"),
    *("NaN", "nan", "sNaN", "Infinity", "-inf", "0x10", "0b1", "0o7", "1_000", "1,000", "1/2", "½", "٣", "１", "²"),
    *(" 1", "1 ", "1\n", "\t1", "1\x00", "", " ", "null", "None", "true", "True", "[]", "{}", "[1]", "'1'", '"1"'),
    *(0, 1, -1, 7, 2**53, 2**63 - 1, 2**63, 2**200, 0.1, 1e-7, 1e308),
    *map(Raw, ("NaN", "Infinity", "-0", "1e999999999", "0.1e1", "1E+2", "01", "1.", "0x1", "9" * 5_000)),
]

KINDS: Final[list[Json]] = [
    *(None, True, False, 0, 1, -1, 1.5, "", "0", [], {}, [[]], [None], [{}], {"a": 1}, ["a"], [1, 2], [True]),
    *([1] * 11, [str(number) for number in range(11)], [1.5], [2**70], ["x" * 37], {"": None}, [["1"]]),
    *map(
        Raw, ("[" * 9 + "]" * 9, "[" * 20_000, '{"a":' * 9 + "1" + "}" * 9, '"\\ud800"', '"\\u0000"', "tru", "'a'", "")
    ),
    *map(Raw, ('{"a":1,"a":2}', '{"a":1,"A":2}', '"a" "b"', "[1,]", "//", "\ufeff1", '"\x01"', '"\\x"')),
]

TEXTS: Final[list[str]] = [
    *("\x00", "a\x00b", "\r\nX-Injected: 1", "\n", "\t", "\x7f", "\x1b[31m", " ", "  a", "a  "),
    *(
        "é",
        "e\u0301",
        "ß",
        "İ",
        "ı",
        "\u212a",
        "ſ",
        "😀",
        "\U0010ffff",
        "\ufffe",
        "\ufeff",
        "\u202e",
        "\u2028",
        "\ud800",
    ),
    *(
        "ＢＴＣＵＳＤＴ",
        "btcusdt",
        "dfusdt",
        "BTCUSDT ",
        "BTC/USDT",
        "BTC%2FUSDT",
        "%42TCUSDT",
        "*",
        "?",
        "#",
        "&",
        "=",
        ";",
    ),
    *(
        "' OR 1=1 --",
        '"; DROP TABLE stored.orders; --',
        "1) UNION SELECT 1--",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "$(id)",
        "`id`",
    ),
    *(
        "%s%n%x",
        "{0}",
        "../../../../etc/passwd",
        "..\\..",
        "/dev/null",
        "file:///etc/passwd",
        "<script>",
        "-1",
        "__proto__",
    ),
    *(
        "a" * 36,
        "a" * 37,
        "a" * 64,
        "a" * 65,
        "a" * 1_000,
        "a" * 7_000,
        "😀" * 500,
        "%" * 50,
        "+" * 50,
        "." * 36,
        "/" * 36,
    ),
    *("true", "false", "null", "undefined", "BUY", "buy", "LIMIT", "limit", "BOTH", "LONG", "CROSSED", "ISOLATED"),
    *("open", "FILLED", "listed", "spot", "futures", "perp_to_spot", "USDT", "DF", "NONE", "EXPIRE_MAKER"),
]

NAMES: Final[list[str]] = [
    *("symbol", "SYMBOL", "side", "price", "quantity", "orderId", "origClientOrderId", "newClientOrderId", "timestamp"),
    *(
        "signature",
        "Signature",
        "recvWindow",
        "",
        " ",
        "a",
        "A",
        "\x00",
        "é",
        "\u212aey",
        "__proto__",
        "a" * 300,
        "[]",
        "a[b]",
    ),
    *(
        "orderIdList",
        "origClientOrderIdList",
        "batchOrders",
        "closePosition",
        "reduceOnly",
        "parentOrderId",
        "priceMatch",
    ),
    *("account", "client_order_id", "limit", "positionSide", "selfTradePreventionMode", "goodTillDate", "stopPrice"),
]

HEADERS: Final[list[tuple[str, bytes]]] = [
    *(("Content-Type", kind) for kind in (b"application/json", b"text/xml", b"multipart/form-data", b"", b"\xff\xfe")),
    ("Content-Type", b"application/json; charset=utf-16"),
    ("Content-Type", b"application/x-www-form-urlencoded"),
    *(("Content-Encoding", kind) for kind in (b"gzip", b"deflate", b"nonsense")),
    *(("Accept", kind) for kind in (b"text/html", b"*/*;q=0", b"\xff")),
    *(("X-Forwarded-For", text) for text in (b"1.2.3.4", b"::1", b"a, b, c", b"," * 4_000, b"\xff")),
    *(("X-HTTP-Method-Override", method) for method in (b"DELETE", b"GET")),
    *(("Authorization", text) for text in (b"", b"Bearer", b"Bearer x", b"Basic eDp4", b"Bearer a.b.c", b"\xff" * 100)),
    *(("X-MBX-APIKEY", text) for text in (b"", b"x", b"a" * 64, b"a" * 129, b"\xff" * 64, b"' OR 1=1 --")),
    *(("X-API-Key", text) for text in (b"", b"x", b"\xff" * 48)),
    ("X_API_KEY", b"x"),
    ("Cookie", b"a=" + b"b" * 4_000),
    ("Range", b"bytes=0-0"),
    ("If-None-Match", b"*"),
    ("If-Modified-Since", b"yesterday"),
    ("Upgrade", b"websocket"),
    ("TE", b"trailers"),
    ("Trailer", b"X"),
    ("SCRIPT_NAME", b"/api"),
    ("PATH_INFO", b"/"),
    ("Forwarded", b"for=1.2.3.4;proto=https"),
    ("Connection", b"close"),
    ("Connection", b"keep-alive, upgrade"),
    ("X-" + "a" * 200, b"x"),
]
"""Headers that may be added and leave the request one request."""
