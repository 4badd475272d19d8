"""The history out of reach: what is open is seen and canceled all the same, the rest says that it cannot be told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.http.futures.actor import Actor
from tests.http.futures.order_trader import wait_archived
from tests.http.futures.trader import list_contract
from tests.http.test_unavailable import paused
from tests.http.venue import Venue


def test_history_out_of_reach(venues: Callable[[int], Venue]) -> None:
    """Nothing that the shard does not know is called unknown."""
    venue = venues(4)
    symbol, own, other = list_contract(venue, 1), Actor(venue, 0), Actor(venue)
    other.place(symbol, "SELL", "100", "1")
    filled = own.place(symbol, "BUY", "100", "1", newClientOrderId="filled")["orderId"]
    gone = own.stop(symbol, "BUY", "900", "1", newClientOrderId="gone")["orderId"]
    own.cancel(symbol, gone)
    wait_archived(venue)
    assert own.try_cancel(symbol, gone).brief() == "400 -2031"
    first, second = (own.place(symbol, "BUY", "90", "1", newClientOrderId=name)["orderId"] for name in ("1st", "2nd"))
    waiting = own.stop(symbol, "BUY", "900", "1", newClientOrderId="waiting")["orderId"]
    reads = [
        partial(own.call, "GET", "/v1/order", symbol=symbol, orderId=filled),
        partial(own.call, "GET", "/v1/order", symbol=symbol, origClientOrderId="filled"),
        partial(own.call, "GET", "/v1/algoOrder", algoId=gone),
        partial(own.call, "GET", "/v1/algoOrder", clientAlgoId="gone"),
        partial(own.call, "GET", "/v1/allOrders", symbol=symbol),
        partial(own.call, "GET", "/v1/allAlgoOrders", symbol=symbol),
        partial(own.call, "GET", "/v1/userTrades", symbol=symbol),
        partial(own.call, "GET", "/v1/income"),
    ]
    cancels = [
        partial(own.try_cancel, symbol, gone),
        partial(own.try_cancel_client_id, symbol, "gone"),
        partial(own.try_cancel_client_id, symbol, "never"),
    ]
    with paused([venue.exchange.archive_pid()]), ThreadPoolExecutor(len(reads) + len(cancels) + 1) as pool:
        batch = pool.submit(own.cancel_batch, symbol, gone, second, gone + 1_000)
        waits = [pool.submit(call) for call in (*reads, *cancels)]
        for path in ("/order", "/openOrder"):
            assert own.get(path, symbol=symbol, orderId=first)["status"] == "NEW"
            assert own.get(path, symbol=symbol, origClientOrderId="1st")["status"] == "NEW"
        assert own.call("GET", "/v1/openOrder", symbol=symbol, orderId=filled).brief() == "400 -2013"
        assert [trigger["algoId"] for trigger in own.get("/openAlgoOrders")] == [waiting]
        assert own.get("/algoOrder", algoId=waiting) == own.get("/algoOrder", clientAlgoId="waiting")
        for name in ({"algoId": gone}, {"clientAlgoId": "gone"}):
            assert own.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
        assert own.call("DELETE", "/v1/algoOrder", clientAlgoId="waiting").ok()["algoId"] == waiting
        assert own.get("/algoOrder", algoId=waiting)["algoStatus"] == "CANCELED"  # the shard still has it
        assert [element.get("status", element.get("code")) for element in batch.result()] == [-1007, "CANCELED", -1007]
        assert own.open(symbol) == [first] and own.get("/openAlgoOrders") == []
        assert [wait.result().brief() for wait in waits] == ["408 -1007"] * len(waits)
    assert [call().brief() for call in reads] == ["200"] * len(reads)
    assert [call().brief() for call in cancels] == ["400 -2031", "400 -2031", "400 -2011"]
    assert [element["status"] for element in own.cancel_batch(symbol, gone, second)] == ["CANCELED", "CANCELED"]
