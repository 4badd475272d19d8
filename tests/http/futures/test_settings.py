"""Leverage of an account: set, read, and refused outside of the market's band."""

import pytest

from tests.http.futures.caller import Json
from tests.http.futures.trader import Trader, list_contract
from tests.http.venue import Venue


@pytest.fixture
def symbol(venue: Venue) -> str:
    return list_contract(venue, venue.shard_count - 1, min_leverage=2, max_leverage=50, default_leverage=10)


@pytest.fixture
def trader(venue: Venue) -> Trader:
    return Trader(venue, 0, "1000")


def config(trader: Trader, symbol: str) -> Json:
    (shown,) = trader.call("GET", "/v1/symbolConfig", symbol=symbol).ok()
    (same,) = (row for row in trader.call("GET", "/v1/symbolConfig").ok() if row["symbol"] == symbol)
    assert shown == same
    return shown


def test_leverage(venue: Venue, trader: Trader, symbol: str) -> None:
    other = Trader(venue)
    for leverage in (2, 50, 7, 7):
        trader.set_leverage(symbol, leverage)
        assert config(trader, symbol) == {
            "symbol": symbol,
            "marginType": "CROSSED",
            "isAutoAddMargin": False,
            "leverage": leverage,
            "maxNotionalValue": "100000000",
        }
        assert list(config(trader, symbol)) == "symbol marginType isAutoAddMargin leverage maxNotionalValue".split()
        assert config(other, symbol)["leverage"] == 10


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "400 -1102"),
        ({"leverage": 5}, "400 -1102"),
        ({"symbol": "NONE", "leverage": "x"}, "400 -1121"),
        ({"symbol": "DFUSDT", "leverage": 5}, "400 -1121"),
        ({"symbol": "?"}, "400 -1102"),
        ({"symbol": "?", "leverage": ""}, "400 -1102"),
        ({"symbol": "?", "leverage": "x"}, "400 -1102"),
        ({"symbol": "?", "leverage": "-1"}, "400 -1102"),
        ({"symbol": "?", "leverage": "5.0"}, "400 -1102"),
        ({"symbol": "?", "leverage": 0}, "400 -4028"),
        ({"symbol": "?", "leverage": 1}, "400 -4028"),
        ({"symbol": "?", "leverage": 51}, "400 -4028"),
        ({"symbol": "?", "leverage": 2**63 - 1}, "400 -4028"),
    ],
)
def test_refused_leverage(trader: Trader, symbol: str, query: dict[str, str], expected: str) -> None:
    named = {name: symbol if value == "?" else value for name, value in query.items()}
    assert trader.call("POST", "/v1/leverage", **named).brief() == expected
    assert config(trader, symbol)["leverage"] == 10


def test_open_orders_and_positions_keep_theirs(venue: Venue, trader: Trader, symbol: str) -> None:
    order = trader.place(symbol, "BUY", "100", "1")["orderId"]
    trader.set_leverage(symbol, 50)
    assert trader.money() == "1000 990 0 10 0"
    trader.place(symbol, "BUY", "100", "1")
    assert trader.money() == "1000 988 0 12 0"
    Trader(venue, None, "1000").place(symbol, "SELL", "100", "0.5")
    # half of the first order, at its leverage
    assert trader.money() == "999.99 987.99 5 7 0"
    trader.cancel(symbol, order)
    assert trader.money() == "999.99 992.99 5 2 0"


def test_halted_market(venue: Venue, trader: Trader, symbol: str) -> None:
    venue.operate("PATCH", f"/futures/markets/{symbol}/status", {"status": "halted"}).ok()
    trader.set_leverage(symbol, 3)
    assert config(trader, symbol)["leverage"] == 3
