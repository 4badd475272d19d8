"""What queries and conditional orders cost, whatever comes of the call; and an engine that does not answer."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from shards.model.reasons import Reason
from tests.http.futures.site import Site
from web.ratelimit.budget import Budget
from web.ratelimit.limits import ORDER_COUNT_MAX, WEIGHT_MAX

WEIGHTS: Final = [
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


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Site]:
    """With limits, and an engine that is busy."""
    made = Site(tmp_path, Budget(tmp_path / "limits", "0", WEIGHT_MAX, ORDER_COUNT_MAX))
    made.client.refusal = Reason.BUSY
    with closing(made.reference):
        yield made


@pytest.mark.parametrize(("method", "path", "query", "weight"), WEIGHTS)
def test_weight(limited: Site, method: str, path: str, query: str, weight: int) -> None:
    for count, caller in enumerate((limited.own, limited.reader, limited.other), 1):
        answer = caller.call(method, path, query)
        assert answer.status in (400, 401, 503), answer
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(count * weight)


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
    ("reason", "told"), [(Reason.BUSY, "503 -1008"), (Reason.RESTARTING, "503 -1001"), (Reason.TIMEOUT, "408 -1007")]
)
def test_an_engine_that_does_not_answer(limited: Site, reason: Reason, told: str) -> None:
    """Not the same as an order that does not exist."""
    limited.client.refusal = reason
    number = 1 << 40 | 1
    for method, path, query in (
        ("GET", "/v1/order", f"symbol=BTCUSDT&orderId={number}"),
        ("GET", "/v1/openOrder", "symbol=BTCUSDT&origClientOrderId=x"),
        ("GET", "/v1/openOrders", ""),
        ("GET", "/v1/allOrders", "symbol=BTCUSDT"),
        ("GET", "/v1/userTrades", "symbol=BTCUSDT"),
        ("GET", "/v1/income", ""),
        ("GET", "/v1/algoOrder", f"algoId={number}"),
        ("GET", "/v1/algoOrder", "clientAlgoId=x"),
        ("DELETE", "/v1/algoOrder", f"algoId={number}"),
        ("DELETE", "/v1/algoOrder", "clientAlgoId=x"),
        ("DELETE", "/v1/algoOpenOrders", "symbol=BTCUSDT"),
        ("GET", "/v1/openAlgoOrders", ""),
        ("GET", "/v1/allAlgoOrders", "symbol=BTCUSDT"),
    ):
        assert limited.own.call(method, path, query).brief() == told, (method, path)
