"""What orders, queries and triggers cost, whatever comes of the call; and an engine that does not answer."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from shards.model.reasons import RejectReason
from tests.http.futures.caller import Answer
from tests.http.futures.site import Site
from web.ratelimit.budget import Budget
from web.ratelimit.limits import WEIGHT_MAX

ORDER_COUNT: Final = 12
ORDER: Final = "symbol=BTCUSDT&side=BUY&type=LIMIT&price=100&quantity=1"
ELEMENT: Final = '{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"1"}'
NUMBER: Final = 1 << 40 | 1
CHANGES: Final = [
    ("POST", "/v1/order", ORDER, 0),
    ("POST", "/v1/order", "symbol=NONE", 0),
    ("PUT", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}&price=100", 1),
    ("DELETE", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}", 1),
    ("POST", "/v1/batchOrders", f"batchOrders=[{ELEMENT}]", 5),
    ("DELETE", "/v1/batchOrders", f"symbol=BTCUSDT&orderIdList=[{NUMBER},{NUMBER}]", 1),
    ("DELETE", "/v1/allOpenOrders", "symbol=BTCUSDT", 1),
    ("POST", "/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=1", 10),
]
OTHERS: Final = [
    ("GET", "/v1/order", "symbol=BTCUSDT", 1),
    ("GET", "/v1/openOrder", "", 1),
    ("GET", "/v1/openOrders", "symbol=BTCUSDT", 1),
    ("GET", "/v1/openOrders", "SYMBOL=NONE", 1),
    ("GET", "/v1/openOrders", "", 40),
    ("GET", "/v1/openOrders", "symbol=", 40),
    ("GET", "/v1/allOrders", "symbol=BTCUSDT", 5),
    ("GET", "/v1/userTrades", "symbol=BTCUSDT", 5),
    ("GET", "/v1/income", "", 30),
    ("POST", "/v1/algoOrder", "", 0),
    ("GET", "/v1/algoOrder", "algoId=1", 1),
    ("DELETE", "/v1/algoOrder", "", 1),
    ("DELETE", "/v1/algoOpenOrders", "symbol=BTCUSDT", 1),
    ("GET", "/v1/openAlgoOrders", "symbol=BTCUSDT", 1),
    ("GET", "/v1/openAlgoOrders", "algoId=1", 40),
    ("GET", "/v1/allAlgoOrders", "symbol=BTCUSDT", 5),
]
UNANSWERED: Final = [
    *(change[:3] for change in CHANGES if "NONE" not in change[2]),
    ("DELETE", "/v1/order", "symbol=BTCUSDT&origClientOrderId=x"),
    ("GET", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}"),
    ("GET", "/v1/openOrder", "symbol=BTCUSDT&origClientOrderId=x"),
    ("GET", "/v1/openOrders", ""),
    ("GET", "/v1/allOrders", "symbol=BTCUSDT"),
    ("GET", "/v1/userTrades", "symbol=BTCUSDT"),
    ("GET", "/v1/income", ""),
    ("GET", "/v1/algoOrder", f"algoId={NUMBER}"),
    ("GET", "/v1/algoOrder", "clientAlgoId=x"),
    ("DELETE", "/v1/algoOrder", f"algoId={NUMBER}"),
    ("DELETE", "/v1/algoOrder", "clientAlgoId=x"),
    ("DELETE", "/v1/algoOpenOrders", "symbol=BTCUSDT"),
    ("GET", "/v1/openAlgoOrders", ""),
    ("GET", "/v1/allAlgoOrders", "symbol=BTCUSDT"),
]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Site]:
    """With limits, and an engine that is busy."""
    made = Site(tmp_path, Budget(tmp_path / "limits", "0", WEIGHT_MAX, ORDER_COUNT))
    made.client.refusal = RejectReason.BUSY
    with closing(made.reference):
        yield made


def order_count(answer: Answer) -> str | None:
    count: str | None = answer.headers["X-MBX-ORDER-COUNT-1M"]
    return count


@pytest.mark.parametrize(("method", "path", "query", "weight"), CHANGES + OTHERS)
def test_weight(limited: Site, method: str, path: str, query: str, weight: int) -> None:
    for count, caller in enumerate((limited.own, limited.reader, limited.other), 1):
        answer = caller.call(method, path, query)
        assert answer.status in (400, 401, 503), answer
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(count * weight)


def test_what_counts_as_an_order(limited: Site) -> None:
    """Each of a batch; a malformed batch as one, too long a one as the longest there may be; a change; no cancel."""
    own, used = limited.own, 0
    for method, path, query, count in (
        ("POST", "/v1/order", ORDER, 1),
        ("POST", "/v1/order", "symbol=NONE", 1),
        ("PUT", "/v1/order", f"symbol=BTCUSDT&orderId={NUMBER}&price=100", 1),
        ("POST", "/v1/batchOrders", f"batchOrders=[{ELEMENT},{ELEMENT}]", 2),
        ("POST", "/v1/batchOrders", "batchOrders=x", 1),
        ("POST", "/v1/batchOrders", "batchOrders=[1,1,1,1,1,1]", 5),
    ):
        used += count
        assert order_count(own.call(method, path, query)) == str(used), query
    assert order_count(limited.reader.call("POST", "/v1/order", ORDER)) is None
    for method, path, query, _ in CHANGES:
        if method == "DELETE" or "countdown" in path:
            assert order_count(own.call(method, path, query)) is None
    assert own.call("POST", "/v1/batchOrders", f"batchOrders=[{ELEMENT},{ELEMENT}]").brief() == "429 -1015"
    assert own.call("POST", "/v1/order", "symbol=NONE").brief() == "400 -1121"
    assert own.call("POST", "/v1/order", "symbol=NONE").brief() == "429 -1015"  # counted before it is read
    assert limited.other.call("POST", "/v1/order", ORDER).brief() == "503 -1008"  # another account


def test_a_conditional_order_counts_as_one(limited: Site) -> None:
    order = "symbol=BTCUSDT&algoType=CONDITIONAL&side=BUY&type=STOP_MARKET&quantity=1&triggerPrice=900"
    told = limited.own.call("POST", "/v1/algoOrder", order)
    assert told.brief() == "503 -1008" and told.headers["X-MBX-ORDER-COUNT-1M"] == "1"
    told = limited.own.call("POST", "/v1/algoOrder", "symbol=NONE")
    assert told.brief() == "400 -1121" and told.headers["X-MBX-ORDER-COUNT-1M"] == "2"
    assert limited.reader.call("POST", "/v1/algoOrder", order).headers["X-MBX-ORDER-COUNT-1M"] is None
    for method, path in (("DELETE", "/v1/algoOrder"), ("DELETE", "/v1/algoOpenOrders"), ("GET", "/v1/algoOrder")):
        assert limited.own.call(method, path, "symbol=BTCUSDT&algoId=1").headers["X-MBX-ORDER-COUNT-1M"] is None


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (RejectReason.BUSY, "503 -1008"),
        (RejectReason.RESTARTING, "503 -1001"),
        (RejectReason.STORAGE_FULL, "503 -1000"),
        (RejectReason.TIMEOUT, "408 -1007"),
    ],
)
def test_an_engine_that_does_not_answer(limited: Site, reason: RejectReason, told: str) -> None:
    """Not the same as an order that does not exist."""
    limited.client.refusal = reason
    for method, path, query in UNANSWERED:
        assert limited.own.call(method, path, query).brief() == told, (method, path)
