"""Which trigger order a call is about: by algoId or clientAlgoId, of this account, with a symbol or without one."""

from typing import Final

import pytest

from tests.http.futures.conditional import place
from tests.http.futures.order_trader import OrderTrader, wait_archived
from tests.http.futures.trader import list_contract, set_mark
from tests.http.venue import Venue

UNKNOWN: Final = "400 -2013"
DONE: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}


@pytest.fixture
def symbol(venue: Venue) -> str:
    """A market at 100, with its book on the last shard."""
    made = list_contract(venue, venue.shard_count - 1)
    set_mark(venue, made, "100")
    return made


@pytest.fixture
def trader(venue: Venue) -> OrderTrader:
    return OrderTrader(venue, 0)


@pytest.mark.parametrize("archived", [False, True], ids=["recent", "archived"])
def test_only_what_was_born_as_a_trigger(trader: OrderTrader, symbol: str, archived: bool) -> None:
    limit = trader.place(symbol, "BUY", "90", "1", newClientOrderId="limit")["orderId"]
    ended = trader.place(symbol, "BUY", "91", "1")["orderId"]
    trader.cancel(symbol, ended)
    # the client id of a trigger, used again for another kind of order
    shared = place(trader, symbol, clientAlgoId="shared")["algoId"]
    trader.cancel(symbol, shared)
    trader.place(symbol, "BUY", "92", "1", newClientOrderId="shared")
    if archived:
        wait_archived(trader.venue)
    for name in ({"algoId": limit}, {"algoId": ended}, {"clientAlgoId": "limit"}):
        assert trader.call("GET", "/v1/algoOrder", **name).brief() == UNKNOWN
        assert trader.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
    assert trader.get("/algoOrder", clientAlgoId="shared")["algoId"] == shared
    assert trader.get("/algoOrder", clientAlgoId="shared", symbol=symbol)["algoId"] == shared
    assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="shared").brief() == "400 -2011"
    assert len(trader.get("/openOrders", symbol=symbol)) == 2
    assert [order["algoId"] for order in trader.get("/allAlgoOrders", symbol=symbol)] == [shared]
    assert trader.get("/openAlgoOrders", symbol=symbol) == []


def test_whose_and_where(venue: Venue, trader: OrderTrader, symbol: str) -> None:
    other, elsewhere = OrderTrader(venue), list_contract(venue, 0)
    number = place(trader, symbol, clientAlgoId="mine")["algoId"]
    for name in ({"algoId": number}, {"clientAlgoId": "mine"}):
        assert other.call("GET", "/v1/algoOrder", **name).brief() == UNKNOWN
        assert other.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
        assert trader.call("GET", "/v1/algoOrder", **name, symbol=elsewhere).brief() == UNKNOWN
        assert trader.call("DELETE", "/v1/algoOrder", **name, symbol=elsewhere).brief() == "400 -2011"
    for name in ({"algoId": number | 1 << 39}, {"algoId": 0}, {"algoId": 2**63 - 1}, {"clientAlgoId": "a b"}):
        assert trader.call("GET", "/v1/algoOrder", **name).brief() == UNKNOWN
        assert trader.call("DELETE", "/v1/algoOrder", **name).brief() == "400 -2011"
    for method in ("GET", "DELETE"):
        assert trader.call(method, "/v1/algoOrder").brief() == "400 -1102"
        assert trader.call(method, "/v1/algoOrder", algoId="x").brief() == "400 -1102"
        assert trader.call(method, "/v1/algoOrder", algoId=number, symbol="NONE").brief() == "400 -1121"
    assert other.get("/openAlgoOrders") == other.get("/allAlgoOrders", symbol=symbol) == []
    assert other.call("DELETE", "/v1/algoOpenOrders", symbol=symbol).ok() == DONE
    assert trader.get("/algoOrder", algoId=number)["algoStatus"] == "NEW"


@pytest.mark.parametrize("archived", [False, True], ids=["recent", "archived"])
def test_a_client_id_on_several_markets(venue: Venue, trader: OrderTrader, symbol: str, archived: bool) -> None:
    """The latest wins: of the open ones, else of all."""
    symbols = [symbol, list_contract(venue, 0), list_contract(venue, venue.shard_count // 2)]
    for market in symbols[1:]:
        set_mark(venue, market, "100")
    placed = [place(trader, market, clientAlgoId="twice")["algoId"] for market in symbols]

    def named() -> int:
        number: int = trader.get("/algoOrder", clientAlgoId="twice")["algoId"]
        return number

    assert named() == placed[2]
    for market, number in zip(symbols, placed, strict=True):
        assert trader.get("/algoOrder", clientAlgoId="twice", symbol=market)["algoId"] == number
    for left in (placed[:2], placed[:1], []):
        assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="twice").ok()["algoId"] == placed[len(left)]
        if archived:
            wait_archived(venue)
        assert named() == (left or placed)[-1]
    assert trader.call("DELETE", "/v1/algoOrder", clientAlgoId="twice").brief() == "400 -2011"
