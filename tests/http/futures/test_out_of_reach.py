"""The history out of reach: what is open is seen and canceled all the same, the rest says that it cannot be told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.exchange import Exchange
from tests.http.futures.order_trader import OrderTrader, wait_archived
from tests.http.futures.trader import list_contract
from tests.http.test_unavailable import paused
from tests.http.venue import Venue


@pytest.fixture
def small() -> Iterator[Venue]:
    with Exchange(2) as exchange:
        yield Venue(exchange)


def test_history_out_of_reach(small: Venue) -> None:
    symbol, trader, other = list_contract(small, 1), OrderTrader(small, 0), OrderTrader(small)
    other.place(symbol, "SELL", "100", "1")
    gone = trader.place(symbol, "BUY", "100", "1", newClientOrderId="gone")["orderId"]
    ended = trader.stop(symbol, "BUY", "900", "1", newClientOrderId="ended")["orderId"]
    trader.cancel(symbol, ended)
    wait_archived(small)
    opened = trader.place(symbol, "BUY", "90", "1", newClientOrderId="open")["orderId"]
    waiting = trader.stop(symbol, "BUY", "900", "1", newClientOrderId="waiting")["orderId"]
    unreadable = [
        partial(trader.call, "GET", "/v1/order", symbol=symbol, orderId=gone),
        partial(trader.call, "GET", "/v1/order", symbol=symbol, origClientOrderId="gone"),
        partial(trader.call, "GET", "/v1/algoOrder", algoId=ended),
        partial(trader.call, "GET", "/v1/algoOrder", clientAlgoId="ended"),
        partial(trader.call, "GET", "/v1/allOrders", symbol=symbol),
        partial(trader.call, "GET", "/v1/allAlgoOrders", symbol=symbol),
        partial(trader.call, "GET", "/v1/userTrades", symbol=symbol),
        partial(trader.call, "GET", "/v1/income"),
    ]
    with paused([small.exchange.archive_pid()]), ThreadPoolExecutor(len(unreadable)) as pool:
        waits = [pool.submit(call) for call in unreadable]
        assert [order["orderId"] for order in trader.get("/openOrders")] == [opened, waiting]
        assert [order["algoId"] for order in trader.get("/openAlgoOrders")] == [waiting]
        for path in ("/order", "/openOrder"):
            assert trader.get(path, symbol=symbol, orderId=opened)["status"] == "NEW"
            assert trader.get(path, symbol=symbol, origClientOrderId="open")["status"] == "NEW"
        assert trader.call("GET", "/v1/openOrder", symbol=symbol, orderId=gone).brief() == "400 -2013"
        assert trader.get("/algoOrder", algoId=waiting) == trader.get("/algoOrder", clientAlgoId="waiting")
        for name in ({"algoId": ended}, {"clientAlgoId": "ended"}):
            assert trader.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
        assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="waiting").ok()["algoId"] == waiting
        assert trader.get("/algoOrder", algoId=waiting)["algoStatus"] == "CANCELED"  # the shard still has it
        assert [wait.result().brief() for wait in waits] == ["408 -1007"] * len(unreadable)
    assert [call().brief() for call in unreadable] == ["200"] * len(unreadable)
